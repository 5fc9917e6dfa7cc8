"""Random wishes, markets, venues and operators around risk manager and trader: what must always hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from itertools import product
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from bot.core.enums import Action, Entry, OrderRole, OrderType, RejectReason, ReportKind, Side, Stage
from bot.core.errors import BadInput
from bot.core.messages import Denied, Intent, Plan
from bot.core.units import NS_PER_MS, NS_PER_S, utc_day
from bot.execution.trader import NEVER_NS
from bot.risk.portfolio import Holding, together
from bot.risk.trades import ExitReason, Trade
from tests.risk.plain_market import COINS, LIMITS, MARKETS, Bot, Venue, conditions_of, view_of
from tests.trading import LONG

ALL = range(len(MARKETS))
MOVES = (-2000, -1000, -100, -20, -7, 7, 20, 45, 60, 100, 1000, 2000)
DEEDS = (Action.REDUCE, Action.MOVE_STOP, Action.CANCEL_ENTRY)
HOWS = (Entry.IOC, Entry.IOC, Entry.POST_ONLY)
SLACK = 1.001  # of notionals: a short may fill above its limit price


def _linear(ticks: float) -> float:
    return 0.001 * 0.01 * ticks


def _inverse(ticks: float) -> float:
    return 100.0 / (0.01 * ticks)


LOT_WORTH = (_linear, _linear, _linear, _inverse)
"""By market: value of a lot at a price in ticks, settle coin."""


class AnyMarket(RuleBasedStateMachine):
    """`bots[0]` trades; after a restart the one that was not restarted shadows it, and both must agree."""

    def __init__(self) -> None:
        super().__init__()
        self.venue = Venue()
        self.bots = [Bot(self.venue)]
        self.nth = 0
        self.allowed: dict[str, float] = {}  # equity by coin at the last approval
        self.day = utc_day(self.venue.now)
        self.day_start = {coin: float(amount) for coin, amount in COINS.items()}
        self.peak = dict(self.day_start)
        self.last = dict(self.day_start)
        self.rebased = False
        self.counted = -1  # changes of money that have been looked at
        self.read_money()

    @property
    def bot(self) -> Bot:
        return self.bots[0]

    def all(self, act: Callable[[Bot], Any]) -> Any:
        """The same thing to every bot; they must answer alike and ask the venue for the same."""
        answers = [act(bot) for bot in self.bots]
        for bot, answer in zip(self.bots[1:], answers[1:], strict=True):
            assert answer == answers[0]
            assert bot.asked == self.bot.asked
        return answers[0]

    def read_money(self) -> None:
        """The engine's reading, with a plain memory of day and peak beside it."""
        if utc_day(self.venue.now) != self.day:
            self.day, self.day_start = utc_day(self.venue.now), dict(self.last)
        self.last = {coin: float(self.venue.equity_e8(coin)) for coin in COINS}
        self.peak = {coin: max(self.peak[coin], self.last[coin]) for coin in COINS}
        self.all(lambda bot: bot.watch())

    # what happens

    @initialize(first=st.sampled_from(Side), second=st.sampled_from(Side), many=st.integers(0, 2))
    def begin(self, first: Side, second: Side, many: int) -> None:
        """Most stories begin with positions."""
        for market, side in ((0, first), (1, second))[:many]:
            self.strategy_wants((market, side, Entry.IOC, 5.0, True))

    @rule(wish=st.sampled_from(tuple(product(ALL, Side, HOWS, (5.0, 5.0, -5.0), (True, True, False)))))
    def strategy_wants(self, wish: tuple[int, Side, Entry, float, bool]) -> None:
        market, side, entry, drift, goes_well = wish
        self.nth += 1
        intent = self.wish(market, side, entry, drift)
        view, conditions = view_of(self.venue, market), conditions_of(self.venue, market)
        self.read_money()
        answer = self.all(lambda bot: bot.want(intent, view, conditions))
        if isinstance(answer, Plan):
            self.check_approval(answer)
        elif isinstance(answer, Denied):
            assert answer.intent is intent
        if goes_well:
            self.venue_works(2)

    def wish(self, market: int, side: Side, entry: Entry, drift: float) -> Intent:
        mid, sign = self.venue.mids[market], int(side)
        limit = mid + 2 * sign if entry is Entry.IOC else mid - 5 * sign

        def off(bps: int) -> int:
            return round(mid * (1 + sign * bps * 1e-4))

        return replace(
            LONG, id=f"intent{self.nth}", now_ns=self.venue.now, market=market,
            symbol=MARKETS[market].symbol, side=side, entry=entry, limit=limit, drift_bps=drift,
            invalidation=off(-15), targets=((off(40), 0.4), (off(50), 0.3), (off(60), 0.3)),
            entry_ttl_ns=30 * NS_PER_S,
        )  # fmt: skip

    @rule(how=st.sampled_from(tuple(product(ALL, MOVES, (1, 300, 10**9, 10**9), (True, True, False)))))
    def market_moves(self, how: tuple[int, int, int, bool]) -> None:
        market, bps, lots, told = how
        mid = round(self.venue.mids[market] * (1 + bps * 1e-4))
        self.venue.move(market, max(20_000, min(500_000, mid)), lots)
        if told:
            self.venue_works(2)
            self.read_money()

    @rule(how=st.integers(0, 2))
    def venue_works(self, how: int) -> None:
        """0: what travels arrives; 1: reports come; 2: both, until nothing is on its way."""
        for _ in range(4 if how == 2 else 1):
            if how != 1:
                self.venue.arrive()
            if how != 0:
                self.deliver()

    @rule(what=st.sampled_from(tuple(product(range(6), range(3)))))
    def venue_fails(self, what: tuple[int, int]) -> None:
        """An order is refused or taken away without anybody's asking."""
        nth, how = what
        self.venue_works(0)
        orders = list(self.venue.book.values())
        if not orders:
            return
        live = orders[nth % len(orders)]
        if how == 0 and live.left == live.order.lots and not live.accepted:
            self.venue.end(live, ReportKind.REJECTED, RejectReason.BAD_QUANTITY)
        else:
            kind = ReportKind.CANCELED if how == 1 else ReportKind.EXPIRED
            self.venue.end(live, kind, RejectReason.NO_LIQUIDITY)

    @rule(rate=st.sampled_from((Decimal("0.0001"), Decimal("-0.00033"))))
    def funding_is_settled(self, rate: Decimal) -> None:
        for market in ALL:
            self.venue.fund(market, rate)

    @rule(seconds=st.sampled_from((0.2, 1.0, 3.0, 10.0, 130.0, 3600.0, 86_400.0)))
    def time_passes(self, seconds: float) -> None:
        if seconds >= 1.0:
            self.venue.arrive()  # no order travels longer than an answer may take
        self.venue.now += int(seconds * 1000) * NS_PER_MS
        now, prices = self.venue.now, {m: float(mid) for m, mid in self.venue.mids.items()}
        self.all(lambda bot: bot.trader.on_time(now, prices))
        self.read_money()

    @rule(wish=st.sampled_from(tuple(product(range(3), DEEDS, (0.3, 1.0)))))
    def strategy_manages(self, wish: tuple[int, Action, float]) -> None:
        nth, what, share = wish
        trades = self.bot.book.all()
        if not trades:
            return
        trade = trades[nth % len(trades)]
        self.nth += 1
        stop = trade.stop + int(trade.side) * 30
        intent = replace(
            trade.plan.intent, id=f"intent{self.nth}", action=what, fraction=share, invalidation=stop
        )
        may_leave = trade.stage is Stage.OPEN and trade.open_lots > self.leaving(trade)
        asked = len(self.bot.asked)
        self.all(lambda bot: bot.trader.apply(intent, self.venue.now))
        if what is Action.REDUCE and may_leave:
            sent = [o for o in self.bot.asked[asked:] if not isinstance(o, str)]
            assert any(o.role is OrderRole.EXIT for o in sent), "an exit was held back"

    @rule(what=st.integers(0, 11))
    def operator_acts(self, what: int) -> None:
        if what == 0:
            self.all(lambda bot: bot.trader.flatten(self.venue.now, ExitReason.OPERATOR))
            self.everything_leaves()
        elif what in (1, 2):
            self.all(lambda bot: bot.risk.pause() if what == 1 else bot.risk.resume())
        elif what in (3, 4, 5):
            name = ("drawdown", "stops_failing", "cool_down")[what - 3]
            done = self.all(lambda bot: _reset(bot, name, self.venue.now))
            if done and name == "drawdown":
                self.rebased = True  # only the bot's own peaks say from where

    @rule()
    def bot_restarts(self) -> None:
        old = self.bot
        old.shadow = True
        state = old.to_state()
        new = Bot.restored(self.venue, state)
        assert new.to_state() == state
        self.bots = [new, old]
        old.asked.clear()

    def deliver(self) -> None:
        batch = [replace(report, now_ns=self.venue.now) for report in self.venue.reports]
        self.venue.reports.clear()
        self.all(lambda bot: bot.trader.on_reports(batch))

    # what must hold

    def check_approval(self, plan: Plan) -> None:
        """Judged with plain arithmetic on what was decided."""
        market = plan.intent.market
        coin = MARKETS[market].settle
        equity = self.last[coin] / 1e8
        self.allowed[coin] = equity
        assert not self.bot.risk.paused
        assert (self.day_start[coin] - self.last[coin]) / self.day_start[coin] < LIMITS.daily_loss
        if not self.rebased:
            assert 1 - self.last[coin] / self.peak[coin] < LIMITS.max_drawdown
        assert plan.risk_e8 <= LIMITS.size.risk_per_trade * self.last[coin] * SLACK
        worth = plan.lots * LOT_WORTH[market](plan.intent.limit)
        assert worth <= LIMITS.size.max_leverage * equity * SLACK

    def notionals(self, coin: str) -> list[Holding]:
        """What is at stake by the venue's own account: positions and entries in flight, at entry prices."""
        found = []
        for trade in self.bot.book:
            if MARKETS[trade.market].settle == coin:
                price = float(trade.entry_price or trade.plan.intent.limit)
                worth = self.venue.at_stake(trade.market) * LOT_WORTH[trade.market](price)
                sigma = trade.plan.figures["sigma_day"]
                found.append(Holding(trade.market, int(trade.side), worth, sigma))
        return found

    @invariant()
    def exposure_is_within_every_limit_orders_in_flight_included(self) -> None:
        trades = self.bot.book.all()
        ties = self.bot.risk.ties
        assert len(trades) <= LIMITS.max_positions
        assert len({t.symbol for t in trades}) == len(trades)
        for side in Side:
            assert sum(t.side is side for t in trades) <= LIMITS.max_same_side
        for trade in trades:
            assert self.venue.at_stake(trade.market) <= trade.plan.lots
        for coin, equity in self.allowed.items():
            held = self.notionals(coin)
            total = sum(h.notional for h in held)
            assert total <= LIMITS.max_exposure * equity * SLACK
            assert total / LIMITS.margin_leverage <= equity * SLACK
            for side in Side:
                beta = sum(ties.beta(h.market) * h.notional for h in held if h.side == side)
                assert beta <= LIMITS.max_beta * equity * SLACK
            variance = sum(
                a.notional * a.sigma_day * b.notional * b.sigma_day * together(a, b, ties)
                for a in held
                for b in held
            )
            assert variance <= (LIMITS.portfolio_volatility * equity * SLACK) ** 2

    def leaving(self, trade: Trade) -> int:
        return self.bot.trader._desk.leaving_lots(trade)

    @invariant()
    def a_position_has_its_stop_or_a_way_out(self) -> None:
        """From the first fill on, judged on the orders sent with what has been reported."""
        for trade in self.bot.book:
            if trade.open_lots == 0:
                continue
            if trade.stage is Stage.OPEN:
                stop = self.bot.trader._desk.of(trade, OrderRole.STOP)[-1]
                assert stop.working
                assert (stop.left, stop.order.trigger) == (trade.open_lots, trade.stop)
                assert stop.order.reduce_only
                assert stop.order.type is OrderType.STOP_MARKET
            else:
                assert self.leaving(trade) >= trade.open_lots or trade.retry_ns > self.venue.now - NS_PER_S
                assert self.bot.trader.next_deadline_ns() < NEVER_NS or self.leaving(trade)

    @invariant()
    def a_halt_leaves_nothing_open(self) -> None:
        if self.bot.risk.halted:
            self.everything_leaves()

    def everything_leaves(self) -> None:
        assert all(trade.stage is Stage.EXITING for trade in self.bot.book)

    @invariant()
    def money_is_exact(self) -> None:
        if self.counted == self.venue.changes:
            return
        self.counted = self.venue.changes
        for coin in COINS:
            assert self.venue.equity_e8(coin) == self.venue.plain_equity_e8(coin)

    def teardown(self) -> None:
        """Everything ends flat by an honest venue, and what the trades say adds up to the wallets."""
        self.all(lambda bot: bot.trader.flatten(self.venue.now, ExitReason.SESSION_END))
        for _ in range(100):
            self.venue_works(2)
            if not len(self.bot.book):
                break
            self.time_passes(1.0)
        assert not len(self.bot.book)
        assert self.venue.book == {}
        for market in range(len(MARKETS)):
            assert self.venue.position_lots(market) == 0


def _reset(bot: Bot, name: str, now_ns: int) -> Any:
    try:
        return bot.risk.reset(name, bot.accounts, now_ns)
    except BadInput:
        return None
