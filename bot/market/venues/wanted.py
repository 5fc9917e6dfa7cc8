"""What a sans-I/O venue asks its shell to do, and what it tells people. Data, no behaviour."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FetchSnapshot:
    """Ask REST for the full book of a symbol and hand the answer back through `on_snapshot`.

    Asked once for each loss of synchronisation and again when an answer was
    too old to use. A request that fails is the shell's to repeat, with jitter.
    """

    symbol: str


Wanted = FetchSnapshot
"""A union as soon as a venue needs more than that of its shell."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A message that was not understood; nothing of it was used."""

    recv_ns: int
    reason: str  # expected this, was that
    excerpt: str  # its first characters
