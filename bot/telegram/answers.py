"""What people are told for what they asked: one answer after the other, while the next command is obeyed.

A flood wait, or the pace that Telegram asks for, holds up words only.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from telegram import Bot, CallbackQuery, InlineKeyboardButton, InlineKeyboardMarkup
from telegram.error import RetryAfter, TelegramError

from bot.core.units import NS_PER_S
from bot.operate.confirming import Proposal
from bot.telegram.commands import Reply
from bot.telegram.courier import Courier, wait_ns
from bot.telegram.message import Message

LONGEST_FLOOD_S = 30.0
MOST_WAITING = 50
DO, LEAVE = "do:", "leave"
_Word = Callable[[Bot], Awaitable[object]]


class Answers:
    """Filled by whoever obeys; `run` says them. One that does not get through is lost, and counted:
    what was asked is done and audited."""

    def __init__(self, courier: Courier) -> None:
        self._courier = courier
        self._waiting: deque[_Word] = deque()
        self._came = asyncio.Event()
        self._saying = False
        self.lost = 0

    def __len__(self) -> int:
        return len(self._waiting) + self._saying

    def say(self, chat: int, reply: Reply) -> None:
        self._add(partial(self._reply, chat, reply))

    def acknowledge(self, pressed: CallbackQuery) -> None:
        """That a button was pressed: it stops turning, and goes."""
        self._add(lambda bot: pressed.answer())
        self._add(lambda bot: pressed.edit_message_reply_markup(None))

    async def run(self, bot: Bot) -> None:
        """For ever."""
        while True:
            while not self._waiting:
                self._came.clear()
                await self._came.wait()
            word = self._waiting.popleft()
            self._saying = True
            try:
                await _said(word, bot)
            except (TelegramError, OSError):  # a file may be gone again
                self.lost += 1
            finally:
                self._saying = False

    def _add(self, word: _Word) -> None:
        if len(self._waiting) == MOST_WAITING:
            self._waiting.popleft()
            self.lost += 1
        self._waiting.append(word)
        self._came.set()

    async def _reply(self, chat: int, reply: Reply, bot: Bot) -> None:
        if isinstance(reply, Path):
            with reply.open("rb") as file:
                await bot.send_document(chat, file, filename=reply.name)
        elif isinstance(reply, bytes):
            await bot.send_photo(chat, reply)
        elif isinstance(reply, Proposal):
            shown = Message("Sure?", (reply.preview, f"code {reply.code}, good for a minute"))
            buttons = [
                InlineKeyboardButton("Do it", callback_data=DO + reply.code),
                InlineKeyboardButton("Leave it", callback_data=LEAVE),
            ]
            await self._courier.send(bot, chat, shown, keyboard=InlineKeyboardMarkup([buttons]))
        else:
            for part in reply.parts():
                await self._courier.send(bot, chat, part)


async def _said(word: _Word, bot: Bot) -> None:
    """A short flood wait is waited for once: who asked is waiting too."""
    try:
        await word(bot)
    except RetryAfter as error:
        wait_s = wait_ns(error) / NS_PER_S
        if wait_s > LONGEST_FLOOD_S:
            raise
        await asyncio.sleep(wait_s)
        await word(bot)
