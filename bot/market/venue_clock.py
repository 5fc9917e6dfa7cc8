"""What the venue's clock says in terms of ours.

Venue stamps may run ahead by seconds or backwards; only differences within
one venue mean anything. The offset is the largest (exchange - receive) of the
last one to two windows, that is the fastest delivery seen lately, so that a
corrected stamp never lies after its own receipt. Adding a constant to all
exchange stamps changes nothing.
"""

from __future__ import annotations

import numpy as np

from bot.core.jit import hot

WINDOW_NS = 60_000_000_000

VENUE_CLOCK = np.dtype(
    [
        ("started_ns", "<i8"),  # receive time at which the current window began, 0 before the first stamp
        ("current", "<i8"),  # largest exch - recv of this window
        ("previous", "<i8"),  # and of the one before
    ],
    align=True,
)


@hot
def corrected_ns(clocks, venue, recv_ns, exch_ns):
    """Venue time of a message on our clock; its receive time where the venue gave none."""
    if exch_ns == 0:
        return recv_ns
    clock = clocks[venue]
    ahead = exch_ns - recv_ns
    if clock.started_ns == 0:
        clock.started_ns = recv_ns
        clock.current = ahead
        clock.previous = ahead
    elif recv_ns - clock.started_ns >= WINDOW_NS:
        clock.previous = clock.current
        clock.current = ahead
        clock.started_ns = recv_ns
    elif ahead > clock.current:
        clock.current = ahead
    return exch_ns - max(clock.current, clock.previous)


def offset_ns(clocks: np.ndarray, venue: int) -> int:
    """How far the venue's clock runs ahead of ours, ns (transport time not removed)."""
    return int(max(clocks[venue]["current"], clocks[venue]["previous"]))
