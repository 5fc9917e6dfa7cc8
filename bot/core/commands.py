"""What a person may tell a running bot, and what it answers: lower risk, or allow entries; none opens.

They enter the engine through the inbox like everything else, between two
messages of the market, and take effect at the time of the record before them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verb(StrEnum):
    PAUSE = "pause"  # no new entries; open trades are managed on
    RESUME = "resume"
    CANCEL = "cancel"  # entries that wait, of one symbol or of all
    CLOSE = "close"  # the open trade of one symbol
    FLATTEN = "flatten"  # every trade, and pause
    RESET = "reset"  # a limit that a person has to end; the subject is its name
    ADOPT = "adopt"  # an unknown position of a symbol: manage it as a trade
    IGNORE = "ignore"  # an unknown position of a symbol: leave it alone


@dataclass(frozen=True, slots=True)
class Command:
    """`subject`: a symbol, "" for all, or the name of a limit; `by` says who asked, for the audit."""

    verb: Verb
    subject: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a command: done or refused, in words for a person."""

    done: bool
    text: str
    trades: tuple[str, ...] = ()  # ids of the trades it touched
