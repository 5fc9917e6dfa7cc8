"""Intent to plan, or a reason why not. Pure but for what it remembers; see `to_state`."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from difflib import get_close_matches
from fractions import Fraction
from math import inf, isfinite, nan
from typing import Any

from bot.core.enums import DenyReason
from bot.core.errors import BadInput
from bot.core.messages import Denied, Intent, MarketView, Plan
from bot.core.units import E8, NS_PER_S
from bot.market.instruments import Instrument
from bot.risk import sizing
from bot.risk.account import AccountTracker, AccountView
from bot.risk.breakers import BREAKERS, CUTTING, LATCHED, STANDING, Blocks, Breaker, Per, Resets, named
from bot.risk.conditions import BITCOIN, Conditions
from bot.risk.gate import Exploration, GateRules, SetupRecords, Verdict, judge, won
from bot.risk.latches import Latches, Trip
from bot.risk.limits import CoolDowns, Refusal, RiskLimits, intent_refusal, setup_of
from bot.risk.margin import liquidation_bps
from bot.risk.portfolio import Holding, Ties
from bot.risk.proposal import Fees, Proposal, reference_price, sigma_day
from bot.risk.scene import Facts, Scene, holding_of
from bot.risk.sizing import Size, confidence_multiplier, lot_value, quote_value, size_notional, whole_lots
from bot.risk.trades import ExitReason, Trade, TradeBook

_MINUTE_NS = 60 * NS_PER_S


@dataclass(frozen=True, slots=True, eq=False)
class _Judgement:
    """A proposal at one size."""

    scene: Scene  # with the entry in it
    costs: dict[str, float]
    verdict: Verdict
    size: Size
    lots: int
    rooms: dict[str, float]  # by limit, settle coin, where finite
    cut: Breaker | None  # the limit that left no more lots, None when the size itself did

    @property
    def cost_bps(self) -> float:
        return sum(self.costs.values())


class RiskManager:
    """Decides on entries and watches the money. `trades` is shared with the trader.

    Tell it every closed trade with `closed`, every order with `sent`, the mids with
    `observe`, every equity reading with `watch`. `instruments` and `fees` are by
    market index; where no fees are given the instrument's count.
    """

    def __init__(
        self,
        limits: RiskLimits,
        rules: GateRules,
        instruments: Mapping[int, Instrument],
        trades: TradeBook,
        fees: Mapping[int, Fees] | None = None,
    ) -> None:
        self.limits = limits
        self.rules = rules
        self.trades = trades
        self.records = SetupRecords()
        self.exploration = Exploration(rules.explore_per_day)
        self.cool_downs = CoolDowns()
        self.latches = Latches()
        self.ties = Ties(max(instruments, default=-1) + 1, _benchmark(instruments))
        self.paused = False
        self.failed_stops = 0
        self.worst_stop = 0.0
        self._sent: deque[int] = deque()
        self._instruments = instruments
        self._fees = {m: Fees(i.maker_fee, i.taker_fee) for m, i in instruments.items()} | dict(fees or {})

    @property
    def halted(self) -> bool:
        """Whether a limit is broken that closes every position."""
        return any(self.latches.first(b) is not None for b in LATCHED if b.blocks is Blocks.FLATTEN)

    def decide(
        self, intent: Intent, view: MarketView, account: AccountView, conditions: Conditions
    ) -> Plan | Denied:
        """A plan to execute, or the first rule that refuses.

        `account` is that of the instrument's settle coin. Raises ValueError on
        anything but an ENTER intent: exits are never asked about.
        """
        refused = intent_refusal(intent, reference_price(intent, view))
        if refused is not None:
            return _denied(intent, refused, {})
        scene = self.scene(intent.now_ns, account, view, conditions, intent)
        refused = self._standing(scene)
        if refused is not None:
            return _denied(intent, refused, {})
        instrument, fees = self._instruments[intent.market], self._fees[intent.market]
        proposal = Proposal.of(intent, view, account, conditions, instrument, fees)
        return self._answer(proposal, self._judge(proposal, scene))

    def watch(self, account: AccountView, now_ns: int) -> tuple[tuple[Trip, ...], tuple[Trip, ...]]:
        """Take an equity reading: the latched limits it breaks anew, and those whose time is over."""
        over = self.latches.expire(now_ns)
        scene = self.scene(now_ns, account)
        fresh = []
        for breaker in LATCHED:
            subject = _subject(breaker, account.coin)
            refused = breaker.refusal(scene)
            if refused is not None and self.latches.of(breaker, subject) is None:
                fresh.append(self.latches.trip(refused, subject, now_ns))
        return tuple(fresh), over

    def observe(self, now_ns: int, mids: Mapping[int, float]) -> None:
        """Mids in ticks of the markets with a usable book, for correlations and betas."""
        self.ties.observe(now_ns, mids)

    def sent(self, now_ns: int) -> None:
        """An order of any kind left."""
        self._sent.append(now_ns)
        self._orders(now_ns)

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False

    def reset(self, name: str, accounts: AccountTracker, now_ns: int) -> dict[str, Any]:
        """The operator's end of a broken limit; returns what the audit should keep.

        After a drawdown the peak is measured anew from the equity as last read.
        Raises BadInput for a limit that is not broken, or that only time resets.
        """
        breaker = _resettable(name)
        detail: dict[str, Any] = {"name": name}
        if breaker.reason is DenyReason.COOL_DOWN:
            ended = list(self.cool_downs.resting(now_ns))
            for setup in ended:
                self.cool_downs.end(setup)
        else:
            trips = self.latches.clear(name)
            ended = [trip.subject or "all markets" for trip in trips]
            if breaker.reason is DenyReason.DRAWDOWN:
                detail["peaks_e8"] = {trip.subject: accounts.rebase(trip.subject) for trip in trips}
            elif breaker.reason is DenyReason.STOPS_FAILING:
                self.failed_stops = 0
        if not ended:
            raise BadInput(f"{name}: the limit is not broken, there is nothing to reset")
        return detail | {"ended": ended}

    def closed(self, trade: Trade) -> None:
        """Learn from a trade that ended."""
        if trade.reopened:  # it was counted when it first closed
            return
        if trade.filled_lots == 0:
            if trade.plan.explore:
                self.exploration.refund(trade.symbol, trade.plan.intent.now_ns)
            return
        self._learn(trade)
        self.cool_downs.closed(trade, self.limits)
        self.failed_stops += trade.reason is ExitReason.UNPROTECTED

    def scene(
        self,
        now_ns: int,
        account: AccountView | None = None,
        view: MarketView | None = None,
        conditions: Conditions | None = None,
        intent: Intent | None = None,
    ) -> Scene:
        """What limits are held against now; without an intent, for a look."""
        sigma = sigma_day(view) if view is not None else nan
        return Scene(
            now_ns=now_ns,
            limits=self.limits,
            max_spread_ratio=self.rules.max_spread_ratio,
            facts=Facts(self.paused, self._orders(now_ns), self.failed_stops, self.worst_stop),
            trades=self.trades.all(),
            held=tuple(self._holdings(account.coin, sigma)) if account is not None else (),
            ties=self.ties,
            account=account,
            symbol=view.symbol if view is not None else "",
            market=view.market if view is not None else -1,
            side=int(intent.side) if intent is not None else 0,
            rest_ns=self.cool_downs.rest_ns(setup_of(intent), now_ns) if intent is not None else 0,
            view=view,
            conditions=conditions,
        )

    def to_state(self) -> dict[str, Any]:
        """JSON-able; `restore` is the way back."""
        return {
            "records": self.records.to_state(),
            "exploration": {"day": self.exploration.day, "spent": dict(self.exploration.spent)},
            "cool_downs": self.cool_downs.to_state(),
            "latches": self.latches.to_state(),
            "ties": self.ties.to_state(),
            "sent": list(self._sent),
            "failed_stops": self.failed_stops,
            "worst_stop": self.worst_stop,
            "paused": self.paused,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """A state of before the latches has none of them; the next equity reading trips what is broken."""
        self.records.restore(state["records"])
        self.exploration.day = state["exploration"]["day"]
        self.exploration.spent = dict(state["exploration"]["spent"])
        self.cool_downs.restore(state["cool_downs"])
        self.paused = state["paused"]
        self.latches.restore(state.get("latches", []))
        if "ties" in state:
            self.ties.restore(state["ties"])
        self._sent = deque(state.get("sent", ()))
        self.failed_stops = state.get("failed_stops", 0)
        self.worst_stop = state.get("worst_stop", 0.0)

    def _orders(self, now_ns: int) -> int:
        """Orders of the last minute."""
        while self._sent and now_ns - self._sent[0] >= _MINUTE_NS:
            self._sent.popleft()
        return len(self._sent)

    def _holdings(self, coin: str, sigma: float) -> Iterator[Holding]:
        for trade in self.trades:
            instrument = self._instruments[trade.market]
            if instrument.settle == coin:
                yield holding_of(trade, instrument, sigma)

    def _learn(self, trade: Trade) -> None:
        """What a filled trade says of its setup, and of how far stops can slip."""
        instrument, figures = self._instruments[trade.market], trade.plan.figures
        worth = sum(n * lot_value(instrument, price) for price, n in trade.entries.items())
        gross_bps = trade.realised_e8 / float(worth * E8) * 1e4
        if "target_bps" in figures and "stop_bps" in figures:
            share = won(gross_bps, figures["target_bps"], figures["stop_bps"])
            self.records.add(trade.strategy, trade.mode, trade.symbol, share)
        planned = trade.plan.risk_e8 * trade.filled_lots / trade.plan.lots
        if trade.reason is ExitReason.STOP and trade.targets_hit == 0 and planned > 0:
            self.worst_stop = max(self.worst_stop, (trade.fees_e8 - trade.realised_e8) / planned)

    def _standing(self, scene: Scene) -> Refusal | None:
        """The first limit that refuses; the later ones are not asked."""
        coin = scene.account.coin if scene.account is not None else ""
        for breaker in STANDING:
            trip = self._trip(breaker, coin) if breaker.latched else None
            if trip is not None:
                return Refusal(breaker.reason, trip.limit, trip.value)
            refused = breaker.refusal(scene)
            if refused is not None:
                return refused
        return None

    def _trip(self, breaker: Breaker, coin: str) -> Trip | None:
        """The trip that holds for a coin; what closes every position holds for all of them."""
        if breaker.blocks is Blocks.FLATTEN:
            return self.latches.first(breaker)
        return self.latches.of(breaker, _subject(breaker, coin))

    def _judge(self, proposal: Proposal, scene: Scene) -> _Judgement:
        first = self._at_size(proposal, scene, 0)
        # size decides the walk, the walk the cost: once more at the size just found, an upper bound
        return self._at_size(proposal, scene, first.lots)

    def _at_size(self, proposal: Proposal, scene: Scene, lots: int) -> _Judgement:
        intent = proposal.intent
        costs = proposal.costs(lots)
        cost = sum(costs.values())
        record = self.records.of(intent.strategy, intent.mode)
        verdict = judge(proposal.setup(cost), record, self.rules)
        size = size_notional(
            proposal.equity,
            proposal.stop_bps,
            cost,
            verdict.p_lcb,
            proposal.target_bps,
            confidence_multiplier(intent.confidence, intent.conflicted),
            proposal.sigma_day,
            self.limits.size,
            explore=verdict.failed is not None,
        )
        return _fitted(replace(scene, entry=proposal.entry(cost)), costs, verdict, size)

    def _answer(self, proposal: Proposal, made: _Judgement) -> Plan | Denied:
        intent, verdict = proposal.intent, made.verdict
        figures = self._figures(proposal, made)
        if verdict.failed is not None and not self._may_explore(intent, verdict):
            return _denied(intent, Refusal(verdict.failed, verdict.limit, verdict.value), figures)
        refused = self._size_refusal(proposal, made)
        if refused is not None:
            return _denied(intent, refused, figures)
        return self._approve(proposal, made, figures)

    def _may_explore(self, intent: Intent, verdict: Verdict) -> bool:
        return verdict.may_explore and self.exploration.left(intent.symbol, intent.now_ns) > 0

    def _size_refusal(self, proposal: Proposal, made: _Judgement) -> Refusal | None:
        instrument, intent, limits = proposal.instrument, proposal.intent, self.limits
        worth = float(quote_value(instrument, made.lots, intent.limit))
        needed = float(instrument.min_notional)
        if made.lots < 1 or worth < needed:
            cut = made.cut
            if cut is None:
                return Refusal(DenyReason.TOO_SMALL, needed, worth)
            return Refusal(cut.reason, cut.limit(made.scene), cut.value(made.scene))
        leverage = min(limits.margin_leverage, float(instrument.max_leverage))
        value = float(made.lots * lot_value(instrument, intent.limit))
        away = liquidation_bps(instrument, intent.side, intent.limit, leverage, value)
        loss = sizing.stop_loss_bps(instrument, intent.side, intent.limit, intent.invalidation)
        if not away >= limits.liquidation_stops * loss:
            return Refusal(DenyReason.LIQUIDATION_NEAR, limits.liquidation_stops * loss, away)
        return None

    def _approve(self, proposal: Proposal, made: _Judgement, figures: dict[str, float]) -> Plan:
        intent, fees = proposal.intent, proposal.fees
        explore = made.verdict.failed is not None
        if explore:
            self.exploration.spend(intent.symbol, intent.now_ns)
        risk = sizing.risk_e8(
            proposal.instrument,
            made.lots,
            intent.limit,
            intent.invalidation,
            Fraction(fees.taker if proposal.taker else fees.maker),
            Fraction(fees.taker),
        )
        return Plan(intent, made.lots, intent.invalidation, explore, risk, figures)

    def _figures(self, proposal: Proposal, made: _Judgement) -> dict[str, float]:
        """What the decision rested on, for the journal.

        `bias`, `cost_bps`, `stop_bps`, `target_bps` and `sigma_day` are read back from the trade.
        """
        verdict, intent, size = made.verdict, proposal.intent, made.size
        record = self.records.of(intent.strategy, intent.mode)
        outcome = {
            k: v for k, v in asdict(verdict).items() if isinstance(v, float) and k not in ("limit", "value")
        }
        return {
            **outcome,
            "record_wins": record.wins,
            "record_trades": float(record.count),
            "cost_bps": made.cost_bps,
            **made.costs,
            "stop_bps": proposal.stop_bps,
            "target_bps": proposal.target_bps,
            "drift_bps": intent.drift_bps,
            "hold_s": proposal.hold_s,
            "confidence": intent.confidence,
            "multiplier": size.multiplier,
            "notional": size.notional,
            **{f"size_{name}": value for name, value in size.parts.items() if isfinite(value)},
            **{f"room_{name}": value for name, value in made.rooms.items()},
            "lots": float(made.lots),
            "sigma_day": proposal.sigma_day,
            "beta": self.ties.beta(intent.market),
            "equity": proposal.equity,
            "mid": proposal.view.mid,
            "bias": proposal.view.composite.bias,
        }


def _fitted(scene: Scene, costs: dict[str, float], verdict: Verdict, size: Size) -> _Judgement:
    """The size in whole lots, cut to the strategy's own cap and to every limit that cuts."""
    entry = scene.entry
    assert entry is not None
    intent, instrument = entry.intent, entry.instrument
    lots = whole_lots(instrument, size.notional, intent.limit)
    if intent.max_lots > 0:
        lots = min(lots, int(min(intent.max_lots, 2.0**53)))
    cut: Breaker | None = None
    rooms: dict[str, float] = {}
    for breaker in CUTTING:
        assert breaker.room is not None
        room = breaker.room(scene, entry)
        if room == inf:
            continue
        rooms[breaker.name] = min(room, rooms.get(breaker.name, inf))
        fits = whole_lots(instrument, room, intent.limit)
        if fits < lots:
            lots, cut = fits, breaker
    return _Judgement(scene, costs, verdict, size, lots, rooms, cut)


def _denied(intent: Intent, refused: Refusal, figures: dict[str, float]) -> Denied:
    return Denied(intent, refused.reason, float(refused.limit), float(refused.value), figures)


def _subject(breaker: Breaker, coin: str) -> str:
    return coin if breaker.per is Per.COIN else ""


def _benchmark(instruments: Mapping[int, Instrument]) -> int:
    """The market that betas refer to: bitcoin's, else the first."""
    return next((m for m, i in sorted(instruments.items()) if i.symbol.startswith(BITCOIN)), 0)


def _resettable(name: str) -> Breaker:
    breaker = named(name)
    if breaker is None:
        known = sorted({b.name for b in BREAKERS if b.resets in (Resets.OPERATOR, Resets.TIME)})
        near = get_close_matches(name, known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise BadInput(f"unknown limit {name!r}{hint}; those that can be reset are {', '.join(known)}")
    if breaker.reason is DenyReason.PAUSED or breaker.resets not in (Resets.OPERATOR, Resets.TIME):
        how = "when entries are resumed" if breaker.reason is DenyReason.PAUSED else breaker.resets
        raise BadInput(f"{name}: this limit cannot be reset, it ends {how}")
    return breaker
