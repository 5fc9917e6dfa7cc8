"""Writes docs/outcomes.md from the tables: python -m bot.cli.outcomes_page > docs/outcomes.md"""

from __future__ import annotations

from collections.abc import Sequence

from bot.execution.outcomes import (
    ABSENT_AFTER,
    ABSENT_AFTER_S,
    AGAIN_AFTER_S,
    BY_CLASS,
    BY_CODE,
    RESOLVE_AFTER_S,
    Outcome,
)


def words(outcome: Outcome) -> str:
    if outcome.resync:
        return "not processed: measure the clocks, then the same request again"
    if outcome.again:
        return "not processed: wait, then the same request again (stops and exits only)"
    return "unknown: ask" if outcome.verdict == "unknown" else f"refused: {outcome.refusal.value}"


def seconds(waits: Sequence[float]) -> str:
    return ", ".join(f"{wait:g}" for wait in waits)


def page() -> str:
    lines = [
        "# What an answer to an order means",
        "",
        "Placed, refused or unknown. An order of unknown outcome is asked for by its client id after",
        f"{seconds(RESOLVE_AFTER_S)} s (the last wait repeats), until it is found. "
        f"It is absent when {ABSENT_AFTER} answers",
        f"over at least {ABSENT_AFTER_S:g} s did not know it and its market has no fill of it. "
        "It is never sent again meanwhile.",
        f"What was certainly not processed is sent again after {seconds(AGAIN_AFTER_S)} s, "
        "with the same id, when it lowers risk.",
        "",
        "A venue's code outweighs the library's class.",
        "",
        "| error class (ccxt) | meaning |",
        "|---|---|",
        *(f"| `{name}` | {words(outcome)} |" for name, outcome in BY_CLASS.items()),
    ]
    for venue, codes in BY_CODE.items():
        lines += ["", f"## {venue}", "", "| code | meaning |", "|---|---|"]
        lines += [f"| `{code}` | {words(outcome)} |" for code, outcome in codes.items()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201
