"""What is estimated anew every few minutes, outside the compiled loop: one market a tick, in turn.

A refit takes a millisecond or three; with many markets they must not all come
at the same tick. Whose turn it is follows from the count of emissions, so a
replay does the same.
"""

from __future__ import annotations

from bot.signals import intensity, microprice
from bot.signals.state import Signals


def refit_next(signals: Signals, now_ns: int) -> None:
    """Right after an emission: refit what is due of the market whose turn it is."""
    rows = signals.rows
    row = rows[int(rows["grid"]["emissions"][0]) % rows.size]
    microprice.refit(row["known"]["microprice"], now_ns)
    intensity.refit(row["known"]["intensity"], now_ns)
