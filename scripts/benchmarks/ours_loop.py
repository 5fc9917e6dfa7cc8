"""Our compiled loop on the same stream: `python -m scripts.benchmarks.ours_loop FOLDER`, JSON on stdout.

The strategy of `peer_hftbacktest.py`, message by message, around the very
`run_rows` that live, paper and replay use: imbalance of the best 1, 5, 10 and 20
levels, micro-price, order-flow imbalance, one resting post-only order of one lot.
"""

# mypy: disallow-untyped-defs=False

from __future__ import annotations

import argparse
import json
import resource
import time
from pathlib import Path

import numpy as np

from bot.core.enums import OrderType, RejectReason, ReportKind, TimeInForce
from bot.core.jit import hot
from bot.engine.kernel import FOREVER, Ctl, Stop, new_state, run_rows
from bot.execution.matching import new_matching
from bot.execution.venue_state import Knob, Slot, enqueue
from bot.market.book import ASK, BID, best_tick, grow, top_sums
from bot.market.events import Kind
from bot.signals.state import Awake
from scripts.benchmarks.inputs import instrument
from scripts.benchmarks.stream import FASTEST_NS, Framer

THRESHOLD = 0.35
MAX_POSITION = 10
# The peer's 5 ms each way are on the venue's clock as stamped. Ours is corrected by the fastest
# delivery, so that much later; the two corrections cancel.
ORDER_LATENCY_NS = 5_000_000 + FASTEST_NS
REPORT_LATENCY_NS = 5_000_000 - FASTEST_NS

TRADER = np.dtype(
    [
        # signals
        ("imbalance_1", "<f8"),
        ("imbalance_5", "<f8"),
        ("imbalance_10", "<f8"),
        ("imbalance_20", "<f8"),
        ("micro", "<f8"),  # ticks
        ("ofi", "<f8"),  # lots
        ("check", "<f8"),  # of all signals of all messages
        ("signals", "<i8"),
        ("bid", "<i8"),
        ("ask", "<i8"),
        ("bid_lots", "<f8"),
        ("ask_lots", "<f8"),
        # the order
        ("state", "<i8"),  # IDLE, SENT, LIVE, CANCELING
        ("id", "<i8"),
        ("side", "<i8"),
        ("price", "<i8"),
        # the account
        ("position", "<i8"),
        ("cash", "<f8"),  # ticks x lots
        ("orders", "<i8"),
        ("cancels", "<i8"),
        ("fills", "<i8"),
    ],
    align=True,
)
IDLE, SENT, LIVE, CANCELING = range(4)

AWAKE = {"nothing": Awake.NOTHING, "walls": Awake.WALLS, "all": Awake.ALL}

LOT = 0.001  # the peer measures flow in coins

_NOW, _STOP, _AT_MESSAGE = int(Ctl.NOW), int(Ctl.STOP), int(Ctl.AT_MESSAGE)
_STOP_END, _STOP_REPORTS, _STOP_MESSAGE = int(Stop.END), int(Stop.REPORTS), int(Stop.MESSAGE)
_TRADE = int(Kind.TRADE)
_NEXT_REPORT = 1  # of Matching.clock
_REPORTS = int(Knob.REPORTS)
_SLOT_SENT, _SLOT_CANCEL = int(Slot.SENT), int(Slot.CANCEL)
_LIMIT, _POST_ONLY = int(OrderType.LIMIT), int(TimeInForce.POST_ONLY)
_ACCEPTED, _FILL = int(ReportKind.ACCEPTED), int(ReportKind.FILL)
_UNKNOWN_ORDER = int(RejectReason.UNKNOWN_ORDER)


@hot
def _measure(books, w, bids, asks):
    """Renew the signals from the ladder."""
    top_sums(books, 0, BID, bids)
    top_sums(books, 0, ASK, asks)
    bid, ask = best_tick(books, 0, BID), best_tick(books, 0, ASK)
    bid_lots, ask_lots = bids[0], asks[0]
    w.imbalance_1 = (bid_lots - ask_lots) / (bid_lots + ask_lots)
    w.imbalance_5 = (bids[1] - asks[1]) / (bids[1] + asks[1])
    w.imbalance_10 = (bids[2] - asks[2]) / (bids[2] + asks[2])
    w.imbalance_20 = (bids[3] - asks[3]) / (bids[3] + asks[3])
    w.micro = (bid * ask_lots + ask * bid_lots) / (bid_lots + ask_lots)
    flow = 0.0
    if w.signals > 0:
        if bid >= w.bid:
            flow += bid_lots
        if bid <= w.bid:
            flow -= w.bid_lots
        if ask <= w.ask:
            flow -= ask_lots
        if ask >= w.ask:
            flow += w.ask_lots
    w.ofi = 0.9 * w.ofi + flow
    w.bid, w.ask, w.bid_lots, w.ask_lots = bid, ask, bid_lots, ask_lots


@hot
def _free(mt, w, state, due_ns):
    """A free slot of the venue's table, begun with the next serial number."""
    slot = np.int64(0)
    while mt.orders[slot].state != 0:
        slot += 1
    order = mt.orders[slot]
    w.id += 1
    order.id, order.state, order.due_ns, order.market = w.id, state, due_ns, 0
    return slot


@hot
def _quote(mt, ctl, w, side):
    slot = _free(mt, w, _SLOT_SENT, ctl[_NOW] + ORDER_LATENCY_NS)
    order = mt.orders[slot]
    order.type, order.time_in_force, order.reduce_only = _LIMIT, _POST_ONLY, 0
    order.side, order.lots = side, 1
    order.price = w.bid if side > 0 else w.ask
    enqueue(mt, slot)
    w.state, w.side, w.price = SENT, side, order.price
    w.orders += 1


@hot
def _decide(mt, ctl, w):
    """One order at the touch on the side the book leans to; off when the lean or the touch changes."""
    score = 0.5 * w.imbalance_5 + 0.5 * w.imbalance_20
    want = 0
    if score > THRESHOLD and w.position < MAX_POSITION:
        want = 1
    elif score < -THRESHOLD and w.position > -MAX_POSITION:
        want = -1
    if w.state == IDLE:
        if want != 0:
            _quote(mt, ctl, w, want)
    elif w.state == LIVE and (want != w.side or w.price != (w.bid if w.side > 0 else w.ask)):
        wanted = w.id
        slot = _free(mt, w, _SLOT_CANCEL, ctl[_NOW] + ORDER_LATENCY_NS)
        mt.orders[slot].target = wanted
        enqueue(mt, slot)
        w.state = CANCELING
        w.cancels += 1


@hot
def _drain(mt, w, now_ns):
    """Take the reports that are visible by now; the rest moves up."""
    count = mt.knobs[_REPORTS]
    read = 0
    while read < count and mt.reports[read].visible_ns <= now_ns:
        told = mt.reports[read]
        if told.kind == _ACCEPTED:
            if w.state == SENT:
                w.state = LIVE
        elif told.reason != _UNKNOWN_ORDER:
            if told.kind == _FILL:
                w.position += told.side
                w.cash -= told.side * told.price
                w.fills += 1
            w.state = IDLE
        read += 1
    for i in range(read, count):
        mt.reports[i - read] = mt.reports[i]
    mt.knobs[_REPORTS] = count - read
    mt.clock[_NEXT_REPORT] = mt.reports[0].visible_ns if count > read else FOREVER


@hot
def run(st, rows, start, w, bids, asks):
    """Replay rows[start:]; returns the index of the row that needs Python, rows.size at the end."""
    i = start
    n = rows.size
    st.ctl[_AT_MESSAGE] = 1
    while i < n:
        i = run_rows(st, rows, i)  # a copy of the loop: the tables are not handed over for every message
        stop = st.ctl[_STOP]
        if stop == _STOP_REPORTS:
            _drain(st.matching, w, st.ctl[_NOW])
            continue
        if stop != _STOP_MESSAGE:
            return i
        if rows[i - 1].kind == _TRADE:
            w.ofi *= 0.9
        else:
            _measure(st.books, w, bids, asks)
        w.check += w.imbalance_1 + w.imbalance_10 + w.micro * 1e-9 + w.ofi * LOT * 1e-6
        w.signals += 1
        if st.matching.clock[_NEXT_REPORT] <= st.ctl[_NOW]:
            _drain(st.matching, w, st.ctl[_NOW])
        _decide(st.matching, st.ctl, w)
    return i


def replay(rows: np.ndarray, awake: Awake = Awake.NOTHING) -> tuple[float, np.void]:
    """Seconds of the replay, growing of the ladder included, and what the trader holds after it.

    `awake`: which signals run beside the book. The peer has no counterpart.
    """
    mine = instrument()
    venue = new_matching(1, (mine,), report_latency_ns=REPORT_LATENCY_NS)
    state = new_state((mine,), mt=venue)
    state.signals.rows["active"] = awake
    trader, bids, asks = np.zeros(1, TRADER), np.zeros(4), np.zeros(4)
    start = time.perf_counter()
    at = 0
    while (at := run(state.tables, rows, at, trader[0], bids, asks)) < rows.size:
        stop = Stop(int(state.ctl[Ctl.STOP]))
        if stop is not Stop.GROW:
            raise SystemExit(f"expected to reach row {rows.size}, stopped at {at}: {stop.name}")
        state = state.with_books(grow(state.books, int(rows[at]["price"])))
    return time.perf_counter() - start, trader[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--repeat", type=int, default=5, help="0: compile or load only")
    parser.add_argument("--awake", default="nothing", choices=AWAKE, help="signals beside the book")
    args = parser.parse_args()
    about = json.loads((args.folder / "stream.json").read_text())
    framer = Framer()
    rows = np.concatenate([framer.frame(np.load(p)) for p in sorted(args.folder.glob("source-*.npy"))])
    start = time.perf_counter()
    replay(rows[:10_000].copy())
    result = {"rows": about["rows"], "events": rows.size, "compile_s": time.perf_counter() - start}
    seconds = []
    for _ in range(args.repeat):
        took, trader = replay(rows, AWAKE[args.awake])
        seconds.append(took)
        result |= {name: trader[name].item() for name in ("orders", "cancels", "fills", "position")}
        result |= {"signals": trader["signals"].item(), "check": trader["check"].item()}
        # the peer's balance: quote currency, the position not valued
        result["balance"] = trader["cash"].item() * float(instrument().tick) * float(instrument().lot)
    result["seconds"] = seconds
    result["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(result))


if __name__ == "__main__":
    main()
