"""An entry in the gate's and the limits' terms: distances, costs walked on the live book, the hold."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from math import inf, isfinite, sqrt
from typing import NamedTuple

from bot.core.enums import Entry as How
from bot.core.messages import Intent, MarketView
from bot.market.instruments import Instrument
from bot.risk import sizing
from bot.risk.account import AccountView
from bot.risk.conditions import Conditions
from bot.risk.gate import Costs, Setup, expected_hold_s
from bot.risk.portfolio import Holding
from bot.risk.scene import Entry

_DAY_S = 86_400.0


class Fees(NamedTuple):
    """What the account pays in a market, fractions of the value; negative is a rebate."""

    maker: Decimal
    taker: Decimal


@dataclass(frozen=True, slots=True, eq=False)
class Proposal:
    """Distances are measured from `reference`, ticks: the mid for takers, the own price for makers."""

    intent: Intent
    view: MarketView
    account: AccountView
    conditions: Conditions
    instrument: Instrument
    fees: Fees
    reference: float
    stop_bps: float
    target_bps: float

    @staticmethod
    def of(
        intent: Intent,
        view: MarketView,
        account: AccountView,
        conditions: Conditions,
        instrument: Instrument,
        fees: Fees,
    ) -> Proposal:
        reference = reference_price(intent, view)
        stop = sizing.stop_loss_bps(instrument, intent.side, reference, intent.invalidation)
        target = target_distance_bps(intent, reference)
        return Proposal(intent, view, account, conditions, instrument, fees, reference, stop, target)

    @property
    def equity(self) -> float:
        return self.account.equity_e8 / 1e8

    @property
    def taker(self) -> bool:
        return self.intent.entry is How.IOC

    @property
    def sigma_day(self) -> float:
        return sigma_day(self.view)

    @property
    def hold_s(self) -> float:
        """Expected time to the target or the stop, at most the trade's time stop."""
        longest = self.intent.time_stop_ns / 1e9 if self.intent.time_stop_ns > 0 else inf
        if not (self.target_bps > 0 and self.stop_bps > 0):
            return longest
        horizon_s = self.view.mode.horizon_s
        variance = self.view.sigma_h_bps**2 / horizon_s
        drift = self.intent.drift_bps / horizon_s
        return min(longest, expected_hold_s(self.target_bps, self.stop_bps, drift, variance))

    def costs(self, lots: int) -> dict[str, float]:
        """Cost in bps by cause of entering `lots` as the intent says and leaving by a market order."""
        view, intent, depth = self.view, self.intent, self.conditions.depth
        costs = Costs(
            entry="taker" if self.taker else "maker",
            taker_bps=float(self.fees.taker) * 1e4,
            maker_bps=float(self.fees.maker) * 1e4,
            entry_walk_bps=depth.ahead(intent.side).walk_bps(lots, depth.mid),
            exit_walk_bps=depth.ahead(intent.side.opposite).walk_bps(lots, depth.mid),
            adverse_bps=max(0.5 * view.tick_bps, 0.25 * view.sigma_1s_bps),
        )
        known = view.funding_ns > 0 and isfinite(view.funding_rate)
        settles_in_s = (view.funding_ns - view.now_ns) / 1e9 if known else inf
        rate = view.funding_rate if known else 0.0
        return costs.terms(int(intent.side), rate, settles_in_s, self.hold_s)

    def setup(self, cost_bps: float) -> Setup:
        return Setup(
            target_bps=self.target_bps,
            stop_bps=self.stop_bps,
            cost_bps=cost_bps,
            drift_bps=self.intent.drift_bps,
            sigma_bps=self.view.sigma_h_bps,
            horizon_s=self.view.mode.horizon_s,
            confidence=self.intent.confidence,
        )

    def entry(self, cost_bps: float) -> Entry:
        """As limits see it; its notional is still open."""
        new = Holding(self.intent.market, int(self.intent.side), 0.0, self.sigma_day)
        return Entry(self.intent, self.instrument, new, self.stop_bps, cost_bps)


def sigma_day(view: MarketView) -> float:
    """Volatility a day, as a share, from that of the view's horizon."""
    return view.sigma_h_bps * 1e-4 * sqrt(_DAY_S / view.mode.horizon_s)


def reference_price(intent: Intent, view: MarketView) -> float:
    """Where distances start: the mid for a taker (its cost holds the walk), else the order's own price."""
    return view.mid if intent.entry is How.IOC else float(intent.limit)


def target_distance_bps(intent: Intent, reference: float) -> float:
    """The strategy's stated target, or the share-weighted mean of its targets."""
    if intent.target_bps > 0 or not intent.targets:
        return intent.target_bps
    shares = sum(share for _, share in intent.targets)
    mean = sum(price * share for price, share in intent.targets) / shares
    return int(intent.side) * (mean / reference - 1.0) * 1e4
