"""Telegram in the engine's event loop: long polling in, the courier out. Trading never waits for it.

python-telegram-bot does the protocol. Errors of the network are waited out
with growing pauses; a wrong token ends the service with one clear warning.
Updates are handled at most once, one after the other; strangers get no answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from telegram import Update
from telegram.error import Conflict, InvalidToken, TelegramError
from telegram.ext import Application, ApplicationBuilder, ContextTypes, TypeHandler
from telegram.request import HTTPXRequest

from bot.core.clock import Clock
from bot.operate.authority import Actor
from bot.telegram.answers import DO, LEAVE, Answers
from bot.telegram.commands import Desk, Reply, answered, obey
from bot.telegram.courier import LOOK_S, Courier, Warn, said
from bot.telegram.gate import Gate
from bot.telegram.message import Message

LONGEST_PAUSE_S = 60.0
POLL_S = 25
GOODBYE_S = 5.0


@dataclass(frozen=True, slots=True)
class Settings:
    """`base_url` is another Bot API server than Telegram's own, "" for that one."""

    token: str
    base_url: str = ""


class TelegramService:
    """One bot: polls, answers, delivers. `run` lasts until it is cancelled, or the token is refused."""

    def __init__(self, settings: Settings, gate: Gate, desk: Desk, clock: Clock, warn: Warn) -> None:
        # the library's transport writes whole URLs, token included, into its log
        logging.getLogger("httpx").setLevel(logging.WARNING)
        # a gateway that is down answers no JSON: a traceback each poll, of what is counted and told here
        logging.getLogger("telegram.request").setLevel(logging.CRITICAL)
        self._settings = settings
        self._gate = gate
        self._desk = desk
        self._outbox = desk.outbox
        self._clock = clock
        self._warn = warn
        self._courier = Courier(desk.outbox, gate.targets, clock, warn, lambda *asked: desk.picture(*asked))
        self._answers = Answers(self._courier)
        self._connected = False
        self._tls: ssl.SSLContext | None = None
        self.errors = 0
        self.conflicts = 0

    def figures(self) -> dict[str, Any]:
        """What /health says of this channel."""
        box = self._outbox
        return {
            "alerts_sent": box.sent,
            "alerts_waiting": len(box),
            "alerts_merged": box.merged,
            "alerts_muted": box.muted,
            "alerts_dropped": box.dropped,
            "strangers": self._gate.strangers,
            "telegram_errors": self.errors + self._courier.errors + self._answers.lost,
            "telegram_conflicts": self.conflicts,
        }

    async def run(self) -> None:
        """Start, and start again after errors of the network, until cancelled."""
        pause_s = 1.0
        while True:
            try:
                async with self._started() as app, asyncio.TaskGroup() as tasks:
                    pause_s = 1.0
                    self._connected = True
                    tasks.create_task(self._courier.run(app.bot))
                    tasks.create_task(self._answers.run(app.bot))
            except InvalidToken:
                reason = "Telegram refused the token; the bot trades on without it"
                self._warn("telegram_off", {"reason": reason})
                return
            except TelegramError as error:
                self.errors += 1
                self._warn("telegram_unreachable", {"reason": said(error), "again_in_s": pause_s})
            finally:
                self._connected = False
            await asyncio.sleep(pause_s)
            pause_s = min(2.0 * pause_s, LONGEST_PAUSE_S)

    async def say_goodbye(self) -> None:
        """Give what waits a moment to be told, before the end."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GOODBYE_S):
                while self._connected and (self._answers or self._outbox.next(self._clock.now_ns())):
                    await asyncio.sleep(LOOK_S)

    @asynccontextmanager
    async def _started(self) -> AsyncIterator[Application[Any, Any, Any, Any, Any, Any]]:
        # certificates take tens of milliseconds that the loop must not lose: once, and not in the loop
        self._tls = self._tls or await asyncio.to_thread(httpx.create_ssl_context)
        builder = ApplicationBuilder().token(self._settings.token).job_queue(None).concurrent_updates(False)
        builder = builder.request(self._transport(10.0))
        builder = builder.get_updates_request(self._transport(POLL_S + 10.0, connection_pool_size=1))
        if self._settings.base_url:
            base = self._settings.base_url.rstrip("/")
            builder = builder.base_url(f"{base}/bot").base_file_url(f"{base}/file/bot")
        app = await asyncio.to_thread(builder.build)
        app.add_handler(TypeHandler(Update, self._on_update))
        try:
            await app.initialize()
            await app.start()
            assert app.updater is not None
            await app.updater.start_polling(
                poll_interval=0.0,
                timeout=POLL_S,
                allowed_updates=["message", "callback_query"],
                bootstrap_retries=0,
                error_callback=self._on_error,
            )
            yield app
        finally:
            await _stopped(app)

    def _transport(self, read_timeout: float, **more: Any) -> HTTPXRequest:
        tls = {"verify": self._tls}
        return HTTPXRequest(connect_timeout=5.0, read_timeout=read_timeout, httpx_kwargs=tls, **more)

    def _on_error(self, error: TelegramError) -> None:
        """Of polling; the library itself tries again."""
        self.errors += 1
        if isinstance(error, Conflict):
            self.conflicts += 1
            if self.conflicts == 1:
                reason = "another program reads this bot's messages: stop it, or make a token of its own"
                self._warn("telegram_conflict", {"reason": reason})

    async def _on_update(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """The only door: nothing is looked at before the person is known and the update is new."""
        user, chat = update.effective_user, update.effective_chat
        actor = self._gate.actor(user.id if user else None, chat.id if chat else None)
        if actor is None or chat is None or not self._gate.first_time(update.update_id):
            return
        if update.callback_query is not None:
            self._answers.acknowledge(update.callback_query)
            await self._obey(chat.id, self._pressed(actor, update.callback_query.data or ""))
        elif update.message is not None and update.message.text:
            await self._obey(chat.id, obey(self._desk, actor, update.message.text))

    async def _obey(self, chat: int, deed: Awaitable[Reply | None]) -> None:
        try:
            reply = await deed
        except Exception as error:
            self._warn("telegram_command_failed", {"error": f"{type(error).__name__}: {error}"})
            reply = Message("This went wrong", ("a fault of ours, /logs has it; /status tells what is true",))
        if reply is not None:
            self._answers.say(chat, reply)

    async def _pressed(self, actor: Actor, data: str) -> Reply | None:
        if data.startswith(DO):
            return answered(await self._desk.operator.confirm(actor, data.removeprefix(DO)))
        return Message("Left alone") if data == LEAVE else None


async def _stopped(app: Application[Any, Any, Any, Any, Any, Any]) -> None:
    """In the order the library asks for; what never started has nothing to stop.

    Commands that came too late are not obeyed by a session that ends.
    """
    while not app.update_queue.empty():
        app.update_queue.get_nowait()
        app.update_queue.task_done()
    if app.updater is not None and app.updater.running:
        await app.updater.stop()
    if app.running:
        await app.stop()
    with contextlib.suppress(TelegramError, RuntimeError):
        await app.shutdown()
