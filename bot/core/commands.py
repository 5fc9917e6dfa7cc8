"""What a person may tell a running bot, and what it answers: lower risk, or allow entries; none opens.

They enter the engine through the inbox like everything else, between two
messages of the market, and take effect at the time of the record before them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum

from bot.core.enums import Mode


class Verb(StrEnum):
    PAUSE = "pause"  # no new entries; open trades are managed on
    RESUME = "resume"
    CANCEL = "cancel"  # entries that wait, of one symbol or of all
    CLOSE = "close"  # the open trade of one symbol
    FLATTEN = "flatten"  # every trade, and pause
    RESET = "reset"  # a limit that a person has to end; the subject is its name
    ADOPT = "adopt"  # an unknown position of a symbol: manage it as a trade
    IGNORE = "ignore"  # an unknown position of a symbol: leave it alone
    MODE = "mode"  # which modes may enter; the subject lists them
    ARM = "arm"  # entries for so many hours, then pause by itself
    DISARM = "disarm"  # pause, and take back the entries that wait
    RESTART = "restart"  # ask a strategy again that was switched off because it raised


class About(Enum):
    """What the subject of a verb names."""

    NOTHING = "nothing"
    ANY_MARKET = "any market"  # "" for all
    MARKET = "market"
    LIMIT = "limit"
    MODES = "modes"
    HOURS = "hours"
    STRATEGY = "strategy"


SUBJECTS = {
    Verb.PAUSE: About.NOTHING,
    Verb.RESUME: About.NOTHING,
    Verb.CANCEL: About.ANY_MARKET,
    Verb.CLOSE: About.MARKET,
    Verb.FLATTEN: About.NOTHING,
    Verb.RESET: About.LIMIT,
    Verb.ADOPT: About.MARKET,
    Verb.IGNORE: About.MARKET,
    Verb.MODE: About.MODES,
    Verb.ARM: About.HOURS,
    Verb.DISARM: About.NOTHING,
    Verb.RESTART: About.STRATEGY,
}

LONGEST_LEASE_H = 24 * 7
"""Of `arm`: nobody looks after a bot for longer without being asked again."""


@dataclass(frozen=True, slots=True)
class Command:
    """`subject` as `SUBJECTS` says, "" where nothing is named; `by` says who asked, for the audit."""

    verb: Verb
    subject: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a command: done or refused, in words for a person."""

    done: bool
    text: str
    trades: tuple[str, ...] = ()  # ids of the trades it touched


def modes_named(subject: str) -> tuple[Mode, ...]:
    """`scalp,day` or `day scalp` in the order of the modes; () when a word is no mode, or none is said."""
    words = subject.lower().replace(",", " ").split()
    known = {mode.value for mode in Mode}
    return tuple(mode for mode in Mode if mode.value in words) if set(words) <= known else ()


def hours_named(subject: str) -> int:
    """Whole hours of a lease, 0 where it is none."""
    hours = int(subject) if subject.isdecimal() and len(subject) < 5 else 0
    return hours if hours <= LONGEST_LEASE_H else 0
