"""The carrier of requests: durable first, asked until proved, nothing twice. A port that the test scripts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from bot.core.clock import ManualClock
from bot.core.enums import OrderRole, OrderType, Side
from bot.core.messages import Order
from bot.execution import sender as sending
from bot.execution.live_venue import Ask, Cancel, FetchFills, FetchPayments, Request, Submit
from bot.execution.news import (
    AccountTold,
    Answer,
    FillTold,
    FundingTold,
    News,
    OrderTold,
    Refusal,
    Status,
    Verdict,
)
from bot.execution.outcomes import BUSY, UNKNOWN, Outcome
from bot.execution.sender import RequestFailed, Sender

EXIT = Order("lop-1-ex0", "1", 0, "ABCUSDT", Side.SELL, OrderType.MARKET, OrderRole.EXIT, 5, reduce_only=True)
ENTRY = replace(EXIT, client_id="lop-1-en0", role=OrderRole.ENTRY, reduce_only=False)
SECOND = 1_000_000_000


def failed(outcome: Outcome = UNKNOWN) -> RequestFailed:
    return RequestFailed(outcome, "no answer")


def told(order: Order, status: Status, filled: int = 0) -> OrderTold:
    return OrderTold(client_id=order.client_id, status=status, filled_lots=filled)


class ScriptedPort:
    """Answers of each kind in turn, the last one for ever; what was asked is in `log`."""

    def __init__(self, clock: ManualClock, **answers: list[Any]) -> None:
        self.log: list[str] = []
        self._answers = answers
        self._clock = clock

    def _next(self, kind: str) -> Any:
        self.log.append(kind)
        self._clock.set(self._clock.now_ns() + SECOND)
        answers = self._answers.get(kind, [None])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def submit(self, order: Order) -> OrderTold:
        answer: OrderTold = self._next("submit")
        return answer

    async def cancel(self, order: Order, venue_id: str) -> OrderTold | None:
        answer: OrderTold | None = self._next("cancel")
        return answer

    async def find(self, order: Order, venue_id: str) -> OrderTold | None:
        answer: OrderTold | None = self._next("find")
        return answer

    async def fills(self, market: int) -> list[FillTold]:
        return self._next("fills") or []

    async def payments(self, market: int) -> list[FundingTold]:
        answer: list[FundingTold] = self._next("payments")
        return answer

    async def account(self) -> AccountTold:
        raise failed()

    async def resync(self) -> None:
        self._next("resync")


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RESOLVE_AFTER_S", "AGAIN_AFTER_S"):
        monkeypatch.setattr(sending, name, tuple(0.0 for _ in getattr(sending, name)))
    monkeypatch.setattr(sending, "STREAM_S", 0.0)


def carried(
    requests: list[Request],
    durable: Callable[[list[str]], bool] = lambda log: True,
    lacks: bool = True,
    **answers: list[Any],
) -> tuple[list[str], list[News]]:
    """What was asked, in order, and what was heard."""
    clock = ManualClock(SECOND)
    port = ScriptedPort(clock, **answers)
    heard: list[News] = []

    async def commit() -> bool:
        port.log.append("commit")
        return durable(port.log)

    async def run() -> None:
        sender = Sender(port, heard.append, commit, clock, lambda market: lacks)
        sender.send(requests)
        await sender.idle()

    asyncio.run(run())
    return port.log, heard


def test_the_journal_comes_before_the_wire() -> None:
    log, heard = carried([Submit(EXIT)], submit=[told(EXIT, Status.FILLED, 5)])
    assert log == ["commit", "submit"]
    assert heard == [told(EXIT, Status.FILLED, 5)]


def test_without_a_journal_only_what_lowers_risk_leaves() -> None:
    log, heard = carried(
        [Submit(ENTRY), Submit(EXIT)], lambda log: False, submit=[told(EXIT, Status.FILLED, 5)]
    )
    assert log.count("submit") == 1
    answers = [n for n in heard if isinstance(n, Answer)]
    assert [(a.client_id, a.verdict) for a in answers] == [(ENTRY.client_id, Verdict.REFUSED)]


def test_a_disk_that_hangs_holds_no_exit_back_and_lets_no_late_entry_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sending, "DURABLE_S", 0.02)
    clock = ManualClock(SECOND)
    heard: list[News] = []
    port = ScriptedPort(clock, submit=[told(EXIT, Status.FILLED, 5)])

    async def run() -> None:
        disk = asyncio.Event()

        async def hangs() -> bool:
            await disk.wait()
            return True

        sender = Sender(port, heard.append, hangs, clock)
        sender.send([Submit(ENTRY), Submit(EXIT)])
        await sender.idle()
        disk.set()
        await asyncio.sleep(0)

    asyncio.run(run())
    assert port.log == ["submit"]
    assert told(EXIT, Status.FILLED, 5) in heard
    refused = [n for n in heard if isinstance(n, Answer)]
    assert [(a.client_id, a.refusal) for a in refused] == [(ENTRY.client_id, Refusal.NOT_DURABLE)]


def test_payments_are_fetched_when_money_is_unexplained() -> None:
    paid = FundingTold(id="7", market=1, coin="USDT", amount="-0.5")
    log, heard = carried([FetchPayments(1)], payments=[[paid]])
    assert (log, heard) == (["payments"], [paid])
    assert carried([FetchPayments(1)], payments=[failed()])[1] == []


def test_exits_leave_before_entries() -> None:
    clock = ManualClock(SECOND)
    sent: list[str] = []

    class Port(ScriptedPort):
        async def submit(self, order: Order) -> OrderTold:
            sent.append(order.client_id)
            return told(order, Status.RESTING)

    async def yes() -> bool:
        return True

    async def run() -> None:
        sender = Sender(Port(clock), lambda news: None, yes, clock)
        sender.send([Submit(ENTRY), Submit(EXIT)])
        await sender.idle()

    asyncio.run(run())
    assert sent == [EXIT.client_id, ENTRY.client_id]


def test_an_unknown_outcome_is_told_and_not_sent_again() -> None:
    log, heard = carried([Submit(EXIT)], submit=[failed()])
    assert log.count("submit") == 1
    assert [n.verdict for n in heard if isinstance(n, Answer)] == [Verdict.UNKNOWN]


def test_what_was_not_processed_is_sent_again_only_when_it_lowers_risk() -> None:
    answers = [failed(BUSY), failed(BUSY), told(EXIT, Status.RESTING)]
    log, heard = carried([Submit(EXIT)], submit=list(answers))
    assert log.count("submit") == 3
    assert heard == [told(EXIT, Status.RESTING)]
    log, heard = carried([Submit(ENTRY)], submit=list(answers))
    assert log.count("submit") == 1
    assert [n.verdict for n in heard if isinstance(n, Answer)] == [Verdict.REFUSED]


def test_asking_goes_on_until_the_order_is_found() -> None:
    log, heard = carried([Ask(EXIT, "")], find=[None, failed(), None, told(EXIT, Status.RESTING)])
    assert log == ["find"] * 4
    assert heard == [told(EXIT, Status.RESTING)]


def test_absence_takes_several_answers_and_a_look_at_the_fills() -> None:
    fill = FillTold(trade_id="1", market=0, side=Side.SELL, lots=5, price="1")
    log, heard = carried([Ask(EXIT, "")], find=[None], fills=[[fill]])
    assert log == ["find"] * 4 + ["fills"]
    assert heard[0] == fill
    assert isinstance(heard[1], Answer)
    assert heard[1].verdict is Verdict.ABSENT


def test_an_unreachable_venue_proves_nothing() -> None:
    log, heard = carried([Ask(EXIT, "")], find=[*(failed() for _ in range(20)), told(EXIT, Status.FILLED, 5)])
    assert len(log) == 21
    assert heard == [told(EXIT, Status.FILLED, 5)]


def test_a_cancel_that_finds_nothing_asks_what_became_of_the_order() -> None:
    log, heard = carried([Cancel(EXIT, "")], cancel=[failed()], find=[told(EXIT, Status.FILLED, 5)])
    assert log == ["cancel", "find"]
    assert heard == [told(EXIT, Status.FILLED, 5)]


def test_an_acknowledged_cancel_is_followed_to_its_end() -> None:
    resting = told(EXIT, Status.RESTING)
    log, heard = carried(
        [Cancel(EXIT, "")], cancel=[None], find=[resting, resting, told(EXIT, Status.CANCELED)]
    )
    assert log == ["cancel", "find", "find", "find"]
    assert heard[-1] == told(EXIT, Status.CANCELED)


def test_fills_are_fetched_only_while_they_are_missing() -> None:
    assert carried([FetchFills(0)], lacks=False)[0] == []
    assert carried([FetchFills(0)], lacks=True)[0] == ["fills"]
    assert carried([FetchFills(0, always=True)], lacks=False)[0] == ["fills"]
