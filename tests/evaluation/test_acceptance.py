"""The acceptance command: its rows from hand-made findings, and a short real run."""

from __future__ import annotations

import json
import math
from functools import cache, reduce
from operator import add

import numpy as np
import pytest

from bot.evaluation.detectors import KnownWalls, Tally
from bot.evaluation.samples import Samples
from scripts.acceptance import cascades, faults, scores, strategies, table, thin, trading, venues, walls
from scripts.acceptance.__main__ import main, seeds_of
from scripts.acceptance.measuring import CHECKS
from tests.evaluation.worlds import samples

NAN = math.nan


def tally(detector: str = "thin", found: int = 9, right: int = 8) -> Tally:
    return Tally(detector, 10, tuple(float(k) for k in range(found)), 10, right, 2.0)


def verdicts(rows: list[table.Row]) -> dict[str, bool | None]:
    return {row.metric: row.passed for row in rows}


@pytest.mark.parametrize(("text", "seeds"), [("300-302", [300, 301, 302]), ("5", [5]), ("1,7-8", [1, 7, 8])])
def test_seeds_are_ranges_and_lists(text, seeds):
    assert seeds_of(text) == seeds


def test_what_could_not_be_measured_falls_short():
    assert table.at_least("s", "m", NAN, 0.5).passed is False
    assert table.at_most("s", "m", NAN, 0.5).passed is False
    assert table.between("s", "m", NAN, 0.4, 0.6).passed is False
    assert table.none_of("s", "m", 0, 0, "readings").passed is False
    assert table.told("s", "m", NAN).to_json()["value"] is None


def test_counts_of_runs_add_up():
    whole = reduce(add, [tally(), tally(found=7, right=10)]).figures()
    assert (whole.planted, whole.found, whole.detections, whole.right) == (20, 16, 20, 18)
    assert (whole.recall, whole.precision, whole.false_per_h) == (0.8, 0.9, 0.5)


def test_a_thin_side_missed_too_often_falls_short():
    assert set(verdicts(thin.rows({"s-thin": [tally()]})).values()) == {True}
    assert verdicts(thin.rows({"s-thin": [tally(found=8)]}))["recall"] is False
    assert verdicts(thin.rows({"s-thin": [tally(right=7)]}))["precision"] is False


def known(genuine: list[int], decided: list[float], verdict: list[float], share: list[float]) -> KnownWalls:
    n = len(genuine)
    return KnownWalls(
        genuine=np.array(genuine, bool),
        near_s=np.full(n, 3.0),
        early=np.full(n, 0.5),
        at_decision=np.array(decided),
        verdict=np.array(verdict),
        last=np.array(verdict),
        executed_share=np.array(share),
        outcomes=("open > open",) * n,
    )


def test_what_is_known_of_the_walls_that_still_stand_is_told_beside():
    """g passes all that still stand, so there is no lift; with those that were pulled before there is one."""
    one = known(
        [1, 1, 0, 0, 0], [0.8, 0.9, 0.85, NAN, NAN], [0.8, 0.9, 0.85, 0.1, 0.2], [0.5, 0.0, 0.0, 0.0, 0.0]
    )
    found = {name: [(tally("walls", 10, 10), one)] * 2 for name in walls.WALLS.scenarios}
    easy = [row for row in walls.rows(found) if row.scenario == walls.EASY]
    said = {row.metric.partition(",")[0]: row for row in easy}
    required = [row for row in easy if row.metric.startswith("AUC of g after 2 s near, or at its end")]
    assert [row.passed for row in required] == [True]
    assert required[0].value == pytest.approx(5 / 6)
    lift = said["lift of the genuine share by g >= 0.65"]
    assert lift.value == pytest.approx(2 / 3 - 2 / 5)
    assert lift.passed is True
    standing = said["AUC of g after 2 s near"]
    assert (standing.value, standing.passed) == (0.5, None)
    assert "genuine 0.67 -> 0.67" in standing.measured
    assert said["genuine share of walls a tenth executed"].passed is True


def test_cascades_count_when_they_are_called_so_within_three_cards():
    quick = cascades.Found((1, 2, 3, 3), (1, 2, 3, 4, 0), 4, 1.0)
    late = cascades.Found((4, 0, 1, 2), (4, 0, 1, 2, 0), 4, 1.0)
    calm = cascades.Found((), (), 1, 0.5)
    rows = cascades.rows({"s-cascade": [quick, late], "s-zi": [calm]})
    assert [row.value for row in rows] == [6 / 8, 5 / 10, 7 / 8, 2.0]
    assert [row.passed for row in rows] == [False, None, None, False]
    assert cascades.rows({"s-cascade": [quick], "s-zi": [cascades.Found((), (), 1, 1.0)]})[3].passed


def test_lags_are_judged_within_a_step_and_only_where_one_is_in_use():
    said = np.array([[150.0, 0.0, 150.0], [350.0, 300.0, 400.0], [400.0, 400.0, 200.0]])
    best, used = venues.rows({"s-lag": [said]})
    assert best.value == pytest.approx(2 / 3)
    assert (best.passed, used.value) == (False, 0.0)


def test_entries_are_counted_a_symbol_and_day():
    (row,) = trading.rows({"s-zi": [trading.Found(3, 9, 2.0), trading.Found(0, 1, 1.0)]})
    assert (row.value, row.passed) == (1.0, True)


def test_setups_of_a_lively_market_do_come_before_the_live_gate():
    """That nothing is entered where there is no edge would say little if nothing ever asked."""
    found = trading.measure("demo", 300, 1800.0)
    assert found.entries + found.denied > 0
    assert found.symbol_days == pytest.approx(3 * 1800 / 86_400)


RUNS = range(3)


@cache
def walk(seed: int, edge: float) -> Samples:
    """A random walk of 2,000 s; the composite knows `edge` of the next 60 s, the oracle all of it."""
    rng = np.random.default_rng(seed)
    mid = 10_000.0 + np.cumsum(rng.normal(size=8_001))
    at = np.arange(0, 7_700, 40)
    ahead = mid[at + 240] - mid[at + 1]
    known = edge * ahead + (1.0 - edge) * ahead.std() * rng.normal(size=at.size)
    return samples(mid, {"composite": np.tanh(known / 40.0), "oracle": np.tanh(ahead / 40.0)})


def test_a_card_that_knows_falls_short_where_nothing_can_be_known():
    blind = [scores.for_scores(walk(seed, 0.0), "composite") for seed in RUNS]
    assert [row.passed for row in scores.no_edge_rows({"s-zi": blind})] == [True, None, None]
    seeing = [scores.for_scores(walk(seed, 0.5), "composite") for seed in RUNS]
    significant, largest, sooner = scores.no_edge_rows({"s-zi": seeing})
    assert not significant.passed
    assert largest.value > 3.0
    assert "by runs" in largest.measured
    assert "composite scalp 60 s" in significant.measured
    assert "composite scalp 30 s" in sooner.measured


def test_the_composite_is_measured_against_the_oracle():
    row = scores.drift_rows({"s-drift": [walk(seed, 0.5) for seed in RUNS]})[0]
    assert row.value == pytest.approx(0.7, abs=0.1)  # half signal, half noise of the same size
    assert row.passed
    assert not scores.drift_rows({"s-drift": [walk(seed, 0.0) for seed in RUNS]})[0].passed


def test_faulty_books_say_nothing_and_come_back_as_they_were():
    found = faults.measure("s-faults", 300, 400.0)
    assert found.unusable > 0
    assert found.planted > 0
    assert found.compared > 50
    assert [row.passed for row in faults.rows({"s-faults": [found]})] == [True, True, True]


@pytest.mark.parametrize("name", ["thin", "lag", "cascade", "walls"])
def test_every_check_runs(name):
    (check,) = [check for check in CHECKS if check.name == name]
    measured = [check.measure(check.scenarios[0], 300, 700.0)]
    rows = check.rows(dict.fromkeys(check.scenarios, measured))
    assert rows
    assert table.text(rows).count("\n") >= len(rows)


def test_the_command_prints_rows_and_says_so_by_its_status(capsys):
    status = main(["--rows", "book", "--seeds", "300", "--scale", "0.05", "--jobs", "1", "--json"])
    (row,) = json.loads(capsys.readouterr().out)
    assert row["scenario"] == "s-zi"
    assert status == (0 if row["passed"] else 1)


def test_the_table_is_written_between_its_marks(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{table.BEGIN}\nlast year\n{table.END}\nafter\n")
    table.write([table.told("s-zi", "a metric", 1.5)], ["a note"], page)
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "last year" not in text
    assert "| told | s-zi | a metric | 1.500 | – |" in text


def test_strategies_count_when_they_beat_the_coin_and_their_stops_hold():
    def run(gross, losses=(1.0,), late=0):
        return strategies.Found(gross, (0.0,) * len(gross), len(gross), losses, 3, 5, late)

    good = run(tuple(5.0 + k % 3 for k in range(120)))
    found = {
        strategies.THIN_SWEEP: [good] * 2,
        strategies.WALLS: [good],
        strategies.CASCADE: [run((), (7.0,))],
    }
    rows = strategies.rows(found)
    assert [row.passed for row in rows] == [True, True, True, True, None, None, True]
    assert [row.value for row in rows][3:5] == [1.0, 7.0]

    poor = run((-5.0, 1.0) * 60, losses=(1.6,), late=1)
    rows = strategies.rows({name: [poor] * 2 for name in found})
    assert [row.passed for row in rows if row.required] == [True, False, False, False, False]
    few = strategies.rows({name: [run((1.0,), ())] for name in found})
    assert [row.passed for row in few if row.required] == [False, False, False, True]


@pytest.mark.parametrize(
    ("changes", "loss"),
    [
        ({}, 1.2),
        ({"side": -1, "entry_price": 90.0, "first_stop": 95.0}, (98.8 / 1 - 90.0) / 5.0 * 1.0),
        ({"reason": "target"}, None),
        ({"id": "no exit"}, None),
    ],
)
def test_the_loss_of_a_stop_is_told_in_stop_distances(changes, loss):
    trade = {"id": "t", "side": 1, "reason": "stop", "entry_price": 100.0, "first_stop": 99.0} | changes
    outs = {"t": [(98, 1), (99, 4)]}
    assert strategies._stop_loss(trade, outs) == (None if loss is None else pytest.approx(loss))
