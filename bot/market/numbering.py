"""The one order of rows, compiled: every frame passes here, and numpy needs ten calls for it."""

from __future__ import annotations

from bot.core.jit import njit


@njit
def number(rows, last_seq, last_ns):  # type: ignore[no-untyped-def]
    """Number rows in place behind `last_seq`; receive times never go back. Returns the last time."""
    for k in range(len(rows)):
        last_seq += 1
        rows[k].seq = last_seq
        last_ns = max(last_ns, rows[k].recv_ns)
        rows[k].recv_ns = last_ns
    return last_ns
