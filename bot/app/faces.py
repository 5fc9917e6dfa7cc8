"""What a session that runs in real time opens beside its loop: the control socket, and Telegram.

It also listens to the journal and keeps what waits to be told, so that nothing
is lost over a restart. A session that runs as fast as possible opens nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from bot.app.config import TelegramConfig
from bot.app.lag import LoopLag
from bot.app.secrets import TELEGRAM_TOKEN, read_secret
from bot.core.alerts import Alert
from bot.core.clock import Clock
from bot.core.errors import BadConfig
from bot.core.messages import Denied
from bot.market.instruments import Instrument
from bot.operate.alerting import Alerting
from bot.operate.control import control_path, serve_control
from bot.operate.daily import DailyReport
from bot.operate.operator import Operator
from bot.operate.outbox import Outbox, Post

if TYPE_CHECKING:
    from bot.telegram.service import TelegramService

Warn = Callable[[str, Mapping[str, Any]], None]
Picture = Callable[[str, str], Awaitable[bytes | None]]
"""Draws a symbol with a sentence; None where there is nothing to draw, or nothing to draw with."""


class Faces:
    """A `Listener` of the journal. `telegram` None: nothing is told, no token is looked for."""

    def __init__(
        self,
        telegram: TelegramConfig | None,
        folder: Path,
        instruments: Sequence[Instrument],
        clock: Clock,
        warn: Warn,
    ) -> None:
        self._token = "" if telegram is None else read_secret(TELEGRAM_TOKEN, telegram.token_file)
        self._config = telegram
        self._folder = folder
        self._clock = clock
        self._warn = warn
        if (
            self._token
            and telegram is not None
            and not (telegram.owners or telegram.operators or telegram.viewers)
        ):
            raise BadConfig(
                "telegram: a token but nobody who may use it; put your numeric user id under telegram.owners"
            )
        self.outbox = Outbox({} if telegram is None else telegram.deliveries)
        self._seen: deque[int] = deque(maxlen=0)
        self._alerting = Alerting(instruments, self._post)
        self._daily = DailyReport()
        self.lag = LoopLag()
        self._earlier: list[int] = []

    @property
    def speaks(self) -> bool:
        """Whether anybody is told anything."""
        return bool(self._token)

    def _post(self, alert: Alert) -> None:
        if self._token:
            self.outbox.post(alert)

    def trade(self, row: Mapping[str, Any]) -> None:
        self._alerting.trade(row)
        self._daily.trade(row)

    def denied(self, denied: Denied, count: int) -> None:
        self._alerting.denied(denied, count)

    def audit(self, now_ns: int, what: str, detail: Mapping[str, Any]) -> None:
        self._alerting.audit(now_ns, what, detail)

    def transition(
        self, now_ns: int, machine: str, subject: str, old: str, new: str, detail: Mapping[str, Any]
    ) -> None:
        if self.speaks:  # zones change dozens of times a minute
            self._alerting.transition(now_ns, machine, subject, old, new, detail)

    def tick(self, now_ns: int, equity_e8: Mapping[str, int]) -> None:
        """Every 10 s of market time."""
        alert = self._daily.look(now_ns, equity_e8)
        if alert is not None:
            self._post(alert)

    def kept(self) -> dict[str, Any]:
        """What the next start continues from, in plain JSON types."""
        waiting = msgspec.json.decode(msgspec.json.encode(self.outbox.waiting()))
        return {
            "waiting": waiting,
            "muted_until_ns": self.outbox.muted_until_ns,
            "seen": list(self._seen) or self._earlier,
        }

    def restore(self, kept: Mapping[str, Any] | None) -> None:
        if kept is None or not self._token:
            return
        self.outbox.restore(msgspec.convert(kept["waiting"], list[Post]))
        self.outbox.muted_until_ns = kept["muted_until_ns"]
        self._earlier = list(kept["seen"])

    @asynccontextmanager
    async def open(self, operator: Operator, picture: Picture) -> AsyncIterator[None]:
        """Serve while the block runs. Telegram's troubles are warned of and never reach the loop."""
        async with serve_control(operator, control_path(self._folder)):
            watch = asyncio.create_task(self.lag.run(), name="lag")
            service = self._telegram(operator, picture)
            task = None if service is None else asyncio.create_task(service.run(), name="telegram")
            try:
                yield
            finally:
                watch.cancel()
                if service is not None and task is not None:
                    await service.say_goodbye()
                    task.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await task

    def _telegram(self, operator: Operator, picture: Picture) -> TelegramService | None:
        config = self._config
        if config is None or not self._token:
            return None
        try:
            from bot.telegram.service import Settings, TelegramService
        except ImportError:
            raise BadConfig("telegram: its library is missing; pip install 'lopside[telegram]'") from None
        from bot.telegram.commands import Desk
        from bot.telegram.gate import Gate, roles_of

        gate = Gate(roles_of(config.owners, config.operators, config.viewers), frozenset(config.chats))
        gate.seen.extend(self._earlier)
        self._seen = gate.seen
        desk = Desk(operator, self.outbox, self._folder, self._clock, picture)
        service = TelegramService(
            Settings(self._token, config.base_url), gate, desk, self._clock, self._safely
        )
        desk.figures = lambda: {**self.lag.figures(), **service.figures()}
        return service

    def _safely(self, what: str, detail: Mapping[str, Any]) -> None:
        """Warn without the token, whatever the library said."""

        def clean(value: Any) -> Any:
            return value.replace(self._token, "[redacted]") if isinstance(value, str) else value

        self._warn(what, {name: clean(value) for name, value in detail.items()})
