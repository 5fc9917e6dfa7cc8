"""Zones: prices where something may hold the market, and how likely it is to (signals.md 8).

Three hooks keep them: `flow.note_trade` on every trade, `touches.note_mid`
every second, `renewal.renew` every ten seconds, right after the caller has
filled `around` and `estimates` of the market's ZONED. The `zone` card is
`renewal.card_value`; people and strategies read `view.zone_views`. What
approaches to zones teach (`learning`) is pooled over all markets.
"""
