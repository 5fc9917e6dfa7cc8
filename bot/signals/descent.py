"""Walking down a side level by level, from the best: one look at a block of 64 ticks, not one a level.

at = start(books, market, BID)
while True:
    at = seek(books, market, BID, at)
    if at[0] < 0:
        break  # no level is left
    key, place, at = take(at)  # books.lots[place] is its size
"""

from __future__ import annotations

import numpy as np

from bot.core.jit import hot, leading_zeros
from bot.market.book import PAGE, PAGE_BITS, WORDS, block_lots

_ONE = np.uint64(1)
_FULL = np.uint64(0xFFFFFFFFFFFFFFFF)


@hot
def start(books, market, side):
    """Where a walk begins: (slot, page, word number, levels left in the word); slot -1 on an empty side."""
    key = books.best[market, side]
    if key < 0:
        return np.int64(-1), np.int64(0), np.int64(0), np.uint64(0)
    slot = key >> PAGE_BITS
    page = np.int64(books.directory[market, side, slot])
    offset = (key & (PAGE - 1)) >> 6
    word = books.occupied[page * WORDS + offset] & (_FULL >> np.uint64(63 - (key & 63)))
    return slot, page, offset, word


@hot
def seek(books, market, side, at):
    """The same place, or the next word that holds a level; slot -1 when there is none."""
    slot, page, offset, word = at
    while word == 0 and slot >= 0:
        offset -= 1
        while offset < 0 and slot >= 0:
            slot -= 1
            if slot >= 0:
                page = np.int64(books.directory[market, side, slot])
                if page >= 0:
                    offset = np.int64(WORDS - 1)
        if slot >= 0:
            word = books.occupied[page * WORDS + offset]
    return slot, page, offset, word


@hot
def take(at):
    """(key of the next level, its place in `books.lots`, where the walk goes on)."""
    slot, page, offset, word = at
    bit = np.int64(63) - np.int64(leading_zeros(word))
    within = (offset << 6) + bit
    left = word ^ (_ONE << np.uint64(bit))
    return (slot << PAGE_BITS) + within, (page << PAGE_BITS) + within, (slot, page, offset, left)


@hot
def take_to(books, at, last):
    """(lots of all levels left in the word with a key >= `last`, where the walk goes on)."""
    slot, page, offset, word = at
    first = (slot << PAGE_BITS) + (offset << 6)
    bits = word
    if last > first:
        bits = word & (_FULL << np.uint64(last - first)) if last - first < 64 else np.uint64(0)
    block = page * WORDS + offset
    left = word ^ bits
    if bits == books.occupied[block]:  # all of the block, whose sum is kept
        return books.sums[block], (slot, page, offset, left)
    return block_lots(books, block, bits), (slot, page, offset, left)
