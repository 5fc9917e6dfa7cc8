"""A session at a glance: its last run, money and open trades."""

from __future__ import annotations

from typing import Any

from bot.store.database import Database
from bot.store.lock import holder


def overview(database: Database) -> dict[str, Any]:
    """Plain JSON types. `running` says whether a process holds the session now."""
    folder = database.path.parent
    process = holder(folder)
    last = next(iter(database.query("SELECT * FROM runs ORDER BY id DESC LIMIT 1")), None)
    run = last["id"] if last else 0
    state = last["state"] if last else "empty"
    if state == "running" and process is None:
        state = "interrupted"  # it died; its next start will say so in the database
    counted = "SELECT count(*) AS n FROM trades WHERE stage = 'closed' AND filled_lots > 0 AND NOT explore"
    kept = (database.state("session") or {}).get("live", {}) if process is not None else {}
    return {
        "session": folder.name,
        "path": str(database.path),
        "running": process is not None,
        "process": process,
        "run": run,
        "kind": last["kind"] if last else "",
        "state": state,
        "started_ns": last["started_ns"] if last else 0,
        "blocks": list(kept.get("blocks", {}).values()),  # why a running account enters nothing
        "round_trips": database.query(f"{counted} AND run = ?", [run])[0]["n"],
        "open_trades": database.query(
            "SELECT id, symbol, strategy, mode, side, stage, explore, open_lots, entry_price, stop"
            " FROM trades WHERE stage != 'closed' ORDER BY opened_ns"
        ),
        "equity": database.query(
            "SELECT coin, wallet_e8, equity_e8, max(now_ns) AS now_ns FROM equity WHERE run ="
            " (SELECT max(run) FROM equity) GROUP BY coin ORDER BY coin"
        ),
    }
