"""From the bytes of a frame to rows, book and features: `python -m scripts.benchmarks.feed --data FOLDER`.

The same recorded frames, message by message, in turn through our decoder and
loop with every feature awake, without a tape and with it, and through the
handler of ccxt.pro, which keeps a book and lists of trades. Neither has a
socket; both parse the text themselves. OKX and Hyperliquid get the market of
the Binance recording in their own words. Then the whole way from a server's send, over sockets (`way`).
"""

# mypy: disallow-untyped-defs=False

from __future__ import annotations

import argparse
import asyncio
import gc
import gzip
import json
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np

from bot.app.recording import open_recording
from bot.core.clock import SystemClock
from bot.core.errors import BadInput
from bot.engine.inbox import Numbering
from bot.engine.kernel import Ctl, Stop, advance, new_state
from bot.market.book import grow
from bot.market.events import RowBuffer
from bot.market.importers.cryptofeed import cryptofeed_frames
from bot.market.instruments import Instrument, find
from bot.market.tape import TapeHeader
from bot.market.tape.raw import What
from bot.market.venues.known import stream_of
from scripts.benchmarks.results import Line, write
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


class Ours(NamedTuple):
    """µs a frame, by kind."""

    rows: Timed  # from its bytes to rows
    whole: Timed  # to book and features
    taped: Timed  # the same with rows numbered and given to the tape before
    written: Timed  # until the tape has left the process


def ours(venue: str, keys: list[str], frames: list[Frame]) -> Ours:
    """Twice over the frames: as ccxt.pro does it, without a tape, and as a session does it."""
    rows, whole = plainly(venue, keys, frames)
    return Ours(rows, whole, *on_tape(venue, keys, frames))


def plainly(venue: str, keys: list[str], frames: list[Frame]) -> tuple[Timed, Timed]:
    instruments, stream, out = _opened(venue, keys)
    state = new_state(instruments)
    decoded, whole = defaultdict(list), defaultdict(list)
    for recv_ns, payload, kind in frames:
        start = time.perf_counter_ns()
        stream.on_frame("public", recv_ns, payload, out)
        read = time.perf_counter_ns()
        if len(out):
            state = applied(state, out.take())
        whole[kind].append((time.perf_counter_ns() - start) / 1e3)
        decoded[kind].append((read - start) / 1e3)
    status = stream.status()
    assert not status["refused"], status["refusals"]
    return decoded, whole


def on_tape(venue: str, keys: list[str], frames: list[Frame]) -> tuple[Timed, Timed]:
    instruments, stream, out = _opened(venue, keys)
    state, numbering = new_state(instruments), Numbering()
    taped, written = defaultdict(list), defaultdict(list)
    with TemporaryDirectory() as folder:
        header = TapeHeader(instruments=instruments, has_timers=False, provenance={})
        recording = open_recording(Path(folder, "tape"), header, Path(folder), 0, (), 0.0, SystemClock())
        for recv_ns, payload, kind in frames:
            start = time.perf_counter_ns()
            stream.on_frame("public", recv_ns, payload, out)
            if len(out):
                rows = numbering.rows(out.take())
                recording.append(rows)
                state = applied(state, rows)
                done = time.perf_counter_ns()
                recording.flush()
                end = time.perf_counter_ns()
            else:
                done = end = time.perf_counter_ns()
            taped[kind].append((done - start) / 1e3)
            written[kind].append((end - start) / 1e3)
        recording.close()
    return taped, written


def _opened(venue: str, keys: list[str]) -> tuple[tuple[Instrument, ...], Any, RowBuffer]:
    instruments = tuple(replace(find(key), lot=Decimal(LOTS.get(key, find(key).lot))) for key in keys)
    return instruments, stream_of(venue, dict(enumerate(instruments))), RowBuffer(1 << 14)


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


VENUES = (
    ("binance-usdm", ["binance-usdm:BTCUSDT"], binance_frames),
    ("bybit-linear", [f"bybit-linear:{coin}USDT" for coin in BYBIT_COINS], bybit_frames),
    ("okx", ["okx:BTC-USDT-SWAP"], okx_frames),
    ("hyperliquid", ["hyperliquid:BTC"], hyperliquid_frames),
)
AT_LEAST = {
    "depth": 5.0,
    "depth, 24-32 levels": 5.0,
    "orderbook": 5.0,
    "bookTicker": 15.0,
    "trade": 15.0,
    "publicTrade": 15.0,
}
"""Times ccxt.pro's handler takes; of other kinds nothing is wanted."""
MOST_US = 10.0
"""A depth message of about 28 levels on Binance, the tape included."""


def rounds_of(
    venue: str, keys: list[str], frames: list[Frame], rounds: int
) -> tuple[list[Ours], list[Timed]]:
    """Ours and ccxt.pro in turn over the same frames, who goes first alternating."""
    ours(venue, keys, frames[:2000])
    mine, peers = [], []
    for number in range(rounds):
        for turn in (number, number + 1):
            if turn % 2:
                peers.append(asyncio.run(theirs(venue, keys, frames)))
            else:
                mine.append(ours(venue, keys, frames))
    return mine, peers


def lines_of(venue: str, mine: list[Ours], peers: list[Timed]) -> Iterator[Line]:
    for kind in sorted(set(mine[0].rows) - {"snapshot"}):
        rows, whole, taped, written = (
            _percentiles([one[kind] for one in part]) for part in zip(*mine, strict=True)
        )
        told = f"{_us(whole)}; to rows {_us(rows)}; with the tape {_us(taped)}, once written {_us(written)}"
        wanted, passed = "", None
        if peers[0].get(kind):
            pairs = zip(mine, peers, strict=True)
            times = [float(np.median(p[kind]) / np.median(m.whole[kind])) for m, p in pairs]
            median = float(np.median(times))
            peer = _us(_percentiles([p[kind] for p in peers]))
            told = f"{median:.1f} times ({min(times):.1f} to {max(times):.1f}); ccxt.pro {peer}, ours {told}"
            if kind in AT_LEAST:
                wanted, passed = f"at least {AT_LEAST[kind]:g} times", median >= AT_LEAST[kind]
        yield Line(f"{venue} {kind}, {len(mine[0].rows[kind])} frames", told, wanted, passed)
        if (venue, kind) == ("binance-usdm", "depth, 24-32 levels"):
            yield Line("the same with the tape", _us(taped), f"at most {MOST_US:g} us", taped[0] <= MOST_US)


def _us(figures: tuple[float, float]) -> str:
    return f"{figures[0]:.2f} us (p99 {figures[1]:.1f})"


def _percentiles(rounds: Sequence[Sequence[float]]) -> tuple[float, float]:
    """Medians over the rounds of p50 and p99."""
    p50, p99 = np.median([np.percentile(timed, (50, 99)) for timed in rounds], axis=0)
    return float(p50), float(p99)


def way_lines(rounds: list[dict[str, np.ndarray]], rate: float) -> Iterator[Line]:
    """The whole way, beside ccxt.pro's."""
    for name, what in WAYS.items():
        p50, p99 = _percentiles([ways[name].tolist() for ways in rounds])
        times = [float(np.median(ways["ccxt.pro"]) / np.median(ways[name])) for ways in rounds]
        yield Line(
            f"from a server's send at {rate:.0f} frames a second: {what}",
            f"{p50:.0f} us (p99 {p99:.0f}); ccxt.pro takes {np.median(times):.2f} times as long "
            f"({min(times):.2f} to {max(times):.2f})",
            "",
            None,
        )


def main(words: Sequence[str] | None = None) -> int:
    about = (__doc__ or "").partition(":")[0]
    parser = argparse.ArgumentParser(prog="scripts/bench feed", description=about)
    parser.add_argument("--data", type=Path, required=True, help="folder of recordings")
    parser.add_argument("--rounds", type=int, default=7, help="of ours and ccxt.pro in turn (default 7)")
    parser.add_argument("--frames", type=int, default=40_000, help="of each venue (default 40000)")
    parser.add_argument("--rate", type=float, default=500.0, help="frames a second of the way (default 500)")
    parser.add_argument("--way", type=int, default=2000, help="frames of the way, 0: none (default 2000)")
    parser.add_argument("--write", action="store_true", help="put the results into docs/benchmarks.md")
    args = parser.parse_args(words)
    lines: list[Line] = []
    gc.collect()
    gc.freeze()
    for venue, keys, read in VENUES:
        try:
            frames = list(read(args.data, args.frames))
        except OSError as error:
            raise BadInput(f"{args.data}: expected the recordings: {error}") from None
        found = list(lines_of(venue, *rounds_of(venue, keys, frames, args.rounds)))
        print(*found, sep="\n", flush=True)
        lines += found
    if args.way:
        ways = [way_figures(args.data, args.way, args.rate, number) for number in range(args.rounds)]
        found = list(way_lines(ways, args.rate))
        print(*found, sep="\n", flush=True)
        lines += found
    if args.write:
        notes = [
            "medians of the rounds; from the frame's bytes to book and features, one call of the loop a "
            "frame, beside the same bytes to the end of ccxt.pro's handler, which keeps no tape; with the "
            "tape: rows numbered and appended before the loop sees them, handed to the system after it",
        ]
        write("feed", lines, notes, args.rounds, "scripts/bench feed --data DATA --write", "ccxt.pro")
    return 1 if any(line.passed is False for line in lines) else 0


WAYS = {
    "ours": "ours, to updated signals",
    "ccxt.pro": "ccxt.pro, to its book and trades",
    "websockets": "websockets, to the bytes",
}


if __name__ == "__main__":
    sys.exit(main())
