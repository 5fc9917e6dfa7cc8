"""Money of the paper account: wallets, positions and their average entries, exact.

A wallet is deposits + realised - fees + funding, kept per settle coin in e8
integers. Each item is computed as an exact fraction and rounded half-even to
1e-8 once, when it is booked.

One formula serves both contracts. A lot held at price p (ticks) has the value
v(p) = p on linear and v(p) = -1/p on inverse markets, in units of

    linear   lot * contract_size * tick   quote currency
    inverse  lot * contract_size / tick   coin

so that `lots` (signed) entered at the average value a are worth
lots * (v(p) - a) units more at p. Partial closes leave the average as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

from bot.core.enums import Side
from bot.core.errors import BadInput
from bot.core.units import to_e8
from bot.market.instruments import Instrument

# Adding to a partly closed position multiplies denominators; long before that costs time the
# average is rounded to 1e-80 value units, which no e8 can see.
_MOST_BITS = 4096
_FINE = 10**80


@dataclass(slots=True)
class Account:
    """One settle coin, e8. `fees_e8` is what was paid: rebates make it smaller."""

    deposits_e8: int = 0
    realised_e8: int = 0
    fees_e8: int = 0
    funding_e8: int = 0

    @property
    def wallet_e8(self) -> int:
        return self.deposits_e8 + self.realised_e8 - self.fees_e8 + self.funding_e8


@dataclass(slots=True)
class Holding:
    """Position of one market: signed lots and the average of v(entry price)."""

    lots: int = 0
    average: Fraction = Fraction(0)


class Booked(NamedTuple):
    """What a fill did to the wallet, e8 of the settle coin."""

    fee_e8: int
    realised_e8: int


class Ledger:
    """Books fills and funding of the markets given, in table order."""

    def __init__(self, instruments: Sequence[Instrument]) -> None:
        self._instruments = tuple(instruments)
        self._units = tuple(_unit(i) for i in instruments)
        self._holdings = [Holding() for _ in instruments]
        self._accounts: dict[str, Account] = {i.settle: Account() for i in instruments}

    def deposit(self, coin: str, amount_e8: int) -> None:
        """Money put in, or taken out when negative."""
        self.account(coin).deposits_e8 += amount_e8

    def fill(self, market: int, side: Side, lots: int, price: int, fee_rate: Decimal) -> Booked:
        """Book a fill of `lots` > 0 at `price` ticks; a negative rate is a rebate."""
        fee = self.fee_e8(market, lots, Fraction(price), fee_rate)
        return self.told_fill(market, side, lots, Fraction(price), fee)

    def fee_e8(self, market: int, lots: int, price: Fraction, rate: Decimal) -> int:
        """Fee of a fill at a rate, settle coin; nothing is booked."""
        return to_e8(lots * abs(self._value(market, price)) * self._units[market] * Fraction(rate))

    def told_fill(
        self, market: int, side: Side, lots: int, price: Fraction, fee_e8: int, fee_coin: str = ""
    ) -> Booked:
        """Book a fill whose fee the venue told, in `fee_coin` ("" the settle coin).

        The price is in ticks but need not be whole: forced closes happen between them.
        """
        settle = self._instruments[market].settle
        realised = self._trade(market, side * lots, self._value(market, price))
        self.account(fee_coin or settle).fees_e8 += fee_e8
        self.account(settle).realised_e8 += realised
        return Booked(fee_e8, realised)

    def _trade(self, market: int, lots: int, value: Fraction) -> int:
        """Change the position by signed `lots` at v(price); returns what that realised, e8."""
        held = self._holdings[market]
        closing = min(abs(lots), abs(held.lots)) if held.lots * lots < 0 else 0
        sign = 1 if held.lots > 0 else -1
        realised = to_e8(sign * closing * (value - held.average) * self._units[market])
        before, held.lots = held.lots, held.lots + lots
        if held.lots == 0:
            held.average = Fraction(0)
        elif before * lots >= 0:
            held.average = _bounded((before * held.average + lots * value) / held.lots)
        elif held.lots * lots > 0:
            held.average = value
        return realised

    def funding(self, market: int, lots: int, mark: Fraction, rate: Fraction) -> int:
        """Settle funding of signed `lots` at a mark in ticks; e8 received: long pays a positive rate."""
        amount = to_e8(-lots * abs(self._value(market, mark)) * self._units[market] * rate)
        self.told_funding(self._instruments[market].settle, amount)
        return amount

    def adopt(self, market: int, lots: int, price: Fraction) -> None:
        """Hold signed `lots` entered at `price` ticks from now on; no money moves."""
        self._holdings[market] = Holding(lots, self._value(market, price) if lots else Fraction(0))

    def told_funding(self, coin: str, amount_e8: int) -> None:
        """Book funding that the venue paid (+) or took (-)."""
        self.account(coin).funding_e8 += amount_e8

    def position_lots(self, market: int) -> int:
        return self._holdings[market].lots

    def average_ticks(self, market: int) -> Fraction | None:
        """Exact average entry price in ticks (harmonic on inverse markets), None when flat."""
        held = self._holdings[market]
        if held.lots == 0:
            return None
        return -1 / held.average if self._instruments[market].inverse else held.average

    def unrealised_e8(self, market: int, price: Fraction) -> int:
        """What closing at `price` ticks would realise, before fees."""
        held = self._holdings[market]
        if held.lots == 0:
            return 0
        return to_e8(held.lots * (self._value(market, price) - held.average) * self._units[market])

    def notional_e8(self, market: int, price: Fraction) -> int:
        """Unsigned value of the position at `price` ticks, settle coin."""
        lots = abs(self._holdings[market].lots)
        return to_e8(lots * abs(self._value(market, price)) * self._units[market]) if lots else 0

    def account(self, coin: str) -> Account:
        return self._accounts.setdefault(coin, Account())

    def coins(self) -> Iterable[str]:
        return self._accounts.keys()

    def to_state(self) -> dict[str, Any]:
        """Plain JSON types; positions by `venue:SYMBOL`, averages as exact fractions."""
        return {
            "accounts": {coin: asdict(a) for coin, a in self._accounts.items()},
            "positions": {
                i.key: {"lots": h.lots, "average": str(h.average)}
                for i, h in zip(self._instruments, self._holdings, strict=True)
                if h.lots
            },
        }

    @staticmethod
    def from_state(instruments: Sequence[Instrument], state: dict[str, Any]) -> Ledger:
        """The ledger as saved. Raises BadInput when a held market is not among `instruments`."""
        ledger = Ledger(instruments)
        for coin, fields in state["accounts"].items():
            ledger._accounts[coin] = Account(**fields)
        index = {i.key: n for n, i in enumerate(instruments)}
        for key, held in state["positions"].items():
            if key not in index:
                raise BadInput(
                    f"the saved wallet holds {held['lots']} lots of {key}, which is not among the markets "
                    f"of this run ({', '.join(index)}); add it, or start a fresh session"
                )
            ledger._holdings[index[key]] = Holding(held["lots"], Fraction(held["average"]))
        return ledger

    def _value(self, market: int, price: Fraction) -> Fraction:
        return -1 / price if self._instruments[market].inverse else price


def _unit(instrument: Instrument) -> Fraction:
    size = Fraction(instrument.lot) * Fraction(instrument.contract_size)
    tick = Fraction(instrument.tick)
    return size / tick if instrument.inverse else size * tick


def _bounded(average: Fraction) -> Fraction:
    if average.denominator.bit_length() <= _MOST_BITS:
        return average
    return Fraction(round(average * _FINE), _FINE)
