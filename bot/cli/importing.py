"""`import`: recordings of others become tapes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.options import AsJson
from bot.cli.output import print_json, progress, say

if TYPE_CHECKING:
    from bot.market.importers.summary import ImportSummary

commands = typer.Typer(help="Turn recordings into tapes.", no_args_is_help=True)


@commands.callback()
def _importers() -> None:
    """Keeps `import` a group while it has one command."""


@commands.command("binance-raw")
def binance_raw(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...", help="Recordings in order of time, .gz or plain.", show_default=False
        ),
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="TAPE", help="The tape to write.", show_default=False)
    ],
    instrument: Annotated[
        list[str] | None,
        typer.Option(
            "--instrument",
            metavar="TEXT",
            help="'venue:SYMBOL,tick=0.1,lot=0.001,...': describe or override one; may be repeated.",
        ),
    ] = None,
    venue: Annotated[
        str,
        typer.Option("--venue", metavar="NAME", help="Market the files come from, when they do not tell."),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Import raw Binance websocket recordings: a receive time and a message a line."""
    from bot.market.importers.binance_raw import import_to_tape
    from bot.market.instruments import parse_override

    overrides = [parse_override(text) for text in instrument or ()]
    with progress("importing") as advance:
        summary = import_to_tape(files, output, venue=venue, instruments=overrides, on_progress=advance)
    if as_json:
        print_json(summary.to_json() | {"tape": str(output)})
    else:
        _show(summary, output)


def _show(summary: ImportSummary, output: Path) -> None:
    markets = ", ".join(instrument.key for instrument in summary.instruments)
    say(f"{output}: {markets}, {summary.rows:,} rows, {summary.span_s:,.1f} s from {summary.lines:,} lines")
    say(", ".join(f"{count:,} {name}" for name, count in summary.messages.items()))
    say(
        f"{summary.level_updates:,} level updates, {summary.trades:,} trades"
        f" ({summary.not_market:,} not of the market), {summary.gaps} gaps,"
        f" {summary.commits:,} commits, {summary.crossed_commits} crossed"
    )
    if summary.malformed:
        say(f"{summary.malformed:,} lines could not be used: " + "; ".join(summary.examples))
    for symbol in summary.never_up:
        say(f"warning: the book of {symbol} never came up: no snapshot fits its changes")
