"""Tables of a session's database, and how an older file becomes a newer one.

Money is INTEGER, e8 of the settle coin; prices are ticks, sizes lots, times ns
since the epoch; `figures`, `detail`, `header`, `summary` and `value` are JSON.
Every row of a run carries `run`, because replaying a tape again makes the same
ids again. The version is SQLite's `user_version`; a change of the tables is a
new function at the end of `MIGRATIONS`, never an edit of an old one.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlite_utils import Database as Tables

from bot.core.errors import BadInput

Columns = dict[str, type]

SESSIONS: Columns = {"name": str, "created_ns": int, "header": str}
RUNS: Columns = {
    "id": int,
    "kind": str,  # paper, watch, backtest
    "state": str,  # running, ended, interrupted
    "started_ns": int,  # wall clock
    "ended_ns": int,
    "header": str,
    "summary": str,
}
INTENTS: Columns = {
    "run": int,
    "id": str,
    "now_ns": int,
    "symbol": str,
    "market": int,
    "strategy": str,
    "mode": str,
    "action": str,
    "side": int,
    "reason": str,
    "entry": str,
    "limit_ticks": int,
    "invalidation_ticks": int,
    "figures": str,
}
PLANS: Columns = {
    "run": int,
    "intent_id": str,
    "now_ns": int,
    "lots": int,
    "stop_ticks": int,
    "explore": int,
    "risk_e8": int,
    "figures": str,
}
DENIALS: Columns = {
    "run": int,
    "id": str,  # the first intent that was refused
    "last_id": str,
    "symbol": str,
    "strategy": str,
    "mode": str,
    "action": str,
    "side": int,
    "reason": str,
    "limit_value": float,
    "value": float,  # of the latest repeat
    "count": int,
    "first_ns": int,
    "last_ns": int,
    "intent_reason": str,
    "figures": str,  # of the first
}
ORDERS: Columns = {
    "run": int,
    "client_id": str,
    "intent_id": str,
    "symbol": str,
    "market": int,
    "side": int,
    "type": int,
    "role": str,
    "lots": int,
    "price": int,
    "trigger_price": int,
    "trigger_by": int,
    "time_in_force": int,
    "reduce_only": int,
    "sent_ns": int,
}
REPORTS: Columns = {
    "run": int,
    "kind": int,
    "client_id": str,
    "symbol": str,
    "market": int,
    "venue_ns": int,
    "now_ns": int,
    "side": int,
    "lots": int,
    "price": int,
    "left_lots": int,
    "liquidity": int,
    "reason": int,
    "fee_e8": int,
    "realised_e8": int,
    "funding_e8": int,
}
FILLS: Columns = {
    "run": int,
    "client_id": str,
    "trade_id": str,
    "symbol": str,
    "side": int,
    "lots": int,
    "price": int,
    "liquidity": int,
    "fee_e8": int,
    "realised_e8": int,
    "now_ns": int,
}
TRADES: Columns = {
    "run": int,
    "id": str,
    "symbol": str,
    "market": int,
    "strategy": str,
    "mode": str,
    "side": int,
    "stage": str,
    "explore": int,
    "coin": str,
    "opened_ns": int,
    "filled_ns": int,
    "closed_ns": int,
    "hold_ns": int,
    "planned_lots": int,
    "filled_lots": int,
    "open_lots": int,
    "entry_price": float,
    "exit_price": float,
    "stop": int,
    "first_stop": int,
    "targets_hit": int,
    "gross_e8": int,
    "fees_e8": int,
    "funding_e8": int,
    "net_e8": int,
    "risk_e8": int,
    "best_bps": float,
    "worst_bps": float,
    "unprotected_ns": int,
    "unprotected_max_ns": int,
    "reason": str,
    "detail": str,  # words of the strategy or of the venue
    "figures": str,  # whatever else its owner recorded
}
READINGS: Columns = {"run": int, "now_ns": int, "symbol": str, "cause": str, "figures": str}
TRANSITIONS: Columns = {
    "run": int,
    "now_ns": int,
    "machine": str,
    "subject": str,
    "old": str,
    "new": str,
    "detail": str,
}
EQUITY: Columns = {"run": int, "now_ns": int, "coin": str, "wallet_e8": int, "equity_e8": int}
AUDIT: Columns = {"run": int, "now_ns": int, "what": str, "detail": str}
STATE: Columns = {"key": str, "now_ns": int, "value": str}
WALLS: Columns = {
    "run": int,
    "market": str,  # venue:SYMBOL, here and below: several venues may have the symbol
    "id": int,
    "side": int,  # +1 bid, -1 ask
    "near_ticks": int,  # edge towards the mid
    "far_ticks": int,
    "stage": str,  # of bot.signals.walls.WallStage
    "end": str,  # how it ended (WallEnd), lost: out of sight with the book; null: it stands
    "born_ns": int,
    "seen_ns": int,  # when this row was taken
    "ended_ns": int,
    "tested": int,  # the price came near, or it was traded into
    "peak_lots": float,
    "executed_lots": float,
    "genuineness": float,
    "distance_bps": float,
    "figures": str,  # whatever else is known of it
}
ZONES: Columns = {
    "run": int,
    "market": str,
    "id": int,
    "side": int,  # +1 below the mid: support, -1 resistance
    "kind": str,
    "grade": str,
    "rank": int,  # 1 .. 3 of its side, 0: a trap, or no longer spoken of
    "sources": str,
    "low_ticks": float,
    "high_ticks": float,
    "centre_ticks": float,
    "born_ns": int,
    "changed_ns": int,  # when this row was taken: kind, grade, rank or an approach changed
    "gone_ns": int,  # null: it stands
    "hold": float,  # probability
    "bias": float,
    "mass": float,
    "presence": float,
    "touches": int,
    "holds": int,
    "breaks": int,
    "pulls": int,
    "walls": int,
    "wall_lots": float,
    "genuineness": float,
}
WEIGHTS: Columns = {
    "run": int,
    "now_ns": int,
    "market": str,
    "mode": str,
    "expert": str,  # a card, or null
    "before": float,
    "after": float,
    "reason": str,
}
OUTCOMES: Columns = {
    "run": int,
    "id": str,  # the intent
    "what": str,  # entered: from the decision; left: from the end of the trade; refused
    "symbol": str,
    "market": int,
    "strategy": str,
    "mode": str,
    "side": int,
    "reason": str,  # of the end or the refusal
    "from_ns": int,
    "mid": float,  # ticks
    "horizon_s": int,
    "best_bps": float,  # towards the side, over the horizon
    "worst_bps": float,
    "first": str,  # target or stop, whichever came first; empty: neither
    "path": str,  # seconds → move towards the side, bps
}
SHADOWS: Columns = {
    "run": int,
    "trade_id": str,
    "symbol": str,
    "strategy": str,
    "mode": str,
    "explore": int,
    "side": int,
    "same": int,  # 1: the side of the trade
    "momentum": int,  # sign of the move before the decision
    "entry_ns": int,
    "exit_ns": int,
    "lots": int,
    "value_e8": int,  # at its entry, settle coin
    "entry_price": float,  # ticks
    "exit_price": float,
    "reason": str,
    "gross_bps": float,
    "fees_bps": float,
    "net_bps": float,
}
LEARNED: Columns = {"name": str, "run": int, "now_ns": int, "detail": str, "data": bytes}

INBOX: Columns = {"run": int, "seq": int, "recv_ns": int, "kind": str, "body": str}


def _first(tables: Tables) -> None:
    tables.create_table("sessions", SESSIONS, pk="name")
    tables.create_table("runs", RUNS, pk="id")
    tables.create_table("intents", INTENTS, pk=("run", "id"))
    tables.create_table("plans", PLANS, pk=("run", "intent_id"))
    tables.create_table("denials", DENIALS, pk=("run", "id"), not_null={"reason", "count"})
    tables.create_table("orders", ORDERS, pk=("run", "client_id"))
    tables.create_table("trades", TRADES, pk=("run", "id"))
    tables.create_table("state", STATE, pk="key", not_null={"value"})
    for name, columns in (
        ("reports", REPORTS),
        ("fills", FILLS),
        ("readings", READINGS),
        ("transitions", TRANSITIONS),
        ("equity", EQUITY),
        ("audit", AUDIT),
    ):
        tables.create_table(name, columns)
    tables.table("reports").create_index(["client_id"])
    tables.table("fills").create_index(["trade_id"])
    tables.table("orders").create_index(["intent_id"])
    tables.table("equity").create_index(["run", "coin"])


def _what_signals_leave(tables: Tables) -> None:
    tables.create_table("walls", WALLS, pk=("run", "market", "id"))
    tables.create_table("zones", ZONES, pk=("run", "market", "id"))
    tables.create_table("weights", WEIGHTS)
    tables.create_table("learned", LEARNED, pk="name", not_null={"data"})
    tables.table("transitions").create_index(["machine", "subject"])


def _what_decisions_leave(tables: Tables) -> None:
    tables.create_table("outcomes", OUTCOMES)
    tables.create_table("shadows", SHADOWS)
    tables.table("outcomes").create_index(["id"])
    tables.table("shadows").create_index(["trade_id"])


def _what_a_live_account_says(tables: Tables) -> None:
    tables.create_table("inbox", INBOX, pk=("run", "seq"))


MIGRATIONS: tuple[Callable[[Tables], None], ...] = (
    _first,
    _what_signals_leave,
    _what_decisions_leave,
    _what_a_live_account_says,
)
VERSION = len(MIGRATIONS)


def version_of(tables: Tables) -> int:
    return int(tables.execute("PRAGMA user_version").fetchone()[0])


def migrate(tables: Tables, migrations: tuple[Callable[[Tables], None], ...] = MIGRATIONS) -> None:
    """Bring a database to the newest version, each step in a transaction of its own.

    Raises BadInput when a newer program wrote the file.
    """
    found = version_of(tables)
    if found > len(migrations):
        raise BadInput(
            f"the database has schema version {found}, expected at most {len(migrations)}: "
            "a newer lopside wrote it; upgrade, or use another --session"
        )
    for number, step in enumerate(migrations[found:], found + 1):
        with tables.conn:
            tables.execute("BEGIN IMMEDIATE")
            step(tables)
            tables.execute(f"PRAGMA user_version = {number}")
