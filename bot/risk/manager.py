"""Intent to plan, or a reason why not. Pure but for what it remembers: records, cool-downs, the halt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from math import isfinite, sqrt
from typing import Any

from bot.core.enums import DenyReason, Entry, Side
from bot.core.messages import Denied, Intent, MarketView, Plan
from bot.market.instruments import Instrument
from bot.risk import sizing
from bot.risk.account import AccountView
from bot.risk.gate import Costs, Exploration, GateRules, Setup, SetupRecords, Verdict, judge, walk_bps
from bot.risk.limits import (
    CoolDowns,
    Refusal,
    RiskLimits,
    account_refusal,
    conflict_refusal,
    first_refusal,
    intent_refusal,
    market_refusal,
)
from bot.risk.sizing import Size, confidence_multiplier, lot_value, quote_value, size_notional, whole_lots
from bot.risk.trades import Trade, TradeBook

_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class _Case:
    """An entry under judgement, with everything derived from it once."""

    intent: Intent
    view: MarketView
    account: AccountView
    instrument: Instrument
    reference: float  # ticks the distances are measured from: mid for takers, own price for makers
    stop_bps: float
    target_bps: float
    room: float  # notional the exposure limit leaves, settle coin

    @property
    def equity(self) -> float:
        return self.account.equity_e8 / 1e8

    @property
    def taker(self) -> bool:
        return self.intent.entry is Entry.IOC

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


class RiskManager:
    """Decides on entries. `trades` is shared with the trader; `instruments` is by market index.

    Tell it every closed trade with `closed`, every equity reading with `check_halt`.
    """

    def __init__(
        self,
        limits: RiskLimits,
        rules: GateRules,
        instruments: Mapping[int, Instrument],
        trades: TradeBook,
    ) -> None:
        self.limits = limits
        self.rules = rules
        self.trades = trades
        self.records = SetupRecords()
        self.exploration = Exploration(rules.explore_per_day)
        self.cool_downs = CoolDowns()
        self.paused = False
        self.halted = False
        self._instruments = instruments

    def decide(self, intent: Intent, view: MarketView, account: AccountView) -> Plan | Denied:
        """A plan to execute, or the first rule that refuses.

        `account` is that of the instrument's settle coin. Raises ValueError on
        anything but an ENTER intent: exits are never asked about.
        """
        refused = self._standing_refusal(intent, view, account)
        if refused is not None:
            return self._deny(intent, refused, {})
        return self._judge(self._case(intent, view, account))

    def check_halt(self, account: AccountView) -> bool:
        """True once the drawdown limit is reached: flatten, and nothing enters until `resume`."""
        self.halted = self.halted or not account.drawdown < self.limits.max_drawdown
        return self.halted

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = self.halted = False

    def closed(self, trade: Trade) -> None:
        """Learn from a trade that ended."""
        if trade.reopened:  # it was counted when it first closed
            return
        if trade.filled_lots == 0:
            if trade.plan.explore:
                self.exploration.refund(trade.symbol, trade.plan.intent.now_ns)
            return
        self.records.add(trade.strategy, trade.mode, trade.net_e8 > 0)
        self.cool_downs.closed(trade, self.limits)

    def to_state(self) -> dict[str, Any]:
        """JSON-able; `restore` is the way back."""
        return {
            "records": self.records.to_state(),
            "exploration": {"day": self.exploration.day, "spent": dict(self.exploration.spent)},
            "cool_downs": self.cool_downs.to_state(),
            "paused": self.paused,
            "halted": self.halted,
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.records.restore(state["records"])
        self.exploration.day = state["exploration"]["day"]
        self.exploration.spent = dict(state["exploration"]["spent"])
        self.cool_downs.restore(state["cool_downs"])
        self.paused, self.halted = state["paused"], state["halted"]

    def _standing_refusal(self, intent: Intent, view: MarketView, account: AccountView) -> Refusal | None:
        return first_refusal(
            lambda: intent_refusal(intent, reference_price(intent, view)),
            self._stopped,
            lambda: account_refusal(account, self.limits),
            lambda: conflict_refusal(intent, self.trades.all(), self.limits),
            lambda: self._resting(intent),
            lambda: market_refusal(view, self.rules.max_spread_ratio),
        )

    def _stopped(self) -> Refusal | None:
        if self.halted:
            return Refusal(DenyReason.DRAWDOWN, self.limits.max_drawdown, 1.0)
        return Refusal(DenyReason.PAUSED, 0.0, 1.0) if self.paused else None

    def _resting(self, intent: Intent) -> Refusal | None:
        rest_s = self.cool_downs.rest_ns(intent) / 1e9
        return Refusal(DenyReason.COOL_DOWN, 0.0, rest_s) if rest_s > 0 else None

    def _case(self, intent: Intent, view: MarketView, account: AccountView) -> _Case:
        instrument = self._instruments[intent.market]
        reference = reference_price(intent, view)
        return _Case(
            intent=intent,
            view=view,
            account=account,
            instrument=instrument,
            reference=reference,
            stop_bps=sizing.stop_loss_bps(instrument, intent.side, reference, intent.invalidation),
            target_bps=target_distance_bps(intent, reference),
            room=self.limits.max_exposure * account.equity_e8 / 1e8 - self._exposure(instrument.settle),
        )

    def _judge(self, case: _Case) -> Plan | Denied:
        record = self.records.of(case.intent.strategy, case.intent.mode)
        cost = round_trip_cost_bps(case, 0.0)
        verdict = judge(case.setup(cost), record, self.rules)
        size = self._size(case, cost, verdict, verdict.failed is not None)
        # size decides the walk, the walk the cost: once more at the size just found, an upper bound
        cost = round_trip_cost_bps(case, float(self._lots(case, size)))
        verdict = judge(case.setup(cost), record, self.rules)
        explore = verdict.failed is not None
        size = self._size(case, cost, verdict, explore)
        lots = self._lots(case, size)
        figures = self._figures(case, cost, verdict, size)
        if verdict.failed is not None and not self._may_explore(case.intent, verdict):
            return self._deny(case.intent, Refusal(verdict.failed, verdict.limit, verdict.value), figures)
        refused = self._size_refusal(case, lots, size)
        if refused is not None:
            return self._deny(case.intent, refused, figures)
        return self._approve(case, lots, explore, figures)

    def _may_explore(self, intent: Intent, verdict: Verdict) -> bool:
        return verdict.may_explore and self.exploration.left(intent.symbol, intent.now_ns) > 0

    def _size(self, case: _Case, cost_bps: float, verdict: Verdict, explore: bool) -> Size:
        view, intent = case.view, case.intent
        sigma_day = view.sigma_h_bps * 1e-4 * sqrt(_DAY_S / view.mode.horizon_s)
        size = size_notional(
            case.equity,
            case.stop_bps,
            cost_bps,
            verdict.p_lcb,
            case.target_bps,
            confidence_multiplier(intent.confidence, intent.conflicted),
            sigma_day,
            self.limits.size,
            explore,
        )
        return replace(size, notional=min(size.notional, case.room))

    def _lots(self, case: _Case, size: Size) -> int:
        """Whole lots: the notional's, at most the strategy's own cap and what a taker finds within 10 bps."""
        caps = [float(whole_lots(case.instrument, size.notional, case.intent.limit))]
        if case.intent.max_lots > 0:
            caps.append(case.intent.max_lots)
        if case.taker:
            caps.append(_ahead(case.view, case.intent.side)[1])
        least = min(caps, key=lambda cap: cap if isfinite(cap) else -1.0)
        return int(least) if isfinite(least) and least > 0 else 0

    def _size_refusal(self, case: _Case, lots: int, size: Size) -> Refusal | None:
        instrument, intent = case.instrument, case.intent
        worth = float(quote_value(instrument, lots, intent.limit))
        needed = float(instrument.min_notional)
        if lots < 1 or worth < needed:
            if size.notional >= case.room:
                exposure = self._exposure(instrument.settle)
                return Refusal(DenyReason.MAX_EXPOSURE, self.limits.max_exposure * case.equity, exposure)
            return Refusal(DenyReason.TOO_SMALL, needed, worth)
        leverage = min(self.limits.size.max_leverage, float(instrument.max_leverage))
        away = sizing.liquidation_bps(instrument, intent.side, intent.limit, leverage)
        loss = sizing.stop_loss_bps(instrument, intent.side, intent.limit, intent.invalidation)
        if not away >= self.limits.liquidation_stops * loss:
            return Refusal(DenyReason.LIQUIDATION_NEAR, self.limits.liquidation_stops * loss, away)
        return None

    def _approve(self, case: _Case, lots: int, explore: bool, figures: dict[str, float]) -> Plan:
        intent, instrument = case.intent, case.instrument
        if explore:
            self.exploration.spend(intent.symbol, intent.now_ns)
        fee = Fraction(instrument.taker_fee if case.taker else instrument.maker_fee)
        risk = sizing.risk_e8(instrument, lots, intent.limit, intent.invalidation, fee)
        return Plan(intent, lots, intent.invalidation, explore, risk, figures)

    def _deny(self, intent: Intent, refused: Refusal, figures: dict[str, float]) -> Denied:
        return Denied(intent, refused.reason, float(refused.limit), float(refused.value), figures)

    def _exposure(self, coin: str) -> float:
        """Notional of the open trades that settle in `coin`, entries still working counted in full."""
        total = Fraction(0)
        for trade in self.trades:
            instrument = self._instruments[trade.market]
            if instrument.settle == coin:
                working = trade.plan.lots - trade.filled_lots if trade.entry_working else 0
                price = trade.entry_price or trade.plan.intent.limit
                total += (trade.open_lots + working) * lot_value(instrument, price)
        return float(total)

    def _figures(self, case: _Case, cost: float, verdict: Verdict, size: Size) -> dict[str, float]:
        """What the decision rested on, for the journal; `bias` and `cost_bps` are read back by the trade."""
        outcome = {
            k: v for k, v in asdict(verdict).items() if isinstance(v, float) and k not in _LIMIT_FIELDS
        }
        return {
            **outcome,
            "cost_bps": cost,
            "stop_bps": case.stop_bps,
            "target_bps": case.target_bps,
            "confidence": case.intent.confidence,
            "multiplier": size.multiplier,
            "notional": size.notional,
            **{f"cap_{name}": value for name, value in size.parts.items() if isfinite(value)},
            "equity": case.equity,
            "mid": case.view.mid,
            "bias": case.view.composite.bias,
        }


_LIMIT_FIELDS = frozenset(("limit", "value"))


def reference_price(intent: Intent, view: MarketView) -> float:
    """Where distances start: the mid for a taker (its cost holds the walk), else the order's own price."""
    return view.mid if intent.entry is Entry.IOC else float(intent.limit)


def target_distance_bps(intent: Intent, reference: float) -> float:
    """The strategy's stated target, or the share-weighted mean of its targets."""
    if intent.target_bps > 0 or not intent.targets:
        return intent.target_bps
    shares = sum(share for _, share in intent.targets)
    mean = sum(price * share for price, share in intent.targets) / shares
    return int(intent.side) * (mean / reference - 1.0) * 1e4


def _ahead(view: MarketView, side: Side) -> tuple[float, float]:
    """Lots at the touch and within 10 bps that an order of `side` would take."""
    return (view.ask_lots, view.depth_ask) if side > 0 else (view.bid_lots, view.depth_bid)


def round_trip_cost_bps(case: _Case, lots: float) -> float:
    """Cost of entering as the intent says and leaving by a market order, for `lots`."""
    view, intent, instrument = case.view, case.intent, case.instrument
    half = 0.5 * view.spread_bps
    costs = Costs(
        entry="taker" if case.taker else "maker",
        taker_bps=float(instrument.taker_fee) * 1e4,
        maker_bps=float(instrument.maker_fee) * 1e4,
        entry_walk_bps=walk_bps(lots, *_ahead(view, intent.side), half),
        exit_walk_bps=walk_bps(lots, *_ahead(view, intent.side.opposite), half),
        adverse_bps=max(0.5 * view.tick_bps, 0.25 * view.sigma_1s_bps),
    )
    known = view.funding_ns > 0 and isfinite(view.funding_rate)
    settles_in_s = (view.funding_ns - view.now_ns) / 1e9 if known else float("inf")
    rate = view.funding_rate if known else 0.0
    return costs.round_trip(int(intent.side), rate, settles_in_s, intent.time_stop_ns / 1e9)
