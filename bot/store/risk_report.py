"""How a session's limits stood when it was last written down."""

from __future__ import annotations

from typing import Any

from bot.core.errors import BadInput
from bot.store.database import Database

KEPT_LIMITS = "limits"


def risk_report(database: Database) -> dict[str, Any]:
    """Plain JSON types: session, `at_ns`, `limits` (see `bot.risk.look.LimitStatus`), the last `events`.

    Events are limits that broke, ended or were reset. Raises BadInput when nothing was kept.
    """
    rows = database.state(KEPT_LIMITS)
    if rows is None:
        raise BadInput(
            f"{database.path}: no limits are kept yet; `lopside paper` keeps them every few seconds"
        )
    kept = database.query("SELECT now_ns FROM state WHERE key = ?", (KEPT_LIMITS,))
    events = database.query(
        "SELECT now_ns, what, detail FROM audit WHERE what IN ('limit_broken', 'limit_over', 'limit_reset')"
        " ORDER BY rowid DESC LIMIT 20"
    )
    return {
        "session": database.path.parent.name,
        "at_ns": kept[0]["now_ns"],
        "limits": rows,
        "events": events[::-1],
    }
