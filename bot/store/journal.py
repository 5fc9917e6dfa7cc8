"""The durable record of a run: rows gather in memory and are written in batches.

A backtest refuses thousands of intents, so every call is a tuple appended to a
list; JSON and SQLite wait for `commit`. What has not been committed is lost
with the process, which is why live trading commits before it sends.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from bot.core.messages import Denied, Fill, Intent, Order, Plan, Report
from bot.store import schema
from bot.store.database import Database
from bot.store.encoding import encode
from bot.store.refusals import Refusals
from bot.store.tally import Tally

FLUSH_ROWS = 20_000
"""Rows held in memory at most between two commits."""

_PROMOTED = tuple(name for name in schema.TRADES if name not in ("run", "figures"))


class Listener(Protocol):
    """Hears of what people may want to know, as it is journaled; `denied` with its count of repeats."""

    def trade(self, row: Mapping[str, Any]) -> None: ...

    def denied(self, denied: Denied, count: int) -> None: ...

    def audit(self, now_ns: int, what: str, detail: Mapping[str, Any]) -> None: ...

    def transition(
        self, now_ns: int, machine: str, subject: str, old: str, new: str, detail: Mapping[str, Any]
    ) -> None: ...

    def wall(self, row: Mapping[str, Any]) -> None: ...


class _Batch(NamedTuple):
    """What one transaction writes."""

    rows: dict[str, list[tuple[Any, ...]]]
    trades: dict[str, tuple[Any, ...]]
    denials: list[tuple[Any, ...]]
    tracked: dict[str, dict[tuple[str, int], Mapping[str, Any]]]
    kept: dict[str, tuple[Any, int]]
    learned: dict[str, tuple[int, str, bytes]]


class StoreJournal:
    """`bot.core.protocols.Journal` over a session's database, for one run.

    `commits` counts the batches written, `tally` what passed, for the live view.
    Repeats of a refusal (the same symbol, strategy, mode, action, side and
    reason, nothing approved in between, within the hour) are one row with a count.
    """

    def __init__(self, database: Database, run: int, listener: Listener | None = None) -> None:
        self._database = database
        self._run = run
        self._rows: dict[str, list[tuple[Any, ...]]] = {name: [] for name in _INSERTS}
        self._trades: dict[str, tuple[Any, ...]] = {}
        self._tracked: dict[str, dict[tuple[str, int], Mapping[str, Any]]] = {name: {} for name in _TRACKED}
        self._kept: dict[str, tuple[Any, int]] = {}
        self._learned: dict[str, tuple[int, str, bytes]] = {}
        self._refusals = Refusals()
        self._held = 0
        self._flushes = True
        self._writing = threading.Lock()
        self._aside = asyncio.Lock()
        self._asked = self._covered = 0  # commits aside
        self.commits = 0
        self.tally = Tally()
        self._listener = listener
        self._earlier = {
            row["id"]: row["run"]
            for row in database.query(
                "SELECT id, run FROM trades WHERE stage != 'closed' AND run != ?", (run,)
            )
        }

    def intent(self, intent: Intent) -> None:
        self._add("intents", _intent_row(self._run, intent))

    def plan(self, plan: Plan) -> None:
        intent = plan.intent
        self._refusals.approved(intent)
        self._add(
            "plans",
            (
                self._run,
                intent.id,
                intent.now_ns,
                plan.lots,
                plan.stop,
                plan.explore,
                plan.risk_e8,
                encode(plan.figures),
            ),
        )

    def denied(self, denied: Denied) -> bool:
        """True for the first of a streak."""
        count = self._refusals.add(denied)
        self.tally.denied(denied, count)
        if self._listener is not None:
            self._listener.denied(denied, count)
        if count == 1:
            self._hold()
        return count == 1

    def order(self, order: Order) -> None:
        self._add(
            "orders",
            (
                self._run,
                order.client_id,
                order.intent_id,
                order.symbol,
                order.market,
                order.side,
                order.type,
                order.role,
                order.lots,
                order.price,
                order.trigger,
                order.trigger_by,
                order.time_in_force,
                order.reduce_only,
                order.sent_ns,
            ),
        )

    def report(self, report: Report) -> None:
        self._add(
            "reports",
            (
                self._run,
                report.kind,
                report.client_id,
                report.symbol,
                report.market,
                report.venue_ns,
                report.now_ns,
                report.side,
                report.lots,
                report.price,
                report.left_lots,
                report.liquidity,
                report.reason,
                report.fee_e8,
                report.realised_e8,
                report.funding_e8,
            ),
        )

    def fill(self, fill: Fill, trade_id: str) -> None:
        self._add(
            "fills",
            (
                self._run,
                fill.client_id,
                trade_id,
                fill.symbol,
                fill.side,
                fill.lots,
                fill.price,
                fill.liquidity,
                fill.fee_e8,
                fill.realised_e8,
                fill.now_ns,
            ),
        )

    def trade(self, row: Mapping[str, Any]) -> None:
        """Keep the latest state of a trade; a trade that an earlier run opened stays that run's."""
        key = str(row["id"])
        rest = {name: value for name, value in row.items() if name not in schema.TRADES}
        run = self._earlier.get(key, self._run)
        self._trades[key] = (run, *(row.get(name) for name in _PROMOTED), encode(rest))
        self.tally.trade(row)
        if self._listener is not None:
            self._listener.trade(row)
        self._hold()

    def readings(self, now_ns: int, symbol: str, cause: str, figures: Mapping[str, float]) -> None:
        self._add("readings", (self._run, now_ns, symbol, cause, encode(figures)))

    def transition(
        self, now_ns: int, machine: str, subject: str, old: str, new: str, detail: Mapping[str, Any]
    ) -> None:
        """A state machine's step: book trust, protection, the bot itself."""
        self._add("transitions", (self._run, now_ns, machine, subject, old, new, encode(detail)))
        if self._listener is not None:
            self._listener.transition(now_ns, machine, subject, old, new, detail)

    def outcome(self, row: Mapping[str, Any]) -> None:
        """What the price did after a decision."""
        self._add("outcomes", self._row("outcomes", {**row, "path": encode(row["path"])}))

    def shadow(self, row: Mapping[str, Any]) -> None:
        """A closed shadow of a trade."""
        self._add("shadows", self._row("shadows", row))

    def _row(self, table: str, row: Mapping[str, Any]) -> tuple[Any, ...]:
        return (self._run, *(row[name] for name in list(_COLUMNS[table])[1:]))

    def equity(self, now_ns: int, coin: str, wallet_e8: int, equity_e8: int) -> None:
        self._add("equity", (self._run, now_ns, coin, wallet_e8, equity_e8))

    def audit(self, now_ns: int, what: str, detail: Mapping[str, Any]) -> None:
        self._add("audit", (self._run, now_ns, what, encode(detail)))
        if self._listener is not None:
            self._listener.audit(now_ns, what, detail)

    def wall(self, row: Mapping[str, Any]) -> None:
        """Keep the latest of a wall, by its `market` and `id`; what has no column goes into `figures`."""
        self._track("walls", row)
        if self._listener is not None:
            self._listener.wall(row)

    def zone(self, row: Mapping[str, Any]) -> None:
        """Keep the latest of a zone, by its `market` and `id`."""
        self._track("zones", row)

    def weight(
        self, now_ns: int, market: str, mode: str, expert: str, before: float, after: float, reason: str
    ) -> None:
        """A traded weight changed."""
        self._add("weights", (self._run, now_ns, market, mode, expert, before, after, reason))

    def heard(self, seq: int, recv_ns: int, kind: str, body: str) -> None:
        """An item of the inbox that is no row; a replay merges these with the tape by `seq`."""
        self._add("inbox", (self._run, seq, recv_ns, kind, body))

    def learned(self, name: str, data: bytes, detail: Mapping[str, Any], now_ns: int) -> None:
        """Keep what a learner knows, for the next start, written with the rows of the next commit.

        `detail` says what the data are of. What was learned until a later instant stays: a replay of
        the past does not undo it.
        """
        self._learned[name] = now_ns, encode(detail), data

    def keep(self, key: str, value: Any, now_ns: int) -> None:
        """Have a JSON-able value under a key, for the next start, written with the rows of the next commit.

        Money, trades and the state they belong to are then all there or all absent.
        The last value of a key wins; it must not change until it is written. Whoever keeps
        state decides when to commit: from the first call on, nothing is written in between.
        """
        self._flushes = False
        self._kept[key] = value, now_ns

    def commit(self) -> None:
        """Write everything held in one transaction; all of it or, on an error, none of it."""
        with self._writing:
            self._write(self._batch())
            self._forget()

    async def commit_aside(self, gather: Callable[[], None] = lambda: None) -> None:
        """The same for what is held by now, in a worker thread: the loop goes on meanwhile.

        `gather` keeps the state that belongs to the rows; it is called when the batch is made.
        Batches are written one after the other, in the order of their making: a state never goes
        back to an older one. Whoever asks while one is written shares the next. Raises what the
        writing raised; what was held then waits for the next commit.
        """
        self._asked += 1
        asked = self._asked
        async with self._aside:
            if self._covered >= asked:
                return
            covers = self._asked
            gather()
            batch = self._batch()
            self._forget()
            await self._write_aside(batch)
            self._covered = covers

    async def _write_aside(self, batch: _Batch) -> None:
        """The thread goes on when we are cancelled, and what it writes must not be written again."""
        writing = asyncio.ensure_future(asyncio.to_thread(self._write_alone, batch))
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            await asyncio.wait({writing})
            if writing.exception() is not None:
                self._put_back(batch)
            raise
        except BaseException:
            self._put_back(batch)
            raise

    def _write_alone(self, batch: _Batch) -> None:
        with self._writing:
            self._write(batch)

    def _batch(self) -> _Batch:
        return _Batch(
            {name: list(rows) for name, rows in self._rows.items() if rows},
            dict(self._trades),
            self._refusals.changed(self._run),
            {table: dict(tracked) for table, tracked in self._tracked.items()},
            dict(self._kept),
            dict(self._learned),
        )

    def _put_back(self, batch: _Batch) -> None:
        """Before what has come since. Refusals come again with their next repeat."""
        for name, rows in batch.rows.items():
            self._rows[name][:0] = rows
        self._trades = batch.trades | self._trades
        self._tracked = {table: kept | self._tracked[table] for table, kept in batch.tracked.items()}
        self._kept = batch.kept | self._kept
        self._learned = batch.learned | self._learned

    def _write(self, batch: _Batch) -> None:
        connection = self._database.connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            for name, rows in batch.rows.items():
                connection.executemany(_INSERTS[name], rows)
            connection.executemany(_REPLACE_TRADE, list(batch.trades.values()))
            connection.executemany(_PUT_DENIAL, batch.denials)
            for table, tracked in batch.tracked.items():
                connection.executemany(_TRACKED[table], [self._latest(table, r) for r in tracked.values()])
            for key, (value, now_ns) in batch.kept.items():
                self._database.put_state(key, value, now_ns)
            for name, values in batch.learned.items():
                connection.execute(_PUT_LEARNED, (name, self._run, *values))
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:  # a full disk may have ended it already
                connection.execute("ROLLBACK")
            raise
        self.commits += 1

    def _forget(self) -> None:
        for rows in self._rows.values():
            rows.clear()
        self._trades.clear()
        for tracked in self._tracked.values():
            tracked.clear()
        self._kept.clear()
        self._learned.clear()
        self._refusals.written()
        self._held = 0

    def _track(self, table: str, row: Mapping[str, Any]) -> None:
        self._tracked[table][str(row["market"]), int(row["id"])] = row
        self._hold()

    def _latest(self, table: str, row: Mapping[str, Any]) -> tuple[Any, ...]:
        if table == "walls":
            rest = {name: value for name, value in row.items() if name not in schema.WALLS}
            row = {**row, "figures": encode(rest)}
        return (self._run, *(row.get(name) for name in list(_COLUMNS[table])[1:]))

    def _add(self, table: str, row: tuple[Any, ...]) -> None:
        self._rows[table].append(row)
        self._hold()

    def _hold(self) -> None:
        self._held += 1
        if self._flushes and self._held >= FLUSH_ROWS:
            self.commit()


def _intent_row(run: int, intent: Intent) -> tuple[Any, ...]:
    figures = {
        **intent.figures,
        "targets": intent.targets,
        "time_stop_ns": intent.time_stop_ns,
        "entry_ttl_ns": intent.entry_ttl_ns,
        "stop_bps": intent.stop_bps,
        "target_bps": intent.target_bps,
        "drift_bps": intent.drift_bps,
        "confidence": intent.confidence,
        "conflicted": intent.conflicted,
        "fraction": intent.fraction,
        "wall": intent.wall,
        "max_lots": intent.max_lots,
    }
    return (
        run,
        intent.id,
        intent.now_ns,
        intent.symbol,
        intent.market,
        intent.strategy,
        intent.mode,
        intent.action,
        intent.side,
        intent.reason,
        intent.entry,
        intent.limit,
        intent.invalidation,
        encode(figures),
    )


def _insert(table: str, columns: schema.Columns, verb: str = "INSERT") -> str:
    return f"{verb} INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"


_INSERTS = {
    # An intent that risk approved after an earlier refusal, or an order sent again, is the same row.
    "intents": _insert("intents", schema.INTENTS, "INSERT OR REPLACE"),
    "plans": _insert("plans", schema.PLANS, "INSERT OR REPLACE"),
    "orders": _insert("orders", schema.ORDERS, "INSERT OR REPLACE"),
    "reports": _insert("reports", schema.REPORTS),
    "fills": _insert("fills", schema.FILLS),
    "readings": _insert("readings", schema.READINGS),
    "transitions": _insert("transitions", schema.TRANSITIONS),
    "equity": _insert("equity", schema.EQUITY),
    "audit": _insert("audit", schema.AUDIT),
    "weights": _insert("weights", schema.WEIGHTS),
    "inbox": _insert("inbox", schema.INBOX),
    "outcomes": _insert("outcomes", schema.OUTCOMES),
    "shadows": _insert("shadows", schema.SHADOWS),
}
_COLUMNS = {
    "walls": schema.WALLS,
    "zones": schema.ZONES,
    "outcomes": schema.OUTCOMES,
    "shadows": schema.SHADOWS,
}
_TRACKED = {name: _insert(name, _COLUMNS[name], "INSERT OR REPLACE") for name in ("walls", "zones")}
_PUT_LEARNED = _insert("learned", schema.LEARNED) + (
    " ON CONFLICT (name) DO UPDATE SET run = excluded.run, now_ns = excluded.now_ns,"
    " detail = excluded.detail, data = excluded.data WHERE excluded.now_ns >= learned.now_ns"
)
_REPLACE_TRADE = _insert("trades", schema.TRADES, "INSERT OR REPLACE")
_PUT_DENIAL = _insert("denials", schema.DENIALS) + (
    " ON CONFLICT (run, id) DO UPDATE SET last_id = excluded.last_id, value = excluded.value,"
    " limit_value = excluded.limit_value, count = excluded.count, last_ns = excluded.last_ns"
)
