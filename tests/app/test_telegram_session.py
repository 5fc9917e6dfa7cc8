"""A session in real time with Telegram beside it, and what it keeps over a restart."""

from __future__ import annotations

import asyncio
import threading
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bot.app.secrets import read_secret
from bot.app.session import SessionResult
from bot.core.errors import BadConfig
from tests.sessions import config_in, demo, stored
from tests.telegram.bot_api import TOKEN, BotApi, bot_api

pytestmark = pytest.mark.slow
OWNER = 11
LOOKS = {
    "/risk": "<b>risk",
    "/limits": "data_stale btcusdt",
    "/zones": "zone",
    "/edge": "decision",
    "/logs": "the log is empty",
    "/mode scalp day": "swing only managed on",
    "/mode": "<b>modes",
    "/arm 3": "for 3 h",
    "/settings wall on": "wall: on",
}


def told(api: BotApi, words: str) -> bool:
    return any(words in text.lower() for text in api.texts())


def test_a_session_is_operated_from_a_phone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOPSIDE_TELEGRAM_TOKEN", TOKEN)
    monkeypatch.setattr("bot.telegram.courier.PACE_S", 0.0)
    ended: list[SessionResult] = []
    warned: list[str] = []

    async def scene() -> list[str]:
        async with bot_api() as api:
            config = config_in(tmp_path, **{"telegram.owners": [OWNER], "telegram.base_url": api.base_url})
            options: dict[str, Any] = {
                "config": config,
                "session": "phone",
                "duration_s": 1200.0,
                "speed": 45.0,
            }
            options["on_warning"] = lambda what, _: warned.append(what)
            runner = threading.Thread(target=lambda: ended.append(demo(tmp_path, **options)))
            runner.start()
            try:
                api.write(OWNER, "/status")
                await api.until(lambda: any("entries are allowed" in t for t in api.texts()), 120.0)
                for asked, words in LOOKS.items():
                    api.write(OWNER, asked)
                    await api.until(partial(told, api, words), 60.0)
                await api.until(lambda: any("risk" in t and "stop" in t for t in api.texts()), 60.0)
                api.write(OWNER, "/flatten")
                await api.until(lambda: any("Sure?" in t for t in api.texts()), 60.0)
                (do, _), *_ = [s.buttons for s in api.said if s.buttons]
                api.press(OWNER, do)
                await api.until(lambda: any("Done" in t for t in api.texts()), 60.0)
            finally:
                await asyncio.to_thread(runner.join)
            return api.texts()

    texts = asyncio.run(scene())
    assert warned == []
    assert any("phone started" in text for text in texts)
    assert any("phone ended" in text and "NO NEW ENTRIES" in text for text in texts)
    assert any(f"flatten by telegram:{OWNER}: done" in text for text in texts), "the deed itself is an alert"
    (result,) = ended
    kept = [stored(result.database, table) for table in ("audit", "state", "sessions", "runs")]
    assert TOKEN not in str(kept)


def test_a_token_without_a_person_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOPSIDE_TELEGRAM_TOKEN", TOKEN)
    with pytest.raises(BadConfig, match=r"telegram\.owners"):
        demo(tmp_path, session="nobody", duration_s=10.0, speed=1000.0)


def test_a_secret_file_must_be_private(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(" abc \n")
    file.chmod(0o644)
    with pytest.raises(BadConfig, match="chmod 600"):
        read_secret("NO_SUCH", file, {})
    file.chmod(0o600)
    assert read_secret("NO_SUCH", file, {}) == "abc"
    assert read_secret("HERE", file, {"HERE": "env"}) == "env"
    assert read_secret("NO_SUCH", None, {}) == ""
    with pytest.raises(BadConfig, match="cannot read"):
        read_secret("NO_SUCH", tmp_path / "absent", {})
