"""The bot's database against the exchange's record, row by row, and what was measured on the way."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

from bot.core.enums import OrderRole
from bot.core.units import NS_PER_S
from bot.market.instruments import Instrument
from bot.store.database import Database
from scripts.killing.record import SELF_TEST, Record, Unprotected, by_cause

UP_P99_S, UP_MOST_S, RESTART_S = 1.0, 3.0, 5.0
"""What the architecture promises of unprotected time: while the bot is up, and after a restart."""

SUSPICIOUS = (
    "wallet_differs",
    "position_differs",
    "closed_elsewhere",
    "unknown_position",
    "foreign_fill",
    "foreign_order",
    "second_instance",
    "stray_report",
    "position_gone",
    "news_of_no_order",
    "reconciled",
    "strategy_disabled",
)
"""Findings that would mean that the books went wrong and were put right from the venue's."""


@dataclass
class Verdict:
    """`faults` must be empty; `figures` are for people."""

    faults: list[str] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)

    def want(self, holds: bool, fault: str) -> None:
        if not holds:
            self.faults.append(fault)


@dataclass(frozen=True)
class Kept:
    """What the session's database holds."""

    orders: list[dict[str, Any]]
    fills: list[dict[str, Any]]
    heard_trades: set[str]
    audits: Counter[str]
    state: Mapping[str, Any]
    instruments: dict[str, Instrument]
    trades: list[dict[str, Any]]
    runs: int

    @staticmethod
    def read(session: Path) -> Kept:
        with Database.read(session) as database:
            told = database.query("SELECT body FROM inbox WHERE kind = 'FillTold'")
            audits = database.query("SELECT what, count(*) AS n FROM audit GROUP BY what")
            runs = database.query("SELECT header FROM runs ORDER BY id")
            listed = json.loads(runs[-1]["header"])["instruments"]
            return Kept(
                orders=database.query("SELECT * FROM orders"),
                fills=database.query("SELECT * FROM fills ORDER BY rowid"),
                heard_trades={json.loads(row["body"])["trade_id"] for row in told},
                audits=Counter({row["what"]: row["n"] for row in audits}),
                state=database.state("session"),
                instruments={i.symbol: i for i in map(Instrument.from_json, listed)},
                trades=database.query("SELECT * FROM trades"),
                runs=len(runs),
            )


def judge(record: Record, kept: Kept, bot_wallet_e8: int, exchange_wallet_e8: int) -> Verdict:
    verdict = Verdict()
    _judge_orders(verdict, record, kept)
    _judge_fills(verdict, record, kept)
    ledger = kept.state["venue"]["ledger"]
    wallets = {"exchange": exchange_wallet_e8, "status": bot_wallet_e8, "wire": record.wallet_e8}
    verdict.figures["wallets_e8"] = wallets
    verdict.want(len(set(wallets.values())) == 1, f"wallets differ: {wallets}; ledger {ledger['accounts']}")
    verdict.want(not any(record.held.values()), f"positions left at the exchange: {record.held}")
    verdict.want(record.resting_stops == 0, f"{record.resting_stops} stops left at the exchange")
    for what in SUSPICIOUS:
        verdict.want(kept.audits[what] == 0, f"{kept.audits[what]} times {what} in the audit")
    verdict.figures["audit"] = dict(sorted(kept.audits.items()))
    verdict.figures["runs"] = kept.runs
    return verdict


def _judge_orders(verdict: Verdict, record: Record, kept: Kept) -> None:
    """No client id twice, no second entry of an intent, no order that was not journaled before."""
    counts = Counter(record.placed)
    twice = [client_id for client_id, n in counts.items() if n > 1]
    verdict.want(not twice, f"{len(twice)} client ids twice at the exchange: {twice[:5]}")
    journaled = {row["client_id"]: row for row in kept.orders}
    unknown = [c for c in counts if c not in journaled and not c.endswith(SELF_TEST)]
    verdict.want(
        not unknown, f"{len(unknown)} orders at the exchange that no journal row precedes: {unknown[:5]}"
    )
    entries = Counter(
        journaled[c]["intent_id"]
        for c in counts
        if c in journaled and journaled[c]["role"] == OrderRole.ENTRY
    )
    repeated = [intent for intent, n in entries.items() if n > 1]
    verdict.want(not repeated, f"{len(repeated)} intents entered twice: {repeated[:5]}")
    verdict.want(not record.foreign, f"orders of others: {dict(record.foreign)}")
    roles = Counter(str(journaled[c]["role"]) for c in counts if c in journaled)
    verdict.figures["orders"] = dict(sorted(roles.items()))
    verdict.figures["self_tests"] = sum(c.endswith(SELF_TEST) for c in counts)
    verdict.figures["refusals"] = dict(record.refusals)


def _judge_fills(verdict: Verdict, record: Record, kept: Kept) -> None:
    """Every execution at the exchange is in the database once, with its fee and its result."""
    theirs = {fill.trade_id for fill in record.fills}
    lost, invented = theirs - kept.heard_trades, kept.heard_trades - theirs
    verdict.want(not lost, f"{len(lost)} fills never heard of: {sorted(lost)[:5]}")
    verdict.want(
        not invented, f"{len(invented)} fills that the exchange does not know: {sorted(invented)[:5]}"
    )
    at_exchange: dict[str, list[Booked]] = {}
    for f in record.fills:
        lots = int(f.quantity / kept.instruments[f.symbol].lot)
        price = int(f.price / kept.instruments[f.symbol].tick)
        booked = Booked(f.client_id, f.side, lots, price, f.fee_e8, f.realised_e8)
        at_exchange.setdefault(f.symbol, []).append(booked)
    in_database: dict[str, list[Booked]] = {}
    for row in kept.fills:
        in_database.setdefault(row["symbol"], []).append(Booked(*(row[name] for name in Booked._fields)))
    late = 0
    for symbol in sorted(at_exchange.keys() | in_database.keys()):
        wanted, found = at_exchange.get(symbol, []), in_database.get(symbol, [])
        instrument = kept.instruments[symbol]
        unit_e8 = Fraction(instrument.tick * instrument.lot * 10**8)
        faults, reordered = compare_fills(wanted, found, unit_e8)
        verdict.faults += [f"{symbol}: {fault}" for fault in faults]
        late += reordered
    verdict.figures["fills"] = len(record.fills)
    verdict.figures["round_trips_with_a_late_fill"] = late
    verdict.figures["trades"] = len(kept.trades)


class Booked(NamedTuple):
    """A fill as both sides book it, in lots, ticks and e8."""

    client_id: str
    side: int
    lots: int
    price: int
    fee_e8: int
    realised_e8: int


def compare_fills(
    wanted: Sequence[Booked], found: Sequence[Booked], unit_e8: Fraction
) -> tuple[list[str], int]:
    """What is wrong with the fills found of one market, and how many round trips were booked out of order.

    Each round trip, from flat to flat, must hold the same fills. In the same order, each with the same
    result. A fill that is heard of after a kill is booked behind an exit that it preceded: the average
    cost then splits the result among the exits in another way. Its sum must be the same, and each result
    what the average cost in our order makes it, to one e8. `unit_e8`: of one tick and lot.
    """
    missing, surplus = _counted(wanted) - _counted(found), _counted(found) - _counted(wanted)
    if missing or surplus:
        few, many = f"{missing.total()} not in the database {list(missing)[:3]}", list(surplus)[:3]
        return [f"fills differ: {few}, {surplus.total()} in it too often {many}"], 0
    faults, reordered, start, held = [], 0, 0, 0
    for end, fill in enumerate(wanted, 1):
        held += fill.side * fill.lots
        ours, theirs = found[start:end], wanted[start:end]
        if held or _counted(ours) != _counted(theirs):
            continue
        if [_key(f) for f in ours] != [_key(f) for f in theirs]:
            reordered += 1
            results = [sum(f.realised_e8 for f in fills) for fills in (theirs, ours)]
            due = average_cost(ours, unit_e8)
            wrong = [f for f, result in zip(ours, due, strict=True) if abs(f.realised_e8 - result) > 1]
            faults += [f"{f.client_id}: its result is not what the average cost makes it: {f}" for f in wrong]
        else:
            results = [[f.realised_e8 for f in fills] for fills in (theirs, ours)]
        if results[0] != results[1]:
            faults.append(f"results of {theirs[0].client_id} to {theirs[-1].client_id} differ: {results}")
        start = end
    if start < len(wanted):
        faults.append(f"the last {len(wanted) - start} fills belong to no whole round trip")
    return faults, reordered


def average_cost(fills: Sequence[Booked], unit_e8: Fraction) -> list[Fraction]:
    """The result of each fill in e8, from flat on, exact."""
    results, held, cost = [], 0, Fraction(0)  # cost in ticks x lots, both signed as the position
    for fill in fills:
        lots = fill.side * fill.lots
        closed = 0 if held * lots >= 0 else min(abs(held), fill.lots) * (1 if held > 0 else -1)
        released = cost * closed / held if held else Fraction(0)
        results.append((closed * fill.price - released) * unit_e8)
        cost += (lots + closed) * fill.price - released
        held += lots
    return results


def _key(fill: Booked) -> tuple[object, ...]:
    return fill[:-1]


def _counted(fills: Sequence[Booked]) -> Counter[tuple[object, ...]]:
    return Counter(map(_key, fills))


def judge_protection(
    verdict: Verdict, record: Record, born_ns: Sequence[int], died_ns: Sequence[int]
) -> Unprotected:
    times = by_cause(record.bare, born_ns, died_ns, record.asked_ns)
    for name, limit_s, seconds in (
        ("recovery", UP_MOST_S, times.recovery),
        ("up", UP_MOST_S, times.up),
        ("before_kill", UP_MOST_S, times.before),
        ("restart", RESTART_S, times.restart),
    ):
        most = seconds[-1] if seconds else 0.0
        verdict.figures[f"unprotected_{name}_s"] = {
            "n": len(seconds),
            "p50": percentile(seconds, 0.5),
            "p99": percentile(seconds, 0.99),
            "most": most,
        }
        verdict.want(
            most <= limit_s, f"unprotected ({name}) for {most:.2f} s, expected at most {limit_s:g} s"
        )
    p99 = percentile(times.up, 0.99)
    verdict.want(p99 <= UP_P99_S, f"unprotected while up: p99 {p99:.2f} s, expected at most {UP_P99_S:g} s")
    return times


def judge_starts(verdict: Verdict, born_ns: Sequence[int], ready_ns: Sequence[int]) -> None:
    took = sorted((ready - born) / NS_PER_S for born, ready in zip(born_ns, ready_ns, strict=True) if ready)
    verdict.figures["start_s"] = {
        "n": len(took),
        "p50": percentile(took, 0.5),
        "most": took[-1] if took else 0.0,
    }


def percentile(values: Sequence[float], share: float) -> float:
    """Of sorted values; 0 without any."""
    return values[min(len(values) - 1, int(share * len(values)))] if values else 0.0
