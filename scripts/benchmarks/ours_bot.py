"""The whole bot on a tape: `python -m scripts.benchmarks.ours_bot FOLDER`, JSON on stdout.

A backtest as `lopside backtest` runs it, from opening the tape to the written
report: signals, strategies, risk, paper fills, database. A run on the stream's
first minute comes before, so that compiling (or loading what was compiled) is
timed apart.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path
from typing import Any


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
        start = time.perf_counter()
        backtest(args.folder / "warm.tape", Path(scratch))
        result: dict[str, Any] = {"first_s": time.perf_counter() - start}
        if not args.warm_only:
            start = time.perf_counter()
            summary = backtest(args.folder / "stream.tape", Path(scratch))
            result["seconds"] = [time.perf_counter() - start]
            result |= {key: summary[key] for key in ("rows", "ticks", "decisions", "decision_hash")}
    result["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(result))


if __name__ == "__main__":
    main()
