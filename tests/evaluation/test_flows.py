"""Flow and queues against price: made by hand, and on what was recorded."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from bot.evaluation.flows import FlowFigures, flow_figures, queue_figures
from bot.evaluation.metrics import r_squared
from bot.evaluation.samples import Collector
from bot.evaluation.touch import Sampler, Touches
from bot.evaluation.watching import TOUCH
from bot.market.tape import open_tape
from tests.evaluation.worlds import touched

N = 6_001  # ten minutes of 100 ms


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def flow(found: list[FlowFigures], name: str, interval_s: int) -> FlowFigures:
    (match,) = [f for f in found if (f.flow, f.interval_s) == (name, interval_s)]
    return match


def test_flow_that_moves_the_price_at_once_explains_and_does_not_forecast():
    steps = np.random.default_rng(1).normal(size=N)
    found = flow_figures("m", touched(1_000.0 + np.cumsum(steps), flow=steps), rng())
    for interval_s, n in ((1, 600), (10, 60), (60, 10)):
        figures = flow(found, "ofi", interval_s)
        assert figures.n == n
        assert figures.r2_same == pytest.approx(1.0)
        assert figures.r2_same_least == pytest.approx(1.0)
    assert flow(found, "ofi", 1).r2_next < 0.02
    assert abs(flow(found, "ofi", 1).correlation_next) < 0.12


def test_flow_that_moves_the_next_interval_forecasts_and_does_not_explain():
    steps = np.random.default_rng(2).normal(size=N)
    late = np.concatenate([np.zeros(10), steps[:-10]])
    figures = flow(flow_figures("m", touched(1_000.0 + np.cumsum(late), traded=steps), rng()), "trades", 1)
    assert figures.r2_next == pytest.approx(1.0)
    assert figures.correlation_next == pytest.approx(1.0)
    assert figures.r2_same < 0.02


def test_intervals_without_a_book_are_left_out():
    steps = np.random.default_rng(3).normal(size=N)
    mid = 1_000.0 + np.cumsum(steps)
    mid[100] = steps[205] = np.nan  # an end of two intervals of 1 s; within another
    assert flow(flow_figures("m", touched(mid, flow=steps), rng()), "ofi", 1).n == 597


def test_a_series_of_a_few_intervals_has_no_figures():
    assert {f.interval_s for f in flow_figures("m", touched(np.arange(301.0)), rng())} == {1}
    assert queue_figures("m", touched(np.arange(10.0))) is None


def test_a_queue_that_says_where_the_price_goes_hits_always():
    mid = 1_000.0 + np.cumsum(np.random.default_rng(4).choice([-0.5, 0.5], N))
    ahead = np.sign(np.concatenate([mid[10:], np.full(10, mid[-1])]) - mid).astype(np.float32)
    figures = queue_figures("m", touched(mid, imbalance=0.5 * ahead))
    assert figures is not None
    assert figures.hit_rate == 1.0
    assert figures.n == np.count_nonzero(mid[10:] != mid[:-10])
    at = {horizon_s: (ic, area) for horizon_s, ic, area in figures.decay}
    assert at[1.0][1] == 1.0
    assert at[1.0][0] > at[10.0][0] > at[60.0][0] - 0.05


def test_hits_of_neighbours_are_not_counted_as_so_many_independent_ones():
    rng_ = np.random.default_rng(5)
    mid = 1_000.0 + np.cumsum(rng_.choice([-0.5, 0.5], N))
    figures = queue_figures("m", touched(mid, imbalance=rng_.choice([-0.5, 0.5], N).astype(np.float32)))
    assert figures is not None
    width = figures.hit_interval.high - figures.hit_interval.low
    assert width == pytest.approx(2 * 1.96 * 0.5 / np.sqrt(figures.n / 10), rel=0.02)


# what was recorded, against figures computed elsewhere with plain code


def lobster_touches(path: Path) -> Iterator[np.ndarray]:
    """Level 1 of a LOBSTER file as TOUCH rows; prices in cents."""
    with gzip.open(path, "rt") as file:
        table = list(csv.DictReader(file))
    rows = np.zeros(len(table), TOUCH)
    rows["time_ns"] = [round(float(r["Secs"]) * 1e9) for r in table]
    for name, column in (("bid", "Bidp1"), ("ask", "Askp1")):
        rows[name] = [round(float(r[column]) * 100) for r in table]
    for name, column in (("bid_lots", "Bids1"), ("ask_lots", "Asks1")):
        rows[name] = [float(r[column]) for r in table]
    yield rows


def test_order_flow_of_a_stock_explains_its_ten_seconds_as_the_papers_formula_does(data_dir):
    """AMZN, 2012-06-21: R² about 0.545 and 0.00384 ticks a share at 10 s, as the recording's README says."""
    sampler = Sampler(100_000_000)
    before = np.zeros(0, TOUCH)
    for rows in lobster_touches(data_dir / "lobster/AMZN_2012-06-21_1222_1600_level1.csv.gz"):
        sampler.feed(Touches.of(rows, before))
        end_ns = int(rows["time_ns"][-1])
    points = sampler.finish(end_ns)
    figures = flow(flow_figures("AMZN", touched(points.mid, flow=points.flow), rng()), "ofi", 10)
    assert figures.n == pytest.approx(1_304, abs=2)
    assert figures.r2_same == pytest.approx(0.545, abs=0.02)
    assert figures.r2_next < 0.01
    count = (points.mid.size - 1) // 100
    flows = points.flow[1 : 100 * count + 1].reshape(count, 100).sum(axis=1)
    line = r_squared(flows, np.diff(points.mid[: 100 * count + 1 : 100]))
    assert line.slope == pytest.approx(0.00384, rel=0.05)


RECORDED = {
    # files: (R² at 1 s, R² at 10 s, share of hits): best bid/offer messages, receive time, plain code
    "usdm": (("hftbacktest/usdm/btcusdt_20240808.gz",), 0.380, 0.521, 0.7096),
    "coinm": (
        ("hftbacktest/cm/btcusd_perp_20240808.gz", "hftbacktest/cm/btcusd_perp_20240809.gz"),
        *(0.593, 0.709, 0.719),
    ),
    "spot": (
        ("hftbacktest/spot/btcusdt_20240808.gz", "hftbacktest/spot/btcusdt_20240809.gz"),
        *(0.513, 0.589, 0.780),
    ),
    "usdm 2023": (("hftbacktest_playground/usdm/btcusdt_20230404.dat.gz",), 0.603, None, 0.792),
}


@pytest.mark.parametrize("name", RECORDED)
def test_figures_of_recordings_are_those_of_plain_code(name, data_dir, repo, tmp_path):
    from bot.market.importers.binance_raw import import_to_tape

    files, r2_1s, r2_10s, hits = RECORDED[name]
    import_to_tape([data_dir / file for file in files], tmp_path / "t.tape")
    tape = open_tape(tmp_path / "t.tape")
    collector = Collector(tape.header.instruments)
    for rows in tape.batches():
        collector.feed(rows)
    (touches,) = collector.finish().touches
    bbo = next(one for one in touches if one.source == "bbo")
    found = flow_figures(name, bbo, rng())
    queue = queue_figures(name, bbo)
    assert queue is not None
    assert flow(found, "ofi", 1).r2_same == pytest.approx(r2_1s, abs=0.001)
    assert queue.hit_rate == pytest.approx(hits, abs=0.001)
    if r2_10s is None:
        assert not [f for f in found if f.interval_s == 10], "nine intervals are none"
    else:
        assert flow(found, "ofi", 10).r2_same == pytest.approx(r2_10s, abs=0.001)
    # explaining is not forecasting, and the README says so with these figures
    quoted = " | ".join(
        f"{flow(found, 'ofi', s).r2_same:.3f} | {flow(found, 'ofi', s).correlation_next:.3f}"
        for s in (1, 10)
        if r2_10s or s == 1
    )
    low, high = (round(100 * share) for share in queue.hit_interval)
    readme = (repo / "README.md").read_text()
    (row,) = [line for line in readme.splitlines() if quoted in line]
    assert f"{100 * queue.hit_rate:.1f} % [{low}, {high}]" in row
    assert flow(found, "ofi", 1).r2_next < 0.05
