"""Floor 2: features, flow, walls, cards and the composite. Knows no positions and no money.

The compiled loop calls `on_commit`, `on_trade`, `on_reset` (bot.signals.flow),
`on_grid` (bot.signals.grid) and `emit` (bot.signals.cards) on the state of
`new_signals` (bot.signals.state); people and strategies read `market_view`
(bot.signals.view), the decision hash reads `Readings` (bot.signals.readings).
"""
