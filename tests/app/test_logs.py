from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from bot.app.config import LoggingConfig
from bot.app.logs import BLACK, Redaction, session_log
from bot.core.errors import BadInput


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "lopside.log").read_text().splitlines()]


def test_a_line_is_json_with_time_level_event_and_figures(tmp_path: Path) -> None:
    with session_log(tmp_path, LoggingConfig(), {}) as log:
        log.info("started", seed=7, folder=tmp_path)
    (line,) = lines(tmp_path)
    assert (line["level"], line["event"], line["seed"]) == ("info", "started", 7)
    assert line["time"].endswith("+00:00")


@pytest.mark.parametrize(
    "said",
    [
        {"api_key": "hunter2-hunter2"},
        {"headers": {"Authorization": "Bearer hunter2-hunter2"}},
        {"url": "wss://x/ws?listenKey=1&signature=hunter2-hunter2&a=b"},
        {"body": '{"api_secret": "hunter2-hunter2"}'},
        {"error": "login failed: password=hunter2-hunter2"},
        {"nested": [{"telegram_token": "hunter2-hunter2"}]},
        {"anything": "the value of the environment hunter2-hunter2 in a text"},
    ],
)
def test_secrets_never_reach_the_file(tmp_path: Path, said: dict[str, Any]) -> None:
    with session_log(tmp_path, LoggingConfig(), {"BINANCE_API_SECRET": "hunter2-hunter2"}) as log:
        log.info("said", **said)
    text = (tmp_path / "lopside.log").read_text()
    assert "hunter2" not in text
    assert BLACK in text


@pytest.mark.parametrize(
    "said", [{"api_key": "abcdef-123"}, {"t": "token: abcdef-123"}, {"h": "Authorization: Bearer abcdef-123"}]
)
def test_names_are_enough_to_recognise_a_secret(said: dict[str, Any]) -> None:
    assert "abcdef" not in json.dumps(Redaction({}).clean(said))


def test_other_words_are_left_alone() -> None:
    said = {"symbol": "BTCUSDT", "text": "a wall of 3 lots; key levels", "value": 1.5, "nothing": None}
    assert Redaction({"HOME_TOKEN": "abc"}).clean(said) == said  # too short to look for


def test_secrets_in_a_traceback_are_blacked_out(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), session_log(tmp_path, LoggingConfig(), {"X_TOKEN": "opensesame"}):
        raise ZeroDivisionError("while using opensesame")
    (line,) = lines(tmp_path)
    assert "ZeroDivisionError" in line["traceback"]
    assert "opensesame" not in json.dumps(line)


def test_a_start_that_fails_leaves_no_folder(tmp_path: Path) -> None:
    folder = tmp_path / "session"
    with pytest.raises(BadInput), session_log(folder, LoggingConfig(), {}):
        raise BadInput("no such tape")
    assert not folder.exists()


def test_lines_wait_for_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "session"
    with session_log(folder, LoggingConfig(), {}) as log:
        log.info("started")
        folder.mkdir()
        log.info("ended")
    assert [line["event"] for line in lines(folder)] == ["started", "ended"]


def test_the_file_is_rotated_and_the_oldest_dropped(tmp_path: Path) -> None:
    with session_log(tmp_path, LoggingConfig(max_mb=0.001, backups=2), {}) as log:
        for n in range(60):
            log.info("tick", n=n)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["lopside.log", "lopside.log.1", "lopside.log.2"]
    assert lines(tmp_path)[-1]["n"] == 59


def test_the_level_and_libraries(tmp_path: Path) -> None:
    with session_log(tmp_path, LoggingConfig(level="warning"), {}) as log:
        log.info("quiet")
        logging.getLogger("elsewhere").warning("from a library")
    (line,) = lines(tmp_path)
    assert line["from"] == "elsewhere"
    assert logging.getLogger().handlers == [
        h for h in logging.getLogger().handlers if "Lines" not in type(h).__name__
    ]
