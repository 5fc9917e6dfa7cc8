"""What the exchange wrote down: orders it took, fills, money, and how long a position had no stop there.

From the wire journal alone; nothing the bot says is believed here.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from bot.core.units import NS_PER_S, to_e8

ORDERS = ("/fapi/v1/order", "/fapi/v1/algoOrder")
KEY_RIGHTS = "/sapi/v1/account/apiRestrictions"
OURS = "lop-"
SELF_TEST = "-te0"
"""End of the client ids of the self-test's stops, which belong to no decision."""


class Fill(NamedTuple):
    """One execution, in the venue's decimals."""

    trade_id: str
    client_id: str
    symbol: str
    side: int
    quantity: Decimal
    price: Decimal
    fee_e8: int
    realised_e8: int


class Bare(NamedTuple):
    """A stretch of time in which a position was not wholly behind resting stops."""

    symbol: str
    from_ns: int
    to_ns: int


@dataclass
class Exposure:
    """One market: the position, and the stops that rest, by conditional order."""

    held: Decimal = Decimal(0)
    stops: dict[str, tuple[int, Decimal]] = field(default_factory=dict)  # side and quantity
    since_ns: int = 0

    @property
    def bare(self) -> bool:
        side = 1 if self.held > 0 else -1
        covered = sum((lots for way, lots in self.stops.values() if way == -side), Decimal(0))
        return covered < abs(self.held)


@dataclass
class Record:
    """The exchange's side of everything."""

    placed: list[str] = field(default_factory=list)  # client ids of ours that were taken, in order
    sent_ns: list[int] = field(default_factory=list)  # when it answered an order of ours
    fills: list[Fill] = field(default_factory=list)
    foreign: Counter[str] = field(default_factory=Counter)
    bare: list[Bare] = field(default_factory=list)
    wallet_e8: int = 0
    refusals: Counter[int] = field(default_factory=Counter)
    at_ns: int = 0
    asked_ns: list[int] = field(default_factory=list)  # key rights: the first question of every life
    _markets: dict[str, Exposure] = field(default_factory=dict)

    @property
    def held(self) -> dict[str, Decimal]:
        return {symbol: market.held for symbol, market in self._markets.items()}

    @property
    def resting_stops(self) -> int:
        return sum(len(market.stops) for market in self._markets.values())

    def read(self, lines: Iterable[Mapping[str, Any]]) -> None:
        for line in lines:
            self.at_ns = int(line["at_ns"])
            if "event" in line:
                self._event(line["event"])
            elif line["path"] == KEY_RIGHTS:
                self.asked_ns.append(self.at_ns)
            elif line["method"] == "POST" and line["path"] in ORDERS:
                self._order(line)

    def _order(self, line: Mapping[str, Any]) -> None:
        params, answer = line["params"], line["answer"]
        client_id = params.get("newClientOrderId") or params.get("clientAlgoId") or ""
        if line["status"] != 200:
            self.refusals[int((answer or {}).get("code", 0))] += 1
        elif client_id.startswith(OURS):
            self.placed.append(client_id)
            self.sent_ns.append(self.at_ns)
        else:
            self.foreign[client_id] += 1

    def _event(self, event: Mapping[str, Any]) -> None:
        if event["e"] == "ORDER_TRADE_UPDATE" and event["o"]["x"] in ("TRADE", "CALCULATED"):
            self._filled(event["o"])
        elif event["e"] == "ALGO_UPDATE":
            self._conditional(event["o"])
        elif event["e"] == "ACCOUNT_UPDATE" and event["a"]["m"] in ("FUNDING_FEE", "DEPOSIT"):
            self.wallet_e8 += to_e8(Decimal(event["a"]["B"][0]["bc"]))

    def _filled(self, order: Mapping[str, Any]) -> None:
        side = 1 if order["S"] == "BUY" else -1
        fill = Fill(
            trade_id=str(order["t"]),
            client_id=order["c"],
            symbol=order["s"],
            side=side,
            quantity=Decimal(order["l"]),
            price=Decimal(order["L"]),
            fee_e8=to_e8(Decimal(order["n"])),
            realised_e8=to_e8(Decimal(order["rp"])),
        )
        self.fills.append(fill)
        self.wallet_e8 += fill.realised_e8 - fill.fee_e8
        market = self._markets.setdefault(fill.symbol, Exposure())
        market.held += side * fill.quantity
        self._measure(fill.symbol)

    def _conditional(self, algo: Mapping[str, Any]) -> None:
        market = self._markets.setdefault(algo["s"], Exposure())
        if algo["X"] == "NEW" and algo["R"] and algo["o"].startswith("STOP"):
            market.stops[str(algo["aid"])] = (1 if algo["S"] == "BUY" else -1, Decimal(algo["q"]))
        else:
            market.stops.pop(str(algo["aid"]), None)
        self._measure(algo["s"])

    def _measure(self, symbol: str) -> None:
        market = self._markets[symbol]
        if market.bare and not market.since_ns:
            market.since_ns = self.at_ns
        elif not market.bare and market.since_ns:
            self.bare.append(Bare(symbol, market.since_ns, self.at_ns))
            market.since_ns = 0


def read_wire(path: Path, deposit_e8: int) -> Record:
    """The whole journal. The deposit at the start was booked before anybody listened."""
    record = Record(wallet_e8=deposit_e8)
    with path.open() as lines:
        record.read(json.loads(line) for line in lines)
    return record


@dataclass(frozen=True)
class Unprotected:
    """Seconds a position was bare at the exchange.

    `up`: no kill in between. `before`: from the fill to the kill, as far as the process talked to the
    venue. `restart`: from the birth of the process that ended it. `recovery`: from the first exchange
    of that process with the venue, without what loading a program takes on a busy machine.
    """

    up: tuple[float, ...]
    restart: tuple[float, ...]
    before: tuple[float, ...]
    recovery: tuple[float, ...] = ()


def by_cause(
    bare: Sequence[Bare], born_ns: Sequence[int], died_ns: Sequence[int], asked_ns: Sequence[int] = ()
) -> Unprotected:
    """A stretch that a kill lies in is split: what the bot had before it, and what the next one needed.

    One that began while a process was still loading counts from that process's birth.
    """
    up, restart, before, recovery = [], [], [], []
    for stretch in bare:
        asked = [ns for ns in asked_ns if stretch.from_ns < ns < stretch.to_ns]
        home_ns = max((ns for ns in born_ns if ns <= stretch.from_ns), default=0)
        kills = [died for died in died_ns if stretch.from_ns < died < stretch.to_ns]
        births = [born for born in born_ns if stretch.from_ns < born < stretch.to_ns]
        if kills and births:
            before += _at_home(stretch, kills[0], born_ns, asked_ns)
            restart.append((stretch.to_ns - births[-1]) / NS_PER_S)
        elif births:  # it began while nobody was at home
            restart.append((stretch.to_ns - births[-1]) / NS_PER_S)
        elif not kills and asked and not any(home_ns < ns <= stretch.from_ns for ns in asked_ns):
            restart.append((stretch.to_ns - home_ns) / NS_PER_S)
        elif not kills:
            up.append((stretch.to_ns - stretch.from_ns) / NS_PER_S)
        if asked and len(restart) > len(recovery):
            recovery.append((stretch.to_ns - asked[-1]) / NS_PER_S)
    return Unprotected(
        tuple(sorted(up)), tuple(sorted(restart)), tuple(sorted(before)), tuple(sorted(recovery))
    )


def _at_home(stretch: Bare, killed_ns: int, born_ns: Sequence[int], asked_ns: Sequence[int]) -> list[float]:
    """What the process that was killed could have done something about; none when it was still loading."""
    born = max((ns for ns in born_ns if ns < killed_ns), default=0)
    first = next((ns for ns in asked_ns if born < ns < killed_ns), None)
    return [] if first is None else [(killed_ns - max(stretch.from_ns, first)) / NS_PER_S]
