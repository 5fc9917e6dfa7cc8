"""The table of cards (signals.md 6.9): what a card is called, how it is scaled and what it weighs.

A new card is one line here and one line in `bot.signals.raw` (what it
measures); everything after that (windows, scores, modes, composite, views,
readings) goes over the table. The order is the order of all card arrays.
"""

from __future__ import annotations

from typing import NamedTuple

WINDOWS_S = (60, 300, 3600)
WINDOWS = len(WINDOWS_S)
MODES = 3  # scalp, day, swing, in the order of bot.core.enums.Mode


LEAST_SCALE = 1e-9


class CardSpec(NamedTuple):
    name: str
    category: str
    scale: float  # prior scale of the raw value, worth 60 samples
    weights: tuple[float, float, float]  # prior weight a mode, %
    floor: float = LEAST_SCALE  # of the scale; what is mostly 0 would have none else


CARDS = (
    CardSpec("ob_near", "book", 0.25, (10, 6, 2)),
    CardSpec("ob_deep", "book", 0.20, (3, 6, 6)),
    CardSpec("queue", "book", 0.40, (6, 2, 0)),
    CardSpec("micro", "book", 0.30, (8, 3, 0)),
    CardSpec("thin", "book", 0.35, (10, 6, 2)),
    CardSpec("wall", "walls", 0.30, (5, 6, 5), floor=0.30),
    CardSpec("ofi", "book", 1.00, (12, 8, 3)),
    CardSpec("tfi", "flow", 0.35, (8, 8, 4)),
)

OB_NEAR, OB_DEEP, QUEUE, MICRO, THIN, WALL, OFI, TFI = range(len(CARDS))
LEVEL_CARDS = OFI
"""Cards before this one are levels sampled every second; the others are ratios of flow sums."""

NULL_WEIGHTS = (0.02, 0.03, 0.12)
"""What the whole table of 23 cards leaves to the expert that always says 1/2, a mode.

Cards of the table that do not exist yet count as asleep, so the null expert
keeps this share and not the share of the missing cards.
"""


CATEGORIES = len({card.category for card in CARDS})


def card_names() -> tuple[str, ...]:
    return tuple(card.name for card in CARDS)
