"""The watchdog beside a bot: over the real socket, with a real database, to a local Bot API and a webhook."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from bot.app.watchdog import Watchdog, look_at
from bot.core.alerts import Alert, AlertKind
from bot.core.clock import SystemClock
from bot.core.errors import BadConfig, BadInput
from bot.operate.control import control_path, serve_control
from bot.store.database import Database
from tests.cli.test_live_view import STATUS
from tests.operate.test_operator import Bot
from tests.sessions import config_in
from tests.telegram.bot_api import TOKEN, BotApi, bot_api

OWNER = 11


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Of a session whose run is under way."""
    with Database.open(tmp_path / "paper") as database:
        database.start_run("paper", {}, 0)
    return tmp_path / "paper"


@asynccontextmanager
async def answering(folder: Path, bot: Bot) -> AsyncIterator[None]:
    async with serve_control(bot.operator, control_path(folder)):
        yield


def end(folder: Path, summary: dict[str, object], *, interrupted: bool) -> None:
    with Database.open(folder) as database:
        database.end_run(1, summary, 1, interrupted=interrupted)


def test_a_look_tells_a_bot_that_answers_from_one_that_died_and_one_that_ended(folder: Path) -> None:
    async def scene() -> None:
        async with answering(folder, Bot()):
            seen = await asyncio.to_thread(look_at, folder, 5)
        assert (seen.answered, seen.rows, seen.trades) == (True, STATUS.counts["rows"], 1)

    asyncio.run(scene())
    assert not look_at(folder, 5).answered
    assert not look_at(folder, 5).ended, "its run is not over: it died"
    end(folder, {"error": "OSError: no space"}, interrupted=True)
    assert not look_at(folder, 5).ended, "it ended by an error"
    end(folder, {"rows": 1}, interrupted=True)
    assert look_at(folder, 5).ended, "somebody stopped it"
    assert not look_at(folder.with_name("absent"), 5).ended


async def watched(folder: Path, api: BotApi, alerts: list[Alert]) -> None:
    """A bot answers, dies, and is back."""
    settings = {"telegram.owners": [OWNER], "telegram.base_url": api.base_url}
    config = config_in(folder.parent, **settings).with_values({"session.name": "paper"})
    dog = Watchdog(config, SystemClock(), alerts.append, lambda *_: None, every_s=0.05, quiet_s=0.6)
    stop, bot = threading.Event(), Bot()
    looks = iter(range(1_000_000))
    bot.operator.look = lambda: replace(STATUS, counts={**STATUS.counts, "rows": next(looks)})
    task = asyncio.create_task(dog.run(stop))
    async with answering(folder, bot):
        await asyncio.to_thread(look_at, folder, 5)
    await api.until(lambda: any("does not answer" in text for text in api.texts(OWNER)))
    async with answering(folder, bot):
        await api.until(lambda: any("well again" in text for text in api.texts(OWNER)))
    stop.set()
    await asyncio.wait_for(task, 20.0)


def test_a_bot_that_died_is_told_on_telegram_without_listening_there(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOPSIDE_TELEGRAM_TOKEN", TOKEN)
    monkeypatch.setattr("bot.telegram.courier.PACE_S", 0.0)
    alerts: list[Alert] = []

    async def scene() -> BotApi:
        async with bot_api() as api:
            await watched(folder, api, alerts)
            return api

    api = asyncio.run(scene())
    assert [alert.kind for alert in alerts] == [AlertKind.QUIET] * 2
    assert "getUpdates" not in api.calls, "the bot alone listens"
    assert all(said.silent is False for said in api.said), "an alarm has a sound"


def test_a_watchdog_that_could_tell_nobody_or_looks_too_seldom_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def made(every_s: float) -> Watchdog:
        config = config_in(folder.parent, **{"telegram.owners": [OWNER]})
        return Watchdog(config, SystemClock(), lambda _: None, lambda *_: None, every_s=every_s, quiet_s=90.0)

    with pytest.raises(BadConfig, match="somebody to tell"):
        made(15.0)
    monkeypatch.setenv("LOPSIDE_TELEGRAM_TOKEN", TOKEN)
    made(15.0)
    with pytest.raises(BadInput, match="at least twice"):
        made(60.0)
