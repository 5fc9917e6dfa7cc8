"""The page and the tables: complete, self-contained, readable by day and by night."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="plots need the extra `charts`")

from bot.core.errors import BadInput
from bot.evaluation.charts import charts, require_matplotlib
from bot.evaluation.evaluation import Evaluation, judge
from bot.evaluation.page import page, write_page
from bot.evaluation.samples import COMPOSITE, ThinChange
from bot.evaluation.tables import CAUTION, significance, tables
from bot.evaluation.walls import End
from tests.evaluation.test_truth_and_detectors import planted
from tests.evaluation.worlds import NS_PER_S, T0, samples, touched, wall


@pytest.fixture(scope="module")
def found() -> Evaluation:
    """An hour and a half with a card that knows something, walls and truth."""
    rng = np.random.default_rng(1)
    mid = 10_000.0 + np.cumsum(rng.normal(0, 0.5, 4 * 5_400 + 1))
    at = 40 * np.arange(500)
    knows = np.tanh((mid[at + 240] - mid[at]) / 20.0 + rng.normal(size=500))
    chance = 0.5 + 0.1 * knows
    made = samples(
        mid,
        {"a<b": knows, "noise": rng.uniform(-1, 1, 500), COMPOSITE: knows},
        probability={"a<b": chance, COMPOSITE: chance},
        walls=[wall(100, 200, genuineness=0.9, near_s=5.0, at_decision=0.8), wall(300, 320, end=End.PULLED)],
        thins=[ThinChange(T0 + 500 * NS_PER_S, 0, 1), ThinChange(T0 + 520 * NS_PER_S, 0, 0)],
    )
    steps = rng.normal(size=6_001)
    made.touches = [[touched(1_000.0 + np.cumsum(steps), flow=steps, imbalance=np.tanh(steps))]]
    truths = [
        planted("genuine_wall", 100, 200),
        planted("spoof_wall", 299, 320),
        planted("thin_side", 495, 520),
    ]
    return judge(made, ["one & two.tape"], "truth.jsonl", truths)


class Checker(HTMLParser):
    """Counts tags and complains where they do not nest."""

    VOID = ("meta", "br", "hr", "link", "img")

    def __init__(self) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.counts: dict[str, int] = {}
        self.ids: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.counts[tag] = self.counts.get(tag, 0) + 1
        if tag not in self.VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.counts[tag] = self.counts.get(tag, 0) + 1

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def checked(found: Evaluation) -> tuple[str, Checker]:
    text = page(found)
    checker = Checker()
    checker.feed(text)
    checker.close()
    assert checker.stack == []
    return text, checker


def test_the_page_holds_every_table_and_plot(found, checked):
    text, checker = checked
    assert checker.counts["table"] == len(list(tables(found))) >= 6
    assert checker.counts["figure"] == len(list(charts(found))) == 6
    for words in ("one & two.tape", "a<b", CAUTION, significance(found), "Genuine or spoofed?"):
        assert words in checker.text, words
    assert "<b" not in re.sub(r"<body>", "", text), "names are escaped"


def test_the_page_needs_nothing_from_outside(checked):
    text, checker = checked
    assert not {"script", "link", "img", "iframe"} & checker.counts.keys()
    outside = set(re.findall(r"(?:https?:)?//[\w./-]+", text))
    assert outside <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}, outside
    assert set(re.findall(r"url\(([^)]*)\)", text)) == set(re.findall(r"url\((#[^)]*)\)", text))


def test_the_page_follows_the_readers_light_or_dark(checked):
    text, _ = checked
    assert "color-scheme: light dark" in text
    assert "currentColor" in text
    assert "#123456" not in text
    assert not re.search(r"(?:fill|stroke): ?#(?:000000|ffffff)", text)


def test_drawings_of_one_page_do_not_share_ids_that_differ(checked):
    """A clip path or marker of one drawing must not be taken for that of another."""
    text, _ = checked
    places: dict[str, set[str]] = {}
    for body in re.findall(r'<(?:clipPath|path) id="([^"]+)"([^>]*>.*?)</', text, flags=re.DOTALL):
        places.setdefault(body[0], set()).add(body[1])
    assert places
    assert all(len(different) == 1 for different in places.values())


def test_equal_evaluations_make_equal_pages(found, checked):
    assert page(found) == checked[0]


def test_without_walls_truth_or_tests_the_rest_is_still_there(found):
    poor = replace(found, walls=[], detectors=[], judgement=None, ics=[], cards=[])
    text = page(poor)
    assert text.count("<table>") == 2
    assert "No correlation was tested" in significance(poor)


def test_missing_matplotlib_is_said_with_what_to_do(found, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(BadInput, match="pip install matplotlib"):
        require_matplotlib()
    with pytest.raises(BadInput, match="pip install matplotlib"):
        write_page(found, tmp_path / "page.html")
    assert list(Path(tmp_path).iterdir()) == []


def test_every_row_has_a_cell_a_column(found):
    for table in tables(found):
        assert {len(row) for row in table.rows} == {len(table.columns)}, table.title


def test_what_leaks_and_what_is_too_little_is_said(found):
    leaking = [replace(card, permuted_ic=0.9, error=0.1) for card in found.cards]
    texts = {t.title: t for t in tables(replace(found, cards=leaking))}
    (scalp,) = [t for title, t in texts.items() if title.endswith("scalp")]
    assert all("LEAK" in row[-1] for row in scalp.rows)
    assert not any(title.endswith("swing") for title in texts)
    few = [replace(card, independent=5.0) for card in found.cards]
    (scalp,) = [t for t in tables(replace(found, cards=few)) if t.title.startswith("Cards")]
    assert "Too few" in scalp.note
    assert scalp.title.endswith("scalp")


def test_what_is_significant_is_named(found):
    assert "a<b scalp at 60 s" in significance(found)
    assert "noise" not in significance(found)
