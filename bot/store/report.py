"""What a session earned and why not more: figures from its database, as data.

Money is e8 of the settle coin and is never added across coins. A round trip is
a closed trade that was filled. Exploration trades are shown, and counted
apart: they are in the wallet, never in the performance.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from math import sqrt
from typing import Any

from bot.store.database import Database
from bot.store.prices import priced_trades
from bot.store.selection import chosen_runs
from bot.store.shadow_report import Added, what_was_added

WILSON_Z = 1.96


@dataclass(frozen=True, slots=True)
class Performance:
    """Round trips of one kind (a strategy, or all) in one coin. Excursions are means, in bps."""

    strategy: str  # "" for all together
    coin: str
    round_trips: int
    wins: int
    win_rate: float | None
    win_low: float | None  # Wilson interval, 95 %
    win_high: float | None
    gross_e8: int
    fees_e8: int
    funding_e8: int
    net_e8: int
    best_bps: float | None  # maximum favourable excursion
    worst_bps: float | None  # maximum adverse excursion
    hold_s: float | None


@dataclass(frozen=True, slots=True)
class Wallet:
    """One coin over the report: first and last equity, and the worst fall from a peak in between."""

    coin: str
    first_equity_e8: int
    last_equity_e8: int
    last_wallet_e8: int
    change_e8: int
    max_drawdown_e8: int
    max_drawdown: float  # share of the peak


@dataclass(frozen=True, slots=True)
class Refused:
    """How often risk said no for a reason."""

    reason: str
    count: int
    strategies: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """`trades` holds the rows of all trades of the runs, oldest first, with decimal prices."""

    session: str
    runs: tuple[int, ...]
    kind: str
    state: str  # of the last run
    from_ns: int  # market time of the first and the last thing recorded, 0 nothing
    to_ns: int
    performance: tuple[Performance, ...]  # a strategy and coin
    totals: tuple[Performance, ...]  # a coin
    exploration: tuple[Performance, ...]  # a strategy and coin, flagged trades only
    wallets: tuple[Wallet, ...]
    refusals: tuple[Refused, ...]  # most frequent first
    intents: int  # asked for: approved and refused
    approved: int
    orders: int
    fills: int
    unfilled: int  # entries that ended without a fill
    still_open: int
    unprotected_max_ns: int
    added: tuple[Added, ...]  # what each strategy earned beyond its shadows
    trades: tuple[Mapping[str, Any], ...]

    @property
    def round_trips(self) -> int:
        """Without exploration."""
        return sum(total.round_trips for total in self.totals)

    @property
    def explored(self) -> int:
        """Round trips of exploration."""
        return sum(group.round_trips for group in self.exploration)

    @property
    def refused(self) -> int:
        return sum(entry.count for entry in self.refusals)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON types."""
        data = asdict(self)
        data["trades"] = [dict(trade) for trade in self.trades]
        return data | {
            "round_trips": self.round_trips,
            "explored": self.explored,
            "refused": self.refused,
        }


def build_report(database: Database, run: int | None = None) -> Report:
    """The report of one run, or with None of all paper runs, which share a wallet (else of the last run).

    Raises BadInput when there is no such run.
    """
    chosen = chosen_runs(database, run)
    ids = [row["id"] for row in chosen]
    trades = _of_runs(database, "SELECT * FROM trades WHERE run IN ({}) ORDER BY opened_ns, run, id", ids)
    done = [trade for trade in trades if trade["stage"] == "closed" and trade["filled_lots"]]
    counted = [trade for trade in done if not trade["explore"]]
    first_ns, last_ns = _span(database, ids)
    refusals = _refusals(database, ids)
    approved = _count(database, "plans", ids)
    return Report(
        session=database.path.parent.name,
        runs=tuple(ids),
        kind=chosen[-1]["kind"],
        state=chosen[-1]["state"],
        from_ns=first_ns,
        to_ns=last_ns,
        performance=_grouped(counted, by_strategy=True),
        totals=_grouped(counted, by_strategy=False),
        exploration=_grouped([trade for trade in done if trade["explore"]], by_strategy=True),
        wallets=_wallets(database, ids),
        refusals=refusals,
        intents=approved + sum(entry.count for entry in refusals),
        approved=approved,
        orders=_count(database, "orders", ids),
        fills=_count(database, "fills", ids),
        unfilled=sum(trade["stage"] == "closed" and not trade["filled_lots"] for trade in trades),
        still_open=sum(trade["stage"] != "closed" for trade in trades),
        unprotected_max_ns=max((trade["unprotected_max_ns"] or 0 for trade in trades), default=0),
        added=what_was_added(database, ids),
        trades=tuple(priced_trades(database, trades)),
    )


def wilson(wins: int, trials: int, z: float = WILSON_Z) -> tuple[float, float]:
    """Bounds of a share; (0, 1) without trials."""
    if trials == 0:
        return 0.0, 1.0
    share = wins / trials
    spread = z * sqrt(share * (1.0 - share) / trials + z * z / (4.0 * trials * trials))
    middle, scale = share + z * z / (2.0 * trials), 1.0 + z * z / trials
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)


def drawdown(equity: Iterable[int]) -> tuple[int, float]:
    """Largest fall below an earlier peak: the amount, and the largest as a share of its peak."""
    peak = amount = 0
    share = 0.0
    for value in equity:
        peak = max(peak, value)
        amount = max(amount, peak - value)
        if peak > 0:
            share = max(share, (peak - value) / peak)
    return amount, share


def _of_runs(database: Database, sql: str, runs: Sequence[int]) -> list[dict[str, Any]]:
    return database.query(sql.format(", ".join("?" * len(runs))), runs)


def _count(database: Database, table: str, runs: Sequence[int]) -> int:
    (row,) = _of_runs(database, f"SELECT count(*) AS n FROM {table} WHERE run IN ({{}})", runs)
    return int(row["n"])


def _span(database: Database, runs: Sequence[int]) -> tuple[int, int]:
    """First and last market time that anything was recorded at."""
    marks: list[int] = []
    for table, first, last in (
        ("equity", "now_ns", "now_ns"),
        ("reports", "now_ns", "now_ns"),
        ("denials", "first_ns", "last_ns"),
    ):
        (row,) = _of_runs(
            database, f"SELECT min({first}) AS a, max({last}) AS z FROM {table} WHERE run IN ({{}})", runs
        )
        marks += [row[side] for side in ("a", "z") if row[side]]
    return min(marks, default=0), max(marks, default=0)


def _grouped(trades: Sequence[Mapping[str, Any]], *, by_strategy: bool) -> tuple[Performance, ...]:
    def key(trade: Mapping[str, Any]) -> tuple[str, str]:
        return trade["strategy"] if by_strategy else "", trade["coin"]

    groups = groupby(sorted(trades, key=key), key)
    return tuple(_performance(strategy, coin, list(rows)) for (strategy, coin), rows in groups)


def _performance(strategy: str, coin: str, trades: Sequence[Mapping[str, Any]]) -> Performance:
    n = len(trades)
    wins = sum(trade["net_e8"] > 0 for trade in trades)
    low, high = wilson(wins, n)
    return Performance(
        strategy=strategy,
        coin=coin,
        round_trips=n,
        wins=wins,
        win_rate=wins / n if n else None,
        win_low=low if n else None,
        win_high=high if n else None,
        gross_e8=sum(trade["gross_e8"] for trade in trades),
        fees_e8=sum(trade["fees_e8"] for trade in trades),
        funding_e8=sum(trade["funding_e8"] for trade in trades),
        net_e8=sum(trade["net_e8"] for trade in trades),
        best_bps=sum(trade["best_bps"] for trade in trades) / n if n else None,
        worst_bps=sum(trade["worst_bps"] for trade in trades) / n if n else None,
        hold_s=sum(trade["hold_ns"] for trade in trades) / n / 1e9 if n else None,
    )


def _wallets(database: Database, runs: Sequence[int]) -> tuple[Wallet, ...]:
    rows = _of_runs(
        database,
        "SELECT coin, wallet_e8, equity_e8 FROM equity WHERE run IN ({}) ORDER BY coin, run, now_ns, rowid",
        runs,
    )
    return tuple(_wallet(coin, list(points)) for coin, points in groupby(rows, lambda row: str(row["coin"])))


def _wallet(coin: str, points: Sequence[Mapping[str, Any]]) -> Wallet:
    first, last = points[0], points[-1]
    amount, share = drawdown(point["equity_e8"] for point in points)
    return Wallet(
        coin=coin,
        first_equity_e8=first["equity_e8"],
        last_equity_e8=last["equity_e8"],
        last_wallet_e8=last["wallet_e8"],
        change_e8=last["equity_e8"] - first["equity_e8"],
        max_drawdown_e8=amount,
        max_drawdown=share,
    )


def _refusals(database: Database, runs: Sequence[int]) -> tuple[Refused, ...]:
    rows = _of_runs(
        database,
        "SELECT reason, strategy, sum(count) AS n FROM denials WHERE run IN ({})"
        " GROUP BY reason, strategy ORDER BY reason, strategy",
        runs,
    )
    merged = []
    for reason, parts in groupby(rows, lambda row: str(row["reason"])):
        listed = list(parts)
        merged.append(
            Refused(reason, sum(row["n"] for row in listed), tuple(str(row["strategy"]) for row in listed))
        )
    return tuple(sorted(merged, key=lambda entry: (-entry.count, entry.reason)))
