"""A wallet in plain decimals and fractions, from the events of a user stream and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from typing import Any

E8 = Decimal("0.00000001")
MAKER, TAKER, LIQUIDATION = Decimal("0.0002"), Decimal("0.0005"), Decimal("0.0125")


def rounded(amount: Fraction) -> Decimal:
    """Half-even to 1e-8, through exact fractions."""
    return Decimal(round(amount * 10**8)).scaleb(-8).quantize(E8, ROUND_HALF_EVEN)


@dataclass
class Plain:
    """Wallet and positions of one account as its user stream tells them; knows nothing of lots and ticks."""

    wallet: Decimal
    held: dict[str, Fraction] = field(default_factory=dict)
    entry: dict[str, Fraction] = field(default_factory=dict)
    fills: int = 0
    settlements: int = 0

    def read(self, event: Mapping[str, Any]) -> None:
        if event["e"] == "ORDER_TRADE_UPDATE" and event["o"]["x"] in ("TRADE", "CALCULATED"):
            self._fill(event["o"])
        elif event["e"] == "ACCOUNT_UPDATE" and event["a"]["m"] == "FUNDING_FEE":
            self.settlements += 1
            self.wallet += Decimal(event["a"]["B"][0]["bc"])

    def _fill(self, order: Mapping[str, Any]) -> None:
        self.fills += 1
        symbol, price, quantity = order["s"], Fraction(order["L"]), Fraction(order["l"])
        rate = LIQUIDATION if order["x"] == "CALCULATED" else MAKER if order["m"] else TAKER
        fee = rounded(price * quantity * Fraction(rate))
        signed = quantity if order["S"] == "BUY" else -quantity
        held, entry = self.held.get(symbol, Fraction(0)), self.entry.get(symbol, Fraction(0))
        closed = min(abs(held), quantity) if held * signed < 0 else Fraction(0)
        realised = rounded(closed * (price - entry) * (1 if held > 0 else -1))
        after = held + signed
        if held * signed >= 0:
            self.entry[symbol] = (abs(held) * entry + quantity * price) / (abs(held) + quantity)
        elif after * signed > 0:
            self.entry[symbol] = price
        self.held[symbol] = after
        assert (Decimal(order["n"]), Decimal(order["rp"])) == (fee, realised)
        self.wallet += realised - fee
