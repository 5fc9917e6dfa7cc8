"""Durations as people write them: 500ms, 90s, 10m, 1h30m, 1d."""

from __future__ import annotations

import re

from bot.core.errors import BadInput

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")


def parse_duration_s(text: str) -> float:
    """Seconds of a duration; a plain number is seconds. Raises BadDuration."""
    compact = text.strip().lower().replace(" ", "")
    if re.fullmatch(r"\d+(\.\d+)?", compact):
        return float(compact)
    parts = _PART.findall(compact)
    if not parts or "".join(n + u for n, u in parts) != compact:
        raise BadDuration(f"expected a duration such as 90s, 10m, 1h30m or 1d, was {text!r}")
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


class BadDuration(BadInput, ValueError):
    """Not a duration. A ValueError too, so that configuration reports it with its key."""


def format_duration(seconds: float) -> str:
    """The two largest units: 1h05m, 3m20s, 4.2s."""
    whole = int(seconds)
    if whole >= 86_400:
        return f"{whole // 86_400}d{whole % 86_400 // 3600:02d}h"
    if whole >= 3600:
        return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
    if whole >= 60:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{seconds:.1f}s"
