"""Telegram end to end: the real library against a local Bot API server over HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bot.core.alerts import Alert, AlertKind
from bot.core.clock import SystemClock
from bot.core.commands import Answer, Command, Verb
from bot.operate.operator import Operator
from bot.operate.outbox import Outbox
from bot.risk.breakers import Per
from bot.risk.look import LimitStatus
from bot.store.database import Database
from bot.store.journal import StoreJournal
from bot.telegram import courier
from bot.telegram.commands import COMMANDS, Desk
from bot.telegram.gate import Gate, roles_of
from bot.telegram.service import Settings, TelegramService
from tests.cli.test_live_view import STATUS
from tests.store.kept_session import fill
from tests.telegram.bot_api import TOKEN, BotApi, bot_api

OWNER, OPERATOR, VIEWER, STRANGER, GROUP = 11, 22, 33, 99, -500


class Scene:
    """A bot behind the service, and the server it speaks with."""

    def __init__(self, api: BotApi, folder: Path) -> None:
        self.api = api
        self.done: list[Command] = []
        self.audit: list[tuple[str, Mapping[str, Any]]] = []
        self.warnings: list[tuple[str, Mapping[str, Any]]] = []
        self.outbox = Outbox()
        clock = SystemClock()
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
