"""`import`: recordings of others become tapes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.options import AsJson
from bot.cli.output import print_json, progress, say

if TYPE_CHECKING:
    from bot.market.importers.frames import FramesSummary
    from bot.market.importers.summary import ImportSummary

commands = typer.Typer(help="Turn recordings into tapes.", no_args_is_help=True)


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


@commands.command("frames")
def frames(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="Frames that lopside recorded, in order of time, or the files of one cryptofeed recording.",
            show_default=False,
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
        typer.Option(
            "--venue",
            metavar="NAME",
            help="binance, bybit, okx or hyperliquid; frames of lopside say it themselves.",
        ),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Import raw frames of a venue, as `lopside record` or cryptofeed wrote them."""
    from bot.market.importers.frames import import_frames
    from bot.market.instruments import parse_override

    overrides = [parse_override(text) for text in instrument or ()]
    summary = import_frames(files, output, venue=venue, instruments=overrides)
    if as_json:
        print_json(summary.to_json() | {"tape": str(output)})
    else:
        _show_frames(summary, output)


def _show_frames(summary: FramesSummary, output: Path) -> None:
    markets = ", ".join(instrument.key for instrument in summary.instruments)
    status = summary.venue_status
    say(f"{output}: {markets}, {summary.rows:,} rows, {summary.span_s:,.1f} s from {summary.frames:,} frames")
    say(", ".join(f"{count:,} {name}" for name, count in status["messages"].items()))
    say(
        f"{status['level_updates']:,} level updates, {summary.gaps} gaps,"
        f" {summary.commits:,} commits, {summary.crossed_commits} crossed"
    )
    if status["refused"]:
        say(f"{status['refused']:,} frames could not be used: " + "; ".join(status["refusals"]))
    for path in summary.torn:
        say(f"warning: {path} ends too early; what it holds was imported")
    for symbol in summary.never_up:
        say(f"warning: the book of {symbol} never came up: no snapshot fits its changes")


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
