"""`init`: asks what is needed, checks each answer, writes the configuration, and starts a paper session."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.cli.output import say

if TYPE_CHECKING:
    from bot.app.setup import Answers

VENUES = ("binance", "bybit", "okx", "hyperliquid")


def init(
    config: Annotated[
        Path, typer.Option("--config", metavar="FILE", help="The configuration file to write.")
    ] = Path("config.yaml"),
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    url: Annotated[
        str, typer.Option("--url", metavar="VENUE=URL", help="Another server in the venue's place.")
    ] = "",
    telegram_url: Annotated[
        str, typer.Option("--telegram-url", metavar="URL", help="Another Bot API server than Telegram's.")
    ] = "",
) -> None:
    """Set Lopside up by questions: market, Telegram, exchange keys; ends with a paper session."""
    from bot.app.setup import Answers, write
    from bot.core.errors import BadInput

    if config.exists() and not force:
        raise BadInput(f"{config} is there already; use it, name another with --config, or add --force")
    answers = Answers()
    _ask_market(answers, url)
    if typer.confirm("Alerts and commands on Telegram?", default=False):
        _again(lambda: _ask_telegram(answers, telegram_url))
    if answers.values["market.source"] == "live" and typer.confirm(
        "Prepare trading on an account? (Nothing is traded before `lopside live`.)", default=False
    ):
        _again(lambda: _ask_keys(answers))
    for path in write(config, answers):
        say(f"wrote {path}")
    say(f"paper trading:  lopside paper --config {config}")
    if "live.key_file" in answers.secrets:
        say("trading the account: see docs/trading.md; it begins paused, and asks for an acknowledgement")
    if typer.confirm("Start a paper session now?", default=True):
        _start(config)


def _start(config: Path) -> None:
    from bot.cli.main import main

    raise typer.Exit(main(["paper", "--config", str(config)]))


def _ask_market(answers: Answers, url: str) -> None:
    where = _choice("Market: demo (built in, no network) or a venue", ("demo", *VENUES), "demo")
    answers.values["market.source"] = "demo" if where == "demo" else "live"
    if where == "demo":
        return
    answers.values["market.venue"] = where
    if url:
        answers.values["market.urls"] = url
    symbols = typer.prompt("Symbols, separated by commas", default="BTCUSDT,ETHUSDT,SOLUSDT")
    answers.values["market.symbols"] = symbols


def _ask_telegram(answers: Answers, base_url: str) -> None:
    """Token, then the person: whoever writes to the bot next, if that is confirmed."""
    from bot.app.setup import bot_name, first_writer
    from bot.core.errors import BadInput

    token = typer.prompt("Token of your bot, from BotFather", hide_input=True).strip()
    name = bot_name(token, base_url)
    say(f"This is @{name}. Write it any message now ...")
    user, person = first_writer(token, base_url)
    if not typer.confirm(f"{person} (id {user}) wrote. Is that you, the owner?", default=True):
        raise BadInput("somebody else wrote to the bot")
    answers.secrets["telegram.token_file"] = token
    answers.values["telegram.owners"] = [user]
    if base_url:
        answers.values["telegram.base_url"] = base_url


def _ask_keys(answers: Answers) -> None:
    """Key and secret, and what the venue says of them."""
    from bot.app.setup import check_key

    account = _choice("Account: test (the venue's demo world) or live (real money)", ("test", "live"), "test")
    answers.values["live.account"] = account
    answers.secrets["live.key_file"] = typer.prompt("Key (wallet address on Hyperliquid)").strip()
    answers.secrets["live.secret_file"] = typer.prompt("Secret", hide_input=True).strip()
    if answers.values["market.venue"] == "okx":
        answers.secrets["live.passphrase_file"] = typer.prompt("Passphrase", hide_input=True).strip()
    try:
        said = check_key(answers)
    except BaseException:
        for key in [k for k in answers.secrets if k.startswith("live.")]:
            del answers.secrets[key]
        raise
    say(f"the account answers: {said or 'the key may trade and cannot withdraw'}")


def _again(ask: Callable[[], Any]) -> None:
    """Ask until it is right, or the person leaves it for later."""
    from bot.core.errors import LopsideError

    while True:
        try:
            return ask()
        except LopsideError as error:
            say(f"{error}")
            if not typer.confirm("Try again?", default=True):
                return None


def _choice(text: str, known: tuple[str, ...], default: str) -> str:
    while True:
        word = str(typer.prompt(f"{text} [{', '.join(known)}]", default=default)).strip().lower()
        if word in known:
            return word
        say(f"expected one of {', '.join(known)}, was {word!r}")
