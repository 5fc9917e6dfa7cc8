"""Trades all the time, on nothing: every second a drawn entry, stop move, part exit or exit.

For tests of execution only. Pure all the same: what it draws is a function of the symbol and the second.
"""

from __future__ import annotations

from hashlib import blake2b

from bot.core.enums import Entry, Side, Stage
from bot.core.messages import Intent, MarketView, TradeView
from bot.core.pricing import ticks_away
from bot.core.units import NS_PER_S
from bot.core.wishes import cancel_entry, enter, move_stop, reduce, watch

STOP_BPS = 25.0
TARGET_BPS = 20.0
TIME_STOP_S = 150.0
WATCH_S = 60.0


class Restless:
    name = "restless"

    def enter(self, view: MarketView) -> tuple[Intent, ...]:
        draw = _draw(view, "enter")
        if draw > 0.6:
            return (watch(view, self.name, Side.BUY, "any second", WATCH_S),)
        side = Side.BUY if _draw(view, "side") < 0.5 else Side.SELL
        takes = _draw(view, "how") < 0.7
        near, far = (view.bid, view.ask) if side > 0 else (view.ask, view.bid)
        price = ticks_away(far, 1.0, side) if takes else near
        return (
            enter(
                view,
                self.name,
                side,
                "any second",
                entry=Entry.IOC if takes else Entry.POST_ONLY,
                limit=price,
                stop=ticks_away(price, STOP_BPS, side.opposite),
                targets=[(ticks_away(price, TARGET_BPS, side), 0.5), (ticks_away(price, 90.0, side), 0.5)],
                time_stop_s=TIME_STOP_S,
                confidence=1.0,
                entry_ttl_ns=8 * NS_PER_S,
                target_bps=400.0,  # claims, so that the gate lets it pass
                drift_bps=400.0,
            ),
        )

    def manage(self, view: MarketView, trade: TradeView) -> tuple[Intent, ...]:
        draw = _draw(view, "manage")
        if trade.stage is Stage.ENTERING:
            return (cancel_entry(view, trade, "waited"),) if draw < 0.05 else ()
        if trade.stage is not Stage.OPEN:
            return ()
        if draw < 0.02:
            return (reduce(view, trade, "enough"),)
        if draw < 0.06:
            return (reduce(view, trade, f"some of it {view.now_ns // NS_PER_S}", 0.5),)
        if draw < 0.5:
            nearer = trade.stop + int(trade.side) * (1 + int(_draw(view, "by") * 5))
            return (move_stop(view, trade, nearer, "nearer"),)
        return ()


def _draw(view: MarketView, what: str) -> float:
    """0 .. 1, the same within a second."""
    text = f"{view.symbol}|{view.mode}|{view.now_ns // NS_PER_S}|{what}"
    return int.from_bytes(blake2b(text.encode(), digest_size=4).digest()) / 2**32


STRATEGY = Restless()
