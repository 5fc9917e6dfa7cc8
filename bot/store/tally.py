"""Running figures of a run, for the live view: what the database will say, without asking it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.core.enums import Stage
from bot.core.messages import Denied

LATEST = 32
"""Refusals that are remembered."""


@dataclass(slots=True)
class Tally:
    """Counts since the run began. Exploration is counted apart."""

    refusals: int = 0
    _latest: dict[tuple[str, str, str, int, str], tuple[Denied, int]] = field(default_factory=dict)
    _ended: dict[str, tuple[bool, bool, bool]] = field(default_factory=dict)  # filled, explore, won

    def denied(self, denied: Denied, count: int) -> None:
        """A refusal that is, with its repeats, the `count`-th of its kind."""
        self.refusals += 1
        intent = denied.intent
        key = intent.symbol, intent.strategy, intent.mode.value, int(intent.side), denied.reason.value
        self._latest.pop(key, None)
        self._latest[key] = denied, count
        if len(self._latest) > LATEST:
            del self._latest[next(iter(self._latest))]

    def trade(self, row: Mapping[str, Any]) -> None:
        """The latest row of a trade; a late fill may revive one that had ended."""
        if row["stage"] == Stage.CLOSED:
            self._ended[row["id"]] = (
                _positive(row, "filled_lots"),
                bool(row.get("explore")),
                _positive(row, "net_e8"),
            )
        else:
            self._ended.pop(row["id"], None)

    def latest_refusals(self, most: int) -> list[tuple[Denied, int]]:
        """Newest first, each kind once, with its count."""
        return list(reversed(self._latest.values()))[:most]

    def counts(self) -> dict[str, int]:
        """round_trips and wins (both without exploration), explored, unfilled, refusals."""
        ended = list(self._ended.values())
        return {
            "refusals": self.refusals,
            "round_trips": sum(filled and not explore for filled, explore, _ in ended),
            "wins": sum(filled and not explore and won for filled, explore, won in ended),
            "explored": sum(filled and explore for filled, explore, _ in ended),
            "unfilled": sum(not filled for filled, _, _ in ended),
        }


def _positive(row: Mapping[str, Any], name: str) -> bool:
    return (row.get(name) or 0) > 0
