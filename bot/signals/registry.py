"""The table of cards (signals.md 6.9): what a card is called, how it is scaled and what it weighs.

A new card is one line here and one line in `bot.signals.raw` (what it
measures); everything after that (windows, scores, modes, composite, views,
readings) goes over the table. The order is the order of all card arrays.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

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
    CardSpec("queue", "book", 0.40, (2, 2, 0)),
    CardSpec("micro", "book", 0.30, (2, 3, 0)),
    CardSpec("thin", "book", 0.35, (10, 6, 2)),
    CardSpec("reach", "book", 0.25, (5, 5, 3)),
    CardSpec("slope", "book", 0.25, (2, 3, 3)),
    CardSpec("resil", "book", 0.30, (4, 5, 4)),
    CardSpec("wall", "walls", 0.30, (5, 6, 5), floor=0.30),
    CardSpec("trap", "walls", 0.30, (3, 3, 2), floor=0.30),
    CardSpec("intensity", "flow", 0.35, (8, 2, 0)),
    CardSpec("absorb", "flow", 0.35, (4, 4, 3), floor=0.10),
    CardSpec("oi", "derivatives", 0.35, (0, 5, 10)),
    CardSpec("funding", "derivatives", 0.50, (0, 2, 8), floor=0.10),
    CardSpec("basis", "derivatives", 0.50, (1, 3, 6), floor=0.10),
    CardSpec("liq", "derivatives", 0.40, (4, 5, 6), floor=0.10),
    CardSpec("lsr", "derivatives", 0.50, (0, 2, 6), floor=0.10),
    CardSpec("xv_imb", "cross-venue", 0.20, (3, 5, 5)),
    CardSpec("xv_lead", "cross-venue", 0.50, (4, 1, 0), floor=0.10),
    CardSpec("xv_div", "cross-venue", 0.50, (2, 3, 2)),
    CardSpec("zone", "zones", 0.30, (0, 4, 8), floor=0.10),
    CardSpec("ofi_int", "book", 1.00, (12, 8, 3)),
    CardSpec("tfi", "flow", 0.35, (14, 8, 4)),
)
"""What is 0 most of the time has a floor under its scale: its median would be 0.

The scalp weights of four cards are not those of table 6.9 (queue 6, micro 8,
intensity 4, tfi 8): what a queue knows lasts two price changes, not a minute
(Kolm, Turiel & Westray 2023), and trades tell at least as much as the book
(Silantyev 2019).
"""

OB_NEAR, OB_DEEP, QUEUE, MICRO, THIN, REACH, SLOPE, RESIL, WALL, TRAP, INTENSITY, ABSORB = range(12)
OI, FUNDING, BASIS, LIQ, LSR, XV_IMB, XV_LEAD, XV_DIV, ZONE, OFI_INT, TFI = range(12, len(CARDS))
LEVEL_CARDS = OFI_INT
"""Cards before this one are levels sampled at every emission; the others are ratios of flow sums."""

NULL_WEIGHTS = (0.02, 0.03, 0.12)
"""What the table leaves to the expert that always says 1/2, a mode."""

CARD_COUNT = len(CARDS)
CATEGORY_NAMES = tuple(sorted({card.category for card in CARDS}))
CATEGORIES = len(CATEGORY_NAMES)
CATEGORY_OF = np.array([CATEGORY_NAMES.index(card.category) for card in CARDS])
SCALES = np.array([card.scale for card in CARDS])
FLOORS = np.array([card.floor for card in CARDS])


def card_names() -> tuple[str, ...]:
    return tuple(card.name for card in CARDS)
