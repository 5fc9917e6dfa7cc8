"""What is on a tape, and what is wrong with it, in words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bot.market.events import Kind
from bot.market.tape.checks import Check, RowChecks
from bot.market.tape.ladders import LadderChecks
from bot.market.tape.tape import Tape

MOST_LISTED = 1_000
"""Gaps, losses and crossed commits are listed up to this many; the counts go on."""


@dataclass(frozen=True, slots=True)
class Marker:
    """A GAP or LOST row."""

    seq: int
    recv_ns: int
    market: int
    value: float  # LOST: rows lost


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence. A fault means that the tape breaks a rule; a note is a fact to know."""

    fault: bool
    text: str


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """Gaps are messages the feed lost; losses are rows the recorder lost. `ok`: no fault."""

    rows: int
    counts: dict[str, dict[str, int]]  # market key → kind name → rows
    first_recv_ns: int
    last_recv_ns: int
    first_seq: int
    last_seq: int
    missing_seq: int
    checks: dict[str, int]  # Check name → rows
    gap_count: int
    gaps: tuple[Marker, ...]
    lost_count: int
    lost_rows: float
    lost: tuple[Marker, ...]
    torn_bytes: int
    crossed_count: int | None  # commits with a crossed ladder; None when it was not asked for
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        return not any(f.fault for f in self.findings)


def verify(
    tape: Tape, *, deep: bool = False, on_progress: Callable[[int], None] | None = None
) -> VerifyReport:
    """Read the whole tape and report. `deep` also rebuilds every ladder (about 1 µs a row).

    `on_progress` gets the rows read so far. Raises BadTape where the tape cannot be read.
    """
    checks = RowChecks(len(tape.header.instruments), tape.header.has_timers)
    markers = _Markers()
    ladders = LadderChecks(MOST_LISTED) if deep else None
    done = 0
    for rows in tape.batches():
        checks.add(rows)
        markers.add(rows)
        if ladders is not None:
            ladders.add(rows)
        done += len(rows)
        if on_progress is not None:
            on_progress(done)
    return _report(tape, checks, markers, ladders)


class _Markers:
    def __init__(self) -> None:
        self.count = {Kind.GAP: 0, Kind.LOST: 0}
        self.listed: dict[Kind, list[Marker]] = {Kind.GAP: [], Kind.LOST: []}
        self.lost_rows = 0.0

    def add(self, rows: np.ndarray) -> None:
        for kind, listed in self.listed.items():
            found = rows[rows["kind"] == kind]
            self.count[kind] += len(found)
            for row in found[: MOST_LISTED - len(listed)]:
                listed.append(Marker(*(row[n].item() for n in ("seq", "recv_ns", "market", "value"))))
            if kind is Kind.LOST:
                self.lost_rows += float(found["value"].sum())


def _report(tape: Tape, checks: RowChecks, markers: _Markers, ladders: LadderChecks | None) -> VerifyReport:
    tally = tape.tally
    return VerifyReport(
        rows=tally.rows,
        counts=_named_counts(tape),
        first_recv_ns=tally.first_recv_ns,
        last_recv_ns=tally.last_recv_ns,
        first_seq=tally.first_seq,
        last_seq=tally.last_seq,
        missing_seq=int(checks.missing),
        checks={check.name.lower(): int(checks.count[check]) for check in Check},
        gap_count=markers.count[Kind.GAP],
        gaps=tuple(markers.listed[Kind.GAP]),
        lost_count=markers.count[Kind.LOST],
        lost_rows=markers.lost_rows,
        lost=tuple(markers.listed[Kind.LOST]),
        torn_bytes=tape.torn_bytes,
        crossed_count=None if ladders is None else ladders.crossed_count,
        findings=tuple(_findings(tape, checks, markers, ladders)),
    )


def _named_counts(tape: Tape) -> dict[str, dict[str, int]]:
    named: dict[str, dict[str, int]] = {}
    for (market, kind), n in sorted(tape.tally.counts.items()):
        name = Kind(kind).name.lower() if kind in _KINDS else f"kind {kind}"
        named.setdefault(market_name(tape, market), {})[name] = n
    return named


_KINDS = frozenset(Kind)


def market_name(tape: Tape, market: int) -> str:
    """`venue:SYMBOL`, or `market N` when the header does not name it."""
    instruments = tape.header.instruments
    return instruments[market].key if market < len(instruments) else f"market {market}"


_FAULTS = {
    Check.SEQ_BACK: "rows whose seq does not come after the row before",
    Check.RECV_BACK: "rows received before the row before them",
    Check.UNFINISHED: "messages that end without a COMMIT",
    Check.COMMIT_FLAG: "COMMITs whose BBO flag does not fit their message",
    Check.UNKNOWN_KIND: "rows of a kind this version does not know",
    Check.UNKNOWN_MARKET: "rows of a market that the header does not name",
    Check.BAD_SIDE: "rows with neither a buy nor a sell side",
    Check.BAD_PRICE: "rows with a price outside 0 to 2^31-1 ticks",
    Check.BAD_VALUE: "rows with a quantity that is negative or no number",
    Check.STRAY_TIMER: "TIMER rows though the header says there are none; replay would have each twice",
}
_NOTES = {
    Check.EARLY_LEVEL: "levels before their market's first snapshot",
    Check.STALE_LEVEL: "levels between a gap or loss and the next snapshot",
}


def _findings(
    tape: Tape, checks: RowChecks, markers: _Markers, ladders: LadderChecks | None
) -> list[Finding]:
    found = [Finding(True, text) for text in _missing_segments(tape)]
    for words, fault in ((_FAULTS, True), (_NOTES, False)):
        for check, text in words.items():
            if checks.count[check]:
                text = f"{checks.count[check]:,} {text} (first at seq {checks.first_seq[check]})"
                found.append(Finding(fault, text))
    if ladders is not None and ladders.crossed_count:
        seq, market = ladders.crossed[0]
        where = f"first at seq {seq} of {market_name(tape, market)}"
        found.append(
            Finding(True, f"{ladders.crossed_count:,} commits that leave the ladder crossed ({where})")
        )
    return found + [Finding(False, text) for text in _facts(tape, checks, markers)]


def _facts(tape: Tape, checks: RowChecks, markers: _Markers) -> list[str]:
    facts = []
    if checks.open_message:
        facts.append("the tape ends inside a message: its last rows have no COMMIT")
    if checks.count[Check.SEQ_HOLE]:
        facts.append(
            f"{checks.missing:,} seq numbers in {checks.count[Check.SEQ_HOLE]:,} holes are not on the tape: "
            "records of the journal, or rows lost"
        )
    if markers.count[Kind.GAP]:
        facts.append(f"{markers.count[Kind.GAP]:,} gaps of the feed")
    if markers.count[Kind.LOST]:
        facts.append(
            f"the recorder lost {markers.lost_rows:,.0f} rows in {markers.count[Kind.LOST]:,} places"
        )
    if tape.torn_bytes:
        facts.append(
            f"{tape.torn_bytes:,} bytes of an unfinished frame at the end, left by a crash, are ignored"
        )
    if not tape.row_count:
        facts.append("the tape has no rows")
    return facts


def _missing_segments(tape: Tape) -> list[str]:
    if not tape.path.is_dir():
        return []
    numbers = [int(s.path.stem) for s in tape.segments]
    absent = sorted(set(range(numbers[0], numbers[-1] + 1)) - set(numbers))
    return [f"segment {n:06d} is missing in {tape.path}" for n in absent]
