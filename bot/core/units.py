"""Units and the border between decimals (outside) and integers (inside).

Prices are integer ticks and sizes integer lots inside; money is an integer
count of 1e-8 of the settle coin ("e8"). Decimals appear only where people or
venues are on the other side.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

NS_PER_US = 1_000
NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000
NS_PER_DAY = 86_400 * NS_PER_S

E8 = 100_000_000
BPS = 1e4


def to_e8(amount: Decimal | Fraction | int) -> int:
    """Round an amount of settle coin half-even to 1e-8, once, when it is booked."""
    # through fractions: a product of decimals is rounded to the context's 28 digits first
    return round(Fraction(amount) * E8)


def from_e8(amount_e8: int) -> Decimal:
    """The exact decimal amount of an e8 integer."""
    return Decimal(amount_e8).scaleb(-8)


def utc_day(now_ns: int) -> int:
    """Number of whole UTC days since the epoch; daily limits reset when it changes."""
    return now_ns // NS_PER_DAY
