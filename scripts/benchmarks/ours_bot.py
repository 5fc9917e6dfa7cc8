"""The whole bot on a tape: `python -m scripts.benchmarks.ours_bot FOLDER`, JSON on stdout.

A backtest as `lopside backtest` runs it, from opening the tape to the written
report: signals, strategies, risk, paper fills, database. `lopside warmup` and a
run on the stream's first minute come before, so that compiling (or loading what
was compiled) is timed apart. Where the time goes is told by part; one timing costs about a
microsecond, and there are about ten a tick of 10 s.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

TAPE, LOOP, CARDS, STRATEGIES, DATABASE, REST = (
    "reading the tape",
    "loop",
    "cards",
    "views, strategies and orders",
    "database",
    "the rest",
)


class Parts:
    """Seconds by part of the bot; what one part calls of another counts there alone."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys((TAPE, LOOP, CARDS, STRATEGIES, DATABASE), 0.0)
        self._inner: list[float] = []  # of the parts entered: seconds spent in others

    @contextmanager
    def of(self, part: str) -> Iterator[None]:
        self._inner.append(0.0)
        start = time.perf_counter()
        try:
            yield
        finally:
            took = time.perf_counter() - start
            self.seconds[part] += took - self._inner.pop()
            if self._inner:
                self._inner[-1] += took

    def watch(self, owner: Any, name: str, part: str) -> None:
        """From now on calls of owner.name count."""
        called: Callable[..., Any] = getattr(owner, name)

        def timed(*args: Any, **options: Any) -> Any:
            with self.of(part):
                return called(*args, **options)

        setattr(owner, name, timed)

    def watch_batches(self, source: Any) -> None:
        """From now on what it takes a class of sources to yield its batches counts."""
        batches = source.batches

        def timed(self_: Any) -> Iterator[Any]:
            following = batches(self_)
            while True:
                with self.of(TAPE):
                    rows = next(following, None)
                if rows is None:
                    return
                yield rows

        source.batches = timed


def watched() -> Parts:
    """The bot's parts, from now on timed."""
    from bot.app.recording import Recording
    from bot.app.sources import TapeSource
    from bot.engine import loop
    from bot.store.chronicle import Chronicle
    from bot.store.journal import StoreJournal

    parts = Parts()
    parts.watch_batches(TapeSource)
    parts.watch(loop, "advance", LOOP)
    parts.watch(loop, "read_cards", CARDS)
    for name in ("_cycle", "_upkeep", "_reports", "_deadline", "_fired"):
        parts.watch(loop.Engine, name, STRATEGIES)
    for name in ("tick", "before_commit"):
        parts.watch(Chronicle, name, DATABASE)
    parts.watch(StoreJournal, "commit", DATABASE)
    parts.watch(Recording, "note", DATABASE)
    return parts


def backtest(tape: Path, folder: Path) -> dict[str, Any]:
    """Run one and write its report; the summary."""
    from bot.app.config import load
    from bot.app.session import SessionOptions, run_session

    config = load(overrides={"storage.folder": str(folder)}, environ={})
    options = SessionOptions(
        config, kind="backtest", market="replay", tapes=(tape,), session="bench", fresh=True
    )
    result = run_session(options)
    text = json.dumps({**result.summary, "report": result.report.to_json()}, default=str)
    (folder / "report.json").write_text(text)
    return result.summary


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--warm-only", action="store_true", help="the first minute only: what compiling costs"
    )
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        from bot.app.warm import compile_all

        start = time.perf_counter()
        compile_all()
        backtest(args.folder / "warm.tape", Path(scratch))
        result: dict[str, Any] = {"first_s": time.perf_counter() - start}
        if not args.warm_only:
            parts = watched()
            start = time.perf_counter()
            summary = backtest(args.folder / "stream.tape", Path(scratch))
            result["seconds"] = [time.perf_counter() - start]
            rest = result["seconds"][0] - sum(parts.seconds.values())
            result["parts"] = parts.seconds | {REST: rest}
            result |= {key: summary[key] for key in ("rows", "ticks", "decisions", "decision_hash")}
    result["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(result))


if __name__ == "__main__":
    main()
