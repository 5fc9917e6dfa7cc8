"""Whole sessions for tests: small folders, no wall-clock waits, and rows as one array."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bot.app.config import Config, load
from bot.app.plugins import load_strategies
from bot.app.session import SessionOptions, SessionResult, run_session
from bot.app.wiring import Wired, starting_balance_e8, wire
from bot.market.instruments import Instrument
from bot.market.tape import open_tape
from bot.store.database import Database
from tests.fakes import FakeJournal

DEMO_S = 900.0


def config_in(folder: Path, **overrides: Any) -> Config:
    return load(overrides={"storage.folder": str(folder), **overrides}, environ={})


def run(folder: Path, **options: Any) -> SessionResult:
    """A session whose database is under `folder`."""
    options.setdefault("config", config_in(folder))
    return run_session(SessionOptions(**options))


def demo(folder: Path, **options: Any) -> SessionResult:
    return run(folder, **{"kind": "paper", "seed": 2, "duration_s": DEMO_S, **options})


def backtest(folder: Path, *tapes: Path, **options: Any) -> SessionResult:
    return run(folder, **{"kind": "backtest", "market": "replay", "tapes": tapes, "fresh": True, **options})


def rows_of(tape: Path, seconds: float | None = None) -> np.ndarray:
    """All rows, or those received in the first `seconds`."""
    rows = np.concatenate(list(open_tape(tape).batches()))
    if seconds is None:
        return rows
    return rows[: int(np.searchsorted(rows["recv_ns"], rows["recv_ns"][0] + int(seconds * 1e9)))]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an engine made of a stream."""

    hash: str
    counts: dict[str, int]
    journal: FakeJournal


def wired(
    instruments: Sequence[Instrument], journal: FakeJournal | None = None, *, trades: bool = True
) -> Wired:
    """The engine of a session with the default configuration, a full wallet, a list for a journal."""
    config = load(environ={})
    made = wire(
        config,
        instruments,
        load_strategies(config.strategies.enabled),
        journal or FakeJournal(),
        trades=trades,
        own_timers=False,
    )
    if made.trading is not None:
        for coin in {i.settle for i in instruments}:
            made.trading.venue.deposit(coin, starting_balance_e8(config.paper, coin))
    return made


def decide(instruments: Sequence[Instrument], parts: Sequence[np.ndarray]) -> Outcome:
    """Feed a stream in the given parts to a new engine."""
    journal = FakeJournal()
    engine = wired(instruments, journal).engine
    for part in parts:
        engine.feed(part)
    return Outcome(engine.decisions.hexdigest(), dict(engine.decisions.counts), journal)


def stored(database: Path, table: str, run: int | None = None) -> list[dict[str, Any]]:
    """Rows of a table in the order they were written (trades: opened), without the number of their run."""
    where = "" if run is None else f" WHERE run = {run}"
    order = "opened_ns, id" if table == "trades" else "rowid"
    opened = Database.read(database.parent)
    try:
        found = opened.query(f"SELECT * FROM {table}{where} ORDER BY {order}")
    finally:
        opened.close()
    return [{k: v for k, v in row.items() if k != "run"} for row in found]
