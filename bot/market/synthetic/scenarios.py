"""Named scenarios: what acceptance tests and the demo play (signals.md 11.4).

All but the demo are tests of detectors and plumbing on planted truth. None is
evidence about a real venue.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from difflib import get_close_matches

from bot.core.errors import BadInput
from bot.market.synthetic.faults import Faults
from bot.market.synthetic.plants import NO_PLANTS, Plants
from bot.market.synthetic.settings import THREE_VENUES, Settings, Sizes


@dataclass(frozen=True, slots=True)
class Scenario:
    """What the markets are like, what is planted, and in a sentence what for."""

    settings: Settings
    plants: Plants
    about: str


_BASE = Settings()
_DEMO = Settings(hawkes=True, informed=True, sizes=Sizes.EXPONENTIAL, activity=None, funding_s=600.0)
_ALL = replace(_DEMO, queue_reactive=True, oracle=True, perpetual=True, venues=THREE_VENUES, faults=Faults())

# .05 walls a second, half of them genuine; nothing leads the price to them or turns it there.
_WALLS = replace(NO_PLANTS, genuine_per_h=90.0, spoof_per_h=90.0, approach=0.0, react=False, layered=0.0)
_WALLS_EQUAL = replace(_WALLS, genuine_life_s=120.0, spoof_life_s=120.0)
_WALL_BOOK = replace(_BASE, sizes=Sizes.GEOMETRIC)
_THIN = replace(
    NO_PLANTS,
    thin_per_h=24.0,
    thin_from=1,
    burst_push_low=4.0,
    burst_push_high=4.0,
    burst_least_s=8.0,
    burst_mean_s=0.0,
)
_LAGGED = Settings(
    informed=True, value_bps=3.0, activity=0.5, oracle=True, venues=THREE_VENUES, lag_change_s=3600.0
)

SCENARIOS = {
    "demo": Scenario(_DEMO, Plants(), "a lively market in which both strategies find something to do"),
    "s-zi": Scenario(_BASE, NO_PLANTS, "the zero-intelligence book: nothing can be forecast for long"),
    "s-wall-easy": Scenario(_WALL_BOOK, _WALLS, "walls: spoofs live 20 s and are pulled 9 times of 10"),
    "s-wall-hard-a": Scenario(_WALL_BOOK, _WALLS_EQUAL, "walls: spoofs live as long as genuine ones"),
    "s-wall-hard-b": Scenario(
        _WALL_BOOK, replace(_WALLS_EQUAL, pull=0.7), "as s-wall-hard-a, and pulled 7 times of 10"
    ),
    "s-wall-pull-8": Scenario(_WALL_BOOK, replace(_WALLS, pull_bps=8.0), "s-wall-easy, pulled at 8 bps"),
    "s-wall-pull-3": Scenario(_WALL_BOOK, replace(_WALLS, pull_bps=3.0), "s-wall-easy, pulled at 3 bps"),
    "s-thin": Scenario(_BASE, _THIN, "thin sides, seven of ten followed by a burst"),
    "s-lag": Scenario(_LAGGED, NO_PLANTS, "three venues, two follow; their lags change after an hour"),
    "s-cascade": Scenario(
        Settings(informed=True, perpetual=True),
        replace(NO_PLANTS, cascade_per_h=3.0),
        "liquidation cascades",
    ),
    "s-exhaustion": Scenario(
        Settings(informed=True),
        replace(NO_PLANTS, exhaustion_per_h=4.0, sweep_per_h=12.0),
        "drives that are absorbed in the end, and sweeps",
    ),
    "s-drift": Scenario(
        Settings(informed=True, oracle=True), NO_PLANTS, "informed traders lean towards a known price"
    ),
    "s-regime": Scenario(
        Settings(informed=True, oracle=True, regimes=True),
        NO_PLANTS,
        "what shows the known price changes every half hour: flow, depth, nothing",
    ),
    "s-faults": Scenario(
        Settings(informed=True, venues=THREE_VENUES[:2], faults=Faults()),
        NO_PLANTS,
        "two venues with gaps, duplicates, stamps out of order, crossed books and silence",
    ),
    "s-all": Scenario(
        _ALL, Plants(cascade_per_h=1.0, exhaustion_per_h=1.0), "every switch on and everything planted"
    ),
}


def scenario(name: str) -> Scenario:
    """By name, in any case. Raises BadInput that names the scenarios there are."""
    try:
        return SCENARIOS[name.lower()]
    except KeyError:
        near = get_close_matches(name.lower(), SCENARIOS, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise BadInput(f"unknown scenario {name!r}{hint} There are {', '.join(SCENARIOS)}") from None
