"""The page of limits as Markdown, from the table that decides.

`python -m bot.cli.risk_page > docs/risk.md` renews the page; a test compares the two.
"""

from __future__ import annotations

import sys

from bot.core.units import E8
from bot.risk.account import AccountView
from bot.risk.breakers import BREAKERS, Blocks, Breaker, Unit
from bot.risk.gate import GateRules
from bot.risk.limits import RiskLimits
from bot.risk.manager import RiskManager
from bot.risk.scene import Scene
from bot.risk.trades import TradeBook

_HEAD = """\
# Limits

Made from the table that decides: `python -m bot.cli.risk_page > docs/risk.md`.

No limit blocks an exit, a stop or a target. A value that is not known passes no limit. Money is counted per
settle coin; equity is the wallet and what is unrealised at mark. Days are UTC. What is latched survives a
restart, and every break, end and reset is an audit row. `lopside risk` shows all of it as it stands; `lopside
risk reset NAME` ends one that waits for the operator; a running session wants a code for it.

## The size of an entry

The smallest of four, times the confidence (0 at 0.3, 1 from 0.8; half when the windows conflict):

| part | notional |
|---|---|
| risk | `risk.risk_per_trade` of equity over the stop distance and costs |
| Kelly | `risk.kelly_share` of the Kelly bet at the lower bound of the win probability; not for exploration |
| volatility | `risk.daily_volatility` of equity over the market's volatility a day |
| leverage | `risk.max_leverage` times equity |

It is cut to the strategy's own cap and to every limit below that cuts, then rounded down to whole lots. Below
a lot or the venue's smallest value there is no trade. At the venue's leverage and margin tiers, liquidation
must be at least three stops away.

## The limits

Asked in this order; the first that refuses is the reason. "Entries in flight" count as if they filled whole.

| limit | counted for | measures | allowed | keys | blocks | resets |
|---|---|---|---|---|---|---|
"""


def markdown() -> str:
    """The whole page."""
    manager = RiskManager(RiskLimits(), GateRules.paper(), {}, TradeBook())
    scene = manager.scene(0, AccountView("", E8, 0, E8))  # an equity of 1: money limits are multiples of it
    return _HEAD + "".join(_row(breaker, scene) for breaker in BREAKERS)


def _row(breaker: Breaker, scene: Scene) -> str:
    cells = (
        f"`{breaker.name}`",
        breaker.per.value,
        breaker.measures,
        _allowed(breaker, scene),
        ", ".join(f"`{key}`" for key in breaker.keys),
        "cuts" if breaker.blocks is Blocks.CUTS else breaker.blocks.value,
        "with the next entry" if breaker.blocks is Blocks.CUTS else breaker.resets.value,
    )
    return "| " + " | ".join(cells) + " |\n"


def _allowed(breaker: Breaker, scene: Scene) -> str:
    limit = breaker.limit(scene)
    if limit != limit:
        return "what is there" if breaker.unit is Unit.COIN else f"{scene.max_spread_ratio:g} x the median"
    figure = {
        Unit.SHARE: f"{limit:.3g}",
        Unit.COIN: f"{limit:g} x equity",
        Unit.SECONDS: f"{limit:g} s",
        Unit.BPS: f"{limit:g} bps",
    }.get(breaker.unit, f"{limit:g}")
    return f"{breaker.sense.value} {figure}"


if __name__ == "__main__":
    sys.stdout.write(markdown())
