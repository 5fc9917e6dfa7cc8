"""A second bookkeeper that sees nothing but reports: `Decimal` with 60 digits, one market, average price."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext

from bot.core.enums import Liquidity, ReportKind
from bot.core.messages import Report
from bot.market.instruments import Instrument

DIGITS = Context(prec=60, rounding=ROUND_HALF_EVEN)


class PlainLedger:
    def __init__(self, instrument: Instrument, liquidation_fee: Decimal) -> None:
        self.instrument = instrument
        self.liquidation_fee = liquidation_fee
        self.size = Decimal(0)  # signed, venue quantity
        self.entry = Decimal(0)  # average price, quote currency
        self.wallet = Decimal(0)

    def value(self, size: Decimal, price: Decimal) -> Decimal:
        i = self.instrument
        return size * i.contract_size / price if i.inverse else size * i.contract_size * price

    def gain(self, size: Decimal, price: Decimal) -> Decimal:
        """Of a signed size from its entry to `price`."""
        i = self.instrument
        if size == 0:
            return Decimal(0)
        if i.inverse:
            return size * i.contract_size * (1 / self.entry - 1 / price)
        return size * i.contract_size * (price - self.entry)

    def take(self, report: Report, rate: Decimal = Decimal(0), mark: Decimal = Decimal(0)) -> tuple[int, ...]:
        """Fee, realised, funding in e8; rate and mark are those of a FUNDING report."""
        with localcontext(DIGITS):
            if report.kind in (ReportKind.FILL, ReportKind.LIQUIDATION):
                return self._fill(report)
            if report.kind is ReportKind.FUNDING:
                paid = e8(-self.value(self.size, mark) * rate)
                self.wallet += Decimal(paid) / 10**8
                return 0, 0, paid
            return 0, 0, 0

    def _fill(self, report: Report) -> tuple[int, int, int]:
        i = self.instrument
        price, quantity = i.tick * report.price, i.lot * report.lots
        size = quantity * int(report.side)
        if report.kind is ReportKind.LIQUIDATION:
            rate = self.liquidation_fee
        else:
            rate = i.maker_fee if report.liquidity is Liquidity.MAKER else i.taker_fee
        fee = e8(self.value(quantity, price) * rate)
        closed = Decimal(0)
        if self.size * size < 0:
            closed = min(quantity, abs(self.size)).copy_sign(self.size)
        realised = e8(self.gain(closed, price))
        self._move(size, price)
        self.wallet += Decimal(realised - fee) / 10**8
        return fee, realised, 0

    def _move(self, size: Decimal, price: Decimal) -> None:
        held, self.size = self.size, self.size + size
        if held * size >= 0:
            if self.instrument.inverse:
                before = held / self.entry if held else Decimal(0)
                self.entry = self.size / (before + size / price)
            else:
                self.entry = (held * self.entry + size * price) / self.size
        elif self.size * size > 0:
            self.entry = price

    def equity_e8(self, price: Decimal) -> int:
        with localcontext(DIGITS):
            return e8(self.wallet) + e8(self.gain(self.size, price))


def e8(amount: Decimal) -> int:
    with localcontext(DIGITS):
        # an average of thirds leaves a hair of 1e-58 on what is exactly a half: take it off first
        exact = amount.quantize(Decimal("1e-40"))
        return int((exact * 10**8).to_integral_value(rounding=ROUND_HALF_EVEN))
