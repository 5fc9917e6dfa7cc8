from pathlib import Path

import pytest

from bot.core.errors import BadInput
from bot.market.instruments import find
from bot.market.tape.raw import RawFrame, RawReader, RawWriter, What, is_raw
from bot.market.venues.protocol import Asked

BTC = find("bybit-linear:BTCUSDT")


def record(path: Path, n: int = 3) -> RawWriter:
    writer = RawWriter(path, "bybit-linear", [BTC])
    writer.connected(10, "public", "wss://example/ws")
    for i in range(n):
        writer.frame(20 + i, "public", b'{"a":\n%d}' % i)
    writer.answer(30 + n, Asked.SNAPSHOT, "BTCUSDT", b'{"lastUpdateId":1}')
    writer.disconnected(40 + n, "public", "closed by the venue")
    return writer


@pytest.mark.parametrize("suffix", ["zst", "gz", "txt"])
def test_what_was_written_is_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"frames.{suffix}"
    record(path, n=1).close()
    reader = RawReader(path)
    assert reader.header.venue == "bybit-linear"
    assert reader.header.made() == [BTC]
    assert list(reader) == [
        RawFrame(What.CONNECTED, 10, "public", b"wss://example/ws"),
        RawFrame(What.FRAME, 20, "public", b'{"a": 0}'),
        RawFrame(What.ANSWER, 31, "", b'{"lastUpdateId":1}', Asked.SNAPSHOT, "BTCUSDT"),
        RawFrame(What.DISCONNECTED, 41, "public", b"closed by the venue"),
    ]
    assert not reader.torn


@pytest.mark.parametrize("suffix", ["zst", "gz", "txt"])
def test_what_was_flushed_before_a_crash_is_read(tmp_path: Path, suffix: str) -> None:
    path, torn = tmp_path / f"frames.{suffix}", tmp_path / f"torn.{suffix}"
    writer = record(path, n=5_000)
    writer.flush()
    flushed = path.stat().st_size
    writer.frame(9_999_999, "public", bytes(range(48, 58)) * 40_000)
    writer.close()
    torn.write_bytes(path.read_bytes()[: flushed + 3])
    reader = RawReader(torn)
    frames = list(reader)
    assert len(frames) == 5_003
    assert frames[-1].what is What.DISCONNECTED
    assert reader.torn


def test_a_recording_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "frames.zst"
    record(path).close()
    with pytest.raises(FileExistsError):
        record(path)


@pytest.mark.parametrize(
    "text", [b"", b"1723161255030314667 {}\n", b"0 lopside {}\n", b'0 lopside {"venue":"x","format":9}\n']
)
def test_other_files_are_told_apart(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "other.txt"
    path.write_bytes(text)
    assert not is_raw(path)
    with pytest.raises(BadInput, match=r"other\.txt"):
        RawReader(path)


def test_a_line_without_a_stamp_is_named(tmp_path: Path) -> None:
    path = tmp_path / "frames.txt"
    path.write_bytes(b'0 lopside {"venue":"okx"}\n5 public {}\nnonsense\n')
    with pytest.raises(BadInput, match=r"frames\.txt:3"):
        list(RawReader(path))
