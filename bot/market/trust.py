"""Book trust: how far a ladder may be believed, and why.

Evidence is gathered by the compiled loop into the head row; the verdict is a
pure function of that row and the time.
"""

from __future__ import annotations

from typing import Any

from bot.core.enums import Trust
from bot.core.jit import hot
from bot.core.units import NS_PER_S
from bot.market.heads import CROSSED, EMPTY_ASK, EMPTY_BID, LOCKED, NO_BOOK, OK, TRADE_IDS

STALE_NS = 15 * NS_PER_S
QUIET_NS = 60 * NS_PER_S
CROSSED_NS = NS_PER_S // 2
OUTSIDE_NS = 2 * NS_PER_S
OUTSIDE_COMMITS = 5


@hot
def judge(head, bid, ask, now_ns):
    """After a ladder commit: its status, and whether a stray print has been answered by the book.

    `bid`, `ask`: the ladder's touch in ticks, -1 where a side is empty.
    """
    if bid < 0 and ask < 0:
        head.status = NO_BOOK
    elif bid < 0:
        head.status = EMPTY_BID
    elif ask < 0:
        head.status = EMPTY_ASK
    elif bid > ask:
        head.status = CROSSED
    elif bid == ask:
        head.status = LOCKED
    else:
        head.status = OK
    if head.status != CROSSED and head.status != LOCKED:
        head.crossed_ns = 0
    else:
        head.crossed_commits += 1
        if head.crossed_ns == 0:
            head.crossed_ns = now_ns
    if head.outside_price != 0:
        if bid <= head.outside_price <= ask:
            head.outside_price = 0
            head.outside = 0
        else:
            head.outside += 1
    head.commit_ns = now_ns
    head.commits += 1


@hot
def is_told_again(head, trade_id):
    """Whether one of the last prints had this id; else it is remembered. 0: the venue tells none.

    Call it before the print is counted. Where ids rise, as on most venues, none is looked for.
    """
    if trade_id == 0:
        return False
    if trade_id <= head.last_trade_id:
        for k in range(TRADE_IDS):
            if head.trade_ids[k] == trade_id:
                return True
    else:
        head.last_trade_id = trade_id
    head.trade_ids[head.trades % TRADE_IDS] = trade_id
    return False


@hot
def note_print(head, bid, ask, tick, now_ns):
    """A market trade printed: outside the spread it is a question, at or inside it the answer."""
    if head.status != OK:
        return
    if bid <= tick <= ask:
        head.outside_price = 0
        head.outside = 0
    elif head.outside_price == 0:
        head.outside_price = tick
        head.outside_ns = now_ns
        head.outside = 0


def trust_of(head: Any, now_ns: int) -> tuple[Trust, str]:
    """The verdict on a HEAD row at a time, with its reason in words ("" when trusted)."""
    if not head["synced"]:
        return Trust.QUARANTINED, "no snapshot since the start or the last gap"
    if head["crossed_ns"] and now_ns - head["crossed_ns"] > CROSSED_NS:
        return Trust.QUARANTINED, "crossed or locked for more than 500 ms"
    if head["status"] != OK:
        return Trust.SUSPECT, "crossed, locked or one side empty at the last commit"
    age_ns = now_ns - head["commit_ns"]
    if age_ns > QUIET_NS:
        return Trust.QUARANTINED, f"no book message for {age_ns // NS_PER_S} s"
    if age_ns > STALE_NS:
        return Trust.SUSPECT, f"no book message for {age_ns // NS_PER_S} s"
    if head["outside_price"] and (
        head["outside"] > OUTSIDE_COMMITS or (head["outside"] and now_ns - head["outside_ns"] > OUTSIDE_NS)
    ):
        return Trust.SUSPECT, "trades print outside the spread and the book does not follow"
    return Trust.TRUSTED, ""
