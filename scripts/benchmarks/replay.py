"""`scripts/bench replay`: our replay beside hftbacktest's, in turn, a fresh process each.

Ratios are taken round by round and their median is judged: a machine's speed
drifts, a ratio of neighbours does not. Exit status is 0 whatever the figures.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from scripts.benchmarks import inputs, results
from scripts.benchmarks.results import ROOT, Line

Run = Callable[[], dict[str, Any]]

BESIDE_THE_BOOK = (("walls", "walls and attribution", 4.0), ("all", "every feature", None))
"""What is awake in the further lines of the loop, in words, and the ratio wanted (None: to know)."""


@dataclass(frozen=True, slots=True)
class Round:
    """Both sides' answers in one round."""

    peer: dict[str, Any]
    ours: dict[str, Any]

    @property
    def ratio(self) -> float:
        return seconds(self.peer) / seconds(self.ours)


def seconds(answer: dict[str, Any]) -> float:
    return median(answer["seconds"])


def in_turn(what: str, rounds: int, peer: Run, ours: Run) -> list[Round]:
    """Peer and ours alternating; who goes first alternates too."""
    done = []
    for number in range(rounds):
        if number % 2:
            mine, theirs = ours(), peer()
        else:
            theirs, mine = peer(), ours()
        done.append(Round(theirs, mine))
        show = f"peer {seconds(theirs):.3f} s, ours {seconds(mine):.3f} s, ratio {done[-1].ratio:.2f}"
        print(f"  {what} {number + 1}/{rounds}: {show}", file=sys.stderr)
    return done


def ratio_line(what: str, rounds: Sequence[Round], wanted: float | None, *, aim: float | None = None) -> Line:
    """Median, least and greatest ratio, and both sides' median rate in the same source rows.

    `wanted` None: told, not judged. `aim`: what is aimed at beyond the wanted.
    """
    ratios = [r.ratio for r in rounds]
    rows = rounds[0].peer["rows"]
    peer, ours = (
        median(seconds(a) for a in side) for side in zip(*((r.peer, r.ours) for r in rounds), strict=True)
    )
    figures = (
        f"{median(ratios):.2f} times ({min(ratios):.2f} to {max(ratios):.2f}); "
        f"peer {peer:.3f} s = {rows / peer / 1e6:.1f} M rows/s, "
        f"ours {ours:.3f} s = {rows / ours / 1e6:.1f} M rows/s"
    )
    if wanted is None:
        return Line(what, figures, "", None)
    said = f"at least {wanted:g}" + (f", aimed at {aim:g}" if aim is not None else "")
    return Line(what, figures, said, median(ratios) >= wanted)


def parity_line(rounds: Sequence[Round]) -> Line:
    """The same strategy must trade alike on both sides, or the race would be another one."""
    peer, ours = rounds[0].peer, rounds[0].ours
    off = max(abs(ours[key] - peer[key]) / max(1.0, abs(peer[key])) for key in ("orders", "cancels", "fills"))
    figures = "; ".join(
        f"{key} {peer[key]:.0f} and {ours[key]:.0f}" for key in ("orders", "cancels", "fills")
    )
    return Line("loop: peer's and our trading", f"{figures}; apart by {off:.2%}", "within 1%", off <= 0.01)


def shares_of(rounds: Sequence[Round]) -> str:
    """Where our time goes, medians over the rounds."""
    took = median(seconds(r.ours) for r in rounds)
    parts = {part: median(r.ours["parts"][part] for r in rounds) for part in rounds[0].ours["parts"]}
    return ", ".join(f"{part} {s:.2f} s ({s / took:.0%})" for part, s in parts.items())


class Bench:
    """Runs the two sides' processes."""

    def __init__(self, peer_python: str) -> None:
        self._peer_python = peer_python

    def peer(self, folder: Path, repeat: int) -> Run:
        script = ROOT / "scripts" / "benchmarks" / "peer_hftbacktest.py"
        return lambda: answer([self._peer_python, str(script), str(folder), "--repeat", str(repeat)])

    def ours(self, module: str, folder: Path, *options: str, cache: str | None = None) -> Run:
        command = [sys.executable, "-m", f"scripts.benchmarks.{module}", str(folder), *options]
        return lambda: answer(command, {"LOPSIDE_CACHE": cache} if cache else {})

    def compiling(self, folder: Path) -> list[str]:
        """What the first call costs, with an empty and with a filled cache."""
        told = []
        for module, options, key in (
            ("ours_loop", ("--repeat", "0"), "compile_s"),
            ("ours_bot", ("--warm-only",), "first_s"),
        ):
            with tempfile.TemporaryDirectory() as cache:
                run = self.ours(module, folder, *options, cache=cache)
                cold, cached = run()[key], run()[key]
            told.append(
                f"{module}: first call {cold:.1f} s with an empty cache, {cached:.2f} s with a filled one"
            )
        return told


def answer(command: Sequence[str], more: dict[str, str] | None = None) -> dict[str, Any]:
    """The JSON a benchmark process prints as its last line."""
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **(more or {})}, text=True, stdout=subprocess.PIPE, check=False
    )
    if done.returncode:
        raise SystemExit(f"expected figures from {' '.join(command)}, it ended with status {done.returncode}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def measure(args: argparse.Namespace) -> tuple[list[Line], list[str]]:
    """All judged lines and the notes beside them."""
    bench = Bench(args.peer_python)
    streams = args.folder / "streams"
    hour = inputs.generated(streams, args.hours)
    notes = bench.compiling(hour)
    # whatever is measured below finds its machine code in the cache
    bench.ours("ours_loop", hour, "--repeat", "0")()
    bench.ours("ours_bot", hour, "--warm-only")()
    loop = in_turn("loop", args.rounds, bench.peer(hour, 3), bench.ours("ours_loop", hour))
    lines = [ratio_line(f"loop, {args.hours:g} h generated", loop, 8), parity_line(loop)]
    about = json.loads((hour / "stream.json").read_text())
    low, high = about["traded_ticks"]
    notes.append(
        f"generated: {about['rows']:,} rows, {about['far_share']:.1%} of level changes far, "
        f"prices {high / low - 1:.1%} apart"
    )
    for place, (awake, what, wanted) in enumerate(BESIDE_THE_BOOK):
        ours = bench.ours("ours_loop", hour, "--awake", awake)
        rounds = in_turn(f"loop with {what}", args.rounds, bench.peer(hour, 3), ours)
        lines.insert(1 + place, ratio_line(f"loop with {what}, same hour", rounds, wanted))
    notes.append(f"peer's compiling, in every process: {median(r.peer['compile_s'] for r in loop):.1f} s")
    if args.day:
        day = inputs.generated(streams, 24)
        rounds = in_turn("day", args.rounds, bench.peer(day, 1), bench.ours("ours_bot", day))
        lines.append(ratio_line("whole bot, day generated, beside the peer's bare loop", rounds, 0.4, aim=1))
        notes.append(f"whole bot, day: {shares_of(rounds)}")
        peak = max(r.ours["peak_mb"] for r in rounds)
        lines.append(Line("whole bot, day: peak memory", f"{peak:.0f} MB", "at most 600 MB", peak <= 600))
    if args.data is None:
        notes.append("no real recording: LOPSIDE_TEST_DATA does not name the data folder")
    else:
        real = inputs.recorded(streams, args.data, args.hours)
        rounds = in_turn("recording", args.rounds, bench.peer(real, 3), bench.ours("ours_bot", real))
        lines.append(ratio_line(f"whole bot, real recording looped to {args.hours:g} h", rounds, 1))
        notes.append(f"whole bot, recording: {shares_of(rounds)}")
    return lines, notes


def main() -> None:
    data = os.environ.get("LOPSIDE_TEST_DATA")
    parser = argparse.ArgumentParser(prog="scripts/bench replay", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument(
        "--hours", type=float, default=1.0, help="length of the loop's stream and the recording's"
    )
    parser.add_argument("--day", action=argparse.BooleanOptionalAction, default=True, help="the 24 h lines")
    parser.add_argument("--write", action="store_true", help="put the results into docs/benchmarks.md")
    parser.add_argument(
        "--data",
        type=Path,
        default=Path(data).resolve() if data else None,
        help="folder of recordings (default: LOPSIDE_TEST_DATA)",
    )
    parser.add_argument("--peer-python", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, required=True, help=argparse.SUPPRESS)
    args = parser.parse_args()
    lines, notes = measure(args)
    for text in (*lines, *notes):
        print(text)
    if args.write:
        # what the shell entry adds is left out; where somebody's data lies is nobody's business
        mine = sys.argv[sys.argv.index("--folder") + 2 :]
        said = ["DATA" if before == "--data" else word for before, word in pairwise(["", *mine])]
        pins = (ROOT / "scripts/benchmarks/peers/hftbacktest.txt").read_text().split()
        peer = next(pin for pin in pins if pin.startswith("hftbacktest=="))
        results.write("replay", lines, notes, args.rounds, " ".join(["scripts/bench replay", *said]), peer)


if __name__ == "__main__":
    main()
