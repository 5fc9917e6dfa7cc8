"""An engine over a hand-written stream: one linear market around 1000.00, a paper venue without surprises."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from bot.core.commands import Answer, Command, Verb
from bot.core.enums import Action, Entry, Mode, Side
from bot.core.ids import intent_id
from bot.core.messages import Denied, Intent, MarketView, Order, Plan, TradeView
from bot.engine.command_rows import command_row
from bot.engine.decisions import DecisionHash, HashingJournal
from bot.engine.kernel import new_state
from bot.engine.loop import Engine, Trading
from bot.engine.panel import Slot
from bot.execution.paper import PaperSettings, PaperVenue
from bot.execution.trader import Trader
from bot.market.events import Flag, Kind, RowBuffer
from bot.market.instruments import Instrument
from bot.risk.account import AccountTracker, AccountView
from bot.risk.conditions import Conditions
from bot.risk.latches import Trip
from bot.risk.trades import Trade, TradeBook
from tests.fakes import FakeJournal
from tests.trading import LINEAR, OTHER, T0

S = 1_000_000_000
MS = 1_000_000
LATENCY_NS = 10 * MS
REPORT_NS = 5 * MS
BIDS = {99_990: 50, 99_980: 500, 99_900: 800}
ASKS = {100_010: 50, 100_020: 500, 100_100: 800}


class Stream:
    """Rows in the order they are said; times are seconds after T0."""

    def __init__(self) -> None:
        self._rows = RowBuffer()
        self._update = 0

    def put(self, at_s: float, kind: int, market: int = 0, **fields: Any) -> Stream:
        at_ns = T0 + round(at_s * S)
        self._rows.put(kind, at_ns, at_ns, market, **fields)
        return self

    def book(
        self,
        at_s: float,
        bids: dict[int, int] | None = None,
        asks: dict[int, int] | None = None,
        *,
        market: int = 0,
        snapshot: bool = False,
    ) -> Stream:
        if snapshot:
            self.put(at_s, Kind.SNAPSHOT, market)
        for side, levels in ((1, bids), (-1, asks)):
            for tick, lots in (levels or {}).items():
                self.put(at_s, Kind.LEVEL, market, side=side, price=tick, value=float(lots))
        self._update += 1
        flags = int(Flag.SNAPSHOT) if snapshot else 0
        return self.put(at_s, Kind.COMMIT, market, ref=self._update, flags=flags)

    def quiet(self, from_s: float, to_s: float, every_s: float = 1.0, *, market: int = 0) -> Stream:
        """Book messages that change nothing near the touch."""
        count = round((to_s - from_s) / every_s)
        for k in range(count):
            self.book(from_s + k * every_s, {90_000: 10 + k % 2}, market=market)
        return self

    def trade(self, at_s: float, side: int, tick: int, lots: int = 1, *, market: int = 0) -> Stream:
        return self.put(at_s, Kind.TRADE, market, side=side, price=tick, value=float(lots))

    def gap(self, at_s: float, *, market: int = 0) -> Stream:
        return self.put(at_s, Kind.GAP, market)

    def timer(self, due_s: float, arrived_s: float) -> Stream:
        return self.put(arrived_s, Kind.TIMER, ref=T0 + round(due_s * S))

    def rows(self) -> np.ndarray:
        rows = self._rows.take()
        rows["seq"] = np.arange(1, rows.size + 1)
        return rows


def opened(at_s: float = 0.5, *, market: int = 0) -> Stream:
    """A stream that begins with a full book."""
    return Stream().book(at_s, BIDS, ASKS, market=market, snapshot=True)


class Yes:
    """A risk manager that approves ten lots of everything."""

    halted = False

    def decide(
        self, intent: Intent, view: MarketView, account: AccountView, conditions: Conditions
    ) -> Plan | Denied:
        return Plan(intent, 10, intent.invalidation, False, 0, {})

    def watch(self, account: AccountView, now_ns: int) -> tuple[tuple[Trip, ...], tuple[Trip, ...]]:
        return (), ()

    def observe(self, now_ns: int, mids: Mapping[int, float]) -> None:
        return None

    def sent(self, now_ns: int) -> None:
        return None

    def closed(self, trade: Trade) -> None:
        return None


class Scripted:
    """A strategy that enters once with a given intent, notes when it is asked, and manages as told."""

    def __init__(
        self,
        entry: Intent | None = None,
        manage: Callable[[MarketView, TradeView], tuple[Intent, ...]] = lambda view, trade: (),
        name: str = "scripted",
    ) -> None:
        self.name = name
        self.asked: list[tuple[int, Mode, int]] = []  # now, mode, market
        self.managed: list[int] = []
        self.views: list[MarketView] = []
        self._entry = entry
        self._manage = manage

    def enter(self, view: MarketView) -> tuple[Intent, ...]:
        self.asked.append((view.now_ns, view.mode, view.market))
        self.views.append(view)
        if self._entry is None or view.mode is not self._entry.mode:
            return ()
        entry, self._entry = self._entry, None
        return (replace(entry, now_ns=view.now_ns, strategy=self.name),)

    def manage(self, view: MarketView, trade: TradeView) -> tuple[Intent, ...]:
        self.managed.append(view.now_ns)
        return self._manage(view, trade)


def a_long(**changes: Any) -> Intent:
    """A taker that buys at the touch, with a stop at 99,900."""
    return replace(
        Intent(
            id=intent_id("scripted", "scalp", LINEAR.symbol, "enter", T0, 0),
            now_ns=0,
            symbol=LINEAR.symbol,
            market=0,
            strategy="scripted",
            mode=Mode.SCALP,
            action=Action.ENTER,
            side=Side.BUY,
            reason="test",
            entry=Entry.IOC,
            limit=100_020,
            invalidation=99_900,
        ),
        **changes,
    )


def act(view: MarketView, trade: TradeView, action: Action, **fields: Any) -> Intent:
    """What a `manage` answers."""
    return Intent(
        id=intent_id(trade.strategy, view.mode, view.symbol, action, view.now_ns, 0),
        now_ns=view.now_ns,
        symbol=view.symbol,
        market=view.market,
        strategy=trade.strategy,
        mode=trade.mode,
        action=action,
        side=trade.side,
        reason="told to",
        **fields,
    )


class World:
    """The engine with its parts at hand."""

    def __init__(
        self,
        *strategies: Any,
        risk: Any = None,
        own_timers: bool = False,
        instruments: Sequence[Instrument] = (LINEAR, OTHER),
        modes: tuple[Mode, ...] = tuple(Mode),
        trades: bool = True,
        on_tick: Callable[[int], None] | None = None,
    ) -> None:
        self.journal = FakeJournal()
        decisions = DecisionHash()
        journal = HashingJournal(self.journal, decisions)
        settings = PaperSettings(LATENCY_NS, LATENCY_NS, REPORT_NS)
        self.venue = PaperVenue(instruments, settings)
        self.venue.deposit("USDT", 10_000 * 10**8)
        state = new_state(instruments, mt=self.venue.mt)
        self.venue.attach(state.heads)
        book = TradeBook()
        make_risk: Callable[[TradeBook], Any] = risk or (lambda trade_book: Yes())
        self.risk = make_risk(book)
        self.trader = Trader(
            self.venue, journal, dict(enumerate(instruments)), book, on_closed=self.risk.closed
        )
        trading = Trading(self.venue, self.risk, self.trader, AccountTracker())
        self.engine = Engine(
            state,
            instruments,
            journal,
            decisions,
            slots=[Slot(strategy, modes) for strategy in strategies],
            trading=trading if trades else None,
            own_timers=own_timers,
            on_tick=on_tick,
        )

    def feed(self, stream: Stream) -> World:
        self.engine.feed(stream.rows())
        return self

    def tell(self, verb: Verb, subject: str = "") -> Answer:
        """A person's command, at the time of the last row."""
        command = Command(verb, subject)
        self.engine.feed(command_row(command, self.engine.instruments, self.engine.now_ns))
        return self.engine.answers.pop()

    def orders(self, role: str | None = None) -> list[Order]:
        return [o for o in self.journal.of("order") if role is None or o.role == role]

    def audits(self, what: str) -> list[dict[str, Any]]:
        return [detail for name, detail in self.journal.of("audit") if name == what]


def seconds(now_ns: int) -> float:
    return (now_ns - T0) / S
