"""What a live session heard besides its tape, for a replay: the rows of `inbox`, by seq."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.core.errors import BadInput
from bot.execution.news import News, decode_news
from bot.store.database import Database
from bot.store.encoding import decode

BEGIN = "begin"
"""Kind of the first item of a run: the state it began with."""


@dataclass(frozen=True, slots=True)
class HeardItem:
    seq: int
    recv_ns: int
    news: News


def open_heard(folder: Path) -> tuple[dict[str, Any], Iterator[HeardItem]]:
    """State at the begin of a session's last live run, and what it heard, in order. Raises BadInput."""
    with Database.read(folder) as database:
        begun = database.query(
            "SELECT run, body FROM inbox WHERE kind = ? ORDER BY run DESC LIMIT 1", (BEGIN,)
        )
        if not begun:
            raise BadInput(f"{folder.name}: not a live session, it heard nothing; replay the tape by itself")
        rows = database.query(
            "SELECT seq, recv_ns, body FROM inbox WHERE run = ? AND kind != ? ORDER BY seq",
            (begun[0]["run"], BEGIN),
        )
    items = (HeardItem(row["seq"], row["recv_ns"], decode_news(row["body"])) for row in rows)
    return decode(begun[0]["body"]), items
