"""The file that `lopside strategy new` writes: a whole strategy, small enough to be rewritten."""

from __future__ import annotations

TEMPLATE = '''"""__TITLE__: say in a sentence what it bets on.

As written it goes with the trades of the last ten seconds where those of the
last minute agree, and leaves when they turn. It is there to be changed: see
docs/strategies.md for everything a view holds and an intent may ask for.
"""

from __future__ import annotations

from bot.core.enums import Entry, Mode, Side, Stage
from bot.core.messages import Intent, MarketView, TradeView
from bot.core.pricing import ticks_away
from bot.core.wishes import enter, reduce

MIN_IMBALANCE = 0.3  # of the trades of the last 10 s, -1 .. 1
STOP_SIGMAS = 1.5  # of the move of a minute
TIME_STOP_S = {Mode.SCALP: 120.0, Mode.DAY: 1200.0, Mode.SWING: 7200.0}


class __CLASS__:
    name = "__NAME__"

    def enter(self, view: MarketView) -> tuple[Intent, ...]:
        """Asked at every cycle of a mode (30, 60, 300 s). A figure that is unknown is nan and fails."""
        side = Side.BUY if view.tfi_fast > 0.0 else Side.SELL
        strong = side * view.tfi_fast >= MIN_IMBALANCE and side * view.tfi_slow > 0.0
        if not strong or not view.sigma_60s_bps > 0.0:
            return ()
        stop_bps = max(STOP_SIGMAS * view.sigma_60s_bps, 3.0 * view.spread_bps + 4.0)
        touch = view.ask if side > 0 else view.bid
        return (
            enter(
                view,
                self.name,
                side,
                "trades press one way",
                entry=Entry.IOC,
                limit=ticks_away(touch, 1.0, side),
                stop=ticks_away(touch, stop_bps, side.opposite),
                targets=(
                    (ticks_away(touch, stop_bps, side), 0.5),
                    (ticks_away(touch, 2.0 * stop_bps, side), 0.5),
                ),
                time_stop_s=TIME_STOP_S[view.mode],
                confidence=min(1.0, 0.5 + 0.5 * abs(view.tfi_fast)),
                figures={"tfi_fast": view.tfi_fast, "tfi_slow": view.tfi_slow},
            ),
        )

    def manage(self, view: MarketView, trade: TradeView) -> tuple[Intent, ...]:
        """Asked every second while a trade is open; stop, targets and time stop are kept for you."""
        if trade.stage is Stage.OPEN and trade.side * view.tfi_fast <= -MIN_IMBALANCE:
            return (reduce(view, trade, "trades turned"),)
        return ()


STRATEGY = __CLASS__()
'''


def strategy_source(name: str) -> str:
    """The source of a new strategy; `name` is lower-case words joined by underscores."""
    words = name.split("_")
    made = TEMPLATE.replace("__CLASS__", "".join(word.capitalize() for word in words))
    return made.replace("__TITLE__", " ".join(words).capitalize()).replace("__NAME__", name)
