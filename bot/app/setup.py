"""First-run set-up: checks each answer where it can be checked, then writes configuration and secrets.

Nothing stays written before all is answered; secret files are readable by their owner only.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from bot.app.config import load
from bot.app.config_text import chosen
from bot.core.errors import BadInput
from bot.market.instruments import Instrument

if TYPE_CHECKING:
    from bot.app.live_checks import AccountFacts
    from bot.execution.ccxt_broker import Account

SECRETS = "secrets"
POLL_S = 10


@dataclass(slots=True)
class Answers:
    """Dotted configuration keys, and secrets by the key that names their file."""

    values: dict[str, Any] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)


def write(file: Path, answers: Answers) -> list[Path]:
    """The configuration, commented, and a file for each secret; what was written. Raises BadConfig."""
    folder = file.resolve().parent / SECRETS
    config = load(environ={}, overrides={**answers.values, **_kept(answers, folder)})
    file.touch(mode=0o600)
    file.write_text(chosen(config))
    return [file, *sorted(folder.iterdir())] if answers.secrets else [file]


def _kept(answers: Answers, folder: Path) -> dict[str, str]:
    """Write each secret into a private file of the folder; configuration key to path."""
    if answers.secrets:
        folder.mkdir(mode=0o700, exist_ok=True)
    named = {}
    for key, secret in answers.secrets.items():
        path = folder / key.replace(".", "_").removesuffix("_file")
        path.touch(mode=0o600)
        path.chmod(0o600)
        path.write_text(secret + "\n")
        named[key] = str(path)
    return named


class TelegramAway(BadInput):
    """Telegram cannot be reached: nothing is said about the token."""


def bot_name(token: str, base_url: str = "") -> str:
    """Telegram's name of the bot behind a token. Raises BadInput in words."""
    return asyncio.run(_bot_name(token, base_url))


async def _bot_name(token: str, base_url: str) -> str:
    from telegram.error import InvalidToken, TelegramError

    bot = _telegram(token, base_url)
    try:
        async with bot:
            return str(bot.username)
    except InvalidToken:
        raise BadInput("Telegram does not know this token; copy it from BotFather once more") from None
    except TelegramError as error:
        raise TelegramAway(f"Telegram cannot be reached: {_clean(error, token)}") from None


def first_writer(token: str, base_url: str = "", within_s: float = 120.0) -> tuple[int, str]:
    """User id and name of the next person who writes to the bot. Raises BadInput when nobody does."""
    return asyncio.run(_first_writer(token, base_url, within_s))


async def _first_writer(token: str, base_url: str, within_s: float) -> tuple[int, str]:
    from telegram.error import TelegramError

    bot = _telegram(token, base_url)
    try:
        async with bot, asyncio.timeout(within_s):
            offset = None
            while True:
                for update in await bot.get_updates(offset, timeout=POLL_S, allowed_updates=["message"]):
                    offset = update.update_id + 1
                    if update.effective_user is not None:
                        await bot.get_updates(offset, timeout=0)  # tells Telegram it was read
                        return update.effective_user.id, update.effective_user.full_name
    except TimeoutError:
        raise BadInput(f"nobody wrote to the bot within {within_s:.0f} s") from None
    except TelegramError as error:
        raise TelegramAway(f"Telegram cannot be reached: {_clean(error, token)}") from None


def _telegram(token: str, base_url: str) -> Any:
    try:
        from telegram import Bot
    except ImportError:
        raise BadInput("the Telegram library is missing: pip install 'lopside[telegram]'") from None
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it writes URLs with the token
    return Bot(token, base_url=f"{base_url.rstrip('/')}/bot") if base_url else Bot(token)


def _clean(error: Exception, token: str) -> str:
    return str(error).replace(token, "[redacted]")


def check_key(answers: Answers) -> str:
    """What the venue says of the account, in words. Raises BadInput and BadConfig when it will not do."""
    from bot.app.live_account import account_of
    from bot.app.live_markets import live_instruments

    with TemporaryDirectory() as folder:
        config = load(environ={}, overrides={**answers.values, **_kept(answers, Path(folder))})
        instruments, account = live_instruments(config), account_of(config)
    return asyncio.run(facts_of(account, instruments)).words


async def facts_of(account: Account, instruments: Sequence[Instrument]) -> AccountFacts:
    """What the venue tells of an account; changes nothing there. Raises BadInput when it will not do."""
    from bot.app.live_checks import check_account, unreadable
    from bot.core.clock import SystemClock
    from bot.execution.ccxt_broker import CcxtBroker
    from bot.execution.sender import RequestFailed

    broker = CcxtBroker(account, instruments, SystemClock())
    try:
        await broker.start()
        return await check_account(broker)
    except RequestFailed as failed:
        raise unreadable(account.venue, failed) from None
    finally:
        await broker.close()
