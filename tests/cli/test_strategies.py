"""`lopside strategy new` and `list`, and sessions with strategies of one's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bot.cli.main import main

RAISES = """
class Broken:
    name = "broken"

    def enter(self, view):
        raise ZeroDivisionError("of the user")

    def manage(self, view, trade):
        return ()


STRATEGY = Broken()
"""


@pytest.fixture(autouse=True)
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(list(arguments)) == 0
    return capsys.readouterr().out


def paper(capsys: pytest.CaptureFixture[str], strategies: str) -> dict[str, Any]:
    words = ["--for", "10m", "--speed", "max", "--json"]
    made: dict[str, Any] = json.loads(said(capsys, "paper", "--strategies", strategies, *words))
    return made


def test_what_new_writes_is_listed_and_trades_in_paper_unchanged(
    at_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said(capsys, "strategy", "new", "my_flow").strip() == "strategies/my_flow.py"
    rows = {row["name"]: row for row in json.loads(said(capsys, "strategy", "list", "--json"))}
    assert (rows["my_flow"]["enabled"], rows["my_flow"]["built_in"]) == (False, False)
    assert rows["wall_fade"]["built_in"]

    told = paper(capsys, "my_flow")

    assert told["disabled_strategies"] == {}
    assert {trade["strategy"] for trade in told["report"]["trades"]} == {"my_flow"}
    assert told["decisions"]["fills"] > 0


def test_one_that_raises_is_told_about_and_does_not_stop_the_others(
    at_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said(capsys, "strategy", "new", "my_flow")
    (at_home / "strategies" / "broken.py").write_text(RAISES)

    told = paper(capsys, "broken,my_flow")

    assert told["disabled_strategies"] == {"broken": "ZeroDivisionError: of the user"}
    assert told["decisions"]["fills"] > 0


@pytest.mark.parametrize("name", ["My", "1st", "a-b", "", "wall_fade", "x/y"])
def test_a_name_that_cannot_be_or_is_taken_writes_nothing(
    name: str, at_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["strategy", "new", name]) == 2
    assert "strategy new:" in capsys.readouterr().err
    assert list(at_home.rglob("*.py")) == []


def test_a_file_that_is_there_is_not_overwritten(at_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said(capsys, "strategy", "new", "mine")
    path = at_home / "strategies" / "mine.py"
    path.write_text("x = 1\n")

    assert main(["strategy", "new", "mine"]) == 2
    assert path.read_text() == "x = 1\n"


def test_every_field_and_wish_the_page_names_exists(repo: Path) -> None:
    import re

    from bot.core import messages, wishes

    page = (repo / "docs" / "strategies.md").read_text()
    for word in re.findall(r"`view\.(\w+)`", page):
        assert word in messages.MarketView.__dataclass_fields__
    for word in re.findall(r"`trade\.(\w+)`", page):
        assert word in messages.TradeView.__dataclass_fields__
    named = set(re.findall(r"^\| `(\w+)\(view, ", page, re.MULTILINE))
    assert named - {"manage"} == {"enter", "watch", "reduce", "move_stop", "cancel_entry"}
    assert all(hasattr(wishes, word) for word in named - {"manage"})
