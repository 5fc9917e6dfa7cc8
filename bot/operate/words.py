"""How money and time are written for people, the same in every face."""

from __future__ import annotations

from datetime import UTC, datetime
from math import isfinite


def amount(value_e8: int, *, sign: bool = False) -> str:
    """Money for people: two digits above 1, four from a hundredth on, more below."""
    value = value_e8 / 1e8
    digits = 2 if abs(value) >= 1 or value_e8 == 0 else 4 if abs(value) >= 0.01 else 6
    return f"{value:+,.{digits}f}" if sign else f"{value:,.{digits}f}"


def clock(now_ns: int) -> str:
    """UTC to the second."""
    if not now_ns:
        return "no data yet"
    return datetime.fromtimestamp(now_ns // 1_000_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def figure_of(value: float | None, unit: str) -> str:
    """A figure of a limit, by its unit (`bot.risk.breakers.Unit`)."""
    if value is None or not isfinite(value):
        return "unknown"
    if unit == "share":
        return f"{value:.2%}"
    return f"{value:,.2f} {unit}" if unit in ("coin", "s", "bps") else f"{value:g}"
