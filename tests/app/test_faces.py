"""What a session tells by itself, to whom, and what of it survives a restart."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from bot.app.channels import Access, access_to
from bot.app.config import NotifyConfig, TelegramConfig
from bot.app.faces import Faces
from bot.core.alerts import Alert, AlertKind, Delivery, Urgency
from bot.core.clock import ManualClock
from bot.core.errors import BadConfig
from bot.operate.operator import Operator
from tests.cli.test_live_view import STATUS
from tests.operate.test_operator import Bot
from tests.trading import LINEAR

URL = "json://user:hunter-two@127.0.0.1:1/hook"
BOTH = Access(TelegramConfig(owners=(11,)), "12:token", (URL,), Urgency.TRADE)


def faces(folder: Path, access: Access | None, warned: list[Any] | None = None) -> Faces:
    noted = [] if warned is None else warned
    return Faces(access, folder, (LINEAR,), ManualClock(5), lambda *row: noted.append(row))


def test_what_waits_is_muted_and_chosen_goes_on_after_a_restart(tmp_path: Path) -> None:
    before = faces(tmp_path, BOTH)
    before.audit(1, "strategy_disabled", {"strategy": "s", "error": "e"})
    before.transition(1, "trust", LINEAR.key, "trusted", "suspect", {})
    before.outbox.choose(AlertKind.WALL, Delivery.ON)
    before.outbox.muted_until_ns = 99
    kept = json.loads(json.dumps(before.kept()))
    after = faces(tmp_path, BOTH)
    after.restore(kept)
    assert [post.alert.kind for post in after.outbox.waiting()] == [AlertKind.STRATEGY, AlertKind.TRUST]
    assert after.outbox.delivery(AlertKind.WALL) is Delivery.ON
    assert after.outbox.muted_until_ns == 99
    kept_again = after.kept()
    assert [post["alert"]["kind"] for post in kept_again["others"]] == ["strategy"], "news is not for mail"


def test_what_an_older_version_kept_is_understood(tmp_path: Path) -> None:
    after = faces(tmp_path, BOTH)
    after.restore({"waiting": [], "muted_until_ns": 7, "seen": [1, 2]})
    assert after.kept()["seen"] == [1, 2]


def test_a_session_that_tells_nobody_keeps_nothing_waiting(tmp_path: Path) -> None:
    silent = faces(tmp_path, None)
    silent.audit(1, "strategy_disabled", {"strategy": "s", "error": "e"})
    assert not silent.speaks
    assert silent.kept()["waiting"] == silent.kept()["others"] == []


async def no_picture(symbol: str, sentence: str) -> bytes | None:
    return None


@pytest.mark.parametrize(
    ("error", "words"),
    [(None, "paper ended: paper on demo"), (ValueError("no disk"), "paper ended by ValueError: no disk")],
)
def test_a_session_tells_of_its_start_and_of_how_it_ended(
    error: Exception | None, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Alert] = []
    monkeypatch.setattr(Faces, "_post", lambda self, alert: told.append(alert))
    bot = Bot()

    async def scene() -> None:
        made = faces(tmp_path, None)
        async with made.open(Operator(lambda: STATUS, bot.obey, bot.note, bot.clock), no_picture):
            if error is not None:
                raise error

    if error is None:
        asyncio.run(scene())
    else:
        with pytest.raises(ValueError, match="no disk"):
            asyncio.run(scene())
    assert [alert.kind for alert in told] == [AlertKind.SESSION] * 2
    assert told[0].text.split("\n")[0] == "paper started: paper on demo"
    assert told[1].text.split("\n")[0].startswith(words)
    assert "open: 0.020 BTCUSDT open; entries are allowed" in told[1].text


def test_secrets_of_channels_come_from_private_places_and_are_cleaned_from_what_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "urls"
    file.write_text(f"{URL}\nmailtos://me:pass-word@example.com\n")
    file.chmod(0o644)
    with pytest.raises(BadConfig, match="chmod 600"):
        access_to(TelegramConfig(), NotifyConfig(urls_file=file))
    file.chmod(0o600)
    access = access_to(TelegramConfig(), NotifyConfig(urls_file=file, least="alarm"))
    assert access.urls == (URL, "mailtos://me:pass-word@example.com")
    assert (access.least, access.speaks, access.token) == (Urgency.ALARM, True, "")
    assert access.clean(f"could not reach {URL} at all") == "could not reach [redacted] at all"
    monkeypatch.setenv("LOPSIDE_NOTIFY_URLS", "json://elsewhere/x")
    assert access_to(TelegramConfig(), NotifyConfig(urls_file=file)).urls == ("json://elsewhere/x",)
    assert not access_to(TelegramConfig(), NotifyConfig(urls_file=None)).token
