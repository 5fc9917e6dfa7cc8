"""Whatever is wrong with what people give us: one line, the right exit code, nothing half-written."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from bot.cli.main import main


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory; sessions go below it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOPSIDE_STORAGE__FOLDER", "sessions")
    monkeypatch.delenv("LOPSIDE_CONFIG", raising=False)
    return tmp_path


def written(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    return str(path)


def truncated_gzip(folder: Path) -> str:
    whole = gzip.compress(b"1723161255088169167 {}\n" * 5000)
    return written(folder / "cut.gz", whole[: len(whole) // 2])


def complaint(capsys: pytest.CaptureFixture[str], code: int, arguments: list[str]) -> str:
    """The message of a command that must fail with `code` and one line."""
    assert main(arguments) == code
    said = capsys.readouterr()
    assert said.out == ""
    (line,) = said.err.strip().splitlines()
    assert line.startswith("error: ")
    return line


def test_a_missing_recording(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = complaint(capsys, 2, ["import", "binance-raw", "absent.gz", "-o", "out.tape"])
    assert "absent.gz" in line
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "venue", "says"),
    [
        (b"", "okx", "found none"),
        (b"hello\n", "okx", "recording of cryptofeed"),
        (b"hello\n", "kraken", "hyperliquid, was 'kraken'"),
        (b"\x28\xb5\x2f\xfd hello", "okx", "cannot be read"),
        (b"0 lopside {}\n", "okx", "recording of cryptofeed"),
        (b'0 lopside {"venue":"okx","format":2}\n', "", "name it with --venue"),
        (b'0 lopside {"venue":"okx"}\n5 public\n', "bybit", "expected recordings of bybit-linear, was okx"),
    ],
)
def test_frames_of_another_kind(
    folder: Path, capsys: pytest.CaptureFixture[str], content: bytes, venue: str, says: str
) -> None:
    path = written(folder / "frames", content)
    line = complaint(capsys, 2, ["import", "frames", path, "--venue", venue, "-o", "out.tape"])
    assert says in line
    assert [p.name for p in folder.iterdir()] == ["frames"]


def test_truncated_frames(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = truncated_gzip(folder)
    line = complaint(capsys, 2, ["import", "frames", path, "--venue", "okx", "-o", "out.tape"])
    assert "cut.gz" in line
    assert not (folder / "out.tape").exists()


def test_a_truncated_gzip(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = truncated_gzip(folder)
    line = complaint(capsys, 2, ["import", "binance-raw", path, "-o", "out.tape"])
    assert "cut.gz" in line
    assert [p.name for p in folder.iterdir()] == ["cut.gz"]


@pytest.mark.parametrize("content", [b"", b"hello\nworld\n", b"\x00\xff" * 500, b"PAR1 but not really"])
def test_a_wrong_format(folder: Path, capsys: pytest.CaptureFixture[str], content: bytes) -> None:
    path = written(folder / "odd", content)
    complaint(capsys, 2, ["import", "binance-raw", path, "-o", "out.tape"])
    for command in (["tape", "info", path], ["tape", "verify", path], ["backtest", path]):
        assert "odd" in complaint(capsys, 2, command)
    assert [p.name for p in folder.iterdir()] == ["odd"]


def test_a_missing_tape_leaves_no_session(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in (
        ["backtest", "absent.tape"],
        ["paper", "--tape", "absent.tape"],
        ["tape", "book", "absent.tape", "--at", "1"],
    ):
        assert "absent.tape" in complaint(capsys, 2, command)
    assert list(folder.iterdir()) == []


def test_an_unknown_symbol(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "NOSUCHUSDT" in complaint(capsys, 2, ["paper", "--symbols", "NOSUCHUSDT", "--for", "1s"])
    instrument = ["--instrument", "nonsense"]
    file = written(folder / "x", b"")
    line = complaint(capsys, 2, ["import", "binance-raw", file, "-o", "t.tape", *instrument])
    assert "--instrument" in line


def test_unknown_keys_and_impossible_limits(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for text, expected in (
        (b"risk:\n  daily_los: 0.1\n", "did you mean 'risk.daily_loss'?"),
        (b"risk:\n  daily_loss: 2\n", "risk.daily_loss"),
        (b"risk:\n  max_leverage: 7\n", "exceeds max_exposure"),
        (b"strategies:\n  enabled: [thin_side_brekout]\n", "thin_side_brekout"),
    ):
        file = written(folder / "bad.yaml", text)
        assert expected in complaint(capsys, 3, ["paper", "--config", file, "--for", "1s"])
    assert [p.name for p in folder.iterdir()] == ["bad.yaml"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--speed", "fast"], "--speed"),
        (["--market", "replay"], "--tape"),
        (["--market", "demo", "--tape", "x"], "--tape"),
    ],
)
def test_options_that_make_no_sense(
    arguments: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert expected in complaint(capsys, 2, ["paper", *arguments])


@pytest.mark.parametrize("arguments", [["--for", "soon"], ["--speed", "-3"], ["--session", "../up"]])
def test_options_that_are_no_configuration(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    complaint(capsys, 3, ["paper", *arguments])


def test_sessions_and_ids_that_are_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert "no session 'paper'" in complaint(capsys, 2, ["report"])
    assert "no session 'x'" in complaint(capsys, 2, ["why", "abc", "--session", "x"])


def test_a_table_of_features_needs_a_known_ending(capsys: pytest.CaptureFixture[str]) -> None:
    assert ".parquet" in complaint(capsys, 2, ["features", "x.tape", "-o", "out.xls"])


def test_an_unknown_command_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["papr"]) == 2
    assert main(["paper", "--no-such-option"]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_said_in_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOPSIDE_STORAGE__FOLDER", written(folder / "file", b""))
    complaint(capsys, 1, ["paper", "--for", "1s"])
