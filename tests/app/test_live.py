"""Live sessions against local servers over real sockets: run, recorded, faulted, replayed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("aiohttp")

from bot.app.live import changed
from bot.app.session import SessionResult
from bot.cli.main import main
from bot.core.enums import Trust
from bot.market.doubts import Doubt, verdict_with
from bot.market.events import Flag, Kind
from bot.market.instruments import find
from bot.operate.status import Status
from bot.rehearsal.faults import Fault
from tests.rehearsal.local_server import Server, in_a_thread, serving, warm_decoder
from tests.rehearsal.plain_world import PlainWorld
from tests.sessions import backtest, config_in, rows_of, run

SECONDS = 12.0
CROSSED_AFTER_S = 4.0
NOBODY = "binance=http://127.0.0.1:9"


@dataclass
class Live:
    result: SessionResult
    tape: Path
    rows: np.ndarray
    crossed_ns: int
    news: list[tuple[str, dict[str, Any]]]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with in_a_thread(lambda: serving(PlainWorld(every_s=0.1))) as found:
        yield found


@pytest.fixture(scope="module")
def live(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Live:
    """A paper session that sees a crossed book on its way."""
    warm_decoder()
    folder = tmp_path_factory.mktemp("live")
    config = config_in(folder, **{"market.urls": f"binance={server.hosts.rest}"})
    news: list[tuple[str, dict[str, Any]]] = []
    crossing: list[bool] = []

    def on_status(status: Status) -> None:
        if status.elapsed_s >= CROSSED_AFTER_S and not crossing:
            crossing.append(True)
            server.faults.begin(Fault.CROSSED, count=1, symbol="BTCUSDT")

    result = run(
        folder,
        config=config,
        market="live",
        symbols=("BTCUSDT", "ETHUSDT"),
        duration_s=SECONDS,
        speed=1.0,
        on_status=on_status,
        on_warning=lambda what, detail: news.append((what, dict(detail))),
    )
    tape = Path(result.summary["recorded_to"])
    struck = [s.at_ns for s in server.faults.struck if s.fault is Fault.CROSSED]
    return Live(result, tape, rows_of(tape), struck[0], news)


def test_a_live_session_runs_and_records_by_itself(live: Live) -> None:
    summary = live.result.summary
    assert summary["markets"] == ["binance-usdm:BTCUSDT", "binance-usdm:ETHUSDT"]
    assert summary["ticks"] >= 1
    assert summary["rows"] == len(live.rows) > 1000
    assert summary["lost_rows"] == 0
    assert {Kind.TIMER, Kind.TRUST, Kind.MARK, Kind.TRADE, Kind.OPEN_INTEREST} <= set(live.rows["kind"])


def test_its_tape_replays_to_the_same_decisions(live: Live, tmp_path: Path) -> None:
    again = backtest(tmp_path, live.tape, session="again")

    assert again.summary["decision_hash"] == live.result.summary["decision_hash"]
    assert again.summary["decisions"] == live.result.summary["decisions"]


def test_a_crossed_book_is_begun_anew(live: Live) -> None:
    rows = live.rows[(live.rows["market"] == 0) & (live.rows["recv_ns"] >= live.crossed_ns)]
    gaps = rows["recv_ns"][rows["kind"] == Kind.GAP]
    joins = rows["recv_ns"][(rows["kind"] == Kind.COMMIT) & (rows["flags"] & Flag.SNAPSHOT != 0)]

    assert gaps.size, live.news
    assert gaps[0] - live.crossed_ns < 2e9
    assert joins.size
    assert joins[0] - gaps[0] < 5e9


def test_people_are_told(live: Live) -> None:
    told = [what for what, _ in live.news]
    assert "books_restarted" in told
    assert "feed_disconnected" in told


def test_a_book_joined_anew_is_doubted_until_it_is_confirmed(live: Live) -> None:
    doubts = live.rows[(live.rows["kind"] == Kind.TRUST) & (live.rows["market"] == 0)]["value"].tolist()
    assert doubts[:2] == [Doubt.UNPROVEN, Doubt.NONE]
    assert doubts[-1] == Doubt.NONE


@pytest.mark.parametrize(
    ("doubt", "shown", "expected"),
    [
        (Doubt.NONE, Trust.TRUSTED, Trust.TRUSTED),
        (Doubt.UNPROVEN, Trust.TRUSTED, Trust.SUSPECT),
        (Doubt.UNPROVEN, Trust.QUARANTINED, Trust.QUARANTINED),
        (Doubt.SILENT, Trust.TRUSTED, Trust.QUARANTINED),
        (Doubt.AUDIT, Trust.SUSPECT, Trust.QUARANTINED),
    ],
)
def test_the_worse_of_two_verdicts_counts(doubt: Doubt, shown: Trust, expected: Trust) -> None:
    trust, why = verdict_with(doubt, shown, "what the ladder shows")
    assert trust is expected
    assert why


def test_without_a_network_paper_says_so_and_names_the_demo_market(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["paper", "--venue", "binance", "--url", NOBODY]) == 1
    said = capsys.readouterr().err
    assert said.count("error:") == 1
    assert "--market demo" in said
    assert "doctor" in said


def test_without_a_network_doctor_says_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["doctor", "--url", NOBODY, "--json"]) == 1
    found = {f["what"]: f for f in json.loads(capsys.readouterr().out)}
    assert found["disk"]["state"] in ("fine", "warning")
    assert found["binance-usdm"]["state"] == "bad"
    assert found["binance-usdm"]["advice"]


def test_doctor_hears_a_venue_that_is_there(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    main(["doctor", "--url", f"binance={server.hosts.rest}", "--json"])
    found = {f["what"]: f for f in json.loads(capsys.readouterr().out)}
    assert found["binance-usdm"]["state"] == "fine"
    assert found["clock"]["state"] == "fine"
    assert found["binance-usdm streams"]["state"] == "fine", found


def test_what_is_recorded_raw_decodes_to_the_tape_beside_it(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    url = f"binance={server.hosts.rest}"
    asked = ["record", "--venue", "binance", "--symbols", "BTCUSDT", "--url", url]
    assert main([*asked, "--for", "3s", "-o", "rec", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["gaps"] == 0
    raw = [str(p) for p in Path("rec/raw").iterdir()]
    assert main(["import", "frames", "--venue", "binance", *raw, "-o", "again.tape"]) == 0

    taped, again = rows_of(Path("rec/tape")), rows_of(Path("again.tape"))
    taped = taped[taped["kind"] != Kind.TRUST]
    for name in ("recv_ns", "exch_ns", "ref", "price", "value", "kind", "side", "flags"):
        assert taped[name].tolist() == again[name].tolist(), name


def test_a_tick_that_changes_is_told_as_a_row() -> None:
    ours = (find("binance-usdm:BTCUSDT"), find("binance-usdm:ETHUSDT"))
    theirs = (ours[0], replace(ours[1], tick=Decimal("0.05")))

    assert changed(ours, ours) == []
    [(row, reason)] = changed(ours, theirs)
    assert (row["kind"][0], row["market"][0], row["ref"][0]) == (Kind.INSTRUMENT, 1, ours[1].version + 1)
    assert "0.05" in reason
