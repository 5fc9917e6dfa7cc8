"""Telegram end to end: the real library against a local Bot API server over HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bot.core.alerts import Alert, AlertKind, Delivery
from bot.core.clock import SystemClock
from bot.core.commands import Answer, Command, Verb
from bot.core.units import NS_PER_S
from bot.operate.confirming import VALID_NS
from bot.operate.operator import Operator
from bot.operate.outbox import LONGEST_RETRY_NS, Outbox
from bot.risk.breakers import Per
from bot.risk.look import LimitStatus
from bot.store.database import Database
from bot.store.journal import StoreJournal
from bot.telegram import courier
from bot.telegram.answers import MOST_WAITING
from bot.telegram.commands import COMMANDS, Desk
from bot.telegram.gate import Gate, roles_of
from bot.telegram.service import Settings, TelegramService
from tests.cli.test_live_view import STATUS
from tests.rehearsing import eventually
from tests.store.kept_session import fill
from tests.telegram.bot_api import TOKEN, BotApi, bot_api

OWNER, OPERATOR, VIEWER, STRANGER, GROUP = 11, 22, 33, 99, -500


class MovableClock(SystemClock):
    """The real clock, moved on by tests that tell of hours."""

    ahead_ns = 0

    def now_ns(self) -> int:
        return super().now_ns() + self.ahead_ns


class Scene:
    """A bot behind the service, and the server it speaks with."""

    def __init__(self, api: BotApi, folder: Path) -> None:
        self.api = api
        self.clock = clock = MovableClock()
        self.done: list[Command] = []
        self.audit: list[tuple[str, Mapping[str, Any]]] = []
        self.warnings: list[tuple[str, Mapping[str, Any]]] = []
        self.outbox = Outbox()
        operator = Operator(
            lambda: STATUS, self.obey, lambda *row: self.audit.append(row), clock, limits=lambda: LIMITS
        )
        self.gate = Gate(roles_of([OWNER], [OPERATOR], [VIEWER]))
        desk = Desk(operator, self.outbox, folder, clock, clean=lambda text: text.replace(SECRET, "[out]"))
        settings = Settings(TOKEN, api.base_url)
        self.service = TelegramService(settings, self.gate, desk, clock, self.warn)
        desk.figures = self.service.figures
        self.desk = desk

    def warn(self, what: str, detail: Mapping[str, Any]) -> None:
        self.warnings.append((what, detail))

    async def obey(self, command: Command) -> Answer:
        self.done.append(command)
        return Answer(True, f"{command.verb} is done")

    async def heard(self, chat: int, words: str) -> None:
        await self.api.until(lambda: any(words in text for text in self.api.texts(chat)))


Play = Callable[[Scene], Awaitable[None]]


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Scene]:
    async with bot_api() as api:
        scene = Scene(api, folder)
        task = asyncio.create_task(scene.service.run())
        try:
            yield scene
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def play(folder: Path, story: Play, *, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """Run a story against a running service; messages are not paced."""
    monkeypatch.setattr(courier, "PACE_S", 0.0)
    monkeypatch.setattr(courier, "LOOK_S", 0.01)

    async def scene() -> Scene:
        async with running(folder) as made:
            await story(made)
            return made

    return asyncio.run(scene())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("sessions") / "paper"
    fill(made)
    with Database.open(made) as database:
        journal = StoreJournal(database, 1)
        for k in range(3):
            journal.outcome({**OUTCOME, "id": str(k), "path": {"10": 1.0 + k, "60": 2.0 * k}})
        journal.commit()
    line = {"time": "2026-01-01T00:00:00.000+00:00", "level": "info", "event": "started", "note": SECRET}
    (made / "lopside.log").write_text(json.dumps(line) + "\n{ torn")
    return made


SECRET = "a secret that came from a file"
OUTCOME = {
    "what": "entered",
    "symbol": "BTCUSDT",
    "market": 0,
    "strategy": "wall_fade",
    "mode": "scalp",
    "side": 1,
    "reason": "",
    "from_ns": 1,
    "mid": 5.0,
    "horizon_s": 60,
    "best_bps": 3.0,
    "worst_bps": -1.0,
    "first": "target",
}
NOT_BROKEN: dict[str, Any] = {
    "sense": "<=",
    "blocks": "entries",
    "resets": "next day",
    "broken": False,
    "since_ns": 0,
}
LIMITS = (
    LimitStatus("daily_loss", Per.COIN, "USDT", 0.001, 0.03, unit="share", **NOT_BROKEN),
    LimitStatus("spread", Per.MARKET, "demo:BTCUSDT", 1.2, 3.0, unit="count", **NOT_BROKEN),
)


LOOKS = {
    "/status": "entries are allowed",
    "/positions": "short 0.02 BTCUSDT",
    "/balance": "USDT",
    "/pnl week": "week",
    "/trades 3": "trade",
    "/bias BTCUSDT": "-42*",
    "/signals": "BTCUSDT",
    "/walls": "59990.0",
    "/trust": "trusted",
    "/book": "No picture",
    "/zones": "support",
    "/risk": "no limit is broken",
    "/limits": "daily_loss USDT",
    "/limits BTCUSDT": "spread BTCUSDT",
    "/edge": "wall_fade scalp",
    "/logs 5": "started",
    "/mode": "scalp",
    "/why": "spread_wide",
    "/performance": "Report of paper",
    "/report": "Report of paper",
    "/health": "strangers: 0",
    "/settings": "protection",
    "/version": "lopside",
    "/help": "/flatten",
}


def test_every_command_that_looks_answers(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(scene: Scene) -> None:
        for asked, words in LOOKS.items():
            scene.api.said.clear()
            scene.api.write(OWNER, asked)
            await scene.api.until(lambda: len(scene.api.said) > 0)
            (said,) = scene.api.said
            assert words in said.text, (asked, said.text)
            assert SECRET not in said.text
            assert said.html

    scene = play(folder, story, monkeypatch=monkeypatch)
    named = {asked.split()[0].lstrip("/") for asked in LOOKS}
    acting = {"mute", "unmute", "pause", "resume", "cancel", "close", "flatten", "panic", "confirm"}
    acting |= {"reset", "adopt", "ignore", "arm", "disarm", "restart"}
    assert named | acting | {"csv", "backup"} == {command.name for command in COMMANDS}
    assert scene.done == []


def test_commands_act_at_once_or_after_the_button(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(scene: Scene) -> None:
        for verb in ("pause", "resume", "cancel"):
            scene.api.write(OPERATOR, f"/{verb}")
            await scene.heard(OPERATOR, f"{verb} is done")
        scene.api.write(OPERATOR, "/close btcusdt")
        await scene.heard(OPERATOR, "good for a minute")
        do, leave = scene.api.said[-1].buttons
        assert leave == "leave"
        assert [c.verb for c in scene.done] == [Verb.PAUSE, Verb.RESUME, Verb.CANCEL]
        scene.api.press(VIEWER, do)
        await scene.heard(VIEWER, "nothing waits")
        scene.api.press(OPERATOR, do)
        await scene.heard(OPERATOR, "close is done")
        scene.api.press(OPERATOR, do)
        await scene.heard(OPERATOR, "Not done")
        scene.api.write(OPERATOR, "/panic")
        await scene.api.until(lambda: scene.api.texts(OPERATOR)[-1].startswith("<b>Sure?"))
        scene.api.press(OPERATOR, "leave")
        await scene.heard(OPERATOR, "Left alone")
        code = scene.api.texts(OPERATOR)[-2].split("code ")[1][:4]
        scene.api.write(OPERATOR, f"/confirm {code}")
        await scene.heard(OPERATOR, "flatten is done")

    scene = play(folder, story, monkeypatch=monkeypatch)
    assert scene.done[3:] == [
        Command(Verb.CLOSE, "BTCUSDT", f"telegram:{OPERATOR}"),
        Command(Verb.FLATTEN, "", f"telegram:{OPERATOR}"),
    ]
    assert [what for what, _ in scene.audit].count("command") == 7


def test_roles_strangers_and_repeats(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(scene: Scene) -> None:
        scene.api.write(STRANGER, "/status")
        scene.api.write(OWNER, "/status", chat=GROUP)  # a known person in an unknown group
        scene.api.write(STRANGER, "/flatten", chat=OWNER)  # an unknown person in a known chat
        scene.api.press(STRANGER, "do:AAAA")
        scene.api.write(VIEWER, "/pause")
        await scene.heard(VIEWER, "needs the role operator")
        scene.api.write(OWNER, "/pause", update=5000)
        scene.api.write(OWNER, "/pause", update=5000)
        await scene.heard(OWNER, "pause is done")
        scene.api.write(OWNER, "/dance", update=5001)
        await scene.heard(OWNER, "Unknown: /dance")
        scene.api.write(OWNER, "/walls NOSUCH", update=5002)
        await scene.heard(OWNER, "expected one of BTCUSDT")

    scene = play(folder, story, monkeypatch=monkeypatch)
    assert len(scene.done) == 1
    assert scene.gate.strangers == 4
    assert scene.gate.repeated >= 1
    assert {said.chat for said in scene.api.said} == {VIEWER, OWNER}


def test_files_come_as_documents(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(scene: Scene) -> None:
        for name in ("csv", "backup"):
            scene.api.write(OWNER, f"/{name}")
        await scene.api.until(lambda: len(scene.api.said) == 2)

    trades, backup = play(folder, story, monkeypatch=monkeypatch).api.said
    assert trades.text == "trades.csv"
    assert trades.file.startswith(b"run,id,symbol")
    assert backup.file.startswith(b"SQLite format 3")


def alert(text: str, kind: AlertKind = AlertKind.EXIT) -> Alert:
    return Alert(kind, 1, text)


def test_alerts_reach_everybody_even_through_floods_bad_formatting_and_blocks(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(scene: Scene) -> None:
        api = scene.api
        scene.outbox.post(alert("first <b>&\nline"))
        await api.until(lambda: len(api.said) == 3)
        api.flood_s = 1
        scene.outbox.post(alert("after the flood"))
        await api.until(lambda: sum("after the flood" in t for t in api.texts()) == 3)
        api.refuse_html = True
        scene.outbox.post(alert("STOP FAILED <", AlertKind.PROTECTION))
        await api.until(lambda: sum("STOP FAILED <" in t for t in api.texts()) == 3)
        api.refuse_html = False
        api.forbidden.add(VIEWER)
        scene.outbox.post(alert("some blocked us"))
        await api.until(lambda: sum("some blocked us" in t for t in api.texts()) == 2)
        scene.outbox.post(alert("quiet", AlertKind.TRUST))
        await api.until(lambda: sum("quiet" in t for t in api.texts()) == 2)

    scene = play(folder, story, monkeypatch=monkeypatch)
    assert {s.chat for s in scene.api.said} == {OWNER, OPERATOR, VIEWER}
    assert scene.api.said[0].text == "<b>first &lt;b&gt;&amp;</b>\nline"
    assert [s.html for s in scene.api.said if "STOP" in s.text] == [False] * 3
    assert all(s.silent == ("quiet" in s.text) for s in scene.api.said)
    assert ("telegram_chat_refused", VIEWER) in [(what, d.get("chat")) for what, d in scene.warnings]


def test_an_alert_about_a_trade_carries_its_picture(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def picture(symbol: str, sentence: str) -> bytes | None:
        return f"PNG of {symbol}: {sentence}".encode()

    async def story(scene: Scene) -> None:
        scene.desk.picture = picture
        scene.outbox.post(Alert(AlertKind.ENTRY, 1, "long 1 BTCUSDT\nat 5", "BTCUSDT"))
        await scene.api.until(lambda: len(scene.api.said) == 3)
        scene.outbox.post(Alert(AlertKind.TRUST, 1, "BTCUSDT: trust", "BTCUSDT"))
        await scene.api.until(lambda: len(scene.api.said) == 6)
        scene.api.write(OWNER, "/book btcusdt")
        await scene.api.until(lambda: len(scene.api.said) == 7)

    said = play(folder, story, monkeypatch=monkeypatch).api.said
    assert {s.file for s in said[:3]} == {b"PNG of BTCUSDT: long 1 BTCUSDT"}
    assert {s.text for s in said[:3]} == {"<b>long 1 BTCUSDT</b>\nat 5"}
    assert [s.method for s in said[3:]] == ["sendMessage"] * 3 + ["sendPhoto"]


def test_an_outage_loses_no_alert_and_a_conflict_is_explained(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.operate.outbox.FIRST_RETRY_NS", 10_000_000)

    async def story(scene: Scene) -> None:
        api = scene.api
        scene.outbox.post(alert("before"))
        await api.until(lambda: len(api.said) == 3)
        api.status = 502
        calls = len(api.calls)
        scene.outbox.post(alert("meanwhile"))
        await api.until(lambda: len(api.calls) > calls + 3)
        api.status, api.conflict = 0, 1
        await api.until(lambda: sum("meanwhile" in t for t in api.texts()) == 3)
        await api.until(lambda: scene.service.conflicts == 1)
        api.write(OWNER, "/version")
        await scene.heard(OWNER, "lopside")

    scene = play(folder, story, monkeypatch=monkeypatch)
    assert len(scene.outbox) == 0
    assert scene.service.errors > 0
    reasons = [detail["reason"] for what, detail in scene.warnings if what == "telegram_conflict"]
    assert [reason.split(":")[0] for reason in reasons] == ["another program reads this bot's messages"]


def test_two_hours_without_telegram_lose_no_trade_and_no_alarm(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    minutes = 120

    async def story(scene: Scene) -> None:
        api, box = scene.api, scene.outbox
        box.post(alert("before"))
        await api.until(lambda: len(api.said) == 3)
        api.said.clear()
        api.status = 502
        for minute in range(minutes):
            scene.clock.ahead_ns += 60 * NS_PER_S
            box.post(alert(f"trade {minute} ended"))
            if minute % 30 == 0:
                box.post(alert(f"stop {minute} failed", AlertKind.PROTECTION))
            for k in range(6):
                box.post(Alert(AlertKind.TRUST, 1, f"book {minute}.{k}", key="trust BTCUSDT"))
            if minute % 10 == 0:
                api.calls.clear()
                await api.until(lambda: "sendMessage" in api.calls)
        api.status = 0
        box.post(alert("after"))
        await scene.heard(VIEWER, "after")  # so that no attempt of before is still under way
        scene.clock.ahead_ns += LONGEST_RETRY_NS  # nobody waits longer for the next one
        await api.until(lambda: len(api.said) == 3 * (minutes + minutes // 30 + 2))

    scene = play(folder, story, monkeypatch=monkeypatch)
    for chat in (OWNER, OPERATOR, VIEWER):
        told = [text.removeprefix("<b>").split("<")[0] for text in scene.api.texts(chat)]
        wanted = [f"stop {minute} failed" for minute in (0, 30, 60, 90)]
        wanted += [f"trade {minute} ended" for minute in range(minutes)]
        assert sorted(text for text in told if "book" not in text) == sorted([*wanted, "after"])
        assert [text for text in told if "book" in text] == ["book 119.5 (the last of 720)"]
    assert scene.outbox.dropped == 0


def test_an_alarm_that_telegram_finds_too_long_or_wrong_comes_all_the_same(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(scene: Scene) -> None:
        scene.outbox.post(alert("STRATEGY RAISED\n" + "<&>" * 3000, AlertKind.STRATEGY))
        await scene.api.until(lambda: len(scene.api.said) == 3)
        lines = "\n".join(f"line {k} <{'x' * 90}>" for k in range(100))
        scene.outbox.post(alert("MANY LINES\n" + lines, AlertKind.PROTECTION))
        await scene.heard(VIEWER, "line 99")

    scene = play(folder, story, monkeypatch=monkeypatch)
    texts = scene.api.texts(OWNER)
    assert "STRATEGY RAISED" in texts[0]
    assert all(f"line {k} " in "".join(texts) for k in range(100))
    assert scene.warnings == []


def test_an_answer_waits_for_a_short_flood(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(scene: Scene) -> None:
        scene.api.flood_s = 1
        scene.api.write(OWNER, "/version")
        await scene.heard(OWNER, "lopside")

    play(folder, story, monkeypatch=monkeypatch)


def test_a_command_does_not_wait_for_the_answer_to_another_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(scene: Scene) -> None:
        scene.api.flood_s = 25
        scene.api.write(OWNER, "/status")
        for _ in range(3):
            scene.api.write(OWNER, "/pause")
        await eventually(lambda: len(scene.done) == 3, "three pauses during a flood wait")
        assert scene.api.said == []

    async def whole() -> None:
        async with asyncio.timeout(15.0):  # nor does the end
            async with running(folder) as scene:
                await story(scene)

    monkeypatch.setattr(courier, "PACE_S", 0.0)
    asyncio.run(whole())


def test_of_many_answers_that_wait_the_newest_are_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(scene: Scene) -> None:
        scene.api.flood_s = 2
        for _ in range(MOST_WAITING + 20):
            scene.api.write(OWNER, "/version")
        scene.api.write(OWNER, "/pause")
        await scene.heard(OWNER, "pause is done")

    scene = play(folder, story, monkeypatch=monkeypatch)
    lost = scene.service.figures()["telegram_errors"]
    assert 0 < lost == MOST_WAITING + 21 - len(scene.api.said)


def test_a_fault_of_ours_is_told_and_the_next_command_obeyed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> dict[str, Any]:
        raise KeyError("nothing")

    async def story(scene: Scene) -> None:
        scene.desk.figures = broken
        scene.api.write(OWNER, "/health")
        await scene.heard(OWNER, "This went wrong")
        scene.api.write(OWNER, "/pause")
        await scene.heard(OWNER, "pause is done")

    scene = play(folder, story, monkeypatch=monkeypatch)
    assert "KeyError" in dict(scene.warnings)["telegram_command_failed"]["error"]


def test_a_button_pressed_too_late_does_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(scene: Scene) -> None:
        scene.api.write(OWNER, "/flatten")
        await scene.heard(OWNER, "good for a minute")
        do, _ = scene.api.said[-1].buttons
        scene.clock.ahead_ns += VALID_NS
        scene.api.press(OWNER, do)
        await scene.heard(OWNER, "expired")

    assert play(folder, story, monkeypatch=monkeypatch).done == []


def test_verbs_that_name_something_carry_it_to_the_engine(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(scene: Scene) -> None:
        for asked, words in (
            ("/mode Day swing", "mode is done"),
            ("/arm 8", "arm is done"),
            ("/disarm", "disarm is done"),
            ("/cancel btcusdt", "cancel is done"),
        ):
            scene.api.write(OPERATOR, asked)
            await scene.heard(OPERATOR, words)
        scene.api.write(OPERATOR, "/restart wall_fade")
        await scene.heard(OPERATOR, "needs the role owner")
        scene.api.write(OWNER, "/restart wall_fade")
        await scene.heard(OWNER, "ask strategy wall_fade again")
        scene.api.press(OWNER, scene.api.said[-1].buttons[0])
        await scene.heard(OWNER, "restart is done")
        scene.api.write(VIEWER, "/mode scalp")
        await scene.heard(VIEWER, "needs the role operator")

    done = play(folder, story, monkeypatch=monkeypatch).done
    assert [(c.verb, c.subject) for c in done] == [
        (Verb.MODE, "day swing"),
        (Verb.ARM, "8"),
        (Verb.DISARM, ""),
        (Verb.CANCEL, "BTCUSDT"),
        (Verb.RESTART, "wall_fade"),
    ]


def test_kinds_are_chosen_and_all_channels_muted_from_the_chat(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail = Outbox()

    async def story(scene: Scene) -> None:
        scene.desk.others = (mail,)
        for user, asked, words in (
            (OWNER, "/settings wall on", "wall: on"),
            (OWNER, "/settings exit off", "exit: off"),
            (OWNER, "/settings protection off", "it always comes"),
            (OWNER, "/settings exit loud", "expected one of on, silent, off"),
            (VIEWER, "/settings exit on", "needs the role operator"),
            (OPERATOR, "/mute 2", "Muted for 2 h"),
        ):
            scene.api.write(user, asked)
            await scene.heard(user, words)

    box = play(folder, story, monkeypatch=monkeypatch).outbox
    assert box.delivery(AlertKind.WALL) is Delivery.ON
    assert box.delivery(AlertKind.EXIT) is Delivery.OFF
    assert box.delivery(AlertKind.PROTECTION) is Delivery.ON
    assert mail.muted_until_ns == box.muted_until_ns == STATUS.now_ns + 2 * 3600 * NS_PER_S


def test_a_server_that_is_down_at_the_start_is_waited_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene() -> Scene:
        async with bot_api() as api:
            api.status = 502
            made = Scene(api, folder)
            task = asyncio.create_task(made.service.run())
            await api.until(lambda: len(api.calls) >= 1)
            api.status = 0
            made.outbox.post(alert("hello"))
            await api.until(lambda: len(api.said) == 3)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            return made

    monkeypatch.setattr(courier, "PACE_S", 0.0)
    assert asyncio.run(scene()).warnings[0][0] == "telegram_unreachable"


def test_a_wrong_token_ends_the_service_with_one_warning_that_does_not_hold_it(folder: Path) -> None:
    async def scene() -> Scene:
        async with bot_api() as api:
            made = Scene(api, folder)
            wrong = Settings("999:wrong-token", api.base_url)
            service = TelegramService(wrong, made.gate, made.desk, SystemClock(), made.warn)
            await asyncio.wait_for(service.run(), 20.0)
            return made

    ((what, detail),) = asyncio.run(scene()).warnings
    assert what == "telegram_off"
    assert "wrong-token" not in str(detail)
