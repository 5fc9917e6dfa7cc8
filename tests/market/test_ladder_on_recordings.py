"""The ladder against a dictionary book rebuilt here from the raw recordings, level by level."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from bot.app.inspect import apply_rows, book_at
from bot.engine.kernel import new_state
from bot.market.book import ASK, BID, level_count, levels
from bot.market.importers.binance_raw import import_to_tape
from bot.market.tape import open_tape

INSTANTS = 1_000
SEED = 20240808

RECORDINGS = {
    "linear": ("usdm/btcusdt_20240808.gz",),
    "inverse": ("cm/btcusd_perp_20240808.gz", "cm/btcusd_perp_20240809.gz"),
    "spot": ("spot/btcusdt_20240808.gz", "spot/btcusdt_20240809.gz"),
}


class DictBook:
    """Prices and quantities as the venue writes them, turned into whole ticks and lots."""

    def __init__(self, tick: str, lot: str) -> None:
        self.places = (_places(tick), _places(lot))
        self.sides: tuple[dict[int, int], dict[int, int]] = ({}, {})

    def apply(self, bids: list[list[str]], asks: list[list[str]]) -> None:
        for book, changes in zip(self.sides, (bids, asks), strict=True):
            for price, quantity in changes:
                ticks, lots = _whole(price, self.places[0]), _whole(quantity, self.places[1])
                if lots:
                    book[ticks] = lots
                else:
                    book.pop(ticks, None)


def _places(step: str) -> int:
    return len(step.partition(".")[2])


def _whole(text: str, places: int) -> int:
    units, _, decimals = text.partition(".")
    assert not decimals[places:].strip("0"), f"{text} is no whole number of steps"
    return int(units + decimals[:places].ljust(places, "0"))


def messages(paths: list[Path]) -> Iterator[tuple[int, dict]]:
    """Receive stamp and depth payload (diff or REST snapshot) of every line that has one."""
    for path in paths:
        with gzip.open(path, "rt") as lines:
            for line in lines:
                stamp, payload = line.split(" ", 1)
                if "depthUpdate" in payload or "lastUpdateId" in payload:
                    message = json.loads(payload)
                    yield int(stamp), message.get("data", message)


def rebuild(paths: list[Path], book: DictBook, instants: list[int]) -> Iterator[DictBook]:
    """The book as it stood at each instant, by the venue's own rules: buffer, snapshot, bridge, apply."""
    buffered: list[dict] = []
    snapshot_id = None
    due = 0
    for stamp, message in messages(paths):
        while due < len(instants) and stamp > instants[due]:
            yield book
            due += 1
        if "lastUpdateId" in message:
            snapshot_id = message["lastUpdateId"]
            book.sides[0].clear()
            book.sides[1].clear()
            book.apply(message["bids"], message["asks"])
            for old in buffered:
                if old["u"] > snapshot_id or (old["u"] == snapshot_id and "pu" in old):
                    book.apply(old["b"], old["a"])
        elif snapshot_id is None:
            buffered.append(message)
        elif message["u"] > snapshot_id:
            book.apply(message["b"], message["a"])
    for _ in instants[due:]:
        yield book


@pytest.mark.parametrize("kind", RECORDINGS)
def test_every_level_equals_a_dictionary_book_at_a_thousand_random_instants(kind, data_dir, tmp_path):
    paths = [data_dir / "hftbacktest" / name for name in RECORDINGS[kind]]
    import_to_tape(paths, tmp_path / "book.tape")
    tape = open_tape(tmp_path / "book.tape")
    instrument = tape.header.instruments[0]
    rows = np.concatenate(list(tape.batches()))
    rng = np.random.default_rng(SEED)
    # a stamp between two receipts is the same book as at the earlier one
    first = int(rows["recv_ns"][rows["kind"] == 3][0])
    instants = np.sort(rng.integers(first, int(rows["recv_ns"][-1]) + 10**6, INSTANTS)).tolist()
    oracle = rebuild(paths, DictBook(str(instrument.tick), str(instrument.lot)), instants)
    state = new_state([instrument])
    done = 0
    for instant in instants:
        until = int(np.searchsorted(rows["recv_ns"], instant, side="right"))
        state = apply_rows(state, rows[done:until])
        done = until
        expected = next(oracle)
        for side in (BID, ASK):
            ticks, lots = levels(state.books, 0, side)
            assert dict(zip(ticks.tolist(), lots.tolist(), strict=True)) == expected.sides[side], (
                f"seed {SEED}: side {side} differs at {instant}"
            )
            ordered = np.diff(ticks)
            assert (ordered < 0).all() if side == BID else (ordered > 0).all()
    assert state.heads["crossed_commits"][0] == 0
    assert min(level_count(state.books, 0, side) for side in (BID, ASK)) > 500

    shown = book_at(tmp_path / "book.tape", instants[-1])
    assert [float(price) for price, _ in shown["bids"][:1]] == [
        float(instrument.price(int(levels(state.books, 0, BID)[0][0])))
    ]
    assert len(shown["asks"]) == level_count(state.books, 0, ASK)
