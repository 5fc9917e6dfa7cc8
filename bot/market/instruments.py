"""Instruments: what a price tick and a lot are worth, from a table, never inferred from data."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Any, NamedTuple

from bot.core.errors import BadInput
from bot.market.events import MAX_TICK


class Contract(StrEnum):
    LINEAR = "linear"  # settles in quote; value = quantity * contract_size * price
    INVERSE = "inverse"  # settles in base; value in coin = contracts * contract_size / price
    SPOT = "spot"


class Tier(NamedTuple):
    """Maintenance margin rate of the part of a position's value (settle coin) up to `up_to`."""

    up_to: Decimal
    maintenance_rate: Decimal


@dataclass(frozen=True, slots=True)
class Instrument:
    """One symbol of one venue, in one version.

    `lot` is the step of the order quantity in the venue's unit (base coin, or
    contracts on inverse markets); `contract_size` turns that unit into base
    coin (linear, spot) or quote currency (inverse). Fees are fractions of the
    traded value. `maintenance_rate` is the first tier's; `tiers` are the margin
    tiers as far as they are known, smallest first, none where only the first rate is.
    """

    venue: str
    symbol: str
    tick: Decimal
    lot: Decimal
    contract: Contract = Contract.LINEAR
    contract_size: Decimal = Decimal(1)
    settle: str = "USDT"
    min_notional: Decimal = Decimal(5)
    maker_fee: Decimal = Decimal("0.0002")
    taker_fee: Decimal = Decimal("0.0005")
    maintenance_rate: Decimal = Decimal("0.004")
    max_leverage: int = 20
    version: int = 1
    tiers: tuple[Tier, ...] = ()

    @property
    def key(self) -> str:
        """`venue:SYMBOL`, how people and the tape name a market."""
        return f"{self.venue}:{self.symbol}"

    @property
    def inverse(self) -> bool:
        return self.contract is Contract.INVERSE

    def ticks(self, price: str | Decimal) -> int:
        """Exact integer ticks of a decimal price.

        Raises BadInput when the price is not a whole number of ticks or beyond MAX_TICK.
        """
        return _whole(price, self.tick, f"{self.key} price", "tick", MAX_TICK)

    def lots(self, quantity: str | Decimal) -> int:
        """Exact integer lots of a decimal quantity. Raises BadInput otherwise."""
        return _whole(quantity, self.lot, f"{self.key} quantity", "lot", 2**53)

    def price(self, ticks: int) -> Decimal:
        return self.tick * int(ticks)

    def quantity(self, lots: int) -> Decimal:
        return self.lot * int(lots)

    def to_json(self) -> dict[str, Any]:
        """Plain types for headers and provenance; `from_json` is the way back."""
        fields = asdict(self)
        tiers = fields.pop("tiers")
        plain = {k: str(v) if isinstance(v, Decimal) else v for k, v in fields.items()}
        return plain | ({"tiers": [[str(part) for part in tier] for tier in tiers]} if tiers else {})

    @staticmethod
    def from_json(data: dict[str, Any]) -> Instrument:
        return _build(data, "instrument")


def _whole(text: str | Decimal, step: Decimal, what: str, unit: str, most: int) -> int:
    try:
        count = Decimal(text) / step
    except InvalidOperation:
        raise BadInput(f"{what}: expected a decimal number, was {text!r}") from None
    if not count.is_finite() or count != count.to_integral_value():
        raise BadInput(
            f"{what}: expected a multiple of the {unit} {step}, was {text}; "
            "the instrument table is out of date, override it with --instrument"
        )
    if not 0 <= count <= most:
        raise BadInput(f"{what}: expected 0 to {most} {unit}s, was {text}")
    return int(count)


_DECIMALS = frozenset(
    ("tick", "lot", "contract_size", "min_notional", "maker_fee", "taker_fee", "maintenance_rate")
)
_FIELDS = frozenset(Instrument.__dataclass_fields__)


def _build(data: dict[str, Any], where: str) -> Instrument:
    unknown = sorted(set(data) - _FIELDS)
    if unknown:
        raise BadInput(f"{where}: unknown field {unknown[0]!r}; fields are {', '.join(sorted(_FIELDS))}")
    try:
        values: dict[str, Any] = {k: Decimal(str(v)) if k in _DECIMALS else v for k, v in data.items()}
        values["contract"] = Contract(values.get("contract", "linear"))
        values["tiers"] = tuple(Tier(*(Decimal(part) for part in tier)) for tier in data.get("tiers", ()))
        for key in ("max_leverage", "version"):
            if key in values:
                values[key] = int(values[key])
        made = Instrument(**values)
    except (InvalidOperation, TypeError, ValueError) as error:
        raise BadInput(f"{where}: {error}") from None
    if made.tick <= 0 or made.lot <= 0 or made.contract_size <= 0:
        raise BadInput(f"{where}: tick, lot and contract_size must be above 0")
    _check_tiers(made, where)
    return made


def _check_tiers(made: Instrument, where: str) -> None:
    if not made.tiers:
        return
    if made.tiers[0].maintenance_rate != made.maintenance_rate:
        raise BadInput(
            f"{where}: the first of tiers must have maintenance_rate {made.maintenance_rate}, "
            f"was {made.tiers[0].maintenance_rate}"
        )
    for lower, upper in pairwise(made.tiers):
        if not (lower.up_to < upper.up_to and lower.maintenance_rate <= upper.maintenance_rate):
            raise BadInput(f"{where}: tiers must grow, was {lower} before {upper}")


@cache
def shipped() -> dict[str, Instrument]:
    """The shipped table, by key."""
    raw = tomllib.loads(files("bot.market").joinpath("instruments.toml").read_text())
    table = {}
    for venue, symbols in raw.items():
        defaults = symbols.get("defaults", {})
        for symbol, fields in symbols.items():
            if symbol == "defaults":
                continue
            made = _build({"venue": venue, "symbol": symbol, **defaults, **fields}, f"{venue}:{symbol}")
            table[made.key] = made
    return table


def find(key: str, overrides: Iterable[Instrument] = ()) -> Instrument:
    """The instrument named `venue:SYMBOL`; overrides come first.

    Raises BadInput naming the nearest known symbol.
    """
    table = shipped() | {i.key: i for i in overrides}
    if key in table:
        return table[key]
    from difflib import get_close_matches

    near = get_close_matches(key, table, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else "."
    raise BadInput(f"unknown instrument {key!r}{hint} Describe it with --instrument '{key},tick=...,lot=...'")


def parse_override(text: str) -> Instrument:
    """`venue:SYMBOL,tick=0.1,lot=0.001,contract=linear,...` as given to --instrument.

    A known symbol starts from its table entry and gets the next version.
    """
    name, *pairs = [part.strip() for part in text.split(",")]
    venue, _, symbol = name.partition(":")
    if not venue or not symbol or not all("=" in p for p in pairs):
        raise BadInput(f"--instrument: expected 'venue:SYMBOL,tick=...,lot=...', was {text!r}")
    fields = {k.strip(): v.strip() for k, v in (p.split("=", 1) for p in pairs)}
    known = shipped().get(name)
    if known is not None:
        return replace(_build(known.to_json() | fields, f"--instrument {name}"), version=known.version + 1)
    if "tick" not in fields or "lot" not in fields:
        raise BadInput(f"--instrument {name}: not in the shipped table, so tick=... and lot=... are needed")
    return _build({"venue": venue, "symbol": symbol, **fields}, f"--instrument {name}")
