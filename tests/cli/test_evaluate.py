"""`lopside evaluate` from tape to tables, JSON and page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bot.cli.main import main
from bot.market.synthetic import SyntheticMarket, write_truth
from bot.market.tape import TapeHeader, TapeWriter
from bot.signals.registry import card_names

START_NS = 1_767_225_600 * 1_000_000_000
S = 300.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five minutes of the demo market in two tapes, with what was planted."""
    folder = tmp_path_factory.mktemp("evaluate")
    market = SyntheticMarket(5, ("BTCUSDT",), START_NS, S)
    writers = [TapeWriter(folder / name, TapeHeader(market.instruments)) for name in ("1.tape", "2.tape")]
    for rows in market.batches():
        writers[int(rows[0]["recv_ns"] > START_NS + S / 2 * 1e9)].append(rows)
    for writer in writers:
        writer.close()
    write_truth(market.truth(), folder / "truth.jsonl")
    (folder / "odd.jsonl").write_text("no record\n")
    return folder


def told(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    assert main(["evaluate", *map(str, arguments)]) == 0
    return capsys.readouterr().out


def test_json_has_every_figure_and_no_nan(folder, capsys):
    tapes = [folder / "1.tape", folder / "2.tape"]
    text = told(capsys, *tapes, "--truth", folder / "truth.jsonl", "--json")
    assert "NaN" not in text
    assert "Infinity" not in text
    found = json.loads(text)
    assert found["tapes"] == [str(tape) for tape in tapes]
    assert found["span_s"] == pytest.approx(S, abs=2.0), "both tapes are one stream"
    assert {f["source"] for f in found["flows"]} == {"ladder", "bbo"}
    assert {(c["card"], c["mode"]) for c in found["cards"]} <= {
        (name, mode) for name in (*card_names(), "composite") for mode in ("scalp", "day", "swing")
    }
    (composite,) = [c for c in found["cards"] if (c["card"], c["mode"]) == ("composite", "scalp")]
    assert {"n", "ic", "ic_interval", "r2_same", "r2_next", "brier", "hit_interval", "leaks"} <= set(
        composite
    )
    assert sum(b["n"] for b in composite["calibration"]) <= composite["n"]
    assert sum(found["planted"].values()) == len((folder / "truth.jsonl").read_text().splitlines())
    assert {d["detector"] for d in found["detectors"]} <= {"walls", "thin"}


def test_the_same_tapes_give_the_same_figures(folder, capsys):
    assert told(capsys, folder / "1.tape", "--json") == told(capsys, folder / "1.tape", "--json")


def test_people_get_tables_that_keep_explaining_and_forecasting_apart(folder, capsys):
    text = told(capsys, folder / "1.tape", folder / "2.tape", "--truth", folder / "truth.jsonl")
    for words in ("R² same interval", "R² next", "Queue imbalance", "composite", "Walls", "costs are not in"):
        assert words in text, words


def test_the_page_is_written_beside_the_tables(folder, capsys, tmp_path):
    pytest.importorskip("matplotlib", reason="plots need the extra `charts`")
    told(capsys, folder / "1.tape", "--html", tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text().startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["absent.tape"], "absent.tape"),
        (["1.tape", "--truth", "absent.jsonl"], "absent.jsonl"),
        (["1.tape", "--truth", "odd.jsonl"], "odd.jsonl, line 1"),
        (["odd.jsonl"], "odd.jsonl"),
    ],
)
def test_what_cannot_be_read_is_named_in_one_line_and_leaves_no_page(
    folder, capsys, monkeypatch, arguments, named
):
    monkeypatch.chdir(folder)
    before = sorted(folder.iterdir())
    assert main(["evaluate", *arguments, "--html", "page.html"]) in (1, 2)
    said = capsys.readouterr()
    assert said.out == ""
    (line,) = said.err.strip().splitlines()
    assert line.startswith("error: ")
    assert named in line
    assert sorted(folder.iterdir()) == before


def test_a_tape_without_a_book_is_said(capsys, tmp_path):
    with TapeWriter(
        tmp_path / "empty.tape", TapeHeader(SyntheticMarket(1, ("BTCUSDT",), 0, 0.0).instruments)
    ):
        pass
    assert main(["evaluate", str(tmp_path / "empty.tape")]) == 2
    assert "nothing can be judged" in capsys.readouterr().err
