"""The table of signals.md 11.4, measured: detectors and cards against what was planted.

    python -m scripts.acceptance [--seeds 9000-9019] [--rows NAME...] [--jobs 2] [--json] [--write]

Exit status is 1 when a required row falls short. These are tests of detectors
and plumbing on the generator they were designed on, no evidence of profit.
Defaults and thresholds are never chosen on the seeds of the acceptance.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from time import perf_counter

from scripts.acceptance import table
from scripts.acceptance.measuring import CHECKS, measure, sizes
from scripts.acceptance.table import CAUTION
from scripts.benchmarks.results import commit, machine


def seeds_of(text: str) -> list[int]:
    """ "300-302" or "300,305"."""
    found = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        found += list(range(int(first), int(last or first) + 1))
    return found


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.acceptance",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = [check.name for check in CHECKS]
    parser.add_argument("--seeds", default="9000-9019", help="first-last, or separated by commas")
    parser.add_argument(
        "--rows", nargs="+", choices=names, default=names, metavar="NAME", help=", ".join(names)
    )
    parser.add_argument("--jobs", type=int, default=2, help="processes (default: 2)")
    parser.add_argument("--scale", type=float, default=1.0, help="of the length of all runs, for a trial")
    parser.add_argument("--json", action="store_true", help="the rows as JSON")
    parser.add_argument("--write", action="store_true", help="put the table into docs/acceptance.md")
    args = parser.parse_args(words)
    checks = [check for check in CHECKS if check.name in args.rows]
    seeds = seeds_of(args.seeds)
    begin = perf_counter()
    rows = measure(checks, seeds, args.jobs, args.scale)
    short = sum(row.passed is False for row in rows)
    if args.json:
        print(json.dumps([row.to_json() for row in rows], indent=1))
    else:
        print(table.text(rows))
        print(f"\n{short} of {sum(row.passed is not None for row in rows)} required rows fall short.")
        print(*sizes(checks, seeds, args.scale), CAUTION, sep="\n")
    if args.write:
        told = sys.argv[1:] if words is None else words
        notes = [
            f"`{' '.join(['python -m scripts.acceptance', *told])}`, {datetime.now(UTC):%Y-%m-%d}, commit"
            f" {commit()}, {perf_counter() - begin:.0f} s.",
            f"{machine()}.",
            "",
            *(f"- {size}" for size in sizes(checks, seeds, args.scale)),
        ]
        table.write(rows, notes)
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
