"""Rows and headers that the tape's tests share."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import numpy as np
import pytest

from bot.market.events import EVENT, Flag, Kind
from bot.market.instruments import Contract, Instrument
from bot.market.tape import TapeHeader

T0 = 1_723_075_200_000_000_000


@pytest.fixture
def header() -> TapeHeader:
    linear = Instrument("binance-usdm", "BTCUSDT", Decimal("0.1"), Decimal("0.001"))
    inverse = Instrument(
        "binance-coinm", "BTCUSD_PERP", Decimal("0.1"), Decimal(1), Contract.INVERSE, Decimal(100), "BTC"
    )
    return TapeHeader((linear, inverse), provenance={"files": [{"name": "a.gz", "sha256": "00"}], "lines": 3})


@pytest.fixture
def stream() -> Callable[..., np.ndarray]:
    """`stream(messages)`: a snapshot, then diffs of two levels and a trade each; seq from 1."""

    def make(messages: int, first_seq: int = 1, market: int = 0) -> np.ndarray:
        rows = [(Kind.SNAPSHOT, 0, 0, 0.0, 0)]
        rows += [(Kind.LEVEL, 1, 1000 - i, 5.0 + i, 0) for i in range(3)]
        rows += [(Kind.LEVEL, -1, 1001 + i, 7.0 + i, 0) for i in range(3)]
        rows += [(Kind.COMMIT, 0, 0, 0.0, int(Flag.SNAPSHOT))]
        message = [0] * len(rows)
        for n in range(1, messages + 1):
            rows += [
                (Kind.LEVEL, 1, 999, float(n % 5), 0),
                (Kind.LEVEL, -1, 1003, float(n % 7), 0),
                (Kind.COMMIT, 0, 0, 0.0, 0),
                (Kind.TRADE, 1, 1001, 0.5 + n, 0),
            ]
            message += [2 * n, 2 * n, 2 * n, 2 * n + 1]
        made = np.zeros(len(rows), EVENT)
        for i, name in enumerate(("kind", "side", "price", "value", "flags")):
            made[name] = [row[i] for row in rows]
        made["market"] = market
        made["seq"] = np.arange(first_seq, first_seq + len(rows))
        made["recv_ns"] = T0 + np.array(message) * 1_000_000
        made["exch_ns"] = made["recv_ns"] - 3_000_000
        made["ref"] = made["seq"] * 10
        return made

    return make
