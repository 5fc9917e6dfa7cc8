"""Commands as event rows, so that a recording replays what a person did, at the very same place.

They are rows of kind COMMAND: `ref` is the verb, `side` 1 where the command is for the row's market and 0
where it is for all; `price` numbers a limit. Who asked is in the audit, not on the tape.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bot.core.commands import Command, Verb
from bot.core.errors import BadTape
from bot.market.events import Kind, empty_rows
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
}
"""Part of the tape's format: never renumbered."""
LIMITS = ("drawdown", "stops_failing", "cool_down")
"""What a person may reset, by its number in `price`: part of the tape's format too."""
_VERBS = {code: verb for verb, code in _CODES.items()}


def command_row(command: Command, instruments: Sequence[Instrument], now_ns: int) -> np.ndarray:
    """One row, not yet numbered. An unknown symbol makes a row for all markets: check before."""
    row = empty_rows(1)
    symbols = [i.symbol for i in instruments]
    row["kind"], row["recv_ns"], row["ref"] = Kind.COMMAND, now_ns, _CODES[command.verb]
    if command.subject in symbols:
        row["market"], row["side"] = symbols.index(command.subject), 1
    elif command.subject in LIMITS:
        row["price"] = LIMITS.index(command.subject) + 1
    return row


def command_of(row: np.void, instruments: Sequence[Instrument]) -> Command:
    """The command of a row. Raises BadTape on a verb that this version does not know."""
    verb = _VERBS.get(int(row["ref"]))
    if verb is None:
        raise BadTape(
            f"row {int(row['seq'])}: expected a command of {sorted(_VERBS)}, was {int(row['ref'])}; "
            "the tape is of a newer version"
        )
    if row["side"]:
        return Command(verb, instruments[int(row["market"])].symbol)
    return Command(verb, LIMITS[int(row["price"]) - 1] if row["price"] else "")
