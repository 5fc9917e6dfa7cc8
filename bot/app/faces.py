"""What a session that runs in real time opens beside its loop: the control socket, Telegram, other channels.

It also listens to the journal and keeps what waits to be told, so that nothing
is lost over a restart. A session that runs as fast as possible opens nothing.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from bot.app.channels import Access, load_telegram, notify_service
from bot.app.lag import LoopLag
from bot.core.alerts import Alert, AlertKind, Delivery
from bot.core.clock import Clock
from bot.core.messages import Denied
from bot.market.instruments import Instrument
from bot.operate.alerting import Alerting
from bot.operate.control import control_path, serve_control
from bot.operate.daily import DailyReport
from bot.operate.operator import Operator
from bot.operate.outbox import Outbox, Post, deliveries_from

if TYPE_CHECKING:
    from bot.notify.service import NotifyService
    from bot.telegram.service import TelegramService

Warn = Callable[[str, Mapping[str, Any]], None]
Picture = Callable[[str, str], Awaitable[bytes | None]]
"""Draws a symbol with a sentence; None where there is nothing to draw, or nothing to draw with."""


class Faces:
    """A `Listener` of the journal. `access` None: nothing is told."""

    def __init__(
        self,
        access: Access | None,
        folder: Path,
        instruments: Sequence[Instrument],
        clock: Clock,
        warn: Warn,
    ) -> None:
        self._access = access
        self._folder = folder
        self._clock = clock
        self._warn = warn
        self.outbox = Outbox({} if access is None else access.telegram.deliveries)  # Telegram's
        self._others = Outbox({} if access is None else deliveries_from(access.least))
        self._notify: NotifyService | None = None
        if access is not None:
            self._notify = notify_service(access, self._others, clock, self._safely, folder.name)
            if access.token:
                load_telegram()  # it takes a quarter of a second, which a running loop must not lose
        self._seen: deque[int] = deque(maxlen=0)
        self._alerting = Alerting(instruments, self._post)
        self._daily = DailyReport()
        self.on_trade: Callable[[Mapping[str, Any]], None] | None = None  # hears of trades first
        self.lag = LoopLag()
        self._earlier: list[int] = []

    @property
    def speaks(self) -> bool:
        """Whether anybody is told anything."""
        return self._access is not None and self._access.speaks

    def _post(self, alert: Alert) -> None:
        if self._access is not None and self._access.token:
            self.outbox.post(alert)
        if self._notify is not None:
            self._others.post(alert)

    def trade(self, row: Mapping[str, Any]) -> None:
        if self.on_trade is not None:
            self.on_trade(row)
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

    def wall(self, row: Mapping[str, Any]) -> None:
        self._alerting.wall(row)

    def tick(self, now_ns: int, equity_e8: Mapping[str, int]) -> None:
        """Every 10 s of market time."""
        alert = self._daily.look(now_ns, equity_e8)
        if alert is not None:
            self._post(alert)

    def kept(self) -> dict[str, Any]:
        """What the next start continues from, in plain JSON types."""
        waiting, others = (
            msgspec.json.decode(msgspec.json.encode(box.waiting())) for box in (self.outbox, self._others)
        )
        return {
            "waiting": waiting,
            "others": others,
            "chosen": {kind.value: how.value for kind, how in self.outbox.chosen.items()},
            "muted_until_ns": self.outbox.muted_until_ns,
            "seen": list(self._seen) or self._earlier,
        }

    def restore(self, kept: Mapping[str, Any] | None) -> None:
        """Of a session that speaks; what an older version kept lacks some of it."""
        if kept is None or not self.speaks:
            return
        for box, name in ((self.outbox, "waiting"), (self._others, "others")):
            box.restore(msgspec.convert(kept.get(name, []), list[Post]))
            box.muted_until_ns = kept["muted_until_ns"]
        self.outbox.chosen |= msgspec.convert(kept.get("chosen", {}), dict[AlertKind, Delivery])
        self._earlier = list(kept["seen"])

    @asynccontextmanager
    async def open(self, operator: Operator, picture: Picture) -> AsyncIterator[None]:
        """Serve while the block runs. Troubles of channels are warned of and never reach the loop."""
        async with serve_control(operator, control_path(self._folder)):
            watch = asyncio.create_task(self.lag.run(), name="lag")
            opened = (self._telegram(operator, picture), self._notify)
            services = [service for service in opened if service is not None]
            tasks = [asyncio.create_task(service.run()) for service in services]
            ended = "ended"
            try:
                self._say(operator, "started")
                yield
            except BaseException as error:
                ended = f"ended by {type(error).__name__}: {error}"
                raise
            finally:
                watch.cancel()
                self._say(operator, ended)
                await asyncio.gather(*(service.say_goodbye() for service in services))
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    def _say(self, operator: Operator, what: str) -> None:
        """That the session started or ended, and what is open then."""
        now = operator.look()
        names = ", ".join(market.symbol for market in now.markets)
        trades = "; ".join(f"{t.quantity:f} {t.symbol} {t.stage}" for t in now.trades)
        entries = "entries are allowed" if now.accepting else "NO NEW ENTRIES"
        lines = (
            f"{now.session} {what}: {now.kind} on {now.source}",
            names,
            f"open: {trades or 'nothing'}; {entries}",
        )
        text = "\n".join(lines)
        self._post(Alert(AlertKind.SESSION, now.now_ns or self._clock.now_ns(), text, key="session"))

    def _telegram(self, operator: Operator, picture: Picture) -> TelegramService | None:
        if self._access is None or not self._access.token:
            return None
        access, config = self._access, self._access.telegram
        from bot.telegram.commands import Desk
        from bot.telegram.gate import Gate, roles_of
        from bot.telegram.service import Settings, TelegramService

        gate = Gate(roles_of(config.owners, config.operators, config.viewers), frozenset(config.chats))
        gate.seen.extend(self._earlier)
        self._seen = gate.seen
        desk = Desk(operator, self.outbox, self._folder, self._clock, picture)
        desk.others, desk.clean = (self._others,), access.clean
        service = TelegramService(
            Settings(access.token, config.base_url), gate, desk, self._clock, self._safely
        )
        others = dict if self._notify is None else self._notify.figures
        desk.figures = lambda: {**self.lag.figures(), **service.figures(), **others()}
        return service

    def _safely(self, what: str, detail: Mapping[str, Any]) -> None:
        """Warn without secrets, whatever a library said."""

        def clean(value: Any) -> Any:
            return self._access.clean(value) if self._access and isinstance(value, str) else value

        self._warn(what, {name: clean(value) for name, value in detail.items()})
