"""Faults are in the rows as feeds would show them, and nothing of the market itself changes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from bot.market.events import Flag, Kind
from bot.market.synthetic import NO_FAULTS, Faults, Settings, SyntheticMarket, Truth
from bot.market.tape.checks import Check, RowChecks
from tests.market.synthetic.plain_book import START_NS, Session, plain_books, session

S = 10**9
MARKETS = range(2)
MANY = Faults(
    gap_per_h=40.0, duplicate_per_h=120.0, out_of_order_per_h=240.0, crossed_per_h=60.0, stale_per_h=15.0
)


def market(faults: Faults, seconds: float = 3600.0) -> SyntheticMarket:
    settings = Settings(informed=True, faults=faults)
    return SyntheticMarket(23, ("BTCUSDT", "ETHUSDT"), START_NS, seconds, scenario="s-zi", settings=settings)


@pytest.fixture(scope="module")
def faulty() -> Session:
    return session(market(MANY))


@pytest.fixture(scope="module")
def faultless() -> Session:
    return session(market(NO_FAULTS))


def of(played: Session, type_: str, k: int) -> list[Truth]:
    symbol = ("BTCUSDT", "ETHUSDT")[k]
    return [r for r in played.truth if r.type == type_ and r.symbol == symbol and r.t1_ns]


def rows_of(played: Session, k: int) -> np.ndarray:
    return played.rows[played.rows["market"] == k]


def ladders(played: Session, k: int) -> Iterator[tuple[int, dict[int, float], dict[int, float]]]:
    for book in plain_books(played.rows, k, repeats=True):
        yield book.exch_ns, book.bids, book.asks


def test_the_stream_is_well_formed_all_the_same(faulty: Session):
    checks = RowChecks(len(MARKETS), has_timers=False)
    checks.add(faulty.rows)
    assert dict(zip(Check, checks.count.tolist(), strict=True)) == dict.fromkeys(Check, 0)


@pytest.mark.parametrize("k", MARKETS)
def test_there_are_many_of_each(faulty: Session, k: int):
    least = {"gap": 20, "duplicate": 60, "out_of_order": 120, "crossed": 30, "stale": 6}
    for type_, count in least.items():
        assert len(of(faulty, type_, k)) >= count


@pytest.mark.parametrize("k", MARKETS)
def test_after_a_gap_nothing_of_the_book_comes_until_a_snapshot(faulty: Session, k: int):
    rows = rows_of(faulty, k)
    gaps = np.flatnonzero(rows["kind"] == Kind.GAP)
    assert len(gaps) - len(of(faulty, "gap", k)) in (0, 1)  # the last may not have ended
    for at, record in zip(gaps, of(faulty, "gap", k), strict=False):
        later = rows[at + 1 :]
        book = later[np.isin(later["kind"], (Kind.LEVEL, Kind.SNAPSHOT))]
        assert book["kind"][0] == Kind.SNAPSHOT
        assert rows["exch_ns"][at] == record.t0_ns
        assert book["exch_ns"][0] == record.t1_ns
        assert record.t1_ns - record.t0_ns == 3 * S
        assert rows["ref"][at] > 0


@pytest.mark.parametrize("k", MARKETS)
def test_trades_and_touches_go_on_in_a_gap_but_nothing_when_a_venue_is_stale(faulty: Session, k: int):
    rows = rows_of(faulty, k)

    def said(record: Truth) -> np.ndarray:
        inside = (rows["exch_ns"] > record.t0_ns) & (rows["exch_ns"] < record.t1_ns)
        return rows[inside & ~np.isin(rows["kind"], (Kind.LEVEL, Kind.COMMIT))]

    assert sum(len(said(record)) for record in of(faulty, "gap", k)) > 100
    for record in of(faulty, "stale", k):
        assert record.t1_ns - record.t0_ns == 20 * S
        # a stamp that is set back by up to 200 ms may fall into it
        late = said(record)
        assert np.all(late["exch_ns"] > record.t1_ns - S // 5)
        assert np.isin(late["kind"], (Kind.SNAPSHOT, Kind.LEVEL, Kind.COMMIT)).all()


@pytest.mark.parametrize("k", MARKETS)
def test_every_ladder_is_the_faultless_one_but_for_one_crossed_message(
    faulty: Session, faultless: Session, k: int
):
    """Stamps that are set back are not looked up; every other commit is, also right after each fault."""
    wanted = {exch_ns: (dict(bids), dict(asks)) for exch_ns, bids, asks in ladders(faultless, k)}
    crossed = {record.t0_ns for record in of(faulty, "crossed", k)}
    same = seen_crossed = 0
    for exch_ns, bids, asks in ladders(faulty, k):
        if exch_ns in crossed:
            extra = [price for price in bids if price not in wanted[exch_ns][0]]
            assert max(bids) > min(asks)
            assert len(extra) == 1
            seen_crossed += 1
        elif exch_ns in wanted:
            assert (bids, asks) == wanted[exch_ns]
            same += 1
    assert same > 20_000
    assert seen_crossed >= 20


@pytest.mark.parametrize("k", MARKETS)
def test_a_duplicate_repeats_the_last_book_message_and_what_came_with_it(faulty: Session, k: int):
    commits = rows_of(faulty, k)
    commits = commits[(commits["kind"] == Kind.COMMIT) & ((commits["flags"] & Flag.BBO) == 0)]
    again = np.flatnonzero(np.diff(commits["ref"]) == 0)
    assert len(again) == len(of(faulty, "duplicate", k))
    assert np.all(np.diff(commits["ref"]) >= 0)
    assert np.array_equal(commits["exch_ns"][again], commits["exch_ns"][again + 1])
    assert np.all(commits["recv_ns"][again] <= commits["recv_ns"][again + 1])


@pytest.mark.parametrize("k", MARKETS)
def test_some_trades_come_twice_with_the_same_id(faulty: Session, k: int):
    rows = rows_of(faulty, k)
    trades = rows[rows["kind"] == Kind.TRADE]
    _, first, counts = np.unique(trades["ref"], return_index=True, return_counts=True)
    assert counts.max() == 2
    assert np.count_nonzero(counts == 2) >= 5
    names = ["exch_ns", "price", "value", "side"]
    for ref in trades["ref"][first[counts == 2]]:
        one, two = trades[trades["ref"] == ref][names]
        assert one == two


@pytest.mark.parametrize("k", MARKETS)
def test_exchange_stamps_run_back_by_up_to_200_ms_and_receive_stamps_never(faulty: Session, k: int):
    rows = rows_of(faulty, k)
    assert np.all(np.diff(rows["recv_ns"]) >= 0)
    book = rows[(rows["kind"] == Kind.COMMIT) & ((rows["flags"] & Flag.BBO) == 0)]
    back_ns = -(book["exch_ns"] % (S // 10) - book["exch_ns"][0] % (S // 10)) % (S // 10)
    odd = np.count_nonzero(back_ns)
    assert odd == pytest.approx(len(of(faulty, "out_of_order", k)), rel=0.1)
    assert np.diff(rows["exch_ns"]).min() >= -S // 5 - S // 10
    assert np.diff(rows["exch_ns"]).min() < 0


def test_faults_can_be_had_one_by_one():
    rows = session(market(Faults(0.0, 0.0, 0.0, 600.0, 0.0), 120.0)).rows
    assert not (rows["kind"] == Kind.GAP).any()
    crossed = [
        max(bids) > min(asks)
        for k in MARKETS
        for _, bids, asks in ((b.exch_ns, b.bids, b.asks) for b in plain_books(rows, k))
    ]
    assert 10 < sum(crossed) < 80
