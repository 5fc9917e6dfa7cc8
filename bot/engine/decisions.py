"""The decision hash: one number for everything that was read, refused, wanted, ordered and filled.

Two runs that saw the same stream from the same header have the same hash. It
is fed in the order of the decisions and does not know how rows were batched.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

import msgspec
import numpy as np

from bot.core.messages import Denied, Fill, Intent, Order, Plan, Report
from bot.core.protocols import Journal

_encode = msgspec.msgpack.Encoder(enc_hook=str).encode


class DecisionHash:
    """Running hash and counts; `hexdigest` may be asked for at any time."""

    def __init__(self) -> None:
        self._hash = blake2b(digest_size=16)
        self.counts = {"readings": 0, "refusals": 0, "intents": 0, "orders": 0, "fills": 0}

    def readings(self, now_ns: int, block: np.ndarray, awake: int) -> None:
        """A market's readings at a tick: float64 figures, rounded to 1e-9 before hashing.

        `awake` is how many cards the block speaks for.
        """
        figures = np.rint(block * 1e9) / 1e9 + 0.0  # + 0.0: minus zero is zero
        figures[figures != figures] = np.nan  # one nan
        self._hash.update(now_ns.to_bytes(8, "little", signed=True))
        self._hash.update(figures.tobytes())
        self.counts["readings"] += awake

    def refusal(self, denied: Denied) -> None:
        self._add("refusals", denied)

    def intent(self, intent: Intent) -> None:
        self._add("intents", intent)

    def order(self, order: Order) -> None:
        self._add("orders", order)

    def fill(self, fill: Fill) -> None:
        self._add("fills", fill)

    def _add(self, what: str, message: Any) -> None:
        self._hash.update(_encode(message))
        self.counts[what] += 1

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


class HashingJournal:
    """A journal that also feeds the decision hash with what passes: refusals, orders and fills."""

    def __init__(self, journal: Journal, decisions: DecisionHash) -> None:
        self._journal = journal
        self._decisions = decisions

    def denied(self, denied: Denied) -> bool:
        self._decisions.refusal(denied)
        return self._journal.denied(denied)

    def order(self, order: Order) -> None:
        self._decisions.order(order)
        self._journal.order(order)

    def fill(self, fill: Fill, trade_id: str) -> None:
        self._decisions.fill(fill)
        self._journal.fill(fill, trade_id)

    def intent(self, intent: Intent) -> None:
        self._journal.intent(intent)

    def plan(self, plan: Plan) -> None:
        self._journal.plan(plan)

    def report(self, report: Report) -> None:
        self._journal.report(report)

    def trade(self, row: Mapping[str, Any]) -> None:
        self._journal.trade(row)

    def readings(self, now_ns: int, symbol: str, cause: str, figures: Mapping[str, float]) -> None:
        self._journal.readings(now_ns, symbol, cause, figures)

    def outcome(self, row: Mapping[str, Any]) -> None:
        self._journal.outcome(row)

    def shadow(self, row: Mapping[str, Any]) -> None:
        self._journal.shadow(row)

    def equity(self, now_ns: int, coin: str, wallet_e8: int, equity_e8: int) -> None:
        self._journal.equity(now_ns, coin, wallet_e8, equity_e8)

    def audit(self, now_ns: int, what: str, detail: Mapping[str, Any]) -> None:
        self._journal.audit(now_ns, what, detail)

    def commit(self) -> None:
        self._journal.commit()
