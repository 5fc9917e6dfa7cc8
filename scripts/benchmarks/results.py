"""What a benchmark says: judged lines, notes, on which machine, and where in docs/benchmarks.md they go."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "benchmarks.md"


@dataclass(frozen=True, slots=True)
class Line:
    """One figure; `passed` None where nothing is wanted of it."""

    what: str
    figures: str
    wanted: str
    passed: bool | None

    @property
    def verdict(self) -> str:
        return "told" if self.passed is None else "pass" if self.passed else "short"

    def __str__(self) -> str:
        wanted = f" (wanted {self.wanted})" if self.wanted else ""
        return f"{self.verdict:5}  {self.what}: {self.figures}{wanted}"


def write(
    section: str, lines: Sequence[Line], notes: Sequence[str], rounds: int, command: str, beside: str = ""
) -> None:
    """Replace the results between a section's markers; `beside`: whom it was measured beside."""
    table = [f"| {x.verdict} | {x.what} | {x.figures} | {x.wanted} |" for x in lines]
    text = [
        f"`{command}`, {rounds} rounds, {datetime.now(UTC):%Y-%m-%d}, commit {commit()}.",
        f"{machine()}; numba {version('numba')}{', ' + beside if beside else ''}.",
        "",
        "| | what | median (least to greatest) | wanted |",
        "|---|---|---|---|",
        *table,
        "",
        *(f"- {note}" for note in notes),
    ]
    begin, end = f"<!-- {section}: begin -->", f"<!-- {section}: end -->"
    before, found, rest = DOCUMENT.read_text().partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise SystemExit(f"{DOCUMENT}: expected {begin} and {end}")
    DOCUMENT.write_text(f"{before}{begin}\n" + "\n".join(text) + f"\n{end}{after}")


def machine() -> str:
    model = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        names = [t for t in Path("/proc/cpuinfo").read_text().splitlines() if t.startswith("model name")]
        model = names[0].partition(":")[2].strip() if names else model
    return f"{os.cpu_count()} cores {model}, {platform.system()}, Python {platform.python_version()}"


def commit() -> str:
    def git(*words: str) -> str:
        return subprocess.run(
            ["git", *words], cwd=ROOT, text=True, capture_output=True, check=False
        ).stdout.strip()

    changed = " with changes" if git("status", "--porcelain", "--untracked-files=no") else ""
    return (git("rev-parse", "--short", "HEAD") or "unknown") + changed
