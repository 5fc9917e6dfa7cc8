"""One session on two venues: the traded one, and a reference that only informs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("aiohttp")

from bot.market.events import Kind
from bot.market.importers.cryptofeed import cryptofeed_frames
from bot.rehearsal.frame_player import FramePlayer
from tests.rehearsal.local_server import in_a_thread, serving, warm_decoder
from tests.rehearsal.plain_world import PlainWorld
from tests.rehearsal.test_frame_player import playing
from tests.sessions import backtest, config_in, rows_of, run

SECONDS = 12.0


def test_two_venues_are_heard_in_one_stream_that_replays(data_dir: Path, tmp_path: Path) -> None:
    frames = list(cryptofeed_frames([data_dir / "cryptofeed" / "BYBIT.jsonl.zst"], "linear"))
    warm_decoder()
    player = FramePlayer(frames, 2.0)
    with (
        in_a_thread(lambda: serving(PlainWorld(every_s=0.1))) as server,
        in_a_thread(lambda: playing(player)) as hosts,
    ):
        urls = f"binance={server.hosts.rest},bybit={hosts.rest}"
        config = config_in(tmp_path, **{"market.urls": urls, "market.references": "bybit"})
        symbols = ("BTCUSDT", "ETHUSDT")
        result = run(tmp_path, config=config, market="live", symbols=symbols, duration_s=SECONDS, speed=1.0)

    assert result.summary["markets"] == [
        *("binance-usdm:BTCUSDT", "binance-usdm:ETHUSDT"),
        *("bybit-linear:BTCUSDT", "bybit-linear:ETHUSDT"),
    ]
    tape = Path(result.summary["recorded_to"])
    rows = rows_of(tape)
    books = rows[rows["kind"] == Kind.COMMIT]
    assert np.bincount(books["market"], minlength=4).min() > 50
    assert (np.diff(rows["seq"].astype(np.int64)) == 1).all()
    assert (np.diff(rows["recv_ns"]) >= 0).all()

    again = backtest(tmp_path, tape, session="again")
    assert again.summary["decision_hash"] == result.summary["decision_hash"]
