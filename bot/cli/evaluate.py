"""`evaluate`: what signals and detectors are worth on tapes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bot.cli.options import AsJson
from bot.cli.output import console, print_json, progress, tell


def evaluate(
    tapes: Annotated[
        list[Path],
        typer.Argument(metavar="TAPE...", help="Tapes, one after the other.", show_default=False),
    ],
    truth: Annotated[
        Path | None,
        typer.Option(
            "--truth",
            metavar="FILE",
            help="What was planted: the truth.jsonl of the demo session that recorded the tape.",
        ),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Also write a page with plots (needs matplotlib)."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Judge signals and detectors: what they explain, what they forecast, how sure that is.

    Trades nothing. With --truth also precision, recall, latency and false alarms of the detectors.
    """
    from bot.app.evaluate import evaluate as run

    if html is not None:
        from bot.evaluation.charts import require_matplotlib

        require_matplotlib()
    with progress("evaluating") as advance:
        found = run(tapes, truth, advance)
    if html is not None:
        from bot.evaluation.page import write_page

        write_page(found, html)
        tell(f"{html}: written")
    if as_json:
        print_json(found.to_json())
        return
    from bot.cli.evaluation_view import show_evaluation

    show_evaluation(console(), found)
