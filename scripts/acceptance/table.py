"""Rows of the acceptance table: what was measured, what is required, and the page they are written into."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "acceptance.md"
BEGIN, END = "<!-- acceptance: begin -->", "<!-- acceptance: end -->"
CAUTION = (
    "Tests of detectors and plumbing on the generator they were designed on. No evidence of profit on a"
    " real venue."
)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. `passed` None: reported, nothing is required."""

    scenario: str
    metric: str
    value: float  # nan: the runs were too short for it
    measured: str
    required: str
    passed: bool | None

    @property
    def verdict(self) -> str:
        return "told" if self.passed is None else "pass" if self.passed else "short"

    def to_json(self) -> dict[str, Any]:
        """Plain types; nan, which is no JSON, as null."""
        return {**asdict(self), "value": self.value if math.isfinite(self.value) else None}


def at_least(scenario: str, metric: str, value: float, least: float, spread: str = "") -> Row:
    return Row(scenario, metric, value, _said(value, spread), f">= {least:g}", value >= least)


def at_most(scenario: str, metric: str, value: float, most: float, spread: str = "") -> Row:
    return Row(scenario, metric, value, _said(value, spread), f"<= {most:g}", value <= most)


def between(scenario: str, metric: str, value: float, low: float, high: float, spread: str = "") -> Row:
    return Row(scenario, metric, value, _said(value, spread), f"{low:g} to {high:g}", low <= value <= high)


def none_of(scenario: str, metric: str, wrong: int, asked: int, what: str) -> Row:
    """Passes when something was asked and nothing was wrong."""
    measured = f"{wrong} of {asked:,} {what}"
    return Row(scenario, metric, float(wrong), measured, "none", wrong == 0 and asked > 0)


def told(scenario: str, metric: str, value: float, spread: str = "") -> Row:
    return Row(scenario, metric, value, _said(value, spread), "", None)


def over_seeds(values: Sequence[float], more: str = "") -> str:
    """Least and greatest over the runs, and what else there is to say."""
    known = [value for value in values if not math.isnan(value)]
    parts = [f"{min(known):.2f} to {max(known):.2f} over {len(known)} seeds"] if len(known) > 1 else []
    return "; ".join([*parts, *([more] if more else [])])


def _said(value: float, spread: str) -> str:
    shown = "unknown" if math.isnan(value) else f"{value:.3g}" if value >= 10 else f"{value:.3f}"
    return f"{shown} ({spread})" if spread else shown


def text(rows: Sequence[Row]) -> str:
    """For the terminal."""
    width = max((len(row.metric) for row in rows), default=0)
    lines = []
    scenario = ""
    for row in rows:
        if row.scenario != scenario:
            scenario = row.scenario
            lines.append(scenario)
        wanted = f", required {row.required}" if row.required else ""
        lines.append(f"  {row.verdict:5}  {row.metric:{width}}  {row.measured}{wanted}")
    return "\n".join(lines)


def write(rows: Sequence[Row], notes: Sequence[str], document: Path = DOCUMENT) -> None:
    """Replace the results in docs/acceptance.md."""
    table = [
        f"| {row.verdict} | {row.scenario} | {row.metric} | {row.measured} | {row.required or '–'} |"
        for row in rows
    ]
    lines = [
        *notes,
        "",
        "| | scenario | metric | measured | required |",
        "|---|---|---|---|---|",
        *table,
    ]
    page = document.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    document.write_text(f"{before}{BEGIN}\n" + "\n".join(lines) + f"\n{END}{after}", encoding="utf-8")
