"""`pause`, `resume`, `mode`, `close`, `flatten` and so on: what a person tells a running session."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.cli.options import AsJson, ConfigFile, Session, load_config
from bot.cli.output import print_json, say, tell

if TYPE_CHECKING:
    from bot.operate.control import ControlClient

Yes = Annotated[bool, typer.Option("--yes", help="Do not ask for the code: this is meant.")]
OneSymbol = Annotated[str, typer.Argument(metavar="SYMBOL", help="The market.", show_default=False)]
AnySymbol = Annotated[
    str | None, typer.Argument(metavar="[SYMBOL]", help="The market; none: all.", show_default=False)
]


def pause(session: Session = None, as_json: AsJson = False, config: ConfigFile = None) -> None:
    """Stop entries of the running session; open trades are managed on. Survives a restart."""
    tell_the_bot("pause", "", config, session, as_json)


def resume(session: Session = None, as_json: AsJson = False, config: ConfigFile = None) -> None:
    """Allow entries again."""
    tell_the_bot("resume", "", config, session, as_json)


def arm(
    hours: Annotated[int, typer.Argument(metavar="HOURS", help="Whole hours.", show_default=False)],
    session: Session = None,
    as_json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """Allow entries for so many hours; the session pauses by itself then."""
    tell_the_bot("arm", str(hours), config, session, as_json)


def disarm(session: Session = None, as_json: AsJson = False, config: ConfigFile = None) -> None:
    """Stop entries and cancel those that wait; open trades are managed on."""
    tell_the_bot("disarm", "", config, session, as_json)


def mode(
    modes: Annotated[
        list[str], typer.Argument(metavar="MODE...", help="scalp, day, swing.", show_default=False)
    ],
    session: Session = None,
    as_json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """Set the modes that may enter; trades of the others are managed on. Survives a restart."""
    tell_the_bot("mode", ",".join(modes), config, session, as_json)


def restart(
    strategy: Annotated[str, typer.Argument(metavar="STRATEGY", help="Its name.", show_default=False)],
    session: Session = None,
    yes: Yes = False,
    as_json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """Ask a strategy again that was switched off because it raised; asks for a code first."""
    tell_the_bot("restart", strategy, config, session, as_json, yes)


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The copy to write.", show_default=False)],
    session: Session = None,
    config: ConfigFile = None,
) -> None:
    """Copy a session's database, also while it runs."""
    from bot.cli.reporting import session_database
    from bot.core.errors import BadInput

    if file.exists():
        raise BadInput(f"{file} is there already; name another file")
    with session_database(load_config(config, session__name=session)) as database:
        database.backup(file)
    tell(f"{file}: {file.stat().st_size / 1e6:.1f} MB")


def cancel(
    symbol: AnySymbol = None, session: Session = None, as_json: AsJson = False, config: ConfigFile = None
) -> None:
    """Cancel entries that wait; positions, stops and targets stay."""
    tell_the_bot("cancel", symbol or "", config, session, as_json)


def close(
    symbol: OneSymbol,
    session: Session = None,
    yes: Yes = False,
    as_json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """Close the open trade of a symbol at the market; shows it and asks for a code first."""
    tell_the_bot("close", symbol, config, session, as_json, yes)


def flatten(
    session: Session = None, yes: Yes = False, as_json: AsJson = False, config: ConfigFile = None
) -> None:
    """Close every trade at the market and stop entries; shows them and asks for a code first."""
    tell_the_bot("flatten", "", config, session, as_json, yes)


def adopt(
    symbol: OneSymbol,
    session: Session = None,
    yes: Yes = False,
    as_json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """Manage an unknown position of a live account as a trade of ours; asks for a code first."""
    tell_the_bot("adopt", symbol, config, session, as_json, yes)


def ignore(
    symbol: OneSymbol,
    session: Session = None,
    yes: Yes = False,
    as_json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """Leave an unknown position of a live account alone, without our stop; asks for a code first."""
    tell_the_bot("ignore", symbol, config, session, as_json, yes)


def listens(config: Any, session: Any) -> bool:
    """Whether the session runs and takes commands."""
    from bot.operate.control import control_path
    from bot.store.database import session_folder

    settings = load_config(config, session__name=session)
    return control_path(session_folder(settings.storage.folder, settings.session.name)).exists()


def tell_the_bot(
    verb: str, subject: str, config: Any, session: Any, as_json: bool, yes: bool = False
) -> None:
    from bot.operate.control import ControlClient
    from bot.store.database import session_folder

    settings = load_config(config, session__name=session)
    with ControlClient(session_folder(settings.storage.folder, settings.session.name)) as bot:
        answer = _answered(bot, bot.call(do="ask", verb=verb, subject=subject), yes)
    if as_json:
        print_json(answer)
    else:
        say(answer["text"])
    if not answer["done"]:
        raise typer.Exit(1)


def _answered(bot: ControlClient, reply: dict[str, Any], yes: bool) -> dict[str, Any]:
    """The answer; a proposal is shown and confirmed first."""
    proposal = reply.get("proposal")
    if proposal is not None:
        tell(proposal["preview"])
        code = proposal["code"] if yes else typer.prompt(f"type {proposal['code']} to do it", err=True)
        reply = bot.call(do="confirm", code=code)
    answer: dict[str, Any] = reply["answer"]
    return answer
