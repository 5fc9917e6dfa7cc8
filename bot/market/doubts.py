"""What a feed holds against a book, as TRUST rows of the stream: market, and the doubt as `value`.

The compiled loop judges what a ladder shows (`trust.py`); a feed knows what it
does not show: that nobody has been heard for seconds, that a book was joined
anew and nothing has confirmed it yet, that REST shows another book. As these
are rows, a replay judges as the session did.
"""

from __future__ import annotations

from enum import IntEnum

from bot.core.enums import Trust


class Doubt(IntEnum):
    """From none to worst; of several the worst is said."""

    NONE = 0
    UNPROVEN = 1  # joined anew: no fresh message and no audit has confirmed it
    SILENT = 2  # its connection says nothing
    AUDIT = 3  # REST shows another book


_VERDICTS = {
    Doubt.NONE: (Trust.TRUSTED, ""),
    Doubt.UNPROVEN: (Trust.SUSPECT, "joined anew, not yet confirmed by a fresh message and an audit"),
    Doubt.SILENT: (Trust.QUARANTINED, "its connection is silent"),
    Doubt.AUDIT: (Trust.QUARANTINED, "an audit against REST found another book"),
}


def verdict_with(doubt: int, trust: Trust, why: str) -> tuple[Trust, str]:
    """The worse of what the ladder shows and what the feed holds against it, with its reason."""
    doubted, reason = _VERDICTS[Doubt(doubt)]
    return (doubted, reason) if doubted < trust else (trust, why)
