"""Which Binance venue a recording is of, and of which symbols, from its first lines."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgspec

from bot.core.errors import BadInput
from bot.market.importers.raw_lines import RawLine
from bot.market.venues.binance import COINM, SPOT, USDM

PROBED_LINES = 2_000
_SAMPLE = 60

_COINM_SYMBOL = re.compile(r"^[A-Z0-9]+USD_(PERP|\d{6})$")
_USED = {"depthUpdate", "trade", "aggTrade", "bookTicker", "markPriceUpdate", "forceOrder"}
_COINM_STREAM = 2  # the field st of merged streams


@dataclass(frozen=True, slots=True)
class Probe:
    venue: str  # empty: these lines do not tell
    symbols: tuple[str, ...]  # in order of first appearance


def probe(lines: Iterable[RawLine]) -> Probe:
    """Raises BadInput when no line is a stamp and a JSON object, or frames of several venues are mixed."""
    venues: dict[str, None] = {}
    symbols: dict[str, None] = {}
    first: RawLine | None = None
    understood = 0
    for line in lines:
        first = first or line
        frame = _frame(line)
        if frame is None:
            continue
        understood += 1
        if (symbol := _symbol(frame)) and (venue := _venue(frame, symbol)) != "":
            symbols[symbol] = None
            if venue:
                venues[venue] = None
    if first is None:
        raise BadInput("expected a recording, but the files hold no lines")
    if not understood:
        seen = first.payload[:_SAMPLE].decode("utf-8", "replace").rstrip()
        raise BadInput(
            f"{first.path}: expected lines of a receive stamp and a JSON message, "
            f'such as `1723161255030314667 {{"stream":...}}`; line {first.number} was {seen!r}'
        )
    if len(venues) > 1:
        raise BadInput(f"expected a recording of one venue, was a mixture of {', '.join(sorted(venues))}")
    return Probe(next(iter(venues), ""), tuple(symbols))


def _frame(line: RawLine) -> dict[str, Any] | None:
    if not line.recv_ns:
        return None
    try:
        frame = msgspec.json.decode(line.payload)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    if not isinstance(frame, dict):
        return None
    data = frame.get("data", frame)
    return data if isinstance(data, dict) else frame


def _symbol(frame: dict[str, Any]) -> str:
    order = frame.get("o")
    symbol = frame.get("s") or frame.get("symbol") or (order.get("s") if isinstance(order, dict) else "")
    return symbol if isinstance(symbol, str) else ""


def _venue(frame: dict[str, Any], symbol: str) -> str | None:
    """Its venue, None when it may be of any, empty when the frame is of no kind that is used."""
    event = frame.get("e", "")
    if event not in _USED and not ("B" in frame and "A" in frame) and "lastUpdateId" not in frame:
        return ""
    if frame.get("st") == _COINM_STREAM or _COINM_SYMBOL.match(symbol):
        return COINM
    if event == "depthUpdate":
        return USDM if "pu" in frame else SPOT
    if event in ("trade", "aggTrade"):
        if "M" in frame:
            return SPOT
        return USDM if "X" in frame or event == "aggTrade" else None
    if event == "":
        return SPOT if "B" in frame else None
    return USDM
