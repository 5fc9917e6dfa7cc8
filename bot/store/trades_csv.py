"""Trades of a report as CSV: money and prices as exact decimals, times in ns."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bot.core.units import from_e8
from bot.store.schema import TRADES

_COLUMNS = tuple(name for name in TRADES if name != "figures")


def write_trades(trades: Sequence[Mapping[str, Any]], path: Path) -> None:
    """One line a trade; columns named `..._e8` lose the suffix and become decimals of the coin."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(name.removesuffix("_e8") for name in _COLUMNS)
        for trade in trades:
            writer.writerow(_cell(name, trade[name]) for name in _COLUMNS)


def _cell(name: str, value: Any) -> Any:
    return f"{from_e8(value):f}" if name.endswith("_e8") and value is not None else value
