"""What lower floors need from higher ones. Small; the shell implements them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import numpy as np

from bot.core.messages import Denied, Fill, Intent, MarketView, Order, Plan, Report, TradeView
from bot.core.valuation import Unrealised


class Strategy(Protocol):
    """Pure: equal arguments, equal answer. Loaded once, named uniquely."""

    name: str

    def enter(self, view: MarketView) -> tuple[Intent, ...]:
        """Entries wanted now (usually none or one)."""
        ...

    def manage(self, view: MarketView, trade: TradeView) -> tuple[Intent, ...]:
        """What to do with our open or entering trade; targets, stop and time stop are kept by risk."""
        ...


class Broker(Protocol):
    """Where orders go. Answers never return here: they come as reports through the inbox."""

    def submit(self, order: Order, now_ns: int) -> None: ...

    def cancel(self, client_id: str, now_ns: int) -> None: ...

    def position_lots(self, market: int) -> int:
        """Signed position the venue holds for us, in lots."""
        ...

    def equity_e8(self, coin: str) -> int:
        """Wallet plus unrealised at mark, e8 of the coin."""
        ...


class Venue(Broker, Protocol):
    """The account that the engine trades on: a broker with money, on paper or live."""

    orders_survive: bool
    """Whether orders still rest there after a restart of ours."""

    def drain(self, now_ns: int) -> list[Report]:
        """Reports that have arrived by now, in order, their money booked."""
        ...

    def wallet_e8(self, coin: str) -> int: ...

    def unrealised(self, market: int) -> Unrealised: ...

    def deposit(self, coin: str, amount_e8: int) -> None: ...

    def to_state(self) -> dict[str, Any]: ...

    def restore(self, state: Mapping[str, Any]) -> None: ...


class Journal(Protocol):
    """The durable record. Paper and replay batch; live waits for durability as an inbox record."""

    def intent(self, intent: Intent) -> None: ...

    def plan(self, plan: Plan) -> None: ...

    def denied(self, denied: Denied) -> bool:
        """True when it is news, not the repeat of a refusal."""
        ...

    def order(self, order: Order) -> None: ...

    def report(self, report: Report) -> None: ...

    def fill(self, fill: Fill, trade_id: str) -> None: ...

    def trade(self, row: Mapping[str, Any]) -> None:
        """Insert or replace a trade by its `id`."""
        ...

    def readings(self, now_ns: int, symbol: str, cause: str, figures: Mapping[str, float]) -> None:
        """The state of the signals at a decision."""
        ...

    def outcome(self, row: Mapping[str, Any]) -> None:
        """What the price did after a decision (signals.md 9.5)."""
        ...

    def shadow(self, row: Mapping[str, Any]) -> None:
        """A closed shadow of a trade."""
        ...

    def equity(self, now_ns: int, coin: str, wallet_e8: int, equity_e8: int) -> None: ...

    def audit(self, now_ns: int, what: str, detail: Mapping[str, Any]) -> None: ...

    def commit(self) -> None:
        """Make everything so far durable."""
        ...


class RowSource(Protocol):
    """A stream of EVENT arrays in seq order: tape, live log, generator or importer."""

    def batches(self) -> Iterator[np.ndarray]: ...
