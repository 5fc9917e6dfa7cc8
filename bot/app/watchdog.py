"""Looks after a session from another process, and tells people when it goes quiet.

It asks the session's control socket; where nobody answers, the database says
whether the last run was stopped or died. It must run beside the bot, under a
supervisor of its own; that the whole machine died only something outside can
tell (`live.heartbeat_url`).
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bot.app.channels import Megaphone, access_to
from bot.app.config import Config
from bot.core.alerts import Alert
from bot.core.clock import Clock
from bot.core.errors import BadConfig, BadInput, LopsideError
from bot.core.units import NS_PER_S
from bot.operate.control import ControlClient
from bot.operate.quiet import Look, Quiet
from bot.store.database import Database, session_folder

GOODBYE_S = 10.0
_STEP_S = 0.2


def look_at(folder: Path, now_ns: int) -> Look:
    """One look from outside; what cannot be asked has not answered."""
    try:
        with ControlClient(folder) as bot:
            told = bot.call(do="status")["status"]
    except (LopsideError, OSError, ValueError):
        return Look(now_ns, answered=False, ended=_ended_in_order(folder))
    return Look(now_ns, answered=True, rows=told["counts"]["rows"], trades=len(told["trades"]))


def _ended_in_order(folder: Path) -> bool:
    """Whether the last run was brought to its end by a person or its source, not by an error or a crash."""
    try:
        with Database.read(folder) as database:
            last = database.query("SELECT state, summary FROM runs ORDER BY id DESC LIMIT 1")
    except (LopsideError, OSError):
        return False
    return bool(last) and last[0]["state"] != "running" and '"error"' not in (last[0]["summary"] or "")


class Watchdog:
    """`run` until `stop`; `on_alert` hears what is told."""

    def __init__(
        self,
        config: Config,
        clock: Clock,
        on_alert: Callable[[Alert], None],
        warn: Callable[[str, Mapping[str, Any]], None],
        *,
        every_s: float,
        quiet_s: float,
    ) -> None:
        if not 0.0 < 2.0 * every_s <= quiet_s:
            raise BadInput(
                f"watchdog: expected --quiet at least twice --every, was {quiet_s:g}s and {every_s:g}s"
            )
        access = access_to(config.telegram, config.notify)
        if not access.speaks:
            raise BadConfig(
                "watchdog: expected somebody to tell; set up telegram or notify in the configuration"
            )
        self._folder = session_folder(config.storage.folder, config.session.name)
        self._clock = clock
        self._on_alert = on_alert
        self._every_s = every_s
        self._quiet = Quiet(config.session.name, int(quiet_s * NS_PER_S))
        self._megaphone = Megaphone(access, clock, warn, config.session.name)

    async def run(self, stop: threading.Event) -> None:
        speaking = asyncio.create_task(self._megaphone.run())
        loop = asyncio.get_running_loop()
        next_s = loop.time()
        try:
            while not stop.is_set():
                if loop.time() >= next_s:
                    next_s = loop.time() + self._every_s
                    await self._look()
                await asyncio.sleep(_STEP_S)
            await self._say_goodbye()
        finally:
            speaking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await speaking

    async def _look(self) -> None:
        seen = await asyncio.to_thread(look_at, self._folder, self._clock.now_ns())
        alert = self._quiet.look(seen)
        if alert is not None:
            self._on_alert(alert)
            self._megaphone.post(alert)

    async def _say_goodbye(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GOODBYE_S):
                while self._megaphone.waiting:
                    await asyncio.sleep(_STEP_S)
