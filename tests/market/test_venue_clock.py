"""Venue stamps on our clock."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bot.market.venue_clock import VENUE_CLOCK, WINDOW_NS, corrected_ns, offset_ns

MS = 1_000_000
START = 1_700_000_000_000_000_000


def run(messages, shift_ns=0):
    """Corrected stamps of (gap before ms, delivery delay ms) messages."""
    clocks = np.zeros(1, VENUE_CLOCK)
    recv_ns, out = START, []
    for gap_ms, delay_ms in messages:
        recv_ns += gap_ms * MS
        out.append((recv_ns, corrected_ns(clocks, 0, recv_ns, recv_ns - delay_ms * MS + shift_ns)))
    return out


MESSAGES = st.lists(st.tuples(st.integers(0, 40_000), st.integers(-1_300, 900)), min_size=1, max_size=40)


@given(MESSAGES, st.integers(-2_000, 2_000))
def test_a_constant_shift_of_the_venue_clock_changes_no_corrected_stamp(messages, shift_ms):
    assert run(messages) == run(messages, shift_ms * MS)


@given(MESSAGES)
def test_nothing_happens_at_the_venue_after_we_received_it(messages):
    assert all(corrected <= recv for recv, corrected in run(messages))


def test_the_fastest_delivery_of_the_last_two_windows_counts():
    window_ms = WINDOW_NS // MS
    stamps = run([(0, 10), (1, 30), (window_ms, 50), (1, 40), (window_ms, 40), (1, 60)])
    late_ms = [(recv - corrected) // MS for recv, corrected in stamps]
    assert late_ms == [0, 20, 40, 30, 0, 20]


def test_a_message_without_a_venue_stamp_happened_when_it_came():
    clocks = np.zeros(1, VENUE_CLOCK)
    assert corrected_ns(clocks, 0, START, 0) == START
    assert offset_ns(clocks, 0) == 0
