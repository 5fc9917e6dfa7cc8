"""The stream as a whole: equal bytes for equal arguments, numbered, in order, endless or not."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from bot.core.errors import BadInput
from bot.market.events import EVENT, Flag, Kind
from bot.market.synthetic import LISTINGS, SyntheticMarket
from tests.market.synthetic.plain_book import START_NS, SYMBOLS, Session, play


def market(seed: int = 3, seconds: float | None = 30.0, **options) -> SyntheticMarket:
    return SyntheticMarket(seed, SYMBOLS, START_NS, seconds, **options)


def test_the_same_seed_gives_the_same_bytes_whatever_the_batches():
    wanted = play(market()).tobytes()
    for batch_s in (0.05, 0.7, 10.0, 60.0):
        assert play(market(batch_s=batch_s)).tobytes() == wanted


def test_another_seed_gives_another_market():
    assert play(market(seed=4)).tobytes() != play(market()).tobytes()


def test_batches_continue_where_the_last_iteration_stopped():
    source = market()
    parts = list(islice(source.batches(), 3)) + list(source.batches())
    assert np.concatenate(parts).tobytes() == play(market()).tobytes()


def test_a_symbol_is_the_same_with_and_without_others():
    together = play(market())
    alone = play(SyntheticMarket(3, ("ETHUSDT",), START_NS, 30.0))
    mine = together[together["market"] == 1]
    names = [name for name in EVENT.names or () if name not in ("seq", "market")]
    assert np.array_equal(mine[names], alone[names])


def test_a_restored_checkpoint_continues_with_the_same_rows_and_truth():
    first = market(seconds=600.0, batch_s=5.0)
    list(islice(first.batches(), 60))
    saved = first.checkpoint()
    wanted = play(first)
    second = market(seconds=600.0, batch_s=5.0)
    second.restore(saved)
    assert play(second).tobytes() == wanted.tobytes()
    assert second.truth() == first.truth()


def test_a_checkpoint_of_other_symbols_is_refused():
    with pytest.raises(BadInput, match="checkpoint"):
        market().restore(SyntheticMarket(3, ("BTCUSDT",), START_NS, 1.0).checkpoint())


def test_without_a_duration_it_does_not_end():
    source = market(seconds=None, batch_s=1.0)
    rows = np.concatenate(list(islice(source.batches(), 20)))
    assert rows["exch_ns"].max() > START_NS + 19 * 10**9


def test_rows_are_contiguous_batches_numbered_from_one():
    batches = list(market().batches())
    assert all(b.dtype == EVENT and b.flags.c_contiguous for b in batches)
    seq = np.concatenate(batches)["seq"]
    assert np.array_equal(seq, np.arange(1, len(seq) + 1))


def test_receive_times_never_go_back_and_are_after_the_event(lively: Session):
    rows = lively.rows
    assert np.all(np.diff(rows["recv_ns"]) >= 0)
    assert np.all(rows["recv_ns"] > rows["exch_ns"])
    assert np.median(rows["recv_ns"] - rows["exch_ns"]) < 20e6


def test_each_market_tells_events_in_the_order_they_happened(lively: Session):
    for k in range(len(SYMBOLS)):
        assert np.all(np.diff(lively.rows["exch_ns"][lively.rows["market"] == k]) >= 0)


def test_rows_of_one_message_share_their_times(lively: Session):
    rows = lively.rows
    inside = np.isin(rows["kind"][:-1], (Kind.SNAPSHOT, Kind.LEVEL, Kind.BBO))
    follower = rows[1:][inside]
    leader = rows[:-1][inside]
    assert np.array_equal(leader["recv_ns"], follower["recv_ns"])
    assert np.array_equal(leader["exch_ns"], follower["exch_ns"])
    assert np.array_equal(leader["market"], follower["market"])
    assert np.isin(follower["kind"], (Kind.LEVEL, Kind.BBO, Kind.COMMIT)).all()


def test_a_venue_clock_offset_shifts_only_exchange_times():
    plain, shifted = play(market()), play(market(clock_offset_ns=2 * 10**9))
    assert np.array_equal(shifted["exch_ns"], plain["exch_ns"] + 2 * 10**9)
    others = [name for name in EVENT.names or () if name != "exch_ns"]
    assert np.array_equal(shifted[others], plain[others])


def test_leaving_out_bbo_changes_nothing_else_that_is_told():
    """Latency draws differ, the market itself does not."""
    told, silent = play(market()), play(market(bbo=False))
    told = told[(told["kind"] != Kind.BBO) & ((told["flags"] & Flag.BBO) == 0)]
    for k in range(len(SYMBOLS)):
        names = ["exch_ns", "kind", "side", "price", "value", "ref"]
        assert np.array_equal(told[told["market"] == k][names], silent[silent["market"] == k][names])


def test_a_market_starts_where_it_is_told_and_reports_where_it_ended():
    source = market(start_prices={"BTCUSDT": 50_000.0})
    rows = play(source)
    btc = rows[(rows["market"] == 0) & (rows["kind"] == Kind.BBO)]
    assert abs(btc["price"][0] * 5 - 50_000) < 100
    assert source.last_prices()["BTCUSDT"] == 5 * (btc["price"][-2] + btc["price"][-1]) / 2
    assert source.last_prices()["ETHUSDT"] == pytest.approx(3000, rel=0.02)


@pytest.mark.parametrize("price", [1.0, 1e9, float("nan"), float("inf")])
def test_a_start_price_out_of_range_names_the_range(price: float):
    with pytest.raises(BadInput, match="between"):
        market(start_prices={"BTCUSDT": price})


def test_an_unknown_symbol_names_the_known_ones():
    with pytest.raises(BadInput, match="BTCUSDT"):
        SyntheticMarket(1, ("NOSUCH",), START_NS, 1.0)


@pytest.mark.parametrize("symbols", [(), ("BTCUSDT", "BTCUSDT")])
def test_symbols_must_be_given_once_each(symbols: tuple[str, ...]):
    with pytest.raises(BadInput, match="different symbols"):
        SyntheticMarket(1, symbols, START_NS, 1.0)


@pytest.mark.parametrize("symbol", LISTINGS)
def test_every_listing_is_a_usable_market(symbol: str):
    source = SyntheticMarket(1, (symbol,), START_NS, 20.0)
    (instrument,) = source.instruments
    assert instrument.venue == "demo"
    assert instrument.symbol == symbol
    listing = LISTINGS[symbol]
    tick_bps = float(instrument.tick / listing.start_price) * 1e4
    assert 0.5 <= tick_bps <= 1.0
    instrument.ticks(listing.start_price)  # raises unless whole ticks
    order_value = listing.order_lots * instrument.lot * listing.start_price
    assert 5_000 <= order_value <= 20_000
    assert (play(source)["kind"] == Kind.TRADE).any()
