"""What a synthetic market is like: the switches of signals.md 11.2, each off by default."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from bot.core.errors import BadInput
from bot.market.synthetic import state
from bot.market.synthetic.faults import NO_FAULTS, Faults

_LEAST_LAG_MS, _MOST_LAG_MS = 100.0, 10_000.0


class Sizes(IntEnum):
    """Of orders: all equal; exponential; or equal with geometric market orders, mean 2.

    The last two have 2 % Pareto(1.8) among them.
    """

    EQUAL = int(state.EQUAL)
    EXPONENTIAL = int(state.EXPONENTIAL)
    GEOMETRIC = int(state.GEOMETRIC)


@dataclass(frozen=True, slots=True)
class Venue:
    """One of several venues of the same symbols; the first leads and has neither lag nor basis.

    `share` scales its orders. A follower knows the leader's efficient price
    `lag_ms` late (100 ms at least: the length of a step), from
    `Settings.lag_change_s` on `later_lag_ms` late, and quotes around it plus an
    Ornstein-Uhlenbeck basis with a standard deviation of `basis_bps`.
    """

    name: str
    share: float = 1.0
    lag_ms: float = 0.0
    later_lag_ms: float = 0.0
    basis_bps: float = 0.0


ONE_VENUE = (Venue("demo"),)
THREE_VENUES = (
    Venue("demo", share=1.0),
    Venue("demo-east", share=0.3, lag_ms=150.0, later_lag_ms=300.0, basis_bps=2.0),
    Venue("demo-west", share=0.3, lag_ms=400.0, later_lag_ms=200.0, basis_bps=2.0),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """The defaults are the base book of signals.md 11.1 and nothing else."""

    queue_reactive: bool = False  # Huang, Lehalle & Rosenbaum 2015
    hawkes: bool = False  # market orders excite each other
    informed: bool = False  # market orders lean towards an efficient price ...
    value_bps: float = 0.8  # ... which moves so much in the square root of a second
    regimes: bool = False  # what shows the efficient price changes every half hour
    oracle: bool = False  # samples of the efficient price are part of the truth
    sizes: Sizes = Sizes.EQUAL
    activity: float | None = 1.0  # factor on all rates; None: each listing's own
    perpetual: bool = False  # positions are liquidated, accounts are counted
    funding_s: float = 28_800.0
    venues: tuple[Venue, ...] = ONE_VENUE
    lag_change_s: float | None = None  # when followers' lags become `later_lag_ms`
    faults: Faults = NO_FAULTS

    def __post_init__(self) -> None:
        """Raises BadInput for venues that cannot be."""
        names = [venue.name for venue in self.venues]
        if not names or len(set(names)) != len(names):
            raise BadInput(f"synthetic market: expected one or more different venues, was {names}")
        for venue in self.venues[1:]:
            lags = [venue.lag_ms] if self.lag_change_s is None else [venue.lag_ms, venue.later_lag_ms]
            if not all(_LEAST_LAG_MS <= lag <= _MOST_LAG_MS for lag in lags):
                raise BadInput(
                    f"synthetic market: {venue.name} follows, so its lags must be {_LEAST_LAG_MS:g} to "
                    f"{_MOST_LAG_MS:g} ms, was {', '.join(f'{lag:g}' for lag in lags)}"
                )
        if len(names) > 1 and not self.informed:
            raise BadInput("synthetic market: several venues need informed=True, a price to follow")
        if self.regimes and not self.informed:
            raise BadInput("synthetic market: regimes need informed=True, a price to know of")
