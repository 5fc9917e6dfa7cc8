"""The compiled pass over a tape: the bot's own loop, noting touches and thin sides as they change."""

from __future__ import annotations

import numpy as np

from bot.core.jit import hot
from bot.engine.kernel import Ctl, Stop, run_rows
from bot.market.book import ASK, BID, best_lots, best_tick
from bot.market.heads import OK

TOUCH = np.dtype(
    [
        ("time_ns", "<i8"),
        ("bid", "<i8"),  # ticks; 0: no usable book from here on
        ("ask", "<i8"),
        ("bid_lots", "<f8"),
        ("ask_lots", "<f8"),
        ("market", "<i8"),
    ]
)
THIN = np.dtype([("time_ns", "<i8"), ("market", "<i8"), ("side", "<i8")])  # side: +1 ask thin, -1 bid, 0 none

_NOW, _STOP, _AT_MESSAGE = int(Ctl.NOW), int(Ctl.STOP), int(Ctl.AT_MESSAGE)
_MESSAGE, _READING, _TIMER_ROW = int(Stop.MESSAGE), int(Stop.READING), int(Stop.TIMER_ROW)


@hot
def watch(st, rows, start, touches, thins, used, last_touch, last_thin):
    """Apply rows[start:] like `run_rows`, without returning for messages.

    Writes changes to `touches` (TOUCH) and `thins` (THIN) from used[0] and
    used[1] on; both must have room for one more. `last_touch` (M,) and `last_thin`
    (M,) hold what was noted last.
    Returns the first row not applied: the end, a timer, a ladder to grow, a bad
    row (`ctl[STOP]` says which), or after a message that left either array full.
    """
    st.ctl[_AT_MESSAGE] = 1
    at = start
    while True:
        at = run_rows(st, rows, at)
        stop = st.ctl[_STOP]
        if stop == _TIMER_ROW:
            continue
        if stop != _MESSAGE and stop != _READING:
            return at
        market = np.int64(rows[at - 1].market)
        _note(st, market, touches, thins, used, last_touch, last_thin)
        if used[0] == touches.size or used[1] == thins.size:
            return at


@hot
def _note(st, market, touches, thins, used, last_touch, last_thin):
    head = st.heads[market]
    last = last_touch[market]
    bid = ask = np.int64(0)
    bid_lots = ask_lots = 0.0
    if head.status == OK and head.synced:
        bid, ask = best_tick(st.books, market, BID), best_tick(st.books, market, ASK)
        bid_lots, ask_lots = best_lots(st.books, market, BID), best_lots(st.books, market, ASK)
    if bid != last.bid or ask != last.ask or bid_lots != last.bid_lots or ask_lots != last.ask_lots:
        last.bid, last.ask, last.bid_lots, last.ask_lots = bid, ask, bid_lots, ask_lots
        touches[used[0]] = last
        touches[used[0]].time_ns = st.ctl[_NOW]
        touches[used[0]].market = market
        used[0] += 1
    thin = st.signals.rows[market].grid.thin
    if thin != last_thin[market]:
        last_thin[market] = thin
        row = thins[used[1]]
        row.time_ns, row.market, row.side = st.ctl[_NOW], market, thin
        used[1] += 1
