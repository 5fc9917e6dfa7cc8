"""Listen keys and the sockets of the user stream.

A key lives an hour unless renewed; there is one key an account, as at the
venue: asking again prolongs it. Every open socket gets every event it asked for.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from random import Random

from aiohttp import WSCloseCode, WSMsgType, web

from bot.core.units import NS_PER_MS, NS_PER_S
from bot.rehearsal.errors import VenueError
from bot.rehearsal.exchange import Exchange
from bot.rehearsal.payloads import Json
from bot.rehearsal.request_faults import Fault, FaultKind, Faults
from bot.rehearsal.wire_journal import WireJournal

KEY_LIFE_S = 3_600
MOST_WAITING = 10_000
"""Events a socket may be behind; then it is closed, as a client that does not read must be."""

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


class UserStream:
    def __init__(self, exchange: Exchange, faults: Faults, journal: WireJournal, seed: int) -> None:
        self._exchange = exchange
        self._faults = faults
        self._journal = journal
        self._random = Random(f"{seed} listen key")
        self._key = ""
        self._expires_ns = 0
        self._sockets: dict[web.WebSocketResponse, _Outgoing] = {}
        self._held: deque[Json] = deque()  # waiting for the following event
        exchange.listeners.append(self.push)

    @property
    def sockets(self) -> int:
        return len(self._sockets)

    def open_key(self) -> str:
        if not self._alive():
            self._key = "".join(self._random.choices(_ALPHABET, k=64))
        self._renew()
        return self._key

    def renew_key(self) -> str:
        if not self._alive():
            raise VenueError(-1125)
        self._renew()
        return self._key

    def close_key(self) -> None:
        if not self._alive():
            raise VenueError(-1125)
        self._key = ""

    def knows(self, key: str) -> bool:
        return self._alive() and key == self._key

    def expire(self) -> None:
        """Tell everybody that the key is over, and forget it."""
        now_ms = self._exchange.world.stamp_ns() // NS_PER_MS
        key, self._key = self._key, ""
        if key:
            self._send({"e": "listenKeyExpired", "E": now_ms, "listenKey": key}, 0.0)

    def tick(self) -> None:
        if self._key and not self._alive():
            self.expire()

    async def disconnect(self) -> int:
        """Close every socket; returns how many there were."""
        sockets = list(self._sockets)
        for socket in sockets:
            await socket.close(code=WSCloseCode.GOING_AWAY)
        return len(sockets)

    def push(self, event: Json) -> None:
        """To every socket, through the faults that are on."""
        now_ns = self._exchange.world.api_ns()
        fault = self._faults.of_event(event["e"], now_ns)
        self._journal.event(now_ns, event, fault.kind.value if fault else "")
        self._spread(event, fault)

    def _spread(self, event: Json, fault: Fault | None) -> None:
        kind = fault.kind if fault else None
        if kind is FaultKind.STREAM_REORDER:
            self._held.append(event)
            return
        if kind is not FaultKind.STREAM_DROP:
            delay_s = fault.seconds if fault and kind is FaultKind.STREAM_DELAY else 0.0
            self._send(event, delay_s)
            if kind is FaultKind.STREAM_DUPLICATE:
                self._send(event, 0.0)
        while self._held:
            self._send(self._held.popleft(), 0.0)

    async def serve(self, request: web.Request, key: str, combined: bool) -> web.WebSocketResponse:
        """One socket until it closes. An unknown key is refused with 401 before the handshake."""
        if not self.knows(key):
            raise web.HTTPUnauthorized(text=json.dumps(VenueError(-1125).to_json()))
        wanted = frozenset(filter(None, request.query.get("events", "").split("/")))
        socket = web.WebSocketResponse(heartbeat=180.0, compress=False)
        await socket.prepare(request)
        outgoing = _Outgoing(socket, wanted, f"{key}" if combined else "")
        self._sockets[socket] = outgoing
        writer = asyncio.create_task(outgoing.run())
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    _answer_control(outgoing, message.data)
        finally:
            del self._sockets[socket]
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
        return socket

    def _send(self, event: Json, delay_s: float) -> None:
        for outgoing in self._sockets.values():
            if not outgoing.wanted or event["e"] in outgoing.wanted or event["e"] == "listenKeyExpired":
                outgoing.put(event, delay_s)

    def _alive(self) -> bool:
        return bool(self._key) and self._exchange.world.api_ns() < self._expires_ns

    def _renew(self) -> None:
        self._expires_ns = self._exchange.world.api_ns() + KEY_LIFE_S * NS_PER_S


class _Outgoing:
    """What one socket still has to be told, in order."""

    def __init__(self, socket: web.WebSocketResponse, wanted: frozenset[str], stream: str) -> None:
        self.wanted = wanted
        self._socket = socket
        self._stream = stream
        self._queue: asyncio.Queue[tuple[str, float]] = asyncio.Queue(MOST_WAITING)

    def put(self, event: Json, delay_s: float) -> None:
        said = {"stream": self._stream, "data": event} if self._stream else event
        self._put(json.dumps(said, separators=(",", ":")), delay_s)

    def answer(self, text: str) -> None:
        self._put(text, 0.0)

    def _put(self, text: str, delay_s: float) -> None:
        if self._queue.full():
            self._socket.force_close()
        else:
            self._queue.put_nowait((text, delay_s))

    async def run(self) -> None:
        while True:
            text, delay_s = await self._queue.get()
            if delay_s:
                await asyncio.sleep(delay_s)
            await self._socket.send_str(text)


def _answer_control(outgoing: _Outgoing, text: str) -> None:
    """SUBSCRIBE and the like are acknowledged; the key decides what comes."""
    try:
        asked = json.loads(text)
    except ValueError:
        return
    if isinstance(asked, dict) and "id" in asked:
        outgoing.answer(json.dumps({"result": None, "id": asked["id"]}))
