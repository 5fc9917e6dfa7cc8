"""`tape`: what is on a tape, whether it is sound, its rows, the book at an instant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.cli.options import AsJson, Symbol, TapeFile
from bot.cli.output import print_json, progress, say

if TYPE_CHECKING:
    import numpy as np

    from bot.market.tape import Tape

commands = typer.Typer(help="Look into tapes: recorded or imported streams.", no_args_is_help=True)


@commands.command()
def info(tape: TapeFile, as_json: AsJson = False) -> None:
    """Markets, length and counts, without reading the rows."""
    from bot.market.tape import open_tape

    facts = _facts(open_tape(tape))
    if as_json:
        print_json(facts)
        return
    say(f"{facts['path']}: {facts['rows']:,} rows, {facts['span_s']:,.1f} s, format {facts['version']}")
    say(f"first {facts['first_ns']} ns, last {facts['last_ns']} ns, timers {facts['has_timers']}")
    for instrument in facts["instruments"]:
        say(
            f"{instrument['venue']}:{instrument['symbol']} tick {instrument['tick']}"
            f" lot {instrument['lot']} {instrument['contract']}, settles in {instrument['settle']}"
        )
    for kind, count in facts["counts"].items():
        say(f"{kind:>14} {count:>14,}")


def _facts(tape: Tape) -> dict[str, Any]:
    from bot.market.events import Kind

    first_ns, last_ns = tape.span() or (0, 0)
    return {
        "path": str(tape.path),
        "version": tape.header.version,
        "rows": tape.row_count,
        "first_ns": first_ns,
        "last_ns": last_ns,
        "span_s": (last_ns - first_ns) / 1e9,
        "has_timers": tape.header.has_timers,
        "torn_bytes": tape.torn_bytes,
        "segments": len(tape.segments),
        "instruments": [instrument.to_json() for instrument in tape.header.instruments],
        "counts": {
            kind.name.lower() if isinstance(kind, Kind) else f"kind {kind}": count
            for kind, count in tape.counts_by_kind().items()
        },
        "provenance": dict(tape.header.provenance),
    }


@commands.command()
def verify(
    tape: TapeFile,
    deep: Annotated[
        bool, typer.Option("--deep", help="Rebuild every ladder too; finds crossed books.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Read the whole tape and say what is there and what is wrong; exit code 1 when something is."""
    from dataclasses import asdict

    from bot.market import tape as tapes

    opened = tapes.open_tape(tape)
    with progress("verifying") as advance:
        report = tapes.verify(opened, deep=deep, on_progress=lambda done: advance(done, opened.row_count))
    if as_json:
        print_json(asdict(report) | {"ok": report.ok})
    else:
        say(f"{tape}: {report.rows:,} rows, {report.gap_count} gaps, {report.lost_rows:,.0f} rows lost")
        for market, counts in report.counts.items():
            say(f"{market}: " + ", ".join(f"{count:,} {kind}" for kind, count in counts.items()))
        for finding in report.findings:
            say(f"{'wrong' if finding.fault else 'note'}: {finding.text}")
        say("sound" if report.ok else "not sound")
    if not report.ok:
        raise typer.Exit(1)


@commands.command()
def cat(
    tape: TapeFile,
    first: Annotated[int, typer.Option("--from", metavar="SEQ", help="First row, by its number.")] = 0,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=0, help="Rows at most; 0: all.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Print rows, one a line: tab-separated with a header, or JSON lines."""
    from bot.market.tape import open_tape

    opened = open_tape(tape)
    names = ("seq", "recv_ns", "exch_ns", "market", "kind", "side", "price", "value", "ref", "flags")
    if not as_json:
        say("\t".join(names))
    left = limit or opened.row_count
    for rows in opened.batches(first):
        for row in rows[:left]:
            _print_row(_named(opened, row, names), as_json)
        left -= len(rows)
        if left <= 0:
            return


def _named(tape: Tape, row: np.void, names: tuple[str, ...]) -> dict[str, Any]:
    """A row for people: kind and market by name, price and quantity left in ticks and lots."""
    from bot.market.events import Kind
    from bot.market.tape.verify import market_name

    named = {name: row[name].item() for name in names}
    named["market"] = market_name(tape, named["market"])
    named["kind"] = Kind(named["kind"]).name.lower() if named["kind"] in set(Kind) else str(named["kind"])
    return named


def _print_row(row: dict[str, Any], as_json: bool) -> None:
    import json

    say(json.dumps(row) if as_json else "\t".join(str(value) for value in row.values()))


@commands.command()
def book(
    tape: TapeFile,
    at: Annotated[
        int, typer.Option("--at", metavar="NS", help="Receive time, ns since the epoch.", show_default=False)
    ],
    symbol: Symbol = None,
    as_json: AsJson = False,
) -> None:
    """The ladder after all whole messages received at or before an instant, every level, best first."""
    from bot.app.inspect import book_at

    found = book_at(tape, at, symbol)
    if as_json:
        print_json(found)
        return
    say(f"{found['symbol']} at {at} ns, update {found['update_id']}")
    for price, quantity in reversed(found["asks"][:10]):
        say(f"{'ask':>4} {price:>16} {quantity:>16}")
    for price, quantity in found["bids"][:10]:
        say(f"{'bid':>4} {price:>16} {quantity:>16}")
    say(f"{len(found['bids']):,} bids and {len(found['asks']):,} asks; --json prints all of them")
