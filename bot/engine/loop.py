"""The decision loop: rows in, decisions out; the same for demo, replay and live.

`Engine.feed` lets the compiled loop run over a batch and answers each of its
stops. The time of every decision is the time of the record that caused it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from bot.core.commands import Answer
from bot.core.enums import Mode, Stage, Trust
from bot.core.errors import KernelError
from bot.core.messages import Denied, Intent, MarketView
from bot.core.protocols import Journal, Strategy, Venue
from bot.core.units import NS_PER_MS, NS_PER_S
from bot.engine import sentinels
from bot.engine.command_rows import command_of
from bot.engine.decisions import DecisionHash
from bot.engine.kernel import FOREVER, Ctl, State, Stop, advance, book_print, read_cards
from bot.engine.obeying import obey
from bot.engine.scheduler import TICK_NS, first_due_ns, modes_due
from bot.engine.sentinels import Watch
from bot.execution.live_desk import LiveDesk
from bot.execution.news import News
from bot.execution.trader import Trader
from bot.market.book import ASK, BID, best_tick, grow
from bot.market.doubts import verdict_with
from bot.market.events import Kind
from bot.market.heads import OK
from bot.market.instruments import Instrument
from bot.market.trust import trust_of
from bot.risk.account import AccountTracker
from bot.risk.manager import RiskManager
from bot.risk.trades import ExitReason, Trade
from bot.signals.readings import Readings
from bot.signals.state import Signals
from bot.signals.view import market_view

_ANSWERS = 64  # to commands, until whoever asked takes them


@dataclass(frozen=True, slots=True)
class Trading:
    """What the engine trades with; without it, it only watches."""

    venue: Venue
    risk: RiskManager
    trader: Trader
    accounts: AccountTracker
    live: LiveDesk | None = None  # takes in what a live account says


@dataclass(frozen=True, slots=True)
class Slot:
    """A strategy and the modes it decides in."""

    strategy: Strategy
    modes: tuple[Mode, ...]


@dataclass(frozen=True, slots=True)
class Watched:
    """The sentinel on a trade's wall; NONE once it fired at this threshold, or when none is wanted."""

    slot: int
    threshold: float


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
        self.doubts = np.zeros(len(self.instruments), np.int64)  # `Doubt` of each market's feed
        self.answers: deque[Answer] = deque(maxlen=_ANSWERS)
        self._journal = journal
        self._slots = tuple(slots)
        self._own_timers = own_timers
        self._equity_every_ns = equity_every_ns
        self._on_tick = on_tick
        self._watched: dict[str, Watched] = {}  # by trade
        self._print = np.zeros(4)
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
        if self.now_ns >= ctl[Ctl.DEADLINE]:
            self._deadline()

    @property
    def deadline_ns(self) -> int:
        """When a trade next needs a look, in stream time; FOREVER when nothing waits."""
        return int(self.state.ctl[Ctl.DEADLINE])

    @property
    def halted(self) -> bool:
        """Whether a limit has stopped entries until a person resets it."""
        return self.trading is not None and self.trading.risk.halted

    def close(self, reason: ExitReason, market: int | None = None) -> None:
        """Close every trade, or that of one market; in paper it takes effect with the rows to come."""
        if self.trading is not None:
            self.trading.trader.flatten(self.now_ns, reason, market)
            self._rearm()

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
        )

    def trust(self, market: int) -> tuple[Trust, str]:
        """How far a market's book may be believed now, with the reason."""
        return verdict_with(self.doubts[market], *trust_of(self.state.heads[market], self.now_ns))

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
            self.state = self.state._replace(books=grow(self.state.books, int(rows[at]["price"])))
        elif stop == Stop.READING:
            self._note(rows[at - 1])
        elif stop == Stop.BAD_ROW:
            raise KernelError(
                f"row {int(rows[at]['seq'])} of the stream cannot be applied: {rows[at]}; "
                "run `lopside tape verify` on the tape"
            )

    def _tick(self, due_ns: int) -> None:
        """10 s: read all cards; then the cycles that are due, shortest mode first."""
        now_ns = self.now_ns
        read_cards(self.state, now_ns)
        self.counts.ticks += 1
        readings = self._readings_of(self.state.signals)
        for market in range(len(self.instruments)):
            book_print(self.state.books, market, self._print)
            block = np.concatenate([readings.of(market), self._print])
            self.decisions.readings(now_ns, block, readings.awake(market))
        if self.trading is not None:
            self._upkeep(now_ns)
            for mode in modes_due(due_ns):
                for market in range(len(self.instruments)):
                    self._cycle(market, mode)
            if due_ns % self._equity_every_ns == 0:
                self.note_equity()
        if self._on_tick is not None:
            self._on_tick(due_ns)

    def _upkeep(self, now_ns: int) -> None:
        trading = self._need()
        for coin in self._coins:
            account = trading.accounts.update(coin, trading.venue.equity_e8(coin), now_ns)
            if not trading.risk.halted and trading.risk.check_halt(account):
                self._journal.audit(now_ns, "halt", {"coin": coin, "drawdown": account.drawdown})
                trading.trader.flatten(now_ns, ExitReason.HALT)
        if len(trading.trader.trades):
            trading.trader.on_time(now_ns, self._mids())
            self._rearm()

    def _readings_of(self, signals: Signals) -> Readings:
        """Views of the arrays of the moment; a restored checkpoint brings other arrays."""
        if self._readings is None or self._readings.signals is not signals:
            self._readings = Readings(signals)
        return self._readings

    def _cycle(self, market: int, mode: Mode) -> None:
        view = self.view(market, mode)
        if view is None:
            return
        self._manage(view)
        if self.accepting and not self._blocked():
            for slot in self._slots:
                if mode in slot.modes and slot.strategy.name not in self.counts.disabled:
                    self._enter(slot.strategy, view)

    def _blocked(self) -> bool:
        """Whether a live account has something unexplained: nothing is entered until it is."""
        live = self._need().live
        return live is not None and bool(live.blocked)

    def _enter(self, strategy: Strategy, view: MarketView) -> None:
        trading = self._need()
        for intent in self._ask(strategy, partial(strategy.enter, view)):
            self.decisions.intent(intent)
            coin = self.instruments[intent.market].settle
            account = trading.accounts.update(coin, trading.venue.equity_e8(coin), view.now_ns)
            answer = trading.risk.decide(intent, view, account)
            if isinstance(answer, Denied):
                self._journal.denied(answer)
            else:
                self._journal.readings(view.now_ns, view.symbol, intent.id, _figures(view))
                trading.trader.open(answer, view.now_ns)
                self._rearm()

    def _manage(self, view: MarketView) -> None:
        """Let the strategies of this market's trades of this mode look at them."""
        trading = self._need()
        for trade in trading.trader.views():
            if trade.market != view.market or trade.mode is not view.mode:
                continue
            strategy = self._strategy(trade.strategy)
            if strategy is None:
                continue
            for intent in self._ask(strategy, partial(strategy.manage, view, trade)):
                self.decisions.intent(intent)
                self._journal.readings(view.now_ns, view.symbol, intent.id, _figures(view))
                trading.trader.apply(intent, view.now_ns)
            self._rearm()

    def _ask(self, strategy: Strategy, question: Callable[[], tuple[Intent, ...]]) -> tuple[Intent, ...]:
        """A strategy that raises is disabled; its trades keep their stops, targets and time stops."""
        try:
            return question()
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            self.counts.disabled[strategy.name] = reason
            self._journal.audit(
                self.now_ns, "strategy_disabled", {"strategy": strategy.name, "error": reason}
            )
            return ()

    def _strategy(self, name: str) -> Strategy | None:
        if name in self.counts.disabled:
            return None
        return next((slot.strategy for slot in self._slots if slot.strategy.name == name), None)

    def _reports(self) -> None:
        trading = self._need()
        reports = trading.venue.drain(self.now_ns)
        self.counts.reports += len(reports)
        trading.trader.on_reports(reports)
        self._rearm()

    def _deadline(self) -> None:
        """Something a trade waits for is due between two ticks."""
        self._need().trader.on_time(self.now_ns, self._mids())
        self._rearm()

    def _mids(self) -> dict[int, float]:
        """Mid in ticks of every market whose book is usable."""
        books = self.state.books
        return {
            market: 0.5 * (best_tick(books, market, BID) + best_tick(books, market, ASK))
            for market in range(len(self.instruments))
            if self.state.heads[market]["status"] == OK
        }

    def _fired(self) -> None:
        """A wall that a trade rests on has shrunk: its strategy looks again, within this event."""
        slots = set(sentinels.take_fired(self.state.sentinels))
        self.counts.sentinels += len(slots)
        hit = [trade_id for trade_id, watch in self._watched.items() if watch.slot in slots]
        for trade_id in hit:
            watch = self._watched[trade_id]
            self._watched[trade_id] = Watched(sentinels.NONE, watch.threshold)  # once a threshold
        for trade in self._need().trader.views():
            if trade.id not in hit:
                continue
            view = self.view(trade.market, trade.mode)
            if view is None:
                del self._watched[trade.id]  # armed anew below: asked again at the next commit
            else:
                self._manage(view)
        self._rearm()

    def _rearm(self) -> None:
        """After anything that may have changed a trade: its next deadline, and the wall it rests on."""
        trader = self._need().trader
        # never in the past: a deadline that was not met must not stop the loop
        self.state.ctl[Ctl.DEADLINE] = max(trader.next_deadline_ns(), self.now_ns + NS_PER_MS)
        for trade_id in [t for t in self._watched if trader.trades.get(t) is None]:
            sentinels.disarm(self.state.sentinels, self._watched.pop(trade_id).slot)
        for trade in trader.trades:
            wanted = _wall_threshold(trade)
            held = self._watched.get(trade.id)
            if held is not None and held.threshold == wanted:
                continue
            if held is not None:
                sentinels.disarm(self.state.sentinels, held.slot)
            slot = self._watch_wall(trade, wanted) if wanted > 0.0 else sentinels.NONE
            self._watched[trade.id] = Watched(slot, wanted)

    def _watch_wall(self, trade: Trade, threshold: float) -> int:
        near, far = trade.plan.intent.wall_span
        side = BID if trade.side > 0 else ASK
        return sentinels.arm(
            self.state.sentinels,
            trade.market,
            Watch.WALL_SHRANK,
            near,
            far=far,
            side=side,
            threshold=threshold,
        )

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
        elif row["kind"] == Kind.STATUS:
            self.answers.append(obey(self, command_of(row, self.instruments)))

    def _need(self) -> Trading:
        assert self.trading is not None, "an engine that only watches was asked to trade"
        return self.trading


def _wall_threshold(trade: Trade) -> float:
    """Lots below which the wall of a trade must be looked at, 0 when none matters any more."""
    intent = trade.plan.intent
    if intent.wall == 0 or trade.stage not in (Stage.ENTERING, Stage.OPEN) or trade.targets_hit:
        return 0.0
    return intent.wall_lots * intent.wall_keep[0 if trade.stage is Stage.ENTERING else 1]


def _figures(view: MarketView) -> dict[str, float]:
    """The scores a decision was taken on, for the database."""
    return {
        "bias": view.composite.bias,
        "composite_confidence": view.composite.confidence,
        "thin_ratio": view.thin_ratio,
        "mid": view.mid,
        "spread_bps": view.spread_bps,
        **{card.name: card.score for card in view.cards},
    }
