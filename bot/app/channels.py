"""The ways alerts reach people, built from the configuration: Telegram's courier and Apprise URLs.

Each has an outbox of its own: what one cannot deliver holds no other up.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bot.app.config import NotifyConfig, TelegramConfig
from bot.app.secrets import TELEGRAM_TOKEN, read_secret
from bot.core.alerts import Alert, Urgency
from bot.core.clock import Clock
from bot.core.errors import BadConfig
from bot.operate.outbox import Outbox

if TYPE_CHECKING:
    from bot.notify.service import NotifyService

URLS = "LOPSIDE_NOTIFY_URLS"
UNREACHED_S = 30.0
_NOBODY = "http://127.0.0.1:9"  # the discard service: no connection comes about
Warn = Callable[[str, Mapping[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Access:
    """What a configuration lets us speak with; "" and () where nothing is set up. Holds secrets."""

    telegram: TelegramConfig
    token: str
    urls: tuple[str, ...]
    least: Urgency

    @property
    def speaks(self) -> bool:
        """Whether anybody is told anything."""
        return bool(self.token or self.urls)

    def clean(self, text: str) -> str:
        """The text without the secrets of the channels."""
        for secret in (self.token, *self.urls):
            text = text.replace(secret, "[redacted]") if secret else text
        return text


def access_to(telegram: TelegramConfig, notify: NotifyConfig) -> Access:
    """Reads the secrets. Raises BadConfig where one is there and nobody who may use it."""
    token = read_secret(TELEGRAM_TOKEN, telegram.token_file)
    if token and not (telegram.owners or telegram.operators or telegram.viewers):
        raise BadConfig(
            "telegram: a token but nobody who may use it; put your numeric user id under telegram.owners"
        )
    urls = tuple(read_secret(URLS, notify.urls_file).split())
    return Access(telegram, token, urls, Urgency[notify.least.upper()])


def notify_service(
    access: Access, outbox: Outbox, clock: Clock, warn: Warn, session: str
) -> NotifyService | None:
    """None without URLs. Raises BadConfig on one that is none, or without the library."""
    if not access.urls:
        return None
    try:
        from bot.notify.service import NotifyService
    except ImportError:
        raise BadConfig("notify: its library is missing; pip install 'lopside[notify]'") from None
    return NotifyService(access.urls, outbox, clock, warn, session=session)


def load_telegram() -> None:
    """With what its transport would load at the first connection. Raises BadConfig without the library."""
    try:
        import bot.telegram.service  # noqa: F401
    except ImportError:
        raise BadConfig("telegram: its library is missing; pip install 'lopside[telegram]'") from None
    with ThreadPoolExecutor(1) as another_loop:
        another_loop.submit(asyncio.run, _knock()).result()


async def _knock() -> None:
    from telegram import Bot
    from telegram.error import TelegramError
    from telegram.request import HTTPXRequest

    transport = HTTPXRequest(httpx_kwargs={"verify": False, "trust_env": False})
    async with transport:
        with contextlib.suppress(TelegramError):
            await Bot("1:nobody", _NOBODY, request=transport).get_me()


class Megaphone:
    """Speaks only, for a process beside the bot: posts reach every channel while `run` runs."""

    def __init__(self, access: Access, clock: Clock, warn: Warn, session: str) -> None:
        self._access = access
        self._clock = clock
        self._warn = warn
        self._telegram = Outbox(access.telegram.deliveries)
        self._others = Outbox()
        self._notify = notify_service(access, self._others, clock, warn, session)

    @property
    def waiting(self) -> int:
        """Alerts that not everybody has yet."""
        return len(self._telegram) + len(self._others)

    def post(self, alert: Alert) -> None:
        if self._access.token:
            self._telegram.post(alert)
        if self._notify is not None:
            self._others.post(alert)

    async def run(self) -> None:
        """Until cancelled. A token that is refused is warned of, and tried again."""
        work: list[Awaitable[None]] = []
        if self._access.token:
            work.append(self._speak())
        if self._notify is not None:
            work.append(self._notify.run())
        await asyncio.gather(*work)

    async def _speak(self) -> None:
        from telegram import Bot
        from telegram.error import TelegramError

        from bot.telegram.courier import Courier
        from bot.telegram.gate import Gate, roles_of

        logging.getLogger("httpx").setLevel(logging.WARNING)  # it writes URLs with the token
        config = self._access.telegram
        base = config.base_url.rstrip("/")
        gate = Gate(roles_of(config.owners, config.operators, config.viewers), frozenset(config.chats))
        courier = Courier(self._telegram, gate.targets, self._clock, self._warn)
        while True:
            bot = Bot(self._access.token, base_url=f"{base}/bot") if base else Bot(self._access.token)
            with contextlib.suppress(TelegramError):
                async with bot:
                    await courier.run(bot)
            await asyncio.sleep(UNREACHED_S)
