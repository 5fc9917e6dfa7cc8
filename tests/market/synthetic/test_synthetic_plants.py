"""Planted phenomena are really in the rows, where and when the truth says, with what follows them."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from bot.market.events import Kind
from bot.market.synthetic import LISTINGS, Truth, write_truth
from tests.market.synthetic.plain_book import SYMBOLS, Session, plain_books

MARKETS = range(len(SYMBOLS))
S = 10**9


def of(session: Session, type_: str, market: int | None = None) -> list[Truth]:
    """Finished records of a type."""
    wanted = None if market is None else SYMBOLS[market]
    return [r for r in session.truth if r.type == type_ and r.t1_ns and wanted in (None, r.symbol)]


def move_bps(session: Session, record: Truth, t0_ns: int, t1_ns: int) -> float:
    """Move of the mid towards the record's side."""
    mid = session.mids[SYMBOLS.index(record.symbol)]
    return record.side * (mid(t1_ns) / mid(t0_ns) - 1) * 1e4


def shown_at_walls(session: Session, market: int) -> dict[str, list[tuple[int, float]]]:
    """Per wall: (exchange time, lots at its price on its side) at each commit from its birth to 1 s after."""
    walls = of(session, "genuine_wall", market) + of(session, "spoof_wall", market)
    seen: dict[str, list[tuple[int, float]]] = {wall.id: [] for wall in walls}
    for book in plain_books(session.rows, market):
        for wall in walls:
            if wall.t0_ns <= book.exch_ns <= wall.t1_ns + S:
                side = book.bids if wall.side > 0 else book.asks
                seen[wall.id].append((book.exch_ns, side.get(wall.price, 0.0)))
    return seen


@pytest.mark.parametrize("market", MARKETS)
def test_walls_are_shown_at_their_price_for_their_life_and_gone_when_pulled(lively: Session, market: int):
    seen = shown_at_walls(lively, market)
    walls = {r.id: r for r in of(lively, "genuine_wall", market) + of(lively, "spoof_wall", market)}
    assert len(walls) > 20
    for wall in walls.values():
        alive = [lots for t, lots in seen[wall.id] if t < wall.t1_ns]
        after = [lots for t, lots in seen[wall.id] if t >= wall.t1_ns]
        size = wall.params["lots"]
        if alive:  # a wall may be planted where the price already is
            assert alive[0] >= size
            assert min(alive) > 0
            if wall.params["executed"] == 0:
                assert min(alive) >= size
        if wall.outcome in ("pulled", "expired"):
            assert max(after) < 0.6 * size or wall.params["executed"] > 0.3 * size


def test_walls_are_planted_eight_to_twenty_two_bps_away_and_far_larger_than_orders(lively: Session):
    firsts = [r for r in of(lively, "genuine_wall") + of(lively, "spoof_wall") if r.group == r.id]
    for wall in firsts:
        mid = lively.mids[SYMBOLS.index(wall.symbol)](wall.t0_ns)
        distance_bps = wall.side * (mid - wall.price) / mid * 1e4
        # the truth is planted after the last touch change of its step and rounded to a tick
        assert 6.0 < distance_bps < 24.0
        assert wall.params["lots"] >= 24 * LISTINGS[wall.symbol].order_lots


def test_layered_spoofs_stand_behind_the_first_and_are_pulled_with_it(lively: Session):
    by_id = {r.id: r for r in of(lively, "spoof_wall")}
    copies = [r for r in by_id.values() if r.group != r.id and r.group in by_id]
    assert len(copies) >= 6
    for copy in copies:
        first = by_id[copy.group]
        assert copy.side == first.side
        assert first.side * (first.price - copy.price) > 0
        if first.outcome == "pulled":
            assert copy.t1_ns <= first.t1_ns


def test_spoofs_are_nearly_always_pulled_when_the_price_comes_within_five_bps(spoofing: Session):
    outcomes = []
    for wall in of(spoofing, "spoof_wall"):
        if wall.group != wall.id:
            continue
        mid = spoofing.mids[SYMBOLS.index(wall.symbol)]
        steps = range(wall.t0_ns, wall.t1_ns + 1, S // 10)
        nearest = min(abs(wall.price - mid(t)) / mid(t) * 1e4 for t in steps)
        if nearest <= 4.5:
            outcomes.append(wall.outcome == "pulled")
    assert len(outcomes) >= 40
    assert abs(np.mean(outcomes) - 0.9) < 4 * np.sqrt(0.09 / len(outcomes))


def test_a_genuine_wall_never_leaves_within_ten_bps_unless_consumed(lively: Session):
    left = [r for r in of(lively, "genuine_wall") if r.outcome != "consumed"]
    assert len(left) > 20
    for wall in left:
        assert wall.outcome == "expired"
        mid = lively.mids[SYMBOLS.index(wall.symbol)](wall.t1_ns)
        assert abs(wall.price - mid) / mid * 1e4 > 9.0


def test_what_trades_at_a_genuine_wall_is_recorded(lively: Session):
    """Trades at its price from the right side during its life hold at least what the wall itself lost."""
    trades = lively.rows[lively.rows["kind"] == Kind.TRADE]
    touched = [r for r in of(lively, "genuine_wall") if r.params["executed"]]
    assert len(touched) > 15
    for wall in touched:
        here = trades[(trades["market"] == SYMBOLS.index(wall.symbol)) & (trades["price"] == wall.price)]
        during = (here["exch_ns"] >= wall.t0_ns) & (here["exch_ns"] <= wall.t1_ns)
        traded = here["value"][during & (here["side"] == -wall.side)].sum()
        assert wall.params["executed"] <= traded
        assert wall.params["executed"] <= wall.params["lots"] + wall.params["reserve"]


def held(session: Session, wall: Truth) -> list[bool]:
    """Whether the mid left the touched wall by 8 bps before it went 3 bps beyond; empty: neither yet."""
    mid = session.mids[SYMBOLS.index(wall.symbol)]
    touched_ns = int(wall.params["touched_ns"])
    for t in range(touched_ns, touched_ns + 600 * S, S // 10):
        away_bps = wall.side * (mid(t) / wall.price - 1) * 1e4
        if away_bps >= 8 or away_bps <= -3:
            return [away_bps >= 8]
    return []


def test_the_price_tends_to_turn_at_a_touched_genuine_wall(lively: Session):
    touched = [wall for wall in of(lively, "genuine_wall") if wall.params["touched_ns"]]
    labels = [label for wall in touched for label in held(lively, wall)]
    assert len(labels) >= 15
    assert np.mean(labels) > 0.6


def depth_ratios(session: Session, market: int) -> tuple[np.ndarray, np.ndarray]:
    """Per second: exchange time, ln of bid over ask lots within 10 bps of the mid."""
    one = LISTINGS[SYMBOLS[market]].order_lots
    times, ratios = [], []
    for n, book in enumerate(plain_books(session.rows, market)):
        if n % 10 == 0:
            bid, ask = max(book.bids), min(book.asks)
            band = (bid + ask) / 2 * 10e-4
            bids = sum(book.bids.get(p, 0.0) for p in range(bid, int((bid + ask) / 2 - band), -1))
            asks = sum(book.asks.get(p, 0.0) for p in range(ask, int((bid + ask) / 2 + band) + 1))
            times.append(book.exch_ns)
            ratios.append(np.log((bids + one) / (asks + one)))
    return np.array(times), np.array(ratios)


def test_a_thin_side_really_is_thin(thinning: Session):
    """Bids over asks within 10 bps, towards the thin side, against how it was a little before."""
    for market in MARKETS:
        times, ratios = depth_ratios(thinning, market)
        inside, before = [], []
        for record in of(thinning, "thin_side", market):
            thick = (times >= record.t0_ns + 8 * S) & (times < record.t1_ns)
            calm = (times >= record.t0_ns - 10 * S) & (times < record.t0_ns)
            inside.append(record.side * ratios[thick].mean())
            before.append(record.side * ratios[calm].mean())
        assert len(inside) > 10
        assert np.median(inside) > 0.5
        assert abs(np.median(before)) < 0.3
        assert np.mean(np.array(inside) > 0.2) > 0.8


def test_a_burst_moves_the_price_further_than_a_round_trip_costs(thinning: Session):
    bursts = [r for r in of(thinning, "thin_side") if r.outcome == "burst"]
    first, late = [], []
    for record in bursts:
        begin_ns = int(record.params["touched_ns"])
        first.append(move_bps(thinning, record, begin_ns, begin_ns + 60 * S))
        late.append(move_bps(thinning, record, begin_ns + 10 * S, begin_ns + 70 * S))
    assert len(bursts) > 30
    assert np.mean(first) > 15
    assert np.mean(late) > 10  # what is left for somebody who needed 10 s to see it


def test_a_quiet_thin_side_goes_nowhere(thinning: Session):
    quiet = [r for r in of(thinning, "thin_side") if r.outcome == "quiet"]
    assert len(quiet) > 10
    assert abs(np.mean([move_bps(thinning, r, r.t0_ns, r.t1_ns + 60 * S) for r in quiet])) < 12


def test_about_seven_of_ten_thin_sides_burst(thinning: Session):
    outcomes = Counter(r.outcome for r in of(thinning, "thin_side"))
    total = sum(outcomes.values())
    assert set(outcomes) == {"burst", "quiet"}
    assert abs(outcomes["burst"] / total - 0.7) < 4 * np.sqrt(0.21 / total)


def test_a_sweep_is_one_order_of_the_recorded_size_up_to_its_limit(lively: Session):
    sweeps = of(lively, "sweep")
    assert len(sweeps) > 10
    trades = lively.rows[lively.rows["kind"] == Kind.TRADE]
    for sweep in sweeps:
        market = SYMBOLS.index(sweep.symbol)
        prints = trades[(trades["market"] == market) & (trades["exch_ns"] == sweep.t0_ns)]
        assert prints["value"].sum() == sweep.params["lots"]
        assert np.all(prints["side"] == sweep.side)
        assert np.all(sweep.side * (sweep.price - prints["price"]) >= 0)
    assert np.median([s.params["move_bps"] for s in sweeps]) > 3


def test_an_hour_of_three_symbols_has_dozens_of_each(lively: Session):
    """40 minutes: at least two thirds of two dozen."""
    counts = Counter(record.type for record in lively.truth)
    assert all(counts[name] >= 16 for name in ("genuine_wall", "spoof_wall", "thin_side", "sweep"))


def test_truth_is_written_as_json_lines_in_order_of_time(lively: Session, tmp_path: Path):
    path = tmp_path / "truth.jsonl"
    write_truth(lively.truth, path)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(lines) == len(lively.truth)
    starts = [line["t0_ns"] for line in lines]
    assert starts == sorted(starts)
    wanted = {"id", "type", "symbol", "venue", "t0_ns", "t1_ns", "price", "side", "params", "outcome"}
    wanted.add("group")
    assert all(set(line) == wanted for line in lines)
    assert len({line["id"] for line in lines}) == len(lines)
