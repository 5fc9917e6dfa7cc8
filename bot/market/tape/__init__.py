"""The tape: every market row a session saw, in `seq` order, on disk.

Live it is an append-only framed log (`LogWriter`), closed segments are
compacted to Parquet, importers write Parquet at once (`TapeWriter`);
`open_tape` reads either, `verify` says what is on it.
"""

from bot.market.tape.header import FORMAT_VERSION, TapeHeader
from bot.market.tape.log import LogWriter, Recovery, compact, compact_segment
from bot.market.tape.order import number_rows
from bot.market.tape.tape import Tape, open_tape
from bot.market.tape.verify import Finding, Marker, VerifyReport, verify
from bot.market.tape.writer import TapeWriter

__all__ = [
    "FORMAT_VERSION",
    "Finding",
    "LogWriter",
    "Marker",
    "Recovery",
    "Tape",
    "TapeHeader",
    "TapeWriter",
    "VerifyReport",
    "compact",
    "compact_segment",
    "number_rows",
    "open_tape",
    "verify",
]
