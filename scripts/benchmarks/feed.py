"""From the bytes of a frame to rows, book and features: `python -m scripts.benchmarks.feed --data FOLDER`.

The same recorded frames, message by message, through our decoder and loop with
every feature awake, and through the handler of ccxt.pro, which keeps a book
and lists of trades. Neither has a socket; both parse the text themselves.
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

BTC_RECORDING = "hftbacktest/usdm/btcusdt_20240808.gz"
BYBIT_RECORDING = "cryptofeed/BYBIT.jsonl.zst"
BYBIT_COINS = ("BTC", "ETH", "SOL", "DOGE")
AROUND_28 = range(24, 33)
"""Levels of a depth message that counts as the 28-level one of the target."""

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


def ours(venue: str, keys: list[str], frames: list[Frame]) -> tuple[Timed, Timed]:
    """µs a frame to rows, and to rows, book and features."""
    instruments = tuple(find(key) for key in keys)
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


async def theirs(venue: str, keys: list[str], frames: list[Frame]) -> Timed:
    """µs a frame, from text to the end of ccxt.pro's handler."""
    import ccxt.pro as ccxtpro
    from ccxt.async_support.base.ws.client import json_parser

    exchange = ccxtpro.binanceusdm() if venue == "binance-usdm" else ccxtpro.bybit()
    exchange.set_markets([_market(exchange, key) for key in keys])
    url = (
        "wss://fstream.binance.com/ws"
        if venue == "binance-usdm"
        else "wss://stream.bybit.com/v5/public/linear"
    )
    client = NoSocket(url)
    timed = defaultdict(list)
    waits = venue == "binance-usdm"  # its book starts from REST, as ours does
    held: list[Any] = []
    for _, payload, kind in frames:
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


def _market(exchange: Any, key: str) -> dict[str, Any]:
    made = find(key)
    base = made.symbol.removesuffix("USDT")
    return exchange.safe_market_structure(
        {
            "id": made.symbol,
            "symbol": f"{base}/USDT:USDT",
            "base": base,
            "quote": "USDT",
            "settle": "USDT",
            "type": "swap",
            "swap": True,
            "spot": False,
            "contract": True,
            "linear": True,
            "contractSize": 1.0,
            "precision": {"price": float(made.tick), "amount": float(made.lot)},
        }
    )


def shown(timed: list[float]) -> str:
    return f"{np.median(timed):7.2f} {np.percentile(timed, 99):8.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of recordings")
    parser.add_argument("--frames", type=int, default=40_000, help="of each venue (default 40000)")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    venues = (
        ("binance-usdm", ["binance-usdm:BTCUSDT"], binance_frames),
        ("bybit-linear", [f"bybit-linear:{coin}USDT" for coin in BYBIT_COINS], bybit_frames),
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
            for kind in sorted(peer)
            if peer[kind]
        ]
    if args.json:
        names = ("rows", "rows, book and features", "ccxt.pro")
        print(json.dumps([
            {"venue": venue, "kind": kind, "frames": n}
            | {name: np.percentile(t, [50, 99]).tolist() for name, t in zip(names, timed, strict=True)}
            for venue, kind, n, *timed in figures
        ]))  # fmt: skip
        return
    print("µs a frame, p50 and p99" + " " * 22 + "to rows    + book, features         ccxt.pro   times")
    for venue, kind, n, rows_us, whole_us, peer_us in figures:
        times = np.median(peer_us) / np.median(whole_us)
        print(
            f"{venue:13s} {kind:20s} {n:6d} {shown(rows_us)} {shown(whole_us)} {shown(peer_us)} {times:6.1f}x"
        )


if __name__ == "__main__":
    main()
