from __future__ import annotations

import pytest

from bot.app.durations import format_duration, parse_duration_s
from bot.core.errors import BadInput


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("10m", 600),
        ("1h", 3600),
        ("1d", 86400),
        ("1h30m", 5400),
        ("100ms", 0.1),
        ("45", 45),
        (" 1 H ", 3600),
    ],
)
def test_durations_are_read_as_people_write_them(text: str, seconds: float) -> None:
    assert parse_duration_s(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "soon", "1x", "-5s", "5 parsecs", "1h soon", "inf"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="expected a duration"):
        parse_duration_s(text)


@pytest.mark.parametrize(
    ("seconds", "text"), [(4.25, "4.2s"), (200, "3m20s"), (3900, "1h05m"), (86400 * 2 + 3600, "2d01h")]
)
def test_durations_are_shown_in_their_two_largest_units(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
