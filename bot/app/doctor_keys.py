"""What `lopside doctor` asks with the user's own secrets: Telegram's token and the venue's key."""

from __future__ import annotations

import asyncio

from bot.app.config import Config
from bot.app.findings import Finding, State
from bot.app.secrets import TELEGRAM_TOKEN, read_secret
from bot.core.errors import BadConfig, BadInput, LopsideError

WITHIN_S = 20.0


def telegram(config: Config) -> Finding:
    """Whether Telegram knows the token, and whether anybody may use the bot."""
    settings = config.telegram
    try:
        token = read_secret(TELEGRAM_TOKEN, settings.token_file)
    except BadConfig as error:
        return _bad("telegram", str(error), "alerts and commands need the token")
    if not token:
        advice = f"for alerts and commands get a token from @BotFather and set {TELEGRAM_TOKEN}"
        return Finding("telegram", State.SKIPPED, "no token", advice)
    from bot.app.setup import TelegramAway, bot_name

    try:
        name = bot_name(token, settings.base_url)
    except TelegramAway as error:
        advice = "trading goes on without; the firewall must let api.telegram.org, TCP 443, through"
        return Finding("telegram", State.WARNING, str(error), advice)
    except BadInput as error:
        return _bad("telegram", str(error), f"no session with it starts well; set {TELEGRAM_TOKEN} anew")
    if not (settings.owners or settings.operators or settings.viewers):
        advice = "put your numeric user id under telegram.owners; @userinfobot tells it"
        return _bad("telegram", f"@{name} answers, but nobody may use it", advice)
    return Finding("telegram", State.FINE, f"@{name} answers")


def account(config: Config) -> Finding:
    """Whether the key may trade and cannot withdraw, and the account's mode; as a live session asks."""
    live = config.live
    try:
        key = read_secret("LOPSIDE_API_KEY", live.key_file)
        secret = read_secret("LOPSIDE_API_SECRET", live.secret_file)
    except BadConfig as error:
        return _bad("account", str(error), "live trading needs the key")
    if not key and not secret:
        advice = "paper trading needs no key; live trading reads LOPSIDE_API_KEY and LOPSIDE_API_SECRET"
        return Finding("account", State.SKIPPED, "no key", advice)
    try:
        return Finding("account", State.FINE, _ask(config))
    except LopsideError as error:
        said, _, advice = str(error).rpartition("; ")
        return _bad("account", said or advice, advice if said else "check the key at the venue")
    except TimeoutError:
        return _bad("account", f"no answer within {WITHIN_S:g} s", "try again; the venue may be busy")


def _ask(config: Config) -> str:
    from bot.app.live_account import ACKNOWLEDGEMENT, account_of
    from bot.app.live_markets import live_instruments
    from bot.app.setup import facts_of

    # looking at an account needs no consent to trade with it
    asking = config.with_values({"live.acknowledge": ACKNOWLEDGEMENT, "market.references": ()})
    found = account_of(asking)
    one = live_instruments(asking, asking.market.symbols[:1])
    facts = asyncio.run(asyncio.wait_for(facts_of(found, one), WITHIN_S))
    return facts.words or f"{found.venue}: the key may trade futures and cannot withdraw; one-way mode"


def _bad(what: str, said: str, advice: str) -> Finding:
    return Finding(what, State.BAD, said, advice)
