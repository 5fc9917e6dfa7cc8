"""The ladder: every level of every book, in pages of 1,024 ticks.

A market's side is a directory of pages; a page holds the lots of 1,024
neighbouring ticks, a bitmap of the occupied ones and a sum per 64 ticks. Only
visited pages exist, so far levels cost what near ones do, nothing is moved
when the price runs away and nothing is ever dropped.

Asks are stored under the complement of their tick (`key = tick ^ flip`), so
that on both sides the best level has the highest key and every walk goes down.

The ladder is built from snapshots and diffs only and judged at commits only.
Lots are whole numbers in float64, so sums are exact in any order.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from bot.core.jit import bit_count, hot, leading_zeros, prefetch, rare, trailing_zeros

PAGE_BITS = 10
PAGE = 1 << PAGE_BITS
WORDS = PAGE >> 6  # bitmap words, and sums, a page

# numpy integers: numba compiles a function anew for every plain int it is called with
BID: Any = np.int64(0)
ASK: Any = np.int64(1)
EMPTY = -1
NO_ROOM = -1.0
TOP_LEVELS = (1, 5, 10, 20)

_FULL = np.uint64(0xFFFFFFFFFFFFFFFF)
_ONE, _THREE, _FOUR, _LAST_BIT = np.uint64(1), np.uint64(3), np.uint64(4), np.uint64(63)
_FEW = np.uint64(6)


class Books(NamedTuple):
    """Ladders of M markets. All arrays are shared with the kernels and checkpointed as they are."""

    directory: np.ndarray  # (M, 2, D) int32: page number, -1 none; D a power of two
    lots: np.ndarray  # (P * PAGE,) float64
    occupied: np.ndarray  # (P * WORDS,) uint64
    sums: np.ndarray  # (P * WORDS,) float64
    best: np.ndarray  # (M, 2) int64: highest occupied key at the last commit, -1 none
    pages: np.ndarray  # (1,) int64: pages in use


def new_books(markets: int, max_tick: int = 1 << 20, pages: int = 256) -> Books:
    """Empty ladders; `max_tick` and `pages` are first sizes, `grow` enlarges both."""
    slots = 1
    while slots << PAGE_BITS <= max_tick:
        slots *= 2
    return Books(
        directory=np.full((markets, 2, slots), -1, np.int32),
        # written once, so that the loop does not wait for the system to hand out the memory
        lots=np.full(pages * PAGE, 0.0),
        occupied=np.full(pages * WORDS, 0, np.uint64),
        sums=np.full(pages * WORDS, 0.0),
        best=np.full((markets, 2), EMPTY, np.int64),
        pages=np.zeros(1, np.int64),
    )


def grow(books: Books, tick: int) -> Books:
    """Room for `tick` and for at least one more page. Arrays are copied, keys stay valid."""
    slots = books.directory.shape[2]
    wider = slots
    while wider << PAGE_BITS <= tick:
        wider *= 2
    if wider != slots:
        directory = np.full((*books.directory.shape[:2], wider), -1, np.int32)
        directory[:, BID, :slots] = books.directory[:, BID]
        directory[:, ASK, wider - slots :] = books.directory[:, ASK]
        best = books.best.copy()
        asks = best[:, ASK]
        best[:, ASK] = np.where(asks == EMPTY, EMPTY, asks + ((wider - slots) << PAGE_BITS))
        books = books._replace(directory=directory, best=best)
    held = books.lots.size >> PAGE_BITS
    if books.pages[0] + 1 > held:
        books = books._replace(
            lots=np.concatenate([books.lots, np.zeros_like(books.lots)]),
            occupied=np.concatenate([books.occupied, np.zeros_like(books.occupied)]),
            sums=np.concatenate([books.sums, np.zeros_like(books.sums)]),
        )
    return books


@hot
def flip_of(books, side):
    """What turns a tick of this side (BID 0, ASK 1) into its key and back."""
    if side == ASK:
        return (books.directory.shape[2] << PAGE_BITS) - 1
    return 0


@hot
def put(books, market, side, tick, lots):
    """Set the lots displayed at a tick (0 deletes) of a side, BID 0 or ASK 1; returns the lots before.

    Returns NO_ROOM and changes nothing when the directory or the pages do not suffice: the caller must
    `grow` and call again. `best` may point at an emptied level until `settle` at the commit. Sets and
    deletes take the same path: which it is, is a coin toss that the processor would guess wrong every
    other time.
    """
    directory, best = books.directory, books.best
    slots = directory.shape[2]
    if np.uint64(tick) >> np.uint64(PAGE_BITS) >= np.uint64(slots):  # also a negative tick
        return NO_ROOM
    key = tick ^ (((slots << PAGE_BITS) - 1) & -side)
    # unsigned: numba need not look for negative indices
    m, s, slot = np.uint64(market), np.uint64(side), np.uint64(key >> PAGE_BITS)
    page = np.int64(directory[m, s, slot])
    if page < 0:
        if lots == 0.0:
            return 0.0
        page = books.pages[0]
        if (page + 1) << PAGE_BITS > books.lots.size:
            return NO_ROOM
        books.pages[0] = page + 1
        directory[m, s, slot] = page
    at = np.uint64((page << PAGE_BITS) | (key & (PAGE - 1)))
    if key > best[m, s]:  # seldom, so that most rows need not wait for what the one before wrote
        best[m, s] = max(best[m, s], key | (np.int64(lots > 0.0) - 1))  # -1 for a deletion
    word, bit = at >> np.uint64(6), at & np.uint64(63)
    before = books.lots[at]
    books.lots[at] = lots
    books.sums[word] += lots - before
    books.occupied[word] = (books.occupied[word] & ~(_ONE << bit)) | (np.uint64(lots > 0.0) << bit)
    return before


@rare
def set_level(books, market, side, tick, lots):
    """`put`, for whoever calls it from Python."""
    return put(books, market, side, tick, lots)


@rare
def whole_side(books, market, side):
    """(occupied levels, displayed lots) of one side, all of it.

    Its pages lie far apart and mostly not in the cache: all are asked for before the first is read.
    """
    for slot in range(books.directory.shape[2]):
        page = np.int64(books.directory[market, side, slot])
        if page >= 0:
            for half in (0, WORDS // 2):
                prefetch(books.occupied, page * WORDS + half)
                prefetch(books.sums, page * WORDS + half)
    count = 0
    lots = 0.0
    for slot in range(books.directory.shape[2]):
        page = np.int64(books.directory[market, side, slot])
        if page >= 0:
            for word in range(page * WORDS, (page + 1) * WORDS):
                count += int(bit_count(books.occupied[word]))
                lots += books.sums[word]
    return count, lots


@rare
def level_count(books, market, side):
    """Occupied levels of one side."""
    count, _ = whole_side(books, market, side)
    return count


@hot
def settle(books, market):
    """At a commit: move each side's best down to an occupied level."""
    for side in range(2):
        key = books.best[market, side]
        if key >= 0 and lots_at_key(books, market, side, key) == 0.0:
            books.best[market, side] = key_at_or_below(books, market, side, key)


@rare
def clear(books, market):
    """Empty a market's ladder (a snapshot begins); its pages stay with it."""
    for side in range(2):
        for slot in range(books.directory.shape[2]):
            page = np.int64(books.directory[market, side, slot])
            if page >= 0:
                books.lots[page << PAGE_BITS : (page + 1) << PAGE_BITS] = 0.0
                books.occupied[page * WORDS : (page + 1) * WORDS] = np.uint64(0)
                books.sums[page * WORDS : (page + 1) * WORDS] = 0.0
        books.best[market, side] = EMPTY


@hot
def lots_at_key(books, market, side, key):
    """Displayed lots at a key, 0 where there is no level."""
    if key < 0 or key >> PAGE_BITS >= books.directory.shape[2]:
        return 0.0
    page = np.int64(books.directory[market, side, key >> PAGE_BITS])
    if page < 0:
        return 0.0
    return books.lots[(page << PAGE_BITS) | (key & (PAGE - 1))]


@hot
def lots_at(books, market, side, tick):
    """Displayed lots at a tick, 0 where there is no level."""
    if tick < 0 or tick >> PAGE_BITS >= books.directory.shape[2]:
        return 0.0
    return lots_at_key(books, market, side, tick ^ flip_of(books, side))


@hot
def best_tick(books, market, side):
    """Best price in ticks, -1 when the side is empty. Valid after a commit."""
    key = books.best[market, side]
    if key < 0:
        return np.int64(EMPTY)
    return key ^ flip_of(books, side)


@hot
def best_lots(books, market, side):
    """Lots at the best price, 0 when the side is empty."""
    return lots_at_key(books, market, side, books.best[market, side])


@hot
def key_at_or_below(books, market, side, key):
    """Highest occupied key <= `key`, -1 when there is none; going down is away from the touch."""
    if key < 0:
        return np.int64(EMPTY)
    slot = key >> PAGE_BITS
    page = np.int64(books.directory[market, side, slot])
    if page >= 0:
        bit = key & 63
        offset = (key & (PAGE - 1)) >> 6
        word = books.occupied[page * WORDS + offset] & (_FULL >> np.uint64(63 - bit))
        while True:
            if word != 0:
                return (slot << PAGE_BITS) + (offset << 6) + 63 - np.int64(leading_zeros(word))
            offset -= 1
            if offset < 0:
                break
            word = books.occupied[page * WORDS + offset]
    slot -= 1
    while slot >= 0:
        page = np.int64(books.directory[market, side, slot])
        if page >= 0:
            for offset in range(WORDS - 1, -1, -1):
                word = books.occupied[page * WORDS + offset]
                if word != 0:
                    return (slot << PAGE_BITS) + (offset << 6) + 63 - np.int64(leading_zeros(word))
        slot -= 1
    return np.int64(EMPTY)


@hot
def block_lots(books, block, bits):
    """Lots of the levels `bits` of a block of 64 ticks: all its occupied ticks from the first to the last.

    Ticks without a level hold 0, so many levels are summed as they lie, in four chains that the
    processor adds side by side.
    """
    begin = np.uint64(block) << np.uint64(6)
    if bit_count(bits) <= _FEW:
        total = 0.0
        while bits != 0:
            total += books.lots[begin + np.uint64(trailing_zeros(bits))]
            bits &= bits - _ONE
        return total
    end = begin + _LAST_BIT - np.uint64(leading_zeros(bits))
    at = begin + np.uint64(trailing_zeros(bits))
    a = b = c = d = 0.0
    while at + _THREE <= end:
        a += books.lots[at]
        b += books.lots[at + _ONE]
        c += books.lots[at + _ONE + _ONE]
        d += books.lots[at + _THREE]
        at += _FOUR
    while at <= end:
        a += books.lots[at]
        at += _ONE
    return a + b + c + d


@rare
def depth_between(books, market, side, high, low):
    """Lots on all levels with low <= key <= high.

    Whole blocks of 64 ticks come from the kept sums, so a band of thousands of
    ticks costs a few dozen additions.
    """
    top = min(high, books.best[market, side])
    low = max(low, 0)
    total = 0.0
    if top < low:
        return total
    block = top >> 6
    last = low >> 6
    # nothing is occupied above the best, so the best's block may count as whole
    cut = top < books.best[market, side]
    while block >= last:
        page = np.int64(books.directory[market, side, block >> (PAGE_BITS - 6)])
        if page < 0:
            # skip to the end of the missing page
            block = ((block >> (PAGE_BITS - 6)) << (PAGE_BITS - 6)) - 1
            cut = False
            continue
        word = page * WORDS + (block & (WORDS - 1))
        mask = _FULL
        if cut:
            mask = _FULL >> np.uint64(63 - (top & 63))
            cut = False
        if block == last:
            mask &= _FULL << np.uint64(low & 63)
        if mask == _FULL:
            total += books.sums[word]
        else:
            total += block_lots(books, word, books.occupied[word] & mask)
        block -= 1
    return total


@hot
def depth_to_key(books, market, side, key):
    """Lots on all levels from the best down to `key`, inclusive."""
    return depth_between(books, market, side, books.best[market, side], key)


@hot
def top_sums(books, market, side, out):
    """Cumulative lots of the best TOP_LEVELS (1, 5, 10, 20) levels into out[0:4]; fewer: what exists.

    Returns the key of the last level counted (-1 on an empty side).
    """
    out[0] = out[1] = out[2] = out[3] = 0.0
    key = books.best[market, side]
    if key < 0:
        return np.int64(EMPTY)
    total = 0.0
    levels = 0
    slot = key >> PAGE_BITS
    page = np.int64(books.directory[market, side, slot])
    offset = (key & (PAGE - 1)) >> 6
    word = books.occupied[page * WORDS + offset] & (_FULL >> np.uint64(63 - (key & 63)))
    last = key
    for k in range(len(TOP_LEVELS)):
        more = 0.0  # a sum of its own: the next one need not wait for it
        wanted = TOP_LEVELS[k]
        while levels < wanted:
            while word == 0 and slot >= 0:
                offset -= 1
                if offset < 0:
                    slot -= 1
                    offset = np.int64(WORDS)
                    page = np.int64(books.directory[market, side, slot]) if slot >= 0 else np.int64(-1)
                    if page < 0:
                        offset = np.int64(0)
                    continue
                word = books.occupied[np.uint64(page * WORDS + offset)]
            if word == 0:
                break
            bit = np.uint64(63) - np.uint64(leading_zeros(word))
            word ^= _ONE << bit
            at = np.uint64(offset << 6) + bit
            more += books.lots[np.uint64(page << PAGE_BITS) + at]
            last = (slot << PAGE_BITS) + np.int64(at)
            levels += 1
        total += more
        out[k] = total
    return last


@rare
def _collect(books, market, side, ticks, lots):
    flip = flip_of(books, side)
    key = books.best[market, side]
    n = 0
    while key >= 0 and n < ticks.size:
        ticks[n] = key ^ flip
        lots[n] = lots_at_key(books, market, side, key)
        n += 1
        key = key_at_or_below(books, market, side, key - 1)
    return n


def levels(books: Books, market: int, side: int, limit: int | None = None) -> tuple[Any, Any]:
    """Ticks (int64) and lots (float64) of a side, best first; all of them or the first `limit`."""
    n = int(level_count(books, market, side))
    n = n if limit is None else min(n, limit)
    ticks = np.empty(n, np.int64)
    lots = np.empty(n)
    _collect(books, market, side, ticks, lots)
    return ticks, lots
