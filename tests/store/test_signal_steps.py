from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.store.signal_steps import SignalSteps
from tests.store.signal_arrays import MARKETS, T0, S, fake_signals


class Steps:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, str, str, str, str, dict[str, Any]]] = []

    def transition(
        self, now_ns: int, machine: str, subject: str, old: str, new: str, detail: Mapping[str, Any]
    ) -> None:
        self.rows.append((now_ns, machine, subject, old, new, dict(detail)))

    def taken(self) -> list[tuple[str, str, str, str]]:
        """(machine, subject, old, new) since the last time."""
        rows, self.rows = self.rows, []
        return [row[1:5] for row in rows]


def test_the_first_look_says_how_everything_begins() -> None:
    steps = Steps()
    signals = fake_signals()
    SignalSteps(steps, MARKETS).look(T0, signals.heads, signals)
    assert set(steps.taken()) == {
        *(("trust", market, "", "trusted") for market in MARKETS),
        *(("thin", market, "", "none") for market in MARKETS),
        *(("composite", f"{m} {mode}", "", "asleep") for m in MARKETS for mode in ("scalp", "day", "swing")),
    }


def test_only_changes_are_steps_each_with_its_figures() -> None:
    steps, signals = Steps(), fake_signals()
    following = SignalSteps(steps, MARKETS)
    following.look(T0, signals.heads, signals)
    steps.taken()

    following.look(T0 + 20 * S, signals.heads, signals)
    assert steps.taken()[0] == ("trust", MARKETS[0], "trusted", "suspect"), "no book message for 20 s"

    signals.heads["commit_ns"] = T0 + 30 * S
    signals.composites["score"][1, 2], signals.composites["direction"][1, 2] = -0.4, -1.0
    signals.composites["confidence"][1, 2] = 0.6
    signals.grid["thin"][0] = 1
    following.look(T0 + 30 * S, signals.heads, signals)
    told = steps.rows[-1]
    assert told[5]["bias"] == -0.4
    assert told[5]["confidence"] == 0.6
    assert steps.taken() == [
        ("trust", MARKETS[0], "suspect", "trusted"),
        ("trust", MARKETS[1], "suspect", "trusted"),
        ("thin", MARKETS[0], "none", "ask"),
        ("composite", f"{MARKETS[1]} swing", "asleep", "down"),
    ]
    following.look(T0 + 31 * S, signals.heads, signals)
    assert steps.taken() == []
