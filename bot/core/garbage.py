"""When Python looks for reference cycles: seldom while a program loads, in a loop among new objects only."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

USUAL = gc.get_threshold()
SELDOM = (50_000, 20, 100)
"""Loading makes some 400,000 objects that stay; looking at them again and again takes a fifth of the time."""


def collect_seldom() -> None:
    """While a session loads; not for what runs for weeks: its oldest garbage would wait for hours."""
    gc.set_threshold(*SELDOM)


@contextmanager
def short_collections() -> Iterator[None]:
    """Keep the collector off what exists already: libraries alone are 0.1 s of a full pass.

    It looks often and briefly. In real time a long look is a stall; and in a replay too, garbage that is
    found while the processor still has it at hand costs less than that of a hundred times as many objects.
    """
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(*USUAL)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
