"""`features` and `signals`: what the bot sees on a tape, for research."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.cli.options import AsJson, Symbol, TapeFile
from bot.cli.output import say, tell

if TYPE_CHECKING:
    from collections.abc import Iterator

CHUNK_ROWS = 20_000


def features(
    tape: TapeFile,
    output: Annotated[
        Path,
        typer.Option(
            "-o", "--output", metavar="FILE", help="Table to write: .parquet or .csv.", show_default=False
        ),
    ],
    every: Annotated[
        str, typer.Option("--every", metavar="TIME", help="Grid of market time: 100ms, 1s, 10s.")
    ] = "1s",
) -> None:
    """Write the features of every market on a grid of time as a table."""
    from bot.app.durations import parse_duration_s
    from bot.core.errors import BadInput

    if output.suffix not in _WRITERS:
        raise BadInput(f"-o: expected a file ending in {' or '.join(_WRITERS)}, was {output}")
    every_ns = round(parse_duration_s(every) * 1e9)
    if every_ns <= 0:
        raise BadInput(f"--every: expected a time above 0, was {every!r}")
    from bot.app.inspect import features_table

    written = _write_whole(output, features_table(tape, every_ns))
    tell(f"{output}: {written:,} rows")


def signals(tape: TapeFile, as_json: AsJson = False) -> None:
    """Print the card readings and composites of every 10 s, one line a market and tick."""
    from bot.app.inspect import signal_lines

    for line in signal_lines(tape):
        say(json.dumps(_finite(line), default=str) if as_json else _in_words(line))


def plot(
    tape: TapeFile,
    output: Annotated[
        Path,
        typer.Option("-o", "--output", metavar="FILE", help="The PNG to write.", show_default=False),
    ],
    symbol: Symbol = None,
    at: Annotated[
        int | None, typer.Option("--at", metavar="NS", help="Last time shown, ns (default: the tape's end).")
    ] = None,
    window: Annotated[
        str, typer.Option("--window", metavar="TIME", help="How much is shown: 5m, 1h.")
    ] = "15m",
) -> None:
    """Draw depth over time, walls and flow of a market as a picture."""
    from bot.app.durations import parse_duration_s
    from bot.app.plotting import plot_tape

    window_ns = round(parse_duration_s(window) * 1e9)
    output.write_bytes(plot_tape(tape, symbol, at, window_ns))
    tell(f"{output}: drawn")


def _in_words(line: dict[str, Any]) -> str:
    return " ".join(
        f"{name}={value:+.3f}" if isinstance(value, float) else f"{name}={value}"
        for name, value in line.items()
        if not isinstance(value, dict | list)
    )


def _finite(value: Any) -> Any:
    """nan, which is no JSON, as null."""
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and value != value else value


def _write_whole(output: Path, rows: Iterable[dict[str, Any]]) -> int:
    """Write to a file beside and rename it when it is complete: an error leaves nothing."""
    partial = output.with_name(output.name + ".partial")
    try:
        written = _WRITERS[output.suffix](partial, iter(rows))
        partial.replace(output)
    finally:
        partial.unlink(missing_ok=True)
    return written


def _write_parquet(path: Path, rows: Iterator[dict[str, Any]]) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    written, writer = 0, None
    try:
        while chunk := list(islice(rows, CHUNK_ROWS)):
            # nan stays nan in a column of numbers; only the first chunk decides the types
            table = pa.Table.from_pylist(chunk, schema=writer.schema if writer else None)
            writer = writer or pq.ParquetWriter(path, table.schema, compression="zstd")
            writer.write_table(table)
            written += len(chunk)
        if writer is None:
            pq.write_table(pa.table({}), path)
    finally:
        if writer is not None:
            writer.close()
    return written


def _write_csv(path: Path, rows: Iterator[dict[str, Any]]) -> int:
    import csv

    written, writer = 0, None
    with path.open("w", newline="") as file:
        for row in rows:
            if writer is None:
                writer = csv.DictWriter(file, list(row))
                writer.writeheader()
            writer.writerow(_finite(row))
            written += 1
    return written


_WRITERS = {".parquet": _write_parquet, ".csv": _write_csv}
