"""The operator's reset of a limit of a stopped session: its kept state is changed, and audited."""

from __future__ import annotations

from typing import Any

from bot.app.config import Config
from bot.app.wiring import gate_rules, risk_limits
from bot.core.clock import Clock
from bot.core.errors import BadInput
from bot.market.instruments import Instrument
from bot.risk.account import AccountTracker
from bot.risk.manager import RiskManager
from bot.risk.trades import TradeBook
from bot.store.database import Database, session_folder
from bot.store.journal import StoreJournal
from bot.store.risk_report import KEPT_LIMITS


def reset_kept(config: Config, name: str, clock: Clock) -> dict[str, Any]:
    """Reset limit `name` of the configured session; returns what the audit keeps.

    Raises SessionLocked while the session runs, BadInput when there is nothing to reset.
    """
    folder = session_folder(config.storage.folder, config.session.name)
    Database.read(folder).close()  # says what there is instead, where there is none
    with Database.open(folder) as database:
        state = database.state("session")
        if not state or "risk" not in state:
            raise BadInput(f"{database.path}: the session has not traded yet, there is nothing to reset")
        markets = dict(enumerate(Instrument.from_json(fields) for fields in state["instruments"]))
        manager = RiskManager(risk_limits(config.risk), gate_rules(config), markets, TradeBook())
        accounts = AccountTracker()
        manager.restore(state["risk"])
        accounts.restore(state["accounts"])
        kept = database.query("SELECT now_ns FROM state WHERE key = 'session'")[0]
        detail = manager.reset(name, accounts, kept["now_ns"])
        state |= {"risk": manager.to_state(), "accounts": accounts.to_state()}
        _write(database, state, detail, kept["now_ns"], clock.now_ns())
    return detail


def _write(
    database: Database, state: dict[str, Any], detail: dict[str, Any], stream_ns: int, wall_ns: int
) -> None:
    """All of it or nothing: the state, the audit row, and the limits as `lopside risk` shows them."""
    run = database.query("SELECT max(id) AS run FROM runs")[0]["run"]
    journal = StoreJournal(database, run)
    journal.keep("session", state, stream_ns)
    rows = database.state(KEPT_LIMITS) or []
    still = [row for row in rows if not (row["name"] == detail["name"] and row["broken"])]
    journal.keep(KEPT_LIMITS, still, stream_ns)
    journal.audit(stream_ns, "limit_reset", {**detail, "by": "cli", "wall_ns": wall_ns})
    journal.commit()
