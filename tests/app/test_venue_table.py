"""Instruments of a venue: asked once a day, kept, and never silently out of date."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.app.markets import LIVE_SYMBOLS, symbol_on
from bot.app.quota import Quota
from bot.app.venue_table import EXPIRES_NS, CannotAsk, Markets, from_ccxt, instruments_of
from bot.core.errors import BadInput
from bot.market.instruments import Contract, find
from bot.market.venues.protocol import Hosts

BTC = find("binance-usdm:BTCUSDT")
NEWER = replace(BTC, tick=Decimal("0.5"), version=2)


class Venue:
    """Answers with one table, or not at all."""

    def __init__(self, answer: Markets | None) -> None:
        self.answer, self.asked = answer, 0
        self.news: list[str] = []

    def ask(self, venue: str, hosts: Hosts | None) -> Markets:
        self.asked += 1
        if self.answer is None:
            raise CannotAsk("no network")
        return self.answer

    def get(self, folder: Path, now_ns: int, *symbols: str, hosts: Hosts | None = None) -> Any:
        return instruments_of(
            "binance-usdm",
            symbols or ("BTCUSDT",),
            folder,
            now_ns,
            hosts=hosts,
            ask=self.ask,
            on_news=lambda what, detail: self.news.append(str(detail["reason"])),
        )


def test_the_venue_is_asked_once_a_day(tmp_path: Path) -> None:
    venue = Venue({"BTCUSDT": NEWER})
    assert venue.get(tmp_path, 1000) == (NEWER,)
    assert venue.get(tmp_path, 2000) == (NEWER,)
    assert venue.asked == 1
    venue.get(tmp_path, 1000 + EXPIRES_NS)
    assert venue.asked == 2


def test_without_an_answer_the_last_one_serves_and_is_said(tmp_path: Path) -> None:
    Venue({"BTCUSDT": NEWER}).get(tmp_path, 1000)
    silent = Venue(None)
    assert silent.get(tmp_path, 1000 + EXPIRES_NS) == (NEWER,)
    assert "last known" in silent.news[0]


def test_without_any_answer_the_shipped_table_serves_and_is_said(tmp_path: Path) -> None:
    silent = Venue(None)
    assert silent.get(tmp_path, 1000) == (BTC,)
    assert "shipped" in silent.news[0]


def test_a_server_in_the_venues_place_is_always_asked_and_its_last_answer_serves_where_it_is_silent(
    tmp_path: Path,
) -> None:
    """A restart while the server refuses to be asked must find the ticks and lots of its open trades."""
    here, there = (Hosts(ws=f"ws://127.0.0.1:{port}", rest=f"http://127.0.0.1:{port}") for port in (1, 2))
    server = Venue({"BTCUSDT": NEWER})
    server.get(tmp_path, 1000, hosts=here)
    assert server.get(tmp_path, 1001, hosts=here) == (NEWER,)
    assert server.asked == 2

    silent = Venue(None)
    assert silent.get(tmp_path, 1002, hosts=here) == (NEWER,)
    assert "last known" in silent.news[0]
    assert silent.get(tmp_path, 1003, hosts=there) == (BTC,), "another server's answer"
    assert silent.get(tmp_path, 1004) == (BTC,), "the venue itself did not say that"


def test_an_answer_that_cannot_be_kept_serves_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    assert Venue({"BTCUSDT": NEWER}).get(tmp_path / "file", 1000) == (NEWER,)


def test_a_damaged_file_is_asked_again(tmp_path: Path) -> None:
    (tmp_path / "binance-usdm.json").write_text('{"asked_ns": 5, "markets": [{')
    venue = Venue({"BTCUSDT": NEWER})
    assert venue.get(tmp_path, 6) == (NEWER,)


def test_an_unknown_symbol_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="BTCUSD"):
        Venue({"BTCUSDT": BTC}).get(tmp_path, 1, "BTCUSDX")


def test_a_ccxt_market_becomes_an_instrument_with_exact_steps() -> None:
    market = {
        "id": "1000PEPEUSDT",
        "base": "1000PEPE",
        "quote": "USDT",
        "settle": "USDT",
        "precision": {"price": 1e-7, "amount": 1.0},
        "limits": {"cost": {"min": 5.0}, "leverage": {"max": 75.0}},
        "contractSize": 1.0,
    }
    made = from_ccxt("binance-usdm", market)
    assert made is not None
    assert (made.tick, made.lot, made.contract) == (Decimal("0.0000001"), Decimal(1), Contract.LINEAR)
    assert from_ccxt("binance-usdm", {**market, "precision": {"price": None, "amount": 1.0}}) is None


@pytest.mark.parametrize(
    ("venue", "names"),
    [
        ("binance-usdm", ("BTCUSDT", "1000PEPEUSDT")),
        ("bybit-linear", ("BTCUSDT", "1000PEPEUSDT")),
        ("okx", ("BTC-USDT-SWAP", "PEPE-USDT-SWAP")),
        ("hyperliquid", ("BTC", "kPEPE")),
    ],
)
def test_a_market_has_its_venues_name(venue: str, names: tuple[str, str]) -> None:
    assert tuple(symbol_on(venue, s) for s in ("BTCUSDT", "1000PEPEUSDT")) == names
    assert symbol_on(venue, names[0]) == names[0], "the venue's own name stays"


def test_every_default_symbol_is_in_the_shipped_table() -> None:
    assert len(LIVE_SYMBOLS) == 21
    for symbol in LIVE_SYMBOLS:
        find(f"binance-usdm:{symbol}")


def test_the_oldest_recordings_make_room(tmp_path: Path) -> None:
    import os

    for age, name in enumerate(("c", "b", "a")):
        path = tmp_path / name / "000001.log"
        path.parent.mkdir()
        path.write_bytes(bytes(1000))
        os.utime(path, ns=(10**18 - age * 10**12,) * 2)
    quota = Quota(tmp_path, 1500, 0)

    assert quota.drop_oldest(frozenset({tmp_path / "a" / "000001.log"})) == 2000
    assert [p.parent.name for p in tmp_path.rglob("*.log")] == ["a"]


def test_a_full_disk_is_said_in_words(tmp_path: Path) -> None:
    assert Quota.of(tmp_path, 0, 0).room() == ""
    assert "storage.min_free_mb" in Quota.of(tmp_path / "not there yet", 0, 1e12).room()
