"""hftbacktest on the same stream: `peer_hftbacktest.py FOLDER [--repeat N]`, a JSON line on stdout.

Runs in the peer's own environment and imports nothing of ours. FOLDER holds
`source-*.npy` and `stream.json` (see `stream.py`). Every message of the local feed:
imbalance of the best 1, 5, 10 and 20 levels, micro-price and order-flow imbalance, and
one resting post-only order of one lot on the threshold of the mean of two imbalances.
ROIVectorMarketDepthBacktest with direct access to its depth arrays is the fastest way
found to run it (indexing `d.bid_depth` instead of calling `bid_qty_at_tick`).
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from pathlib import Path

import numpy as np
from hftbacktest import (
    BUY_EVENT,
    CANCELED,
    DEPTH_CLEAR_EVENT,
    DEPTH_EVENT,
    DEPTH_SNAPSHOT_EVENT,
    EXCH_EVENT,
    EXPIRED,
    FILLED,
    GTX,
    LIMIT,
    LOCAL_EVENT,
    NEW,
    NONE,
    SELL_EVENT,
    TRADE_EVENT,
    BacktestAsset,
    ROIVectorMarketDepthBacktest,
)
from hftbacktest.types import event_dtype
from numba import njit

TICK, LOT = 0.1, 0.001
LATENCY_NS = 5_000_000  # of an order, and of its answer
THRESHOLD = 0.35
MAX_POSITION = 10  # orders
BOTH = EXCH_EVENT | LOCAL_EVENT
KINDS = np.array(
    [
        DEPTH_EVENT | BUY_EVENT,
        DEPTH_EVENT | SELL_EVENT,
        TRADE_EVENT | BUY_EVENT,
        TRADE_EVENT | SELL_EVENT,
        DEPTH_SNAPSHOT_EVENT | BUY_EVENT,
        DEPTH_SNAPSHOT_EVENT | SELL_EVENT,
    ],
    np.uint64,
)
BID_SNAPSHOT = 4


def convert(source: np.ndarray, low: float, high: float) -> np.ndarray:
    """Event rows of SOURCE rows; before each snapshot the book is cleared over the whole range."""
    events = np.zeros(source.size, event_dtype)
    events["ev"] = KINDS[source["kind"]] | np.uint64(BOTH)
    events["exch_ts"] = source["exch_ns"]
    events["local_ts"] = source["recv_ns"]
    events["px"] = np.round(source["price"] * TICK, 1)
    events["qty"] = np.round(source["lots"] * LOT, 3)
    snapshot = source["kind"] >= BID_SNAPSHOT
    begins = np.flatnonzero(snapshot & ~np.concatenate([[False], snapshot[:-1]]))
    clear = events[np.repeat(begins, 2)]
    clear["ev"] = np.tile(
        [DEPTH_CLEAR_EVENT | BUY_EVENT | BOTH, DEPTH_CLEAR_EVENT | SELL_EVENT | BOTH], begins.size
    )
    clear["px"] = np.tile([low, high], begins.size)
    clear["qty"] = 0.0
    return np.insert(events, np.repeat(begins, 2), clear)


@njit
def merge(events: np.ndarray, by_exchange: np.ndarray, by_local: np.ndarray, out: np.ndarray) -> int:
    """Rows whose two clocks disagree on the order become two rows, one for each clock.

    What hftbacktest.data.correct_event_order does, without its read past the end.
    """
    n = events.size
    e = x = w = 0
    while e < n or x < n:
        if e < n and x < n and by_exchange[e] == by_local[x]:
            out[w] = events[by_exchange[e]]
            e += 1
            x += 1
        elif e < n and (x >= n or events[by_exchange[e]].exch_ts <= events[by_local[x]].exch_ts):
            out[w] = events[by_exchange[e]]
            out[w].ev &= ~np.uint64(LOCAL_EVENT)
            e += 1
        else:
            out[w] = events[by_local[x]]
            out[w].ev &= ~np.uint64(EXCH_EVENT)
            x += 1
        w += 1
    return w


def ordered(events: np.ndarray) -> np.ndarray:
    """Rows that go forward on both clocks, with local stamps after exchange stamps, as the peer requires."""
    behind = int((events["local_ts"] - events["exch_ts"]).min())
    if behind < 0:
        events["local_ts"] += -behind
    if np.all(np.diff(events["exch_ts"]) >= 0):
        return events
    out = np.empty(2 * events.size, event_dtype)
    by_exchange = np.argsort(events["exch_ts"], kind="stable")
    by_local = np.argsort(events["local_ts"], kind="stable")
    return out[: merge(events, by_exchange, by_local, out)]


def load(folder: Path, low: float, high: float) -> np.ndarray:
    paths = sorted(folder.glob("source-*.npy"))
    sizes = [np.load(p, mmap_mode="r").size for p in paths]
    events = np.empty(sum(sizes) + 2 * 1_000, event_dtype)
    n = 0
    for path in paths:
        part = convert(np.load(path), low, high)
        events[n : n + part.size] = part
        n += part.size
    return ordered(events[:n])


@njit
def top_down(depth: np.ndarray, low: int, best: int, sums: np.ndarray) -> None:
    """Cumulative quantity of the best 1, 5, 10 and 20 bid levels."""
    total = 0.0
    count = 0
    tick = best
    while count < 20 and tick > best - 2_000:
        quantity = depth[tick - low]
        if quantity > 0:
            total += quantity
            count += 1
            if count == 1:
                sums[0] = total
            elif count == 5:
                sums[1] = total
            elif count == 10:
                sums[2] = total
        tick -= 1
    sums[3] = total


@njit
def top_up(depth: np.ndarray, low: int, best: int, sums: np.ndarray) -> None:
    """The same on the ask side."""
    total = 0.0
    count = 0
    tick = best
    while count < 20 and tick < best + 2_000:
        quantity = depth[tick - low]
        if quantity > 0:
            total += quantity
            count += 1
            if count == 1:
                sums[0] = total
            elif count == 5:
                sums[1] = total
            elif count == 10:
                sums[2] = total
        tick += 1
    sums[3] = total


@njit
def run(hbt, out):  # type: ignore[no-untyped-def]
    ofi = check = 0.0
    signals = orders = cancels = 0
    last_bid = last_ask = 0
    last_bid_lots = last_ask_lots = 0.0
    order_id = side = price = 0
    working = canceling = False
    bids, asks = np.zeros(4), np.zeros(4)
    while True:
        answer = hbt.wait_next_feed(False, 10_000_000_000)
        if answer == 1 or answer > 2:
            break
        depth = hbt.depth(0)
        bid, ask = depth.best_bid_tick, depth.best_ask_tick
        top_down(depth.bid_depth, depth.roi_lb_tick, bid, bids)
        top_up(depth.ask_depth, depth.roi_lb_tick, ask, asks)
        bid_lots, ask_lots = bids[0], asks[0]
        imbalance_1 = (bid_lots - ask_lots) / (bid_lots + ask_lots)
        imbalance_5 = (bids[1] - asks[1]) / (bids[1] + asks[1])
        imbalance_10 = (bids[2] - asks[2]) / (bids[2] + asks[2])
        imbalance_20 = (bids[3] - asks[3]) / (bids[3] + asks[3])
        micro = (bid * ask_lots + ask * bid_lots) / (bid_lots + ask_lots)
        flow = 0.0
        if signals > 0:
            if bid >= last_bid:
                flow += bid_lots
            if bid <= last_bid:
                flow -= last_bid_lots
            if ask <= last_ask:
                flow -= ask_lots
            if ask >= last_ask:
                flow += last_ask_lots
        ofi = 0.9 * ofi + flow
        last_bid, last_ask, last_bid_lots, last_ask_lots = bid, ask, bid_lots, ask_lots
        check += imbalance_1 + imbalance_10 + micro * 1e-9 + ofi * 1e-6
        signals += 1
        score = 0.5 * imbalance_5 + 0.5 * imbalance_20
        position = round(hbt.position(0) / LOT)
        want = 0
        if score > THRESHOLD and position < MAX_POSITION:
            want = 1
        elif score < -THRESHOLD and position > -MAX_POSITION:
            want = -1
        book = hbt.orders(0)
        if working:
            order = book.get(order_id)
            if order is None or order.status == FILLED or order.status == CANCELED or order.status == EXPIRED:
                working = canceling = False
                hbt.clear_inactive_orders(0)
        if not working:
            if want != 0:
                order_id += 1
                orders += 1
                side = want
                price = bid if want == 1 else ask
                if want == 1:
                    hbt.submit_buy_order(0, order_id, price * TICK, LOT, GTX, LIMIT, False)
                else:
                    hbt.submit_sell_order(0, order_id, price * TICK, LOT, GTX, LIMIT, False)
                working = True
        elif not canceling:
            order = book.get(order_id)
            if (
                order.status == NEW
                and order.req == NONE
                and (want != side or price != (bid if side == 1 else ask))
            ):
                hbt.cancel(0, order_id, False)
                canceling = True
                cancels += 1
    state = hbt.state_values(0)
    out[0] = orders
    out[1] = cancels
    out[2] = state.num_trades
    out[3] = round(hbt.position(0) / LOT)
    out[4] = state.balance
    out[5] = signals
    out[6] = check


def build(events: np.ndarray, low: float, high: float) -> ROIVectorMarketDepthBacktest:
    asset = (
        BacktestAsset()
        .data(events)
        .linear_asset(1.0)
        .constant_order_latency(LATENCY_NS, LATENCY_NS)
        .risk_adverse_queue_model()
        .no_partial_fill_exchange()
        .trading_value_fee_model(0.0, 0.0)
        .tick_size(TICK)
        .lot_size(LOT)
        .roi_lb(low)
        .roi_ub(high)
    )
    return ROIVectorMarketDepthBacktest([asset])


def timed(events: np.ndarray, low: float, high: float, out: np.ndarray) -> float:
    """Seconds of the replay alone: building the engine is not counted."""
    engine = build(events, low, high)
    start = time.perf_counter()
    run(engine, out)
    took = time.perf_counter() - start
    engine.close()
    return took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--repeat", type=int, default=3)
    args = parser.parse_args()
    about = json.loads((args.folder / "stream.json").read_text())
    low, high = about["roi_ticks"][0] * TICK, about["roi_ticks"][1] * TICK
    events = load(args.folder, low, high)
    out = np.zeros(7)
    compile_s = timed(events[:5_000].copy(), low, high, out)
    seconds = [timed(events, low, high, out) for _ in range(args.repeat)]
    keys = ("orders", "cancels", "fills", "position", "balance", "signals", "check")
    result = dict(zip(keys, out.tolist(), strict=True))
    result |= {
        "rows": about["rows"],
        "seconds": seconds,
        "compile_s": compile_s,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
