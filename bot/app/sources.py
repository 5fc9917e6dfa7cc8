"""Where rows come from: the demo market or tapes, behind one small face."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from bot.core.errors import BadInput
from bot.core.units import NS_PER_S
from bot.market.instruments import Instrument
from bot.market.tape import Tape, open_tape
from bot.market.tape.files import partial_path, publish

DEMO_START_NS = 1_767_225_600 * NS_PER_S
"""2026-01-01 00:00 UTC: the demo market's first instant, so that runs can be compared."""


class Source(Protocol):
    """A stream with its markets. `own_timers`: it brings TIMER rows. All but a live one have `batches()`."""

    instruments: tuple[Instrument, ...]
    own_timers: bool
    expected_s: float | None  # market seconds it will last, None unknown

    def resume_state(self) -> dict[str, Any]:
        """JSON-able: what the next start of the session continues from."""
        ...

    def describe(self) -> dict[str, Any]:
        """For the summary."""
        ...


class DemoSource:
    """The embedded market; a session's next start goes on at its last prices."""

    own_timers = False

    def __init__(
        self,
        seed: int,
        symbols: tuple[str, ...],
        duration_s: float | None,
        earlier: Mapping[str, Any] | None,
        recorded_until_ns: int = 0,
        scenario: str = "demo",
    ) -> None:
        from bot.market.synthetic import SyntheticMarket

        earlier = earlier or {}
        self._starts = int(earlier.get("starts", 0)) + 1
        self._seed = seed
        self._scenario = scenario
        prices = {k: v for k, v in earlier.get("prices", {}).items() if k in symbols}
        self._market = SyntheticMarket(
            seed + 1_000_003 * (self._starts - 1),
            symbols,
            max(int(earlier.get("end_ns", DEMO_START_NS)), recorded_until_ns),
            duration_s,
            prices or None,
            scenario=scenario,
        )
        self.instruments = self._market.instruments
        self.expected_s = duration_s
        self._last_ns = int(earlier.get("end_ns", 0)) - NS_PER_S  # until the first row

    def batches(self) -> Iterator[np.ndarray]:
        for rows in self._market.batches():
            self._last_ns = int(rows[-1]["recv_ns"])
            yield rows

    def resume_state(self) -> dict[str, Any]:
        end_ns = max(DEMO_START_NS, (self._last_ns // NS_PER_S + 1) * NS_PER_S)
        return {"starts": self._starts, "prices": self._market.last_prices(), "end_ns": end_ns}

    def describe(self) -> dict[str, Any]:
        kinds: dict[str, int] = {}
        for record in self._market.truth():
            kinds[record.type] = kinds.get(record.type, 0) + 1
        return {
            "market": "demo",
            "scenario": self._scenario,
            "seed": self._seed,
            "start": self._starts,
            "planted": kinds,
        }

    def write_truth(self, path: Path, *, go_on: bool = False) -> None:
        """The planted truth so far, as JSON lines; with `go_on` behind what the file holds."""
        from bot.market.synthetic import write_truth

        before = path.read_bytes() if go_on and path.is_file() else b""
        partial = partial_path(path)
        write_truth(self._market.truth(), partial)
        partial.write_bytes(before + partial.read_bytes())
        publish(path)


@dataclass(slots=True)
class TapeSource:
    """Tapes one after the other as one stream; `duration_s` cuts it."""

    tapes: Sequence[Tape]
    symbols: tuple[str, ...] = ()
    duration_s: float | None = None
    instruments: tuple[Instrument, ...] = field(init=False)
    own_timers: bool = field(init=False)
    expected_s: float | None = field(init=False)

    def __post_init__(self) -> None:
        first = self.tapes[0].header
        for tape in self.tapes[1:]:
            if tape.header.instruments != first.instruments or tape.header.has_timers != first.has_timers:
                raise BadInput(
                    f"{tape.path}: expected the markets of {self.tapes[0].path}; replay it by itself"
                )
        self.instruments = first.instruments
        self.own_timers = first.has_timers
        known = {i.symbol for i in self.instruments} | {i.key for i in self.instruments}
        for symbol in self.symbols:
            if symbol not in known:
                raise BadInput(
                    f"unknown symbol {symbol!r}: {self.tapes[0].path} holds "
                    f"{', '.join(i.key for i in self.instruments)}"
                )
        spans = [span for span in (tape.span() for tape in self.tapes) if span]
        length_s = (spans[-1][1] - spans[0][0]) / NS_PER_S if spans else 0.0
        self.expected_s = min(length_s, self.duration_s) if self.duration_s else length_s

    def batches(self) -> Iterator[np.ndarray]:
        until_ns = None
        for tape in self.tapes:
            for rows in tape.batches():
                if until_ns is None and self.duration_s:
                    until_ns = int(rows[0]["recv_ns"]) + int(self.duration_s * NS_PER_S)
                if until_ns is not None and rows[-1]["recv_ns"] >= until_ns:
                    rows = rows[: int(np.searchsorted(rows["recv_ns"], until_ns))]
                    if rows.size:
                        yield self._wanted(rows)
                    return
                yield self._wanted(rows)

    def _wanted(self, rows: np.ndarray) -> np.ndarray:
        if not self.symbols:
            return rows
        chosen = [
            k for k, i in enumerate(self.instruments) if i.symbol in self.symbols or i.key in self.symbols
        ]
        return rows[np.isin(rows["market"], chosen)]

    def resume_state(self) -> dict[str, Any]:
        return {}

    def describe(self) -> dict[str, Any]:
        return {
            "market": "replay",
            "tapes": [str(tape.path) for tape in self.tapes],
            "recorded": dict(self.tapes[0].header.provenance.get("import", {})),
        }


def open_tapes(paths: Sequence[Path], symbols: tuple[str, ...], duration_s: float | None) -> TapeSource:
    if not paths:
        raise BadInput("no tape given; name one, or use the demo market")
    return TapeSource([open_tape(path) for path in paths], symbols, duration_s)
