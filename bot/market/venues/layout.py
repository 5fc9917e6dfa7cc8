"""What the keys of a venue's frames mean, and the template that one such frame is for those after it.

Frames of a kind are alike but for their values: the same keys in the same
order. `template` reads one that was understood, as slowly as it likes, and says
what lies between its values, byte for byte; `scan` then reads the others by it.
A frame that differs anywhere else than in a value is not like it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import numpy as np

Words = tuple[str, str]


class Means(IntEnum):
    """What the value of a key is."""

    PASSED = 0  # a plain value, or a list of such, that nobody asked for
    WHOLE = 1  # 12
    QUOTED = 2  # "12"
    PRICE = 3  # "61800.20", into ticks
    LOTS = 4  # "0.006", into lots
    EITHER = 5  # one of two words, quoted or bare: 1 or -1
    SPAN = 6  # any text: where it begins and ends
    TIME = 7  # 12, both stamp and id
    BIDS = 8  # a list of levels
    ASKS = 9
    SIDES = 10  # both lists in one
    BEST = 11  # the best level of each side in one list
    ONLY = 12  # this word
    SYMBOL = 13  # the symbol of the market
    INTO = 14  # an object with keys of its own
    EACH = 15  # a list of such objects


class Form(IntEnum):
    """The rows a frame makes."""

    CHANGES = 1  # of a book
    BOOK = 2  # all of it
    TOUCH = 3  # from BID to ASK_LOTS
    BEST_LEVELS = 4  # a touch from one level of each side
    PRINTS = 5  # a row a print


class Told(IntEnum):
    """Where values are told, again for each further print of a list."""

    STAMP = 0  # exchange time as it was sent
    STAMP_ELSE = 1  # the one to use where that is 0 or missing
    ID = 2
    PRICE = 3
    LOTS = 4
    SIDE = 5
    COUNT = 6  # of fills in a print, 0 not said
    SPAN = 7  # begin * 2**32 + end
    # of a book
    FROM = 3
    PREV = 4
    # of a touch
    BID = 3
    BID_LOTS = 4
    ASK = 5
    ASK_LOTS = 6


class Key(NamedTuple):
    """One key of one object of a layout."""

    name: str
    means: Means
    to: int = 0  # a `Told`, or the object it leads into
    words: Words = ("", "")
    within: int = 0  # number of the object it stands in, 0 the outermost
    needed: bool = True


@dataclass(frozen=True, slots=True)
class Layout:
    """A kind of frame. `flags`: of every print."""

    form: Form
    keys: Sequence[Key]
    flags: int = 0


class Step(IntEnum):
    """What follows a literal of a template where it is no `Means`."""

    NEXT = 16  # nothing: another literal
    AGAIN = 17  # another object of the list, from segment `to` on, or what stands behind the list
    END = 18


FORM, FLAGS, FIRST_SEGMENT = 0, 1, 2
"""Of a template: the form, flags of prints; then the segments."""
LITERAL, LENGTH, STEP, TO, WORD, WORD_LENGTH, SEGMENT = 0, 1, 2, 3, 4, 6, 8
"""Of a segment: where its literal lies, octets of it, what follows, whither; two words and their lengths."""

_OCTETS = 8
_TEXT = re.compile(r'"([^"\\\x00-\x1f\x7f-\uffff]*)"')
_PLAIN = rf"(?:{_TEXT.pattern}|true|false|null|(?:0|[1-9]\d{{0,17}})(?:\.\d+)?)"
_PASSED = re.compile(rf"{_PLAIN}|\[{_PLAIN}(?:,{_PLAIN})*\]")
_WORD = re.compile(r'"\w*"|\w+')
_BRACKETS = re.compile(r'"[^"\\]*"|[\[\]{}]')


class _Unlike(Exception):
    """The frame has what its layout does not foresee."""


def template(layout: Layout, frame: bytes, start: int, symbol: str) -> np.ndarray | None:
    """How frames like this one are read; None where they cannot be. Its first `start` octets begin them all.

    int64: the header, segments, their literals. A literal and the value behind it are a segment.
    """
    try:
        walk = _Walk(layout, frame.decode("ascii"), start, symbol)
        walk.whole()
    except (_Unlike, UnicodeDecodeError):
        return None
    return walk.table()


class _Walk:
    """Reads a frame once, noting what lies between values."""

    def __init__(self, layout: Layout, text: str, start: int, symbol: str) -> None:
        self.layout = layout
        self.text = text.removesuffix("\n")
        self.start = start
        self.symbol = symbol
        self.at = 0
        self.noted = 0  # up to where everything is in a segment
        self.noting = True
        self.segments: list[tuple[bytes, int, int, Words]] = []

    def whole(self) -> None:
        self._object(0)
        if self.at != len(self.text):
            raise _Unlike
        self._note(Step.END)

    def table(self) -> np.ndarray:
        head = FIRST_SEGMENT + SEGMENT * len(self.segments)
        table, words = [int(self.layout.form), self.layout.flags], list[int]()
        for literal, step, to, either in self.segments:
            numbers = [_number(word.encode()) for word in either]
            lengths = [len(word) for word in either]
            table += [head + len(words), len(literal), step, to, *numbers, *lengths]
            words += [_number(literal[k : k + _OCTETS]) for k in range(0, len(literal), _OCTETS)]
        return np.array(table + words, np.uint64).astype(np.int64)

    def _object(self, within: int) -> None:
        keys = {key.name: key for key in self.layout.keys if key.within == within}
        seen: set[str] = set()
        self._expect("{")
        while True:
            name = self._match(_TEXT)[1:-1]
            self._expect(":")
            if name in seen:
                raise _Unlike
            seen.add(name)
            self._value(keys.get(name))
            if not self._has(","):
                break
        self._expect("}")
        if any(key.needed and name not in seen for name, key in keys.items()):
            raise _Unlike

    def _value(self, key: Key | None) -> None:
        if key is None:
            self._told(_PASSED, Means.PASSED)
        elif key.means is Means.INTO:
            self._object(key.to)
        elif key.means is Means.EACH:
            self._list(key.to)
        elif key.means in (Means.ONLY, Means.SYMBOL):
            word = self.symbol if key.means is Means.SYMBOL else key.words[0]
            if self._match(_PASSED).strip('"') != word:
                raise _Unlike
        elif key.means in (Means.BIDS, Means.ASKS, Means.SIDES, Means.BEST):
            self._note(key.means)
            self._skip_levels()
            self.noted = self.at
        elif key.means is Means.EITHER:
            quote = '"' if self._peek() == '"' else ""
            first, second = (f"{quote}{word}{quote}" for word in key.words)
            self._told(_WORD, key.means, key.to, (first, second))
        else:
            self._told(_PASSED, key.means, key.to)

    def _list(self, of: int) -> None:
        """Of objects that are like the first one."""
        self._expect("[")
        self._note(Step.NEXT)
        first = len(self.segments)
        self._object(of)
        self._note(Step.AGAIN, FIRST_SEGMENT + SEGMENT * first)
        was, self.noting = self.noting, False
        while self._has(","):
            self._object(of)
        self.noting, self.noted = was, self.at
        self._expect("]")

    def _told(
        self, pattern: re.Pattern[str], means: int, to: int = 0, words: tuple[str, str] = ("", "")
    ) -> None:
        if means == Means.PASSED and self.at < self.start:
            self._match(pattern)  # the same in every frame that begins like this one
            return
        self._note(means, to, words)
        self._match(pattern)
        self.noted = self.at

    def _note(self, step: int, to: int = 0, words: Words = ("", "")) -> None:
        if self.noting:
            self.segments.append((self.text[self.noted : self.at].encode(), int(step), int(to), words))
            self.noted = self.at

    def _skip_levels(self) -> None:
        depth = 0
        for found in _BRACKETS.finditer(self.text, self.at):
            depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(found[0], 0)
            if depth == 0:
                self.at = found.end()
                return
        raise _Unlike

    def _peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def _has(self, mark: str) -> bool:
        there = self._peek() == mark
        self.at += there
        return there

    def _expect(self, mark: str) -> None:
        if not self._has(mark):
            raise _Unlike

    def _match(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self.text, self.at)
        if found is None:
            raise _Unlike
        self.at = found.end()
        return found[0]


def _number(octets: bytes) -> int:
    """Up to eight octets as one number, the first lowest."""
    assert len(octets) <= _OCTETS, octets
    return int.from_bytes(octets, "little")
