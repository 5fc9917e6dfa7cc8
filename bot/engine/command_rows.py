"""Commands as event rows, so that a recording replays what a person did, at the very same place.

They are rows of kind COMMAND: `ref` is the verb, `side` 1 where the command is for the row's market and 0
where it is for all; `price` holds what else a verb names: the number of a limit, hours, a bit for each
mode, or 31 bits of the CRC-32 of a strategy's name. Who asked is in the audit, not on the tape.
"""

from __future__ import annotations

from collections.abc import Sequence
from zlib import crc32

import numpy as np

from bot.core.commands import SUBJECTS, About, Command, Verb, hours_named, modes_named
from bot.core.enums import Mode
from bot.core.errors import BadTape
from bot.market.events import MAX_TICK, Kind, empty_rows
from bot.market.instruments import Instrument

_CODES = {
    Verb.PAUSE: 1,
    Verb.RESUME: 2,
    Verb.CANCEL: 3,
    Verb.CLOSE: 4,
    Verb.FLATTEN: 5,
    Verb.RESET: 6,
    Verb.ADOPT: 7,
    Verb.IGNORE: 8,
    Verb.MODE: 9,
    Verb.ARM: 10,
    Verb.DISARM: 11,
    Verb.RESTART: 12,
}
"""Part of the tape's format: never renumbered."""
LIMITS = ("drawdown", "stops_failing", "cool_down")
"""What a person may reset, by its number in `price`: part of the tape's format too."""
_VERBS = {code: verb for verb, code in _CODES.items()}


def command_row(command: Command, instruments: Sequence[Instrument], now_ns: int) -> np.ndarray:
    """One row, not yet numbered. A subject that means nothing makes a row without one: check before."""
    row = empty_rows(1)
    row["kind"], row["recv_ns"], row["ref"] = Kind.COMMAND, now_ns, _CODES[command.verb]
    about, subject = SUBJECTS[command.verb], command.subject
    symbols = [i.symbol for i in instruments]
    if about in (About.MARKET, About.ANY_MARKET) and subject in symbols:
        row["market"], row["side"] = symbols.index(subject), 1
    elif about is About.LIMIT and subject in LIMITS:
        row["price"] = LIMITS.index(subject) + 1
    elif about is About.HOURS:
        row["price"] = hours_named(subject)
    elif about is About.MODES:
        row["price"] = sum(1 << mode.place for mode in modes_named(subject))
    elif about is About.STRATEGY:
        row["price"] = _number_of(subject)
    return row


def command_of(row: np.void, instruments: Sequence[Instrument], strategies: Sequence[str] = ()) -> Command:
    """The command of a row. Raises BadTape on a verb that this version does not know."""
    verb = _VERBS.get(int(row["ref"]))
    if verb is None:
        raise BadTape(
            f"row {int(row['seq'])}: expected a command of {sorted(_VERBS)}, was {int(row['ref'])}; "
            "the tape is of a newer version"
        )
    if row["side"]:
        return Command(verb, instruments[int(row["market"])].symbol)
    return Command(verb, _named(SUBJECTS[verb], int(row["price"]), strategies))


def _named(about: About, number: int, strategies: Sequence[str]) -> str:
    """What a number of a row names, "" for nothing."""
    if not number:
        return ""
    if about is About.LIMIT:
        return LIMITS[number - 1]
    if about is About.HOURS:
        return str(number)
    if about is About.MODES:
        return ",".join(mode.value for mode in Mode if number >> mode.place & 1)
    return next((name for name in strategies if _number_of(name) == number), "")


def _number_of(name: str) -> int:
    """The same for a name whatever else is enabled; it fits where a tape keeps prices."""
    return crc32(name.encode()) & MAX_TICK
