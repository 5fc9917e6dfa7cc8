"""Carries the outbox to Telegram: paced, with flood waits, plain where formatting fails, each chat once.

It only speaks; who listens is `bot.telegram.service`. So the watchdog may use
the same token beside a running bot.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from telegram import Bot, InlineKeyboardMarkup
from telegram import Message as Sent
from telegram.error import BadRequest, Forbidden, RetryAfter, TelegramError

from bot.core.alerts import AlertKind, Delivery
from bot.core.clock import Clock
from bot.core.errors import BadInput
from bot.core.units import NS_PER_S
from bot.operate.outbox import Outbox, Post
from bot.telegram.message import LONGEST, Message, Picture, no_picture

PACE_S = 1.05
"""Between two messages to one chat; Telegram asks for about one a second (core.telegram.org/bots/faq)."""
LOOK_S = 0.25
os.environ.setdefault("PTB_TIMEDELTA", "true")
"""The library's way to ask for durations as `timedelta` now, as its next major version gives them."""
PICTURE_WITHIN_S = 4.0
LONGEST_CAPTION = 1024
PICTURED = frozenset((AlertKind.ENTRY, AlertKind.EXIT, AlertKind.STOP, AlertKind.WALL))

Warn = Callable[[str, Mapping[str, Any]], None]


class Courier:
    """`chats` are told everything that the outbox holds."""

    def __init__(
        self,
        outbox: Outbox,
        chats: Callable[[], Sequence[int]],
        clock: Clock,
        warn: Warn,
        picture: Picture = no_picture,
    ) -> None:
        self._outbox = outbox
        self._chats = chats
        self._clock = clock
        self._warn = warn
        self._picture = picture
        self._spoke_s: dict[int, float] = {}  # loop time of the last message to a chat
        self._reached: dict[int, set[int]] = {}  # chats that have a post already
        self.errors = 0

    async def run(self, bot: Bot) -> None:
        """Empty the outbox, for ever."""
        while True:
            post = self._outbox.next(self._clock.now_ns())
            if post is None:
                await asyncio.sleep(LOOK_S)
            else:
                await self._deliver(bot, post)

    async def _deliver(self, bot: Bot, post: Post) -> None:
        reached = self._reached.setdefault(post.number, set())
        silent = self._outbox.delivery(post.alert.kind) is Delivery.SILENT
        picture = await self._picture_of(post)
        for chat in self._chats():
            if chat in reached:
                continue
            try:
                first, *more = of_alert(post).parts()
                await self.send(bot, chat, first, silent=silent, picture=picture)
                for part in more:
                    await self.send(bot, chat, part, silent=silent)
            except RetryAfter as error:
                self._outbox.failed(post, self._clock.now_ns(), wait_ns(error))
                return
            except (Forbidden, BadRequest) as error:
                # the person has blocked the bot, or the chat is gone: asking again would not help
                self.errors += 1
                self._warn("telegram_chat_refused", {"chat": chat, "reason": said(error)})
            except TelegramError:
                self.errors += 1
                self._outbox.failed(post, self._clock.now_ns())
                return
            reached.add(chat)
        del self._reached[post.number]
        self._outbox.delivered(post)

    async def send(
        self,
        bot: Bot,
        chat: int,
        message: Message,
        *,
        keyboard: InlineKeyboardMarkup | None = None,
        silent: bool = False,
        picture: bytes | None = None,
    ) -> Sent:
        """With formatting; where Telegram does not take that, plain. A picture carries the text below it."""
        await self._pace(chat)
        if picture is not None and len(message.html()) <= LONGEST_CAPTION:
            with contextlib.suppress(BadRequest):  # the text alone, then
                show = partial(bot.send_photo, chat, picture, disable_notification=silent)
                return await show(caption=message.html(), parse_mode="HTML")
        say = partial(bot.send_message, chat, reply_markup=keyboard, disable_notification=silent)
        try:
            return await say(message.html(), parse_mode="HTML")
        except BadRequest:
            return await say(message.plain()[:LONGEST])

    async def _pace(self, chat: int) -> None:
        loop = asyncio.get_running_loop()
        wait_s = self._spoke_s.get(chat, -PACE_S) + PACE_S - loop.time()
        if wait_s > 0.0:
            await asyncio.sleep(wait_s)
        self._spoke_s[chat] = loop.time()

    async def _picture_of(self, post: Post) -> bytes | None:
        """For an alert about a trade or a wall; the text never waits long for it."""
        alert = post.alert
        if post.tries or not alert.symbol or alert.kind not in PICTURED:
            return None
        try:
            async with asyncio.timeout(PICTURE_WITHIN_S):
                return await self._picture(alert.symbol, alert.text.split("\n")[0])
        except (TimeoutError, BadInput):
            return None


def of_alert(post: Post) -> Message:
    title, *lines = post.alert.text.split("\n")
    times = f" (the last of {post.times})" if post.times > 1 else ""
    return Message(title + times, tuple(lines))


def wait_ns(error: RetryAfter) -> int:
    """What a flood wait asks for."""
    wait = error.retry_after
    seconds = wait.total_seconds() if isinstance(wait, timedelta) else float(wait)
    return int(seconds * NS_PER_S)


def said(error: TelegramError) -> str:
    return f"{type(error).__name__}: {error}"
