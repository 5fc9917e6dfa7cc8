"""What was really planted in a synthetic market, read from its truth file (signals.md 11.3)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bot.core.errors import BadInput
from bot.market.instruments import Instrument
from bot.market.synthetic import Truth

_SIDES = {"bid": 1, "buy": 1, "up": 1, "ask": -1, "sell": -1, "down": -1, "": 0, "none": 0}


@dataclass(frozen=True, slots=True)
class Planted:
    """One planted phenomenon in one market. `price` in ticks; `t1_ns` 0: it lasted to the end.

    `side`: +1 a bid wall, a thin ask side, an upward sweep: where the price should go.
    """

    id: str
    type: str
    market: int
    t0_ns: int
    t1_ns: int
    price: float
    side: int
    outcome: str
    params: dict[str, Any] = field(default_factory=dict)

    @property
    def genuine(self) -> bool:
        return self.type == "genuine_wall"


def read_truth(path: Path, instruments: Sequence[Instrument]) -> list[Planted]:
    """Records about the given markets, in order of their beginning.

    Needs `type`, `symbol`, `t0_ns` and `t1_ns` (or `t0`, `t1`) of each line,
    takes the rest where it is there, and ignores what it does not know. A record
    without a venue is about the first market of that symbol. Raises BadInput,
    naming the line.
    """
    markets = _markets(instruments)
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            market = markets.get((str(record.get("venue") or ""), record["symbol"]))
            if market is not None:
                found.append(_planted(record, market, number))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadInput(
                f"{path}, line {number}: expected a record of what was planted, with type, symbol, t0_ns and"
                f" t1_ns ({type(error).__name__}: {error}); name the truth.jsonl of a demo session"
            ) from None
    return sorted(found, key=lambda planted: planted.t0_ns)


def planted_of(truth: Iterable[Truth], instruments: Sequence[Instrument]) -> list[Planted]:
    """What `read_truth` would give, without a file: records about the given markets, by their beginning."""
    markets = _markets(instruments)
    found = [
        _planted(asdict(record), markets[(record.venue, record.symbol)], number)
        for number, record in enumerate(truth, start=1)
        if (record.venue, record.symbol) in markets
    ]
    return sorted(found, key=lambda planted: planted.t0_ns)


def _markets(instruments: Sequence[Instrument]) -> dict[tuple[str, str], int]:
    """(venue, symbol) -> market; without a venue the first market of the symbol."""
    markets: dict[tuple[str, str], int] = {}
    for k, instrument in enumerate(instruments):
        markets[(instrument.venue, instrument.symbol)] = k
        markets.setdefault(("", instrument.symbol), k)
    return markets


def _planted(record: Mapping[str, Any], market: int, number: int) -> Planted:
    side = record.get("side") or 0
    return Planted(
        id=str(record.get("id", number)),
        type=str(record["type"]),
        market=market,
        t0_ns=int(record["t0_ns"] if "t0_ns" in record else record["t0"]),
        t1_ns=int((record["t1_ns"] if "t1_ns" in record else record["t1"]) or 0),
        price=float(record.get("price") or 0.0),
        side=_SIDES[side.lower()] if isinstance(side, str) else int(side),
        outcome=str(record.get("outcome") or ""),
        params=dict(record.get("params") or {}),
    )
