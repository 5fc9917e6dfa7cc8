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
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from telegram import CallbackQuery, InlineKeyboardButton, InlineKeyboardMarkup, Update
from telegram.error import Conflict, InvalidToken, RetryAfter, TelegramError
from telegram.ext import Application, ApplicationBuilder, ContextTypes, TypeHandler
from telegram.request import HTTPXRequest

from bot.core.clock import Clock
from bot.core.units import NS_PER_S
from bot.operate.authority import Actor
from bot.operate.confirming import Proposal
from bot.telegram.commands import Desk, Reply, answered, obey
from bot.telegram.courier import LOOK_S, Courier, Warn, said, wait_ns
from bot.telegram.gate import Gate
from bot.telegram.message import Message

LONGEST_PAUSE_S = 60.0
POLL_S = 25
LONGEST_FLOOD_S = 30.0
GOODBYE_S = 5.0
DO, LEAVE = "do:", "leave"


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
            "telegram_errors": self.errors + self._courier.errors,
            "telegram_conflicts": self.conflicts,
        }

    async def run(self) -> None:
        """Start, and start again after errors of the network, until cancelled."""
        pause_s = 1.0
        while True:
            try:
                async with self._started() as app:
                    pause_s = 1.0
                    self._connected = True
                    await self._courier.run(app.bot)
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
                while self._connected and self._outbox.next(self._clock.now_ns()) is not None:
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
        try:
            if update.callback_query is not None:
                await self._pressed(actor, update.callback_query, context, chat.id)
            elif update.message is not None and update.message.text:
                await self._answer(context, chat.id, await obey(self._desk, actor, update.message.text))
        except TelegramError:
            self.errors += 1  # the answer is lost, what was asked is done and audited

    async def _pressed(
        self, actor: Actor, pressed: CallbackQuery, context: ContextTypes.DEFAULT_TYPE, chat: int
    ) -> None:
        data = pressed.data or ""
        with contextlib.suppress(TelegramError):
            await pressed.answer()
        with contextlib.suppress(TelegramError):
            await pressed.edit_message_reply_markup(None)
        if data.startswith(DO):
            await self._answer(
                context, chat, answered(await self._desk.operator.confirm(actor, data.removeprefix(DO)))
            )
        elif data == LEAVE:
            await self._answer(context, chat, Message("Left alone"))

    async def _answer(self, context: ContextTypes.DEFAULT_TYPE, chat: int, reply: Reply) -> None:
        """A short flood wait is waited for once: who asked is waiting too."""
        try:
            await self._reply(context, chat, reply)
        except RetryAfter as error:
            wait_s = wait_ns(error) / NS_PER_S
            if wait_s > LONGEST_FLOOD_S:
                raise
            await asyncio.sleep(wait_s)
            await self._reply(context, chat, reply)

    async def _reply(self, context: ContextTypes.DEFAULT_TYPE, chat: int, reply: Reply) -> None:
        if isinstance(reply, Path):
            with reply.open("rb") as file:
                await context.bot.send_document(chat, file, filename=reply.name)
        elif isinstance(reply, bytes):
            await context.bot.send_photo(chat, reply)
        elif isinstance(reply, Proposal):
            shown = Message("Sure?", (reply.preview, f"code {reply.code}, good for a minute"))
            buttons = [
                InlineKeyboardButton("Do it", callback_data=DO + reply.code),
                InlineKeyboardButton("Leave it", callback_data=LEAVE),
            ]
            await self._courier.send(context.bot, chat, shown, keyboard=InlineKeyboardMarkup([buttons]))
        else:
            for part in reply.parts():
                await self._courier.send(context.bot, chat, part)


async def _stopped(app: Application[Any, Any, Any, Any, Any, Any]) -> None:
    """In the order the library asks for; what never started has nothing to stop."""
    if app.updater is not None and app.updater.running:
        await app.updater.stop()
    if app.running:
        await app.stop()
    with contextlib.suppress(TelegramError, RuntimeError):
        await app.shutdown()
