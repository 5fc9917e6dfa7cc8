"""`risk`: how the limits of a session stand, and the operator's reset of one that waits for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.cli.operate import Yes, listens, tell_the_bot
from bot.cli.options import AsJson, ConfigFile, Session, load_config
from bot.cli.output import console, print_json, say
from bot.cli.reporting import session_database

if TYPE_CHECKING:
    from rich.console import Console

commands = typer.Typer(
    help="How the limits of a session stand (alone: `risk show`), and resets.", invoke_without_command=True
)


@commands.callback()
def _alone(
    context: typer.Context, session: Session = None, as_json: AsJson = False, config: ConfigFile = None
) -> None:
    """Without a further word, how they stand."""
    if context.invoked_subcommand is None:
        show(session, as_json, config)
    elif session is not None or as_json or config is not None:
        from bot.core.errors import BadInput

        raise BadInput(
            f"give options after the word: lopside risk {context.invoked_subcommand} --session ..."
        )


@commands.command("show")
def show(session: Session = None, as_json: AsJson = False, config: ConfigFile = None) -> None:
    """Every limit: present value, limit, whether it is broken, what it blocks and when it resets."""
    from bot.store.risk_report import risk_report

    with session_database(load_config(config, session__name=session)) as database:
        made = risk_report(database)
    if as_json:
        print_json(made)
        return
    _show(console(), made)


@commands.command("reset")
def reset(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="The limit: drawdown, stops_failing or cool_down.", show_default=False
        ),
    ],
    session: Session = None,
    yes: Yes = False,
    as_json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """End a broken limit; after a drawdown the peak counts anew from now. A running session wants a code."""
    if listens(config, session):
        tell_the_bot("reset", name, config, session, as_json, yes)
        return
    from bot.app.risk_reset import reset_kept
    from bot.core.clock import SystemClock

    settings = load_config(config, session__name=session)
    detail = reset_kept(settings, name, SystemClock())
    if as_json:
        print_json(detail)
        return
    say(f"{name} reset for {', '.join(detail['ended'])}; entries are judged again at the next start")


def _show(out: Console, made: dict[str, Any]) -> None:
    from rich.table import Table

    from bot.operate.words import clock, figure_of

    out.print(f"[bold]Session {made['session']}[/], as of {clock(made['at_ns'])}")
    broken = [row for row in made["limits"] if row["broken"]]
    for row in broken:
        since = f" since {clock(row['since_ns'])}" if row["since_ns"] else ""
        out.print(
            f"[red]broken[/] {row['name']} {row['subject']}{since}:"
            f" {figure_of(row['value'], row['unit'])}, limit {figure_of(row['limit'], row['unit'])};"
            f" blocks {row['blocks']}; resets {row['resets']}"
        )
    if not broken:
        out.print("No limit is broken: entries are judged on their merits.")
    out.print("Exits, stops and targets are blocked by none of them.")
    table = Table(box=None, header_style="dim")
    for heading in ("limit", "of", "now", "", "allowed", "blocks", "resets"):
        table.add_column(heading, justify="right" if heading in ("now", "allowed") else "left")
    for row in made["limits"]:
        table.add_row(
            row["name"],
            row["subject"] or "all",
            figure_of(row["value"], row["unit"]),
            row["sense"],
            figure_of(row["limit"], row["unit"]),
            row["blocks"].split(",")[0].split(";")[0],
            row["resets"].split(",")[0],
            style="red" if row["broken"] else None,
        )
    out.print(table)
    for event in made["events"]:
        out.print(f"{clock(event['now_ns'])} {event['what']} {event['detail']}", style="dim")
