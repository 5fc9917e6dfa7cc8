"""What a running session shows, as plain frozen data: the live view, and later the web page and Telegram.

Prices and quantities are exact decimals in the venue's units, money is e8 of
the settle coin, times are ns of the stream; nan means unknown or asleep.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from math import isfinite
from typing import Any

from bot.core.enums import Mode, Side, Stage, Trust


@dataclass(frozen=True, slots=True)
class ModeStatus:
    """The composite of one mode. `bias` is -1 .. 1, nan while all its cards sleep."""

    mode: Mode
    bias: float
    confidence: float
    direction: int
    fresh: bool
    awake: int


@dataclass(frozen=True, slots=True)
class WallStatus:
    """A wall that is followed; `side` is its book side."""

    side: Side
    price: Decimal
    quantity: Decimal
    distance_bps: float
    genuineness: float


@dataclass(frozen=True, slots=True)
class MarketStatus:
    """One market. `bid` and `ask` are None without a usable book; `thin` is +1 ask side, -1 bid side."""

    symbol: str
    bid: Decimal | None
    ask: Decimal | None
    spread_bps: float
    trust: Trust
    trust_reason: str
    thin: int
    modes: tuple[ModeStatus, ...]
    walls: tuple[WallStatus, ...]  # nearest first
    position: Decimal  # signed
    gaps: int


@dataclass(frozen=True, slots=True)
class TradeStatus:
    """An open trade. `move_bps` is signed towards the trade, nan before its first fill."""

    id: str
    symbol: str
    strategy: str
    mode: Mode
    side: Side
    stage: Stage
    explore: bool
    quantity: Decimal
    entry: Decimal | None
    stop: Decimal
    move_bps: float
    unrealised_e8: int
    coin: str
    age_s: float


@dataclass(frozen=True, slots=True)
class MoneyStatus:
    """One settle coin. `pnl_e8` is the change of equity since this run began."""

    coin: str
    wallet_e8: int
    equity_e8: int
    pnl_e8: int


@dataclass(frozen=True, slots=True)
class RefusalStatus:
    """A refusal and how often it has been repeated since."""

    now_ns: int
    symbol: str
    strategy: str
    mode: str
    side: Side
    reason: str
    limit: float
    value: float
    count: int


@dataclass(frozen=True, slots=True)
class Status:
    """One look at a session. `speed` is market seconds per wall second since the run began."""

    session: str
    kind: str
    source: str  # demo or replay
    now_ns: int  # stream time, 0 before the first row
    elapsed_s: float  # of stream time, in this run
    expected_s: float | None
    wall_s: float
    speed: float
    markets: tuple[MarketStatus, ...]
    trades: tuple[TradeStatus, ...]
    money: tuple[MoneyStatus, ...]
    refusals: tuple[RefusalStatus, ...]  # newest first
    counts: Mapping[str, int]  # rows, ticks, intents, refusals, orders, fills, round_trips ...
    disabled: Mapping[str, str]  # strategy → the error that stopped it
    accepting: bool
    blocks: tuple[str, ...] = ()  # what an account has unexplained: nothing is entered until it is
    modes: tuple[Mode, ...] = tuple(Mode)  # in which entries are allowed
    armed_until_ns: int = 0  # when entries stop by themselves; 0: they do not

    def to_json(self) -> dict[str, Any]:
        """Plain JSON types: decimals as strings, nan as null."""
        plain: dict[str, Any] = _plain(asdict(self))
        return plain


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(inner) for inner in value]
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, Trust):
        return value.name.lower()
    if isinstance(value, float) and not isfinite(value):
        return None
    return value
