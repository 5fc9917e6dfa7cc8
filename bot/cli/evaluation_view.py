"""An evaluation for people: tables on a console."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.table import Table

from bot.app.durations import format_duration
from bot.evaluation.tables import CAUTION, significance, tables

if TYPE_CHECKING:
    from rich.console import Console

    from bot.evaluation.evaluation import Evaluation


def show_evaluation(out: Console, found: Evaluation) -> None:
    """Every table, then what is left when all tests are counted."""
    out.print(f"[bold]{', '.join(found.markets)}[/], {format_duration(found.span_s)} of market time")
    for table in tables(found):
        out.print()
        out.print(f"[bold]{table.title}[/]\n{table.note}")
        shown = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
        for k, name in enumerate(table.columns):
            shown.add_column(name, justify="left" if k < table.names else "right", overflow="fold")
        for row in table.rows:
            shown.add_row(*(cell.replace("[", r"\[") for cell in row))
        out.print(shown)
    out.print()
    out.print(significance(found), markup=False)
    out.print(CAUTION)
