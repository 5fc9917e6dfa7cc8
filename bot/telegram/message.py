"""A message as a person reads it, with Telegram's HTML and plain: none is lost to formatting.

Limits (core.telegram.org/bots/api): 4,096 characters a text after entities are parsed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape

LONGEST = 4096
Picture = Callable[[str, str], Awaitable[bytes | None]]
"""A PNG of a symbol with a sentence; None where there is none."""
_ROOM = 3500  # for text that escaping may still lengthen


async def no_picture(symbol: str, sentence: str) -> bytes | None:
    """Where nothing is drawn."""
    return None


@dataclass(frozen=True, slots=True)
class Message:
    """A bold title, lines of text, and a table in fixed width."""

    title: str
    lines: tuple[str, ...] = ()
    table: tuple[tuple[str, ...], ...] = ()  # first row: the head

    def html(self) -> str:
        parts = [f"<b>{escape(self.title, quote=False)}</b>"] if self.title else []
        parts += [escape(line, quote=False) for line in self.lines]
        if self.table:
            parts.append("<pre>" + escape("\n".join(columns(self.table)), quote=False) + "</pre>")
        return "\n".join(parts)

    def plain(self) -> str:
        return "\n".join([*([self.title] if self.title else []), *self.lines, *columns(self.table)])

    def parts(self) -> Iterator[Message]:
        """The message cut, between lines only, so that each part may be sent."""
        lines: list[str] = []
        rows: list[tuple[str, ...]] = []
        title, used = self.title[:_ROOM], len(self.title)
        for line in self.lines:
            line = line[:_ROOM]
            if used + len(line) > _ROOM:
                yield Message(title, tuple(lines))
                title, lines, used = "", [], 0
            lines.append(line)
            used += len(line) + 1
        width = max((len(line) for line in columns(self.table)), default=0) + 1
        for row in self.table:
            if used + width > _ROOM and (rows or lines):
                yield Message(title, tuple(lines), tuple(rows))
                title, lines, rows, used = "", [], [], 0
            rows.append(row)
            used += width
        yield Message(title, tuple(lines), tuple(rows))


def columns(table: Sequence[Sequence[str]]) -> list[str]:
    """Rows padded to columns: the first to the left, figures to the right."""
    if not table:
        return []
    widths = [max(len(row[k]) for row in table if k < len(row)) for k in range(max(map(len, table)))]
    return [
        "  ".join(
            cell.ljust(widths[k]) if k == 0 else cell.rjust(widths[k]) for k, cell in enumerate(row)
        ).rstrip()
        for row in table
    ]
