"""The one account of the exchange: wallet, positions, leverage, margin, what was booked.

Money is the paper venue's ledger, e8 of the settle coin. Margin follows the
venue's one-way mode: a position needs its value at mark over its leverage;
orders need what the larger of "all bids filled" and "all asks filled" would
need beyond that. Maintenance has one tier, the instrument's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from math import isnan, nan

from bot.core.enums import Side
from bot.core.units import E8
from bot.rehearsal.orders import KEPT, Funding, Income, VenueOrder, VenueTrade
from bot.rehearsal.world import World

COIN = "USDT"


@dataclass(slots=True)
class Terms:
    """What a market is traded on."""

    leverage: int
    isolated: bool = False
    changed_ms: int = 0  # position or order last touched
    realised_e8: int = 0  # ever, before fees
    costs_e8: int = 0  # fees less realised since it was last flat: moves the break-even price


@dataclass(slots=True)
class Account:
    world: World
    terms: list[Terms]
    opened_ms: int
    trades: deque[VenueTrade] = field(default_factory=lambda: deque(maxlen=KEPT))
    income: deque[Income] = field(default_factory=lambda: deque(maxlen=KEPT))
    fundings: deque[Funding] = field(default_factory=lambda: deque(maxlen=KEPT))
    withdrawals: bool = False  # what the key may do
    changed_ms: int = 0
    units_e8: tuple[Fraction | int, ...] = field(init=False)  # worth of a lot a tick

    def __post_init__(self) -> None:
        exact = [Fraction(i.lot) * Fraction(i.tick) * E8 for i in self.world.instruments]
        self.units_e8 = tuple(int(unit) if unit.denominator == 1 else unit for unit in exact)

    def position(self, market: int) -> int:
        """Signed lots."""
        return self.world.venue.position_lots(market)

    def entry_ticks(self, market: int) -> Fraction | None:
        return self.world.venue.ledger.average_ticks(market)

    def wallet_e8(self) -> int:
        return self.world.venue.wallet_e8(COIN)

    def mark(self, market: int) -> float:
        """Mark price, the last trade where there is none yet, nan without either; quote currency."""
        head = self.world.state.heads[market]
        if not isnan(head["mark"]):
            return float(head["mark"])
        return float(head["trade_price"] * head["tick_size"]) if head["trade_price"] > 0 else nan

    def mark_ticks(self, market: int) -> Fraction:
        """The same as a fraction of ticks; the entry where no price is known."""
        mark = self.mark(market)
        if isnan(mark):
            return self.entry_ticks(market) or Fraction(0)
        return Fraction(repr(mark)) / Fraction(self.world.instruments[market].tick)

    def value_e8(self, market: int, lots_ticks: Fraction | int) -> int:
        """What lots times ticks are worth."""
        return round(lots_ticks * self.units_e8[market])

    def notional_e8(self, market: int) -> int:
        """Signed value of the position at mark."""
        held = self.position(market)
        return self.value_e8(market, held * self.mark_ticks(market)) if held else 0

    def unrealised_e8(self, market: int) -> int:
        return self.world.venue.unrealised(market).amount_e8

    def maintenance_e8(self, market: int) -> int:
        rate = Fraction(self.world.instruments[market].maintenance_rate)
        return round(abs(self.notional_e8(market)) * rate)

    def position_margin_e8(self, market: int) -> int:
        return abs(self.notional_e8(market)) // self.terms[market].leverage

    def order_values_e8(self, market: int, orders: Iterable[VenueOrder]) -> tuple[int, int]:
        """What the open bids and asks are worth that may add to the position."""
        bids = asks = 0
        for order in orders:
            if order.reduce_only or order.price == 0:
                continue
            value = self.value_e8(market, order.left_lots * order.price)
            if order.side is Side.BUY:
                bids += value
            else:
                asks += value
        return bids, asks

    def margin_e8(self, market: int, bids_e8: int, asks_e8: int) -> int:
        """Of the position together with open orders."""
        held = self.notional_e8(market)
        return max(abs(held + bids_e8), abs(held - asks_e8), abs(held)) // self.terms[market].leverage

    def isolated_wallet_e8(self, market: int) -> int:
        """Money set aside for the position of an isolated market."""
        if not self.terms[market].isolated:
            return 0
        entry = self.entry_ticks(market) or Fraction(0)
        return self.value_e8(market, abs(self.position(market)) * entry) // self.terms[market].leverage

    def markets(self) -> range:
        return range(len(self.terms))

    def cross_wallet_e8(self) -> int:
        return self.wallet_e8() - sum(self.isolated_wallet_e8(m) for m in self.markets())

    def cross_unrealised_e8(self) -> int:
        return sum(self.unrealised_e8(m) for m in self.markets() if not self.terms[m].isolated)

    def liquidation_ticks(self, market: int) -> float:
        """Mark in ticks at which the position is closed by force, nan never (venues.md 7.3)."""
        lots = self.position(market)
        entry = self.entry_ticks(market)
        if lots == 0 or entry is None:
            return nan
        isolated = self.terms[market].isolated
        if isolated:
            wallet = self.isolated_wallet_e8(market)
        else:
            others = [m for m in self.markets() if m != market and not self.terms[m].isolated]
            wallet = self.cross_wallet_e8() + sum(
                self.unrealised_e8(m) - self.maintenance_e8(m) for m in others if self.position(m)
            )
        rate = Fraction(self.world.instruments[market].maintenance_rate)
        unit_e8 = self.units_e8[market]
        side = 1 if lots > 0 else -1
        at = (wallet / Fraction(unit_e8) - lots * entry) / (abs(lots) * rate - side * abs(lots))
        return float(at) if at > 0 else nan

    def break_even_ticks(self, market: int) -> Fraction | None:
        lots, entry = self.position(market), self.entry_ticks(market)
        if lots == 0 or entry is None:
            return None
        return entry + self.terms[market].costs_e8 / Fraction(self.units_e8[market] * lots)
