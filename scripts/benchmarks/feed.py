"""From the bytes of a frame to rows, book and features: `python -m scripts.benchmarks.feed --data FOLDER`.

The same recorded frames, message by message, through our decoder and loop with
every feature awake, and through the handler of ccxt.pro, which keeps a book
and lists of trades. Neither has a socket; both parse the text themselves. OKX
and Hyperliquid get the market of the Binance recording in their own words.
Then the whole way from a server's send, over sockets (`way`).
"""

# mypy: disallow-untyped-defs=False

from __future__ import annotations

import argparse
import asyncio
import gc
import gzip
import json
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bot.core.errors import BadInput
from bot.engine.kernel import Ctl, Stop, advance, new_state
from bot.market.book import grow
from bot.market.events import RowBuffer
from bot.market.importers.cryptofeed import cryptofeed_frames
from bot.market.instruments import find
from bot.market.tape.raw import What
from bot.market.venues.known import stream_of
from scripts.benchmarks.way import figures as way_figures

BTC_RECORDING = "hftbacktest/usdm/btcusdt_20240808.gz"
BYBIT_RECORDING = "cryptofeed/BYBIT.jsonl.zst"
BYBIT_COINS = ("BTC", "ETH", "SOL", "DOGE")
AROUND_28 = range(24, 33)
"""Levels of a depth message that counts as the 28-level one of the target."""

LOTS = {"okx:BTC-USDT-SWAP": "0.001", "hyperliquid:BTC": "0.001"}
"""As in the recording their frames are made from."""

Timed = dict[str, list[float]]


class Frame(NamedTuple):
    recv_ns: int
    payload: bytes
    kind: str


def binance_frames(data: Path, most: int) -> Iterator[Frame]:
    with gzip.open(data / BTC_RECORDING) as lines:
        for _, line in zip(range(most), lines, strict=False):
            stamp, _, payload = line.strip().partition(b" ")
            name = payload[:40].partition(b"@")[2].partition(b'"')[0].partition(b"@")[0].decode()
            levels = payload.count(b'","')
            kind = "depth, 24-32 levels" if name == "depth" and levels in AROUND_28 else name or "snapshot"
            yield Frame(int(stamp), payload, kind)


def bybit_frames(data: Path, most: int) -> Iterator[Frame]:
    frames = cryptofeed_frames([data / BYBIT_RECORDING], "/linear")
    for _, frame in zip(range(most), frames, strict=False):
        if frame.what is What.FRAME and frame.payload.startswith(b'{"topic":"'):
            kind = frame.payload[10:].partition(b".")[0].decode()
            if kind != "kline":
                yield Frame(frame.recv_ns, frame.payload, kind)


def okx_frames(data: Path, most: int) -> Iterator[Frame]:
    """The recorded market of Binance as OKX would write it, its book begun by its first change."""
    began = False
    for frame, told in _told(data, most):
        instrument, stamp = "BTC-USDT-SWAP", str(told.get("E", 0))
        if frame.kind.startswith("depth"):
            sides = {name: [[p, q, "0", "1"] for p, q in told[name[0]]] for name in ("asks", "bids")}
            ids = {"checksum": 0, "prevSeqId": told["pu"] if began else -1, "seqId": told["u"]}
            action, began = "update" if began else "snapshot", True
            yield _okx(frame, "books", {**sides, "ts": stamp, **ids}, action=action)
        elif frame.kind == "bookTicker":
            best = {"asks": [[told["a"], told["A"], "0", "1"]], "bids": [[told["b"], told["B"], "0", "1"]]}
            yield _okx(frame, "bbo-tbt", {**best, "ts": stamp, "seqId": told["u"]})
        elif frame.kind == "trade" and told["X"] == "MARKET":
            side = "sell" if told["m"] else "buy"
            one = {"instId": instrument, "tradeId": str(told["t"]), "px": told["p"], "sz": told["q"]}
            yield _okx(frame, "trades", {**one, "side": side, "ts": stamp, "count": "1"})


def _okx(frame: Frame, channel: str, data: dict[str, Any], **more: str) -> Frame:
    told = {"arg": {"channel": channel, "instId": "BTC-USDT-SWAP"}, **more, "data": [data]}
    return frame._replace(payload=json.dumps(told, separators=(",", ":")).encode())


def hyperliquid_frames(data: Path, most: int) -> Iterator[Frame]:
    """The same as Hyperliquid would write it; what changed stands for its book, which it sends whole."""
    for frame, told in _told(data, most):
        time_ms = told.get("E", 0)
        if frame.kind.startswith("depth"):
            sides = [[_size(p, q) for p, q in told[name] if float(q)] for name in ("b", "a")]
            yield _hyperliquid(frame, "l2Book", {"coin": "BTC", "time": time_ms, "levels": sides})
        elif frame.kind == "bookTicker":
            best = [_size(told["b"], told["B"]), _size(told["a"], told["A"])]
            yield _hyperliquid(frame, "bbo", {"coin": "BTC", "time": time_ms, "bbo": best})
        elif frame.kind == "trade" and told["X"] == "MARKET":
            side = "A" if told["m"] else "B"
            one = {"coin": "BTC", "side": side, "px": told["p"], "sz": told["q"], "time": time_ms}
            users = {"hash": "0x" + "0" * 64, "tid": told["t"], "users": ["0x" + "1" * 40, "0x" + "2" * 40]}
            yield _hyperliquid(frame, "trades", [one | users])


def _size(price: str, size: str) -> dict[str, Any]:
    return {"px": price, "sz": size, "n": 1}


def _hyperliquid(frame: Frame, channel: str, data: Any) -> Frame:
    told = {"channel": channel, "data": data}
    return frame._replace(payload=json.dumps(told, separators=(",", ":")).encode())


def _told(data: Path, most: int) -> Iterator[tuple[Frame, dict[str, Any]]]:
    """Frames with what is in them; 28 levels are counted anew where zeros go."""
    for frame in binance_frames(data, most):
        if frame.kind != "snapshot":
            yield frame, json.loads(frame.payload)["data"]


def ours(venue: str, keys: list[str], frames: list[Frame]) -> tuple[Timed, Timed]:
    """µs a frame to rows, and to rows, book and features."""
    instruments = tuple(replace(find(key), lot=Decimal(LOTS.get(key, find(key).lot))) for key in keys)
    stream, out = stream_of(venue, dict(enumerate(instruments))), RowBuffer(1 << 14)
    state = new_state(instruments)
    decoded, whole = defaultdict(list), defaultdict(list)
    for recv_ns, payload, kind in frames:
        start = time.perf_counter_ns()
        stream.on_frame("public", recv_ns, payload, out)
        rows_ns = time.perf_counter_ns() - start
        start = time.perf_counter_ns()
        if len(out):
            state = applied(state, out.take())
        decoded[kind].append(rows_ns / 1e3)
        whole[kind].append((rows_ns + time.perf_counter_ns() - start) / 1e3)
    status = stream.status()
    assert not status["refused"], status["refusals"]
    return decoded, whole


def applied(state: Any, rows: np.ndarray) -> Any:
    at = advance(state, rows, 0)
    while at < rows.size:
        if Stop(int(state.ctl[Ctl.STOP])) is Stop.GROW:
            state = state.with_books(grow(state.books, int(rows[at]["price"])))
        at = advance(state, rows, at)
    return state


class NoSocket:
    """What ccxt.pro's handlers ask of their connection."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.subscriptions: dict[str, Any] = {}
        self.futures: dict[str, Any] = {}

    def resolve(self, result: Any, message_hash: str) -> Any:
        return result

    def reject(self, error: Exception, message_hash: str = "") -> None:
        raise error


PEERS = {
    "binance-usdm": ("binanceusdm", "wss://fstream.binance.com/ws"),
    "bybit-linear": ("bybit", "wss://stream.bybit.com/v5/public/linear"),
    "okx": ("okx", "wss://ws.okx.com:8443/ws/v5/public"),
    "hyperliquid": ("hyperliquid", "wss://api.hyperliquid.xyz/ws"),
}
UNHEARD = {("hyperliquid", "bookTicker")}
"""What ccxt.pro makes nothing of."""


async def theirs(venue: str, keys: list[str], frames: list[Frame]) -> Timed:
    """µs a frame, from text to the end of ccxt.pro's handler."""
    import ccxt.pro as ccxtpro
    from ccxt.async_support.base.ws.client import json_parser

    name, url = PEERS[venue]
    exchange = getattr(ccxtpro, name)()
    exchange.set_markets([market_of(exchange, key) for key in keys])
    client = NoSocket(url)
    timed = defaultdict(list)
    waits = venue == "binance-usdm"  # its book starts from REST, as ours does
    held: list[Any] = []
    for _, payload, kind in frames:
        if (venue, kind) in UNHEARD:
            continue
        if kind == "snapshot":
            waits = _start_book(exchange, client, json_parser.loads(payload), held)
            continue
        if waits and kind.startswith("depth"):
            held.append(json_parser.loads(payload)["data"])
            continue
        start = time.perf_counter_ns()
        exchange.handle_message(client, json_parser.loads(payload))
        timed[kind].append((time.perf_counter_ns() - start) / 1e3)
    await exchange.close()
    return timed


def _start_book(exchange: Any, client: NoSocket, snapshot: dict[str, Any], held: list[Any]) -> bool:
    symbol = "BTC/USDT:USDT"
    book = exchange.order_book({}, 1000)
    parsed = exchange.parse_order_book(snapshot, symbol, snapshot.get("T"), "bids", "asks")
    parsed["nonce"] = snapshot["lastUpdateId"]
    book.reset(parsed)
    exchange.orderbooks[symbol] = book
    for message in held:
        if message["u"] >= snapshot["lastUpdateId"]:
            exchange.handle_order_book_message(client, message, book)
    return False


def market_of(exchange: Any, key: str) -> dict[str, Any]:
    made = find(key)
    base = made.symbol.partition("-")[0].removesuffix("USDT")
    return exchange.safe_market_structure(
        {
            "id": made.symbol,
            "symbol": f"{base}/{made.settle}:{made.settle}",
            "base": base,
            "baseName": base,
            "quote": made.settle,
            "settle": made.settle,
            "type": "swap",
            "swap": True,
            "spot": False,
            "contract": True,
            "linear": True,
            "contractSize": 1.0,
            "precision": {"price": float(made.tick), "amount": float(made.lot)},
            "info": {"name": base},
        }
    )


def shown(timed: Any) -> str:
    return f"{np.median(timed):7.2f} {np.percentile(timed, 99):8.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of recordings")
    parser.add_argument("--frames", type=int, default=40_000, help="of each venue (default 40000)")
    parser.add_argument("--rate", type=float, default=500.0, help="frames a second of the way (default 500)")
    parser.add_argument("--way", type=int, default=5000, help="frames of the way, 0: none (default 5000)")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    venues = (
        ("binance-usdm", ["binance-usdm:BTCUSDT"], binance_frames),
        ("bybit-linear", [f"bybit-linear:{coin}USDT" for coin in BYBIT_COINS], bybit_frames),
        ("okx", ["okx:BTC-USDT-SWAP"], okx_frames),
        ("hyperliquid", ["hyperliquid:BTC"], hyperliquid_frames),
    )
    figures = []
    gc.collect()
    gc.freeze()
    for venue, keys, read in venues:
        try:
            frames = list(read(args.data, args.frames))
        except OSError as error:
            raise BadInput(f"{args.data}: expected the recordings: {error}") from None
        ours(venue, keys, frames[:2000])
        decoded, whole = ours(venue, keys, frames)
        peer = asyncio.run(theirs(venue, keys, frames))
        figures += [
            (venue, kind, len(whole[kind]), decoded[kind], whole[kind], peer[kind])
            for kind in sorted(decoded)
            if kind != "snapshot"
        ]
    way = way_figures(args.data, args.way, args.rate) if args.way else {}
    if args.json:
        names = ("rows", "rows, book and features", "ccxt.pro")
        told: list[dict[str, Any]] = [
            {"venue": venue, "kind": kind, "frames": n}
            | {name: np.percentile(t, [50, 99]).tolist() for name, t in zip(names, timed, strict=True) if t}
            for venue, kind, n, *timed in figures
        ]
        told += [
            {"way": name, "rate": args.rate, "frames": us.size, "us": np.percentile(us, [50, 99]).tolist()}
            for name, us in way.items()
        ]
        print(json.dumps(told))
        return
    print("µs a frame, p50 and p99" + " " * 22 + "to rows    + book, features         ccxt.pro   times")
    for venue, kind, n, rows_us, whole_us, peer_us in figures:
        beside = f"{shown(peer_us)} {np.median(peer_us) / np.median(whole_us):6.1f}x" if peer_us else ""
        print(f"{venue:13s} {kind:20s} {n:6d} {shown(rows_us)} {shown(whole_us)} {beside}")
    if way:
        print(f"\nµs from a server's send to the end, p50 and p99, {args.rate:.0f} frames a second")
    for name, us in way.items():
        print(f"{WAYS[name]:34s} {us.size:6d} {shown(us)}")


WAYS = {
    "ours": "ours, to updated signals",
    "ccxt.pro": "ccxt.pro, to its book and trades",
    "websockets": "websockets, to the bytes",
}


if __name__ == "__main__":
    main()
