from __future__ import annotations

import resource
from typing import NamedTuple

import numpy as np

from bot.app.settling import PAGE_BYTES, hand_out_memory


class Tables(NamedTuple):
    rows: np.ndarray
    parts: tuple[np.ndarray, ...]


def test_memory_that_was_handed_out_holds_what_it_held() -> None:
    rows = np.zeros((3, 700), [("price", "<i8"), ("side", "i1")])
    rows["price"] = np.arange(2100).reshape(3, 700) - 900
    rows["side"] = -1
    tables = Tables(rows, (np.zeros(0), np.linspace(-1.0, 1.0, 9_999), np.full(5, np.nan)))
    before = rows.copy(), [part.copy() for part in tables.parts]
    hand_out_memory(tables)
    assert np.array_equal(tables.rows, before[0])
    for part, kept in zip(tables.parts, before[1], strict=True):
        np.testing.assert_array_equal(part, kept)


def test_writing_to_it_later_waits_for_no_page() -> None:
    pages = 256
    table = np.zeros(pages * PAGE_BYTES, np.uint8)
    hand_out_memory((table,))
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    table[::PAGE_BYTES] = 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults < pages // 8
