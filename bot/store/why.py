"""Why something happened: the chain of rows behind an id."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from bot.core.errors import BadInput
from bot.store.database import Database
from bot.store.encoding import decode
from bot.store.prices import TRADE_PRICES, price, priced, tick_of, ticks_of_run

_IDS = (
    ("intents", "id", "id"),
    ("denials", "id", "id"),
    ("denials", "last_id", "id"),
    ("trades", "id", "id"),
    ("orders", "client_id", "intent_id"),
)
_JSON = ("figures", "header", "summary", "path")
MOST_NAMED = 5


def explain(database: Database, identity: str) -> dict[str, Any]:
    """Everything stored about the intent, refusal, trade or order whose id begins with `identity`.

    The latest run that knows it counts. Keys: id, run, intent, denial, plan,
    readings, trade, orders (each with its reports), fills, outcomes (what the
    price did afterwards), shadows; None or empty when there is none. Prices are
    decimal strings. Raises BadInput when nothing or more than one thing matches.
    """
    root = _root(database, identity)
    run = _latest_run(database, root)
    orders = _rows(database, "orders", "intent_id", root, run)
    for order in orders:
        order["reports"] = _rows(database, "reports", "client_id", order["client_id"], run)
    chain = {
        "id": root,
        "run": run,
        "intent": _one(_rows(database, "intents", "id", root, run)),
        "denial": _one(_rows(database, "denials", "id", root, run)),
        "plan": _one(_rows(database, "plans", "intent_id", root, run)),
        "readings": _one(_rows(database, "readings", "cause", root, run)),
        "trade": _one(_rows(database, "trades", "id", root, None)),
        "orders": orders,
        "fills": _rows(database, "fills", "trade_id", root, run),
        "outcomes": _rows(database, "outcomes", "id", root, run),
        "shadows": _rows(database, "shadows", "trade_id", root, run),
    }
    return _in_prices(chain, ticks_of_run(database, run))


_PRICES = {
    "intent": ("limit_ticks", "invalidation_ticks"),
    "plan": ("stop_ticks",),
    "trade": TRADE_PRICES,
    "orders": ("price", "trigger_price"),
    "reports": ("price",),
    "fills": ("price",),
    "outcomes": ("mid",),
    "shadows": ("entry_price", "exit_price"),
}
_PRICE_FIGURES = ("mid",)


def _in_prices(chain: dict[str, Any], ticks: dict[str, Decimal]) -> dict[str, Any]:
    known = [part for part in (chain["intent"], chain["denial"], chain["trade"], *chain["orders"]) if part]
    tick = next((found for part in known if (found := tick_of(part, ticks)) is not None), None)

    def with_prices(row: Any, part: str) -> Any:
        if row is None:
            return None
        made = priced(row, _PRICES.get(part, ()), tick)
        if "reports" in made:
            made["reports"] = [with_prices(report, "reports") for report in made["reports"]]
        if "figures" in made:
            made["figures"] = _figures_in_prices(made["figures"], tick)
        return made

    return {
        part: [with_prices(row, part) for row in value]
        if isinstance(value, list)
        else with_prices(value, part)
        if isinstance(value, dict)
        else value
        for part, value in chain.items()
    }


def _figures_in_prices(figures: dict[str, Any], tick: Decimal | None) -> dict[str, Any]:
    made: dict[str, Any] = {
        name: price(value, tick) if name in _PRICE_FIGURES else value for name, value in figures.items()
    }
    if "targets" in made:
        made["targets"] = [[price(ticks, tick), share] for ticks, share in made["targets"]]
    return made


def _root(database: Database, identity: str) -> str:
    """The intent id behind a beginning of any id."""
    if not identity:
        raise BadInput("expected an id, or the beginning of one; `lopside report --json` lists trades")
    roots: dict[str, None] = {}
    for table, column, root in _IDS:
        # by range, not by LIKE: an id is no pattern
        found = database.query(
            f"SELECT DISTINCT {root} AS root FROM {table} WHERE {column} >= ? AND {column} < ? LIMIT 20",
            (identity, identity + "\U0010ffff"),
        )
        roots |= {str(row["root"]): None for row in found}
    if not roots:
        raise BadInput(f"nothing with id {identity!r} in session {database.path.parent.name!r}")
    if len(roots) > 1 and identity not in roots:
        named = ", ".join(list(roots)[:MOST_NAMED])
        raise BadInput(f"id {identity!r} is the beginning of several ({named}, ...); give more of it")
    return identity if identity in roots else next(iter(roots))


def _latest_run(database: Database, root: str) -> int:
    runs = [
        row["run"]
        for table, column in (("intents", "id"), ("denials", "id"), ("trades", "id"), ("orders", "intent_id"))
        for row in database.query(f"SELECT max(run) AS run FROM {table} WHERE {column} = ?", (root,))
        if row["run"] is not None
    ]
    return max(runs)


def _rows(database: Database, table: str, column: str, value: str, run: int | None) -> list[dict[str, Any]]:
    """Rows in the order they were written, of one run or (None) of the latest."""
    condition = "" if run is None else " AND run = ?"
    values = (value,) if run is None else (value, run)
    rows = database.query(f"SELECT * FROM {table} WHERE {column} = ?{condition} ORDER BY run, rowid", values)
    for row in rows:
        for name in _JSON:
            if name in row:
                row[name] = decode(row[name])
    return rows


def _one(rows: list[dict[str, Any]]) -> dict[str, Any] | None:
    return rows[-1] if rows else None
