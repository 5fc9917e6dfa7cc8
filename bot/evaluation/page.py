"""An evaluation as one static page: tables and plots in a single file, without scripts or outside parts."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape
from pathlib import Path

from bot.evaluation.charts import charts
from bot.evaluation.evaluation import Evaluation
from bot.evaluation.tables import CAUTION, Table, significance, tables

_CSS = """
:root { color-scheme: light dark; --line: #8884; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin: 2.5rem 0 .2rem; }
p.note, figcaption { opacity: .75; margin: .2rem 0 .6rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .85rem; }
th, td { padding: .2rem .7rem .2rem 0; border-bottom: 1px solid var(--line); text-align: right;
  white-space: nowrap; }
th.name, td.name { text-align: left; }
figure { margin: 2rem 0; } figure svg { max-width: 100%; height: auto; }
"""


def page(found: Evaluation) -> str:
    """The HTML. Raises BadInput without matplotlib."""
    begin, end = (datetime.fromtimestamp(ns / 1e9, UTC) for ns in (found.begin_ns, found.end_ns))
    span = f"{begin:%Y-%m-%d %H:%M:%S} to {end:%Y-%m-%d %H:%M:%S} UTC"
    about = f"{', '.join(found.markets)}; {span}; {', '.join(found.tapes)}"
    drawings = "".join(
        f"<figure><figcaption>{escape(caption)}</figcaption>{svg}</figure>" for caption, svg in charts(found)
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Evaluation</title><style>{_CSS}</style></head><body>"
        f"<h1>What the signals are worth</h1><p>{escape(about)}</p>"
        f"<p>{escape(CAUTION)}</p>"
        f"<p>{escape(significance(found))}</p>"
        f"{drawings}{''.join(_table(table) for table in tables(found))}</body></html>\n"
    )


def write_page(found: Evaluation, path: Path) -> None:
    """The page as a file; nothing is left behind when it cannot be made."""
    text = page(found)
    path.write_text(text, encoding="utf-8")


def _table(table: Table) -> str:
    head = "".join(f"<th{_class(k, table)}>{escape(name)}</th>" for k, name in enumerate(table.columns))
    body = "".join(
        "<tr>" + "".join(f"<td{_class(k, table)}>{escape(cell)}</td>" for k, cell in enumerate(row)) + "</tr>"
        for row in table.rows
    )
    return (
        f'<h2>{escape(table.title)}</h2><p class="note">{escape(table.note)}</p>'
        f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def _class(column: int, table: Table) -> str:
    return ' class="name"' if column < table.names else ""
