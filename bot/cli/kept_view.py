"""Walls, zones and weights of a session for people: tables on a console."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from rich.table import Table

from bot.app.durations import format_duration
from bot.operate.words import clock

if TYPE_CHECKING:
    from rich.console import Console

Row = Mapping[str, Any]
Column = tuple[str, Callable[[Row], str]]
_LEFT = frozenset(
    {"market", "side", "stage", "end", "kind", "sources", "card", "mode", "expert", "why", "strategy", "what"}
)


def show_walls(out: Console, made: Row) -> None:
    """Statistics, the standing, the last ended. Sizes are lots."""
    if not made["statistics"]:
        out.print(f"Session {made['session']}: no walls yet.")
        return
    _show(out, "How walls fared", made["statistics"], [
        ("market", _word("market")),
        ("walls", _count("walls")),
        ("standing", _count("standing")),
        ("ended", lambda row: ", ".join(f"{end} {share:.0%}" for end, share in row["shares"].items()) or "-"),
        ("median life", lambda row: _seconds(row["median_life_s"])),
        ("tested", _count("tested")),
        *_held(),
    ])  # fmt: skip
    places: list[Column] = [
        ("market", _word("market")),
        ("id", _count("id")),
        ("side", _side),
        ("price", _word("near")),
    ]
    sizes: list[Column] = [
        ("peak", _number("peak_lots", ",.0f")),
        ("executed", _number("executed_lots", ",.0f")),
        ("touches", lambda row: str(row["figures"].get("touches", "-"))),
        ("genuine", _number("genuineness", ".0%")),
    ]
    _show(out, "Standing", made["standing"], [
        *places,
        ("stage", _word("stage")),
        ("off mid", _number("distance_bps", ".1f", "bp")),
        *sizes,
        ("age", lambda row: _seconds((row["seen_ns"] - row["born_ns"]) / 1e9)),
    ])  # fmt: skip
    _show(out, "Ended last", made["ended"], [
        *places,
        ("end", _word("end")),
        ("tested", lambda row: "yes" if row["tested"] else "no"),
        *sizes,
        ("lived", lambda row: _seconds((row["seen_ns"] - row["born_ns"]) / 1e9 if row["born_ns"] else None)),
        ("until", lambda row: clock(row["seen_ns"])),
    ])  # fmt: skip


def show_zones(out: Console, made: Row) -> None:
    """Statistics, the standing, the last that went, what touches taught."""
    if not made["statistics"]:
        out.print(f"Session {made['session']}: no zones yet.")
    else:
        _show(out, "How zones fared", made["statistics"], [
            ("market", _word("market")),
            ("zones", _count("zones")),
            ("standing", _count("standing")),
            ("touches", _count("touches")),
            ("holds", _count("holds")),
            ("breaks", _count("breaks")),
            ("pulled", _count("pulls")),
            *_held(),
            ("median life", lambda row: _seconds(row["median_life_s"])),
        ])  # fmt: skip
    rows: list[Column] = [
        ("market", _word("market")),
        ("id", _count("id")),
        ("kind", _word("kind")),
        ("grade", _word("grade")),
        ("from", _word("low")),
        ("to", _word("high")),
        ("holds with", _number("hold", ".0%")),
        ("bias", _number("bias", "+.2f")),
        ("touches", _count("touches")),
        ("held", _count("holds")),
        ("sources", _word("sources")),
    ]
    _show(out, "Standing (as of the last change)", made["standing"], [*rows, ("since", _at("born_ns"))])
    _show(out, "Gone last", made["gone"], [*rows, ("until", _at("gone_ns"))])
    learned = made["learned"]
    if learned:
        terms = ", ".join(
            f"{name} {value:+.2f} ({learned['prior'][name]:+.2f})"
            for name, value in learned["coefficients"].items()
        )
        out.print(f"Learned from {learned['labels']} approaches (first values in brackets): {terms}")
        if learned["labels"]:
            out.print(
                f"Brier {learned['brier']:.4f}, of the base rate {learned['brier_of_base_rate']:.4f};"
                f" traps: precision {_share(learned['trap_precision'])},"
                f" recall {_share(learned['trap_recall'])}"
            )


def show_edge(out: Console, made: Row) -> None:
    """Mean moves towards our side, bps before costs, each with its standard error."""
    if not made["edges"]:
        out.print(f"Session {made['session']}: no decision is old enough to be judged.")
        return
    _show(out, "Where prices went after decisions, bp towards our side", made["edges"], [
        ("strategy", _word("strategy")),
        ("mode", _word("mode")),
        ("what", _word("what")),
        ("decisions", _count("count")),
        ("target first", _count("target_first")),
        ("stop first", _count("stop_first")),
        ("after", lambda row: "   ".join(_markout(one) for one in row["markouts"])),
    ])  # fmt: skip


def _markout(one: Row) -> str:
    error = "" if one["error_bps"] is None else f"±{one['error_bps']:.1f}"
    return f"{one['seconds']}s {one['mean_bps']:+.1f}{error}"


def show_weights(out: Console, made: Row) -> None:
    """A table a market and mode, then the last changes."""
    out.print(f"[bold]Session {made['session']}[/], as kept at {clock(made['at_ns'])}")
    for note in made["notes"]:
        out.print(note)
    for learner in made["learners"]:
        brier, trust = learner["brier"], learner["trust"]
        out.print()
        out.print(
            f"[bold]{learner['market']} {learner['mode']}[/]: {learner['labels']} labels;"
            f" Brier {_figure(brier['published'])} published, {_figure(brier['unconstrained'])} learned,"
            f" {_figure(brier['null'])} null; IC {_figure(learner['ic'])};"
            f" trust own {trust['own']:.0%}, pooled {trust['pooled']:.0%}, prior {trust['prior']:.0%}"
        )
        if learner["killed"]:
            out.print("Worse than always 1/2: traded as the null expert until it recovers.", style="red")
        rows = [row for row in learner["experts"] if row["weight"] or row["learned"] > 0.0005 or row["prior"]]
        _show(out, "", sorted(rows, key=lambda row: -row["weight"]), [
            ("expert", _word("expert")),
            ("weight", _number("weight", ".3f")),
            ("learned", _number("learned", ".3f")),
            ("prior", _number("prior", ".3f")),
            ("theta", _number("theta", ".2f")),
            ("IC", _number("ic", "+.3f")),
        ])  # fmt: skip
    _show(out, "Last changes", made["changes"], [
        ("at", _at("now_ns")),
        ("market", _word("market")),
        ("mode", _word("mode")),
        ("expert", _word("expert")),
        ("before", _number("before", ".4f")),
        ("after", _number("after", ".4f")),
        ("why", _word("reason")),
    ])  # fmt: skip


def _show(out: Console, title: str, rows: Iterable[Row], columns: list[Column]) -> None:
    """A table, or nothing without rows."""
    rows = list(rows)
    if not rows:
        return
    table = Table(title=title or None, title_justify="left", title_style="bold", box=None, header_style="dim")
    for name, _ in columns:
        justify: Literal["left", "right"] = "left" if name in _LEFT else "right"
        table.add_column(name, justify=justify, no_wrap=name != "ended")
    for row in rows:
        table.add_row(*(cell(row) for _, cell in columns))
    out.print(table)


def _held() -> list[Column]:
    return [
        ("held", lambda row: _share(row["hold_rate"])),
        (
            "95 %",
            lambda row: (
                "-" if row["hold_low"] is None else f"{row['hold_low']:.0%} to {row['hold_high']:.0%}"
            ),
        ),
    ]


def _word(name: str) -> Callable[[Row], str]:
    return lambda row: "-" if row[name] is None else str(row[name])


def _count(name: str) -> Callable[[Row], str]:
    return lambda row: f"{row[name]:,}"


def _number(name: str, form: str, unit: str = "") -> Callable[[Row], str]:
    return lambda row: "-" if row[name] is None else f"{row[name]:{form}}{unit}"


def _at(name: str) -> Callable[[Row], str]:
    return lambda row: clock(row[name])


def _side(row: Row) -> str:
    return "bid" if row["side"] > 0 else "ask"


def _seconds(value: float | None) -> str:
    return "-" if value is None else format_duration(value)


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.0%}"


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
