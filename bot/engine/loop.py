"""The decision loop: rows in, decisions out; the same for demo, replay and live.

`Engine.feed` lets the compiled loop run over a batch and answers each of its
stops. The time of every decision is the time of the record that caused it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace

import numpy as np

from bot.core.commands import Answer
from bot.core.enums import DenyReason, Mode, Stage, Trust
from bot.core.errors import KernelError
from bot.core.messages import Denied, Intent, MarketView, Plan, TradeView
from bot.core.protocols import Journal, Strategy, Venue
from bot.core.units import NS_PER_MS, NS_PER_S
from bot.engine import sentinels
from bot.engine.command_rows import command_of
from bot.engine.conditions import conditions_of
from bot.engine.decisions import DecisionHash
from bot.engine.figures import figures_of
from bot.engine.followups import Followups
from bot.engine.guards import Guards
from bot.engine.kernel import FOREVER, Ctl, State, Stop, advance, mid_ticks, read_cards
from bot.engine.minding import Minder
from bot.engine.obeying import obey
from bot.engine.panel import Panel, Slot
from bot.engine.scheduler import TICK_NS, first_due_ns, modes_due
from bot.engine.shadows import Shadows
from bot.engine.thin_looks import ThinLooks
from bot.execution.live_desk import LiveDesk
from bot.execution.news import News
from bot.execution.trader import Trader
from bot.market.book import ASK, BID, grow
from bot.market.doubts import verdict_with
from bot.market.events import Kind
from bot.market.heads import OK
from bot.market.instruments import Instrument
from bot.market.trust import trust_of
from bot.risk.account import AccountTracker, AccountView
from bot.risk.conditions import Conditions
from bot.risk.look import LimitStatus, look
from bot.risk.manager import RiskManager
from bot.risk.trades import ExitReason, Trade
from bot.signals.readings import Readings
from bot.signals.state import Signals
from bot.signals.view import market_view
from bot.signals.walls.candidates import lots_between

LOOK_NS = NS_PER_S
"""How often open trades and watched set-ups are looked at, besides every tick."""

_DECIDES = frozenset({Stop.TIMER, Stop.TIMER_ROW, Stop.REPORTS, Stop.DEADLINE, Stop.SENTINEL})
_ANSWERS = 64  # to commands, until whoever asked takes them


@dataclass(frozen=True, slots=True)
class Trading:
    """What the engine trades with; without it, it only watches."""

    venue: Venue
    risk: RiskManager
    trader: Trader
    accounts: AccountTracker
    live: LiveDesk | None = None  # takes in what a live account says


@dataclass(slots=True)
class Counts:
    """What the loop has done, for people."""

    rows: int = 0
    ticks: int = 0
    reports: int = 0
    sentinels: int = 0
    gaps: int = 0
    lost: int = 0
    first_ns: int = 0
    disabled: dict[str, str] = field(default_factory=dict)  # strategy → what it raised


class Engine:
    """One stream, one loop. `state.matching` must be the venue's when there is a trading.

    `own_timers`: the stream brings TIMER rows (a recorded live session, or a
    live one); otherwise ticks are generated from stream time.
    """

    def __init__(
        self,
        state: State,
        instruments: Sequence[Instrument],
        journal: Journal,
        decisions: DecisionHash,
        *,
        slots: Sequence[Slot] = (),
        trading: Trading | None = None,
        own_timers: bool = False,
        equity_every_ns: int = 60 * NS_PER_S,
        on_tick: Callable[[int], None] | None = None,
    ) -> None:
        self.state = state
        self.instruments = tuple(instruments)
        self.decisions = decisions
        self.counts = Counts()
        self.trading = trading
        self.accepting = True
        self.armed_until_ns = 0  # when entries stop by themselves; 0: they do not
        self.modes = tuple(Mode)  # in which entries are allowed, of those that strategies decide in
        self.doubts = np.zeros(len(self.instruments), np.int64)  # `Doubt` of each market's feed
        self.answers: deque[Answer] = deque(maxlen=_ANSWERS)
        self._journal = journal
        self._panel = Panel(slots, journal, self.counts.disabled)
        self._guards = Guards()
        self._followups = Followups(journal)
        self._shadows = Shadows(dict(enumerate(self.instruments)), journal)
        self._minder = None if trading is None else Minder(trading.trader, journal)
        if trading is not None:
            trading.trader.tell(self._closed)
        self._looked_ns = 0
        self._thin = ThinLooks()
        self._own_timers = own_timers
        self._equity_every_ns = equity_every_ns
        self._on_tick = on_tick
        self._readings: Readings | None = None
        self._coins = tuple(sorted({instrument.settle for instrument in self.instruments}))

    @property
    def now_ns(self) -> int:
        """Stream time: that of the last record."""
        return int(self.state.ctl[Ctl.NOW])

    @property
    def in_message(self) -> bool:
        """Whether the last row fed was inside a message whose commit is still to come."""
        return bool(self.state.ctl[Ctl.IN_MESSAGE])

    def feed(self, rows: np.ndarray) -> None:
        """Apply a batch of EVENT rows (C-contiguous, in seq order) and take every decision they cause."""
        if not rows.size:
            return
        if not self.counts.first_ns:
            self._start(int(rows[0]["recv_ns"]))
        at = 0
        while True:
            at = advance(self.state, rows, at)
            stop = int(self.state.ctl[Ctl.STOP])
            if stop == Stop.END:
                break
            self._answer(stop, rows, at)
        self.counts.rows += rows.size

    def hear(self, news: News, seq: int, now_ns: int) -> None:
        """An inbox item that is no row; only between messages, `seq` and time not before the last row's."""
        trading, ctl = self._need(), self.state.ctl
        if trading.live is None:
            raise ValueError("news came to an engine that does not trade live")
        if not self.counts.first_ns:
            self._start(now_ns)
        ctl[Ctl.NOW], ctl[Ctl.SEQ] = max(self.now_ns, now_ns), seq
        trading.live.hear(news, self.now_ns)
        self._reports()
        self._rearm()
        if self.now_ns >= ctl[Ctl.DEADLINE]:
            self._deadline()
            self._rearm()

    @property
    def deadline_ns(self) -> int:
        """When a trade next needs a look, in stream time; FOREVER when nothing waits."""
        return int(self.state.ctl[Ctl.DEADLINE])

    @property
    def halted(self) -> bool:
        """Whether a limit has stopped entries until a person resets it."""
        return self.trading is not None and self.trading.risk.halted

    @property
    def strategies(self) -> tuple[str, ...]:
        """Their names."""
        return self._panel.names

    def allow(self, entries: bool, *, until_ns: int = 0) -> None:
        """Allow entries, with `until_ns` for a while only, or stop them."""
        self.accepting, self.armed_until_ns = entries, until_ns

    def close(self, reason: ExitReason, market: int | None = None) -> None:
        """Close every trade, or that of one market; in paper it takes effect with the rows to come."""
        if self.trading is not None:
            self.trading.trader.flatten(self.now_ns, reason, market)
            self._rearm()

    def reset_limit(self, name: str) -> list[str]:
        """End a broken limit; what it had stopped. Raises BadInput when it is not broken."""
        trading = self._need()
        detail = trading.risk.reset(name, trading.accounts, self.now_ns)
        self._journal.audit(self.now_ns, "limit_reset", detail)
        return list(detail["ended"])

    def cancel_entry(self, market: int) -> None:
        """Ask for the cancel of the entry that waits in a market."""
        trading = self._need()
        trading.trader.cancel_entries(self.now_ns, market)
        self._rearm()

    def view(self, market: int, mode: Mode) -> MarketView | None:
        """The market as a strategy would see it now, None while there is no usable book."""
        head = self.state.heads[market]
        if head["status"] != OK:
            return None
        trust, _ = self.trust(market)
        return market_view(
            self.state.signals,
            self.state.books,
            self.state.heads,
            market,
            mode,
            self.now_ns,
            self.instruments[market].symbol,
            trust,
            self._thin.extremes(market),
        )

    def trust(self, market: int) -> tuple[Trust, str]:
        """How far a market's book may be believed now, with the reason."""
        return verdict_with(self.doubts[market], *trust_of(self.state.heads[market], self.now_ns))

    def conditions(self, market: int) -> Conditions:
        """What limits need to know of a market whose book is usable, now."""
        return conditions_of(self.state, self.instruments, market, self.now_ns)

    def limits(self) -> tuple[LimitStatus, ...]:
        """Every limit as it stands now; without trading there are none. Looking changes nothing."""
        trading, now_ns = self.trading, self.now_ns
        if trading is None:
            return ()
        accounts = {c: trading.accounts.peek(c, trading.venue.equity_e8(c), now_ns) for c in self._coins}
        coins = {coin: trading.risk.scene(now_ns, account) for coin, account in accounts.items()}
        markets = {}
        for market, instrument in enumerate(self.instruments):
            view = self.view(market, Mode.SCALP)
            if view is not None:
                touch = conditions_of(self.state, self.instruments, market, now_ns, most_levels=1)
                markets[instrument.key] = trading.risk.scene(now_ns, accounts[instrument.settle], view, touch)
        return look(trading.risk, markets, coins, now_ns, paused=not self.accepting)

    def _start(self, first_ns: int) -> None:
        """Before the first row. After a restart one tick may still be owed; trades get their orders anew."""
        self.counts.first_ns = first_ns
        due_ns = self.state.ctl[Ctl.NEXT_TIMER]
        if self._own_timers:
            self.state.ctl[Ctl.NEXT_TIMER] = FOREVER
        elif not first_ns - TICK_NS < due_ns < FOREVER:
            self.state.ctl[Ctl.NEXT_TIMER] = first_due_ns(first_ns)
        if self.trading is not None and len(self.trading.trader.trades):
            self.trading.trader.resume(first_ns, orders_survive=self.trading.venue.orders_survive)
            self._rearm()

    def _answer(self, stop: int, rows: np.ndarray, at: int) -> None:
        ctl = self.state.ctl
        if stop == Stop.TIMER:
            self._tick(int(ctl[Ctl.TIMER_DUE]))
            ctl[Ctl.NEXT_TIMER] = ctl[Ctl.TIMER_DUE] + TICK_NS
        elif stop == Stop.TIMER_ROW:
            self._tick(int(ctl[Ctl.TIMER_DUE]))
        elif stop == Stop.REPORTS:
            self._reports()
        elif stop == Stop.DEADLINE:
            self._deadline()
        elif stop == Stop.SENTINEL:
            self._fired()
        elif stop == Stop.GROW:
            self.state = self.state.with_books(grow(self.state.books, int(rows[at]["price"])))
        elif stop == Stop.READING:
            self._note(rows[at - 1])
        elif stop == Stop.BAD_ROW:
            raise KernelError(
                f"row {int(rows[at]['seq'])} of the stream cannot be applied: {rows[at]}; "
                "run `lopside tape verify` on the tape"
            )
        if self.trading is not None and stop in _DECIDES:
            self._rearm()

    def _tick(self, due_ns: int) -> None:
        """10 s: read all cards; then the cycles that are due, shortest mode first."""
        now_ns = self.now_ns
        read_cards(self.state, now_ns)
        self.counts.ticks += 1
        readings = self._readings_of(self.state.signals)
        for market in range(len(self.instruments)):
            self.decisions.readings(now_ns, readings.of(market), readings.awake(market))
        if self.trading is not None:
            self._end_of_lease(now_ns)
            self._upkeep(now_ns)
            self._look(now_ns)
            self._followups.tick(now_ns, self._mid)
            for mode in modes_due(due_ns):
                for market in range(len(self.instruments)):
                    self._cycle(market, mode)
            if due_ns % self._equity_every_ns == 0:
                self.note_equity()
        if self._on_tick is not None:
            self._on_tick(due_ns)

    def _end_of_lease(self, now_ns: int) -> None:
        if self.armed_until_ns and now_ns >= self.armed_until_ns:
            self.allow(False)
            self._journal.audit(now_ns, "lease_over", {"open_trades": len(self._need().trader.trades)})

    def _upkeep(self, now_ns: int) -> None:
        trading = self._need()
        mids = self._mids()
        trading.risk.observe(now_ns, mids)
        for coin in self._coins:
            self._watch(coin, now_ns)
        if len(trading.trader.trades):
            trading.trader.on_time(now_ns, mids)

    def _watch(self, coin: str, now_ns: int) -> AccountView:
        """Read the money of a coin, and act on the limits it breaks."""
        trading = self._need()
        account = trading.accounts.update(coin, trading.venue.equity_e8(coin), now_ns)
        broken, over = trading.risk.watch(account, now_ns)
        for what, trips in (("limit_broken", broken), ("limit_over", over)):
            for trip in trips:
                self._journal.audit(now_ns, what, asdict(trip))
        # asked every time: a restart may have come between the trip and the orders
        if trading.risk.halted and len(trading.trader.trades):
            trading.trader.flatten(now_ns, ExitReason.HALT)
        return account

    def _readings_of(self, signals: Signals) -> Readings:
        """Views of the arrays of the moment; a restored checkpoint brings other arrays."""
        if self._readings is None or self._readings.signals is not signals:
            self._readings = Readings(signals)
        return self._readings

    def _cycle(self, market: int, mode: Mode) -> None:
        enters = self.accepting and mode in self.modes
        view = self.view(market, mode) if enters else None
        if view is not None:
            for strategy in self._panel.entering(mode):
                self._enter(strategy, view)

    @property
    def blocks(self) -> dict[str, str]:
        """What a live account has unexplained, by cause, in words: nothing is entered until it is."""
        live = None if self.trading is None else self.trading.live
        return {} if live is None else dict(live.blocks)

    def _decide(self, intent: Intent, view: MarketView) -> Plan | Denied:
        trading = self._need()
        account = self._watch(self.instruments[intent.market].settle, view.now_ns)
        blocks = self.blocks
        if blocks:
            figures = {f"account_{cause}": 1.0 for cause in blocks}
            return Denied(intent, DenyReason.PAUSED, 0.0, float(len(blocks)), figures)
        return trading.risk.decide(intent, view, account, self.conditions(intent.market))

    def _enter(self, strategy: Strategy, view: MarketView) -> None:
        trading = self._need()
        for wish in self._panel.enter(strategy, view):
            intent = replace(wish, mid=view.mid)
            self.decisions.intent(intent)
            answer = self._decide(intent, view)
            news = True
            if isinstance(answer, Denied):
                news = self._journal.denied(answer)
                self._followups.refused(answer)
            else:
                self._followups.entered(answer.intent)
                self._shadows.decided(intent.id, view.momentum)
                trading.trader.open(answer, view.now_ns)
            if news:
                self._journal.readings(view.now_ns, view.symbol, intent.id, figures_of(view))

    def _look(self, now_ns: int) -> None:
        """Every second, and at every tick, while something is open or watched."""
        self._looked_ns = now_ns
        trading, heads = self._need(), self.state.heads
        assert self._minder is not None
        markets = {trade.market for trade in trading.trader.trades}
        self._thin.look(markets, self.state.signals.grid["thin_ratio"], now_ns)
        self._minder.look(heads, now_ns)
        for trade in trading.trader.trades:
            self._see_mark(trade)
            self._guards.again(trade.id, "stop")  # fired by the touch alone: neither print nor mark
            self._manage(trade)
        for one in self._panel.watching(now_ns) if self.accepting else ():
            strategy, view = self._panel.of(one.strategy), self.view(one.market, one.mode)
            if strategy is not None and view is not None and one.mode in self.modes:
                self._enter(strategy, view)
        usable = {market: self._usable(market) for market in self._shadows.markets()}
        self._shadows.look(self.state.books, usable, now_ns)

    def _manage(self, trade: Trade) -> bool:
        """Let the strategy of a trade look at it. False: there is no usable book to look at."""
        view = self.view(trade.market, trade.mode)
        if view is None:
            return False
        strategy = self._panel.of(trade.strategy)
        if strategy is not None:
            for wish in self._panel.manage(strategy, view, self._trade_view(trade)):
                intent = replace(wish, mid=view.mid)
                if self._need().trader.apply(intent, view.now_ns):
                    self.decisions.intent(intent)
                    self._journal.readings(view.now_ns, view.symbol, intent.id, figures_of(view))
        return True

    def _trade_view(self, trade: Trade) -> TradeView:
        """A trade with what is displayed now where its wall stood."""
        if not trade.plan.intent.wall:
            return trade.view()
        low, high = sorted(trade.plan.intent.wall_span)
        side = BID if trade.side > 0 else ASK
        shown = lots_between(self.state.books, trade.market, side, low, high)
        return replace(trade.view(), wall_shown=float(shown))

    def _reports(self) -> None:
        trading = self._need()
        reports = trading.venue.drain(self.now_ns)
        self.counts.reports += len(reports)
        entering = {trade.id for trade in trading.trader.trades if trade.stage is Stage.ENTERING}
        trading.trader.on_reports(reports)
        for trade in trading.trader.trades:
            if trade.id in entering and trade.stage is Stage.OPEN:
                self._see_mark(trade)
                self._shadows.filled(trade, self.state.books, self.now_ns)
                self._manage(trade)  # its reason may have gone while the fill was on its way

    def _deadline(self) -> None:
        """Something is due between two ticks: a trade waits for it, or a second is over."""
        now_ns = self.now_ns
        self._need().trader.on_time(now_ns, self._mids())
        if now_ns >= self._looked_ns + LOOK_NS:
            self._look(now_ns)

    def _see_mark(self, trade: Trade) -> None:
        head = self.state.heads[trade.market]
        if trade.stage is Stage.OPEN:
            trade.see_mark(float(head["mark"] / head["tick_size"]), self._mid(trade.market))

    def _mid(self, market: int) -> float:
        """In ticks; nan while the book is not usable."""
        return mid_ticks(self.state, market)

    def _mids(self) -> dict[int, float]:
        """Of the markets with trades."""
        return {trade.market: self._mid(trade.market) for trade in self._need().trader.trades}

    def _usable(self, market: int) -> bool:
        head = self.state.heads[market]
        return bool(head["status"] == OK and head["synced"])

    def _fired(self) -> None:
        """A wall that a trade rests on has shrunk, or a stop was touched: acted upon within this event."""
        slots = set(sentinels.take_fired(self.state.sentinels))
        self.counts.sentinels += len(slots)
        walls, stops = self._guards.fired(slots)
        assert self._minder is not None
        for trade in self._need().trader.trades:
            if trade.id in stops:
                self._minder.touched(trade, self.state.heads[trade.market], self.now_ns)
            if trade.id in walls and not self._manage(trade):
                self._guards.again(trade.id, "wall")  # asked again at the next commit

    def _rearm(self) -> None:
        """After anything that may have changed a trade: its sentinels, and when to look next."""
        trader = self._need().trader
        now_ns = max(self.now_ns, self.counts.first_ns)  # before the first row there is no time yet
        self._guards.follow(self.state.sentinels, trader.trades)
        due_ns = trader.next_deadline_ns()
        if len(trader.trades) or len(self._shadows) or self._panel.watching(now_ns):
            second_ns = (now_ns // LOOK_NS + 1) * LOOK_NS
            # the tick looks by itself
            due_ns = min(due_ns, second_ns if second_ns % TICK_NS else second_ns + LOOK_NS)
        # never in the past: a deadline that was not met must not stop the loop
        self.state.ctl[Ctl.DEADLINE] = max(due_ns, now_ns + NS_PER_MS)

    def _closed(self, trade: Trade) -> None:
        self._shadows.forget(trade.id)
        self._followups.left(trade, self._mid(trade.market), self.now_ns)

    def finish(self) -> None:
        """The stream is over: what was followed is kept as far as it is known."""
        self._followups.end()

    def note_equity(self) -> None:
        """Journal wallet and equity of every coin as they stand."""
        now_ns = self.now_ns
        trading = self._need()
        for coin in self._coins:
            self._journal.equity(now_ns, coin, trading.venue.wallet_e8(coin), trading.venue.equity_e8(coin))

    def _note(self, row: np.void) -> None:
        if row["kind"] == Kind.GAP:
            self.counts.gaps += 1
        elif row["kind"] == Kind.LOST:
            self.counts.lost += int(row["value"])
        elif row["kind"] == Kind.TRUST:
            self.doubts[row["market"]] = int(row["value"])
        elif row["kind"] == Kind.COMMAND:
            self.answers.append(obey(self, command_of(row, self.instruments, self.strategies)))

    def _need(self) -> Trading:
        assert self.trading is not None, "an engine that only watches was asked to trade"
        return self.trading
