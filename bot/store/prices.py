"""Stored ticks as the decimal prices people and spreadsheets want."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from bot.store.database import Database
from bot.store.encoding import decode

AVERAGE_PLACES = 4
"""Digits of a tick that are kept of an average price."""


def ticks_of_run(database: Database, run: int) -> dict[str, Decimal]:
    """Tick by market, as `0`, `1` ... (its place in the run) and as its symbol, first market first."""
    rows = database.query("SELECT header FROM runs WHERE id = ?", [run])
    found: dict[str, Decimal] = {}
    for place, each in enumerate(decode(rows[0]["header"]).get("instruments", []) if rows else []):
        found[str(place)] = Decimal(each["tick"])
        found.setdefault(each["symbol"], Decimal(each["tick"]))
    return found


def tick_of(row: Mapping[str, Any], ticks: Mapping[str, Decimal]) -> Decimal | None:
    """Of the row's market, None when the run's header does not say."""
    return ticks.get(str(row.get("market"))) or ticks.get(str(row.get("symbol")))


def price(ticks: float | None, tick: Decimal | None) -> str | float | None:
    """A whole or an average number of ticks as a decimal string; unchanged where the tick is unknown."""
    if ticks is None or tick is None:
        return ticks
    if ticks == int(ticks):
        return f"{tick * int(ticks):f}"
    return f"{(tick * Decimal(str(round(ticks, AVERAGE_PLACES)))).normalize():f}"


def priced(row: Mapping[str, Any], names: Iterable[str], tick: Decimal | None) -> dict[str, Any]:
    """The row with the named columns of ticks as prices; `NAME_ticks` becomes `NAME`."""
    wanted = set(names)
    return {
        (name.removesuffix("_ticks") if name in wanted else name): (
            price(value, tick) if name in wanted else value
        )
        for name, value in row.items()
    }


TRADE_PRICES = ("entry_price", "exit_price", "stop", "first_stop")


def priced_trades(database: Database, trades: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows of trades, of whatever runs, with decimal prices."""
    ticks: dict[int, dict[str, Decimal]] = {}
    made = []
    for trade in trades:
        run = trade["run"]
        if run not in ticks:
            ticks[run] = ticks_of_run(database, run)
        made.append(priced(trade, TRADE_PRICES, tick_of(trade, ticks[run])))
    return made
