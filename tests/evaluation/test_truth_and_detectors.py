"""What was planted, read tolerantly, and detectors judged by it."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from bot.core.errors import BadInput
from bot.evaluation.detectors import (
    detector_figures,
    judge_walls,
    thin_episodes,
    thin_is,
    wall_is,
    which_planted,
)
from bot.evaluation.samples import Samples, ThinChange
from bot.evaluation.truth import Planted, planted_of, read_truth
from bot.evaluation.walls import End
from bot.market.instruments import Instrument
from tests.evaluation.worlds import INSTRUMENT, NS_PER_S, T0, samples, wall

END_NS = T0 + 3600 * NS_PER_S


def planted(type_: str, begin_s: float, end_s: float, side: int = 1, price: float = 995, **given) -> Planted:
    t1_ns = 0 if math.isinf(end_s) else T0 + round(end_s * NS_PER_S)
    return Planted(
        f"{type_}-{begin_s}", type_, 0, T0 + round(begin_s * NS_PER_S), t1_ns, price, side,
        given.get("outcome", ""),
    )  # fmt: skip


def an_hour(**given) -> Samples:
    return samples(np.full(4 * 3600 + 1, 1_000.0), {}, **given)


def thin(at_s: float, side: int, market: int = 0) -> ThinChange:
    return ThinChange(T0 + round(at_s * NS_PER_S), market, side)


# reading


def test_records_of_the_demo_market_are_read(tmp_path):
    from bot.market.synthetic import SyntheticMarket, write_truth

    market = SyntheticMarket(2, ("BTCUSDT", "ETHUSDT"), T0, 600.0)
    for _ in market.batches():
        pass
    write_truth(market.truth(), tmp_path / "truth.jsonl")
    found = read_truth(tmp_path / "truth.jsonl", market.instruments)
    records = sorted(market.truth(), key=lambda r: r.t0_ns)
    assert len(found) == len(records) > 5
    for one, record in zip(found, records, strict=True):
        assert (one.t0_ns, one.side) == (record.t0_ns, record.side)
    assert {"genuine_wall", "spoof_wall", "thin_side"} <= {one.type for one in found}
    assert {one.market for one in found} == {0, 1}
    by_id = [sorted(one, key=lambda p: p.id) for one in (planted_of(records, market.instruments), found)]
    assert by_id[0] == by_id[1]
    assert all(one.market == 0 for one in planted_of(records, market.instruments[1:]))


def test_other_spellings_and_unknown_fields_are_taken(tmp_path):
    file = tmp_path / "truth.jsonl"
    lines = [
        {"type": "cascade", "symbol": "AAAUSDT", "t0": T0 + 5, "t1": None, "side": "sell", "extra": [1]},
        {"id": "7", "type": "spoof_wall", "symbol": "AAAUSDT", "venue": "test", "t0_ns": T0, "t1_ns": T0 + 9,
         "price": 100.0, "side": "bid", "params": {"lots": 3}, "outcome": "pulled"},
        {"type": "spoof_wall", "symbol": "ZZZUSDT", "t0": T0, "t1": T0},
        {"type": "spoof_wall", "symbol": "AAAUSDT", "venue": "elsewhere", "t0": T0, "t1": T0},
    ]  # fmt: skip
    file.write_text("\n".join(map(json.dumps, lines)) + "\n\n")
    first, second = read_truth(file, [INSTRUMENT])
    assert (first.id, first.side, first.price, first.outcome, first.params["lots"]) == (
        "7",
        1,
        100,
        "pulled",
        3,
    )
    assert (second.type, second.side, second.t1_ns, second.t0_ns) == ("cascade", -1, 0, T0 + 5)


def test_a_venue_tells_markets_of_one_symbol_apart(tmp_path):
    other = Instrument("second", "AAAUSDT", tick=Decimal(1), lot=Decimal(1))
    file = tmp_path / "truth.jsonl"
    record = {"type": "sweep", "symbol": "AAAUSDT", "t0": T0, "t1": T0}
    file.write_text("\n".join(json.dumps(record | v) for v in ({"venue": "second"}, {})))
    assert [p.market for p in read_truth(file, [INSTRUMENT, other])] == [1, 0]


@pytest.mark.parametrize(
    "line",
    ["nonsense", "[]", '{"symbol": "AAAUSDT"}', '{"symbol": "AAAUSDT", "type": "x", "t0": "a", "t1": 0}',
     '{"symbol": "AAAUSDT", "type": "x", "t0": 1, "t1": 0, "side": "left"}'],
)  # fmt: skip
def test_a_line_that_is_no_record_is_named(tmp_path, line):
    file = tmp_path / "odd.jsonl"
    file.write_text("\n" + line)
    with pytest.raises(BadInput, match=r"odd\.jsonl, line 2"):
        read_truth(file, [INSTRUMENT])


# matching


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({}, True),
        ({"price": 991}, True),
        ({"price": 990}, False),
        ({"price": 1001}, False),
        ({"side": -1}, False),
        ({"begin_s": 221.5}, False),
        ({"begin_s": 220.5}, True),  # within the slack
        ({"end_s": 98.0}, False),
        ({"end_s": 99.5}, True),
        ({"begin_s": 90.0, "end_s": math.inf}, True),
    ],
)
def test_a_wall_is_a_planted_one_by_side_bucket_and_time(change, same):
    given = {"begin_s": 90.0, "end_s": 300.0, "side": 1, "price": 995} | change
    if given["begin_s"] > given["end_s"] or given["begin_s"] == 90.0 == given["end_s"]:
        given["end_s"] = 400.0
    one = planted("genuine_wall", **given)
    assert wall_is(wall(100.0, 220.0), one, END_NS) is same


def test_of_two_planted_walls_in_a_bucket_the_one_longer_there_is_meant():
    one, other = planted("spoof_wall", 90, 110), planted("genuine_wall", 105, 500)
    assert which_planted(wall(100, 220), [one, other], END_NS) is other
    assert which_planted(wall(100, 220, side=-1), [one, other], END_NS) is None


def test_thin_states_become_episodes_with_short_interruptions_bridged():
    changes = [thin(10, 1), thin(20, 0), thin(22, 1), thin(30, 0), thin(34, 1), thin(35, -1), thin(40, 0)]
    found = thin_episodes([*changes, thin(50, 1, market=1)], T0 + 60 * NS_PER_S)
    got = [(e.market, e.side, (e.confirmed_ns - T0) / 1e9, (e.last_ns - T0) / 1e9) for e in found]
    assert got == [(0, 1, 10, 30), (0, 1, 34, 35), (0, -1, 35, 40), (1, 1, 50, 60)]


def test_a_thin_side_is_remembered_for_five_seconds():
    (episode,) = thin_episodes([thin(100, 1), thin(110, 0)], END_NS)
    assert thin_is(episode, planted("thin_side", 70, 95), END_NS)
    assert not thin_is(episode, planted("thin_side", 70, 94), END_NS)
    assert not thin_is(episode, planted("thin_side", 111, 120), END_NS)
    assert not thin_is(episode, planted("thin_side", 90, 120, side=-1), END_NS)


# figures


def test_precision_recall_latency_and_false_alarms():
    truths = [
        planted("genuine_wall", 200, 400),
        planted("spoof_wall", 500, 560),
        planted("genuine_wall", 700, 702),  # too short to be asked for
        planted("spoof_wall", 30, 90),  # too early
        planted("genuine_wall", 900, 990),  # missed
        planted("thin_side", 1000, 1030),
        planted("sweep", 1500, 1500),
    ]
    walls = [wall(206, 300), wall(310, 400), wall(502, 560), wall(1200, 1300), wall(1400, 1500, side=-1)]
    thins = [thin(1008, 1), thin(1020, 0), thin(2000, -1), thin(2010, 0)]
    found = {f.detector: f for f in detector_figures(an_hour(walls=walls, thins=thins), truths)}
    assert set(found) == {"walls", "thin"}
    it = found["walls"]
    assert (it.planted, it.found, it.detections, it.right) == (3, 2, 5, 3)
    assert [it.recall, it.precision] == pytest.approx([2 / 3, 3 / 5])
    assert it.recall_interval.low < 2 / 3 < it.recall_interval.high
    assert [it.latency_median_s, it.false_per_h] == pytest.approx([8.0, 2.0])
    it = found["thin"]
    assert (it.planted, it.found, it.detections, it.right) == (1, 1, 2, 1)
    assert [it.latency_median_s, it.false_per_h] == pytest.approx([8.0, 1.0])


def test_nothing_planted_nothing_judged():
    assert detector_figures(an_hour(walls=[wall(200, 300)]), []) == []
    assert judge_walls(an_hour(walls=[wall(200, 300)]), []) is None


def test_planted_but_never_detected_is_a_recall_of_zero_and_no_precision():
    (it,) = detector_figures(an_hour(), [planted("genuine_wall", 200, 400)])
    assert it.recall == 0.0
    assert math.isnan(it.precision)
    assert math.isnan(it.latency_median_s)


def test_genuineness_is_judged_by_what_was_planted():
    """Two genuine walls of high g, one of them executed, and two spoofs of which one is seen through."""
    near: dict[str, Any] = {"near_s": 5.0}
    walls = [
        wall(100, 200, near=1000, genuineness=0.9, at_decision=0.7, executed_share=0.4, **near),
        wall(300, 400, near=1000, genuineness=0.8, at_decision=0.5, early=0.5, **near),
        wall(500, 600, near=1000, genuineness=0.2, at_decision=0.6, end=End.PULLED, **near),
        wall(700, 800, near=1000, genuineness=0.5, at_decision=0.4, early=0.5, end=End.PULLED, **near),
        wall(900, 990, near=2000, genuineness=0.1, executed_share=0.9, **near),  # not planted
    ]
    truths = [
        planted("genuine_wall", 100, 200, outcome="consumed"),
        planted("genuine_wall", 300, 400, outcome="expired"),
        planted("spoof_wall", 500, 600, outcome="pulled"),
        planted("spoof_wall", 700, 800, outcome="pulled"),
    ]
    it = judge_walls(an_hour(walls=walls), truths)
    assert it is not None
    assert (it.approached, it.decided, it.early, it.traps, it.executed) == (4, 4, 2, 1, 1)
    assert it.auc_hindsight == 1.0
    assert it.auc_at_decision == 0.75
    assert it.auc_before_approach == 0.5
    assert (it.genuine_share_decided, it.genuine_share_passed) == (0.5, 1.0)
    assert (it.trap_precision, it.trap_recall) == (1.0, 0.5)
    assert (it.genuine_share_tested, it.genuine_share_executed) == (0.5, 1.0)
    assert it.outcomes == {"consumed > expired": 1, "expired > expired": 1, "pulled > pulled": 2}
