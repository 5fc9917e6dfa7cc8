"""One websocket connection of a venue, kept alive: connect, hello, heartbeat, silence, renewal, reconnect.

What ends a connection: the server, a pong that does not come (a half-open
socket), silence for too long, its age (then the next one is opened first), or a
reader that cannot keep up. After each end the delay follows from how long it lived.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Protocol

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from bot.market.feeds.backoff import Backoff
from bot.market.venues.protocol import Connect

OPEN_TIMEOUT_S = 8.0
PONG_WITHIN_S = 2.0
"""After silence, the socket must prove that somebody is at the other end."""
TOLD_AT = 0.8
"""Share of `silent_after_s` after which silence is told, so that it is known before that time is over."""
PATIENCE = 3.0
"""Times `silent_after_s` after which a silent but living connection is replaced."""
LOOK_S = 0.25
OWN_PAUSE_S = 0.5
"""A busy loop or a stopped process is no silence of the venue."""
OVERLAP_S = 2.0
"""Both connections are heard for so long at a renewal; what comes twice counts once."""
MOST_BYTES = 16 * 1024 * 1024
QUEUED_FRAMES = 64
_CAUSES = (OSError, TimeoutError, InvalidHandshake, InvalidURI, EOFError)


class Listener(Protocol):
    """Who hears a link. None of these may block; `frame` returns False when it cannot take more."""

    def connected(self, name: str) -> None: ...

    def frame(self, name: str, payload: bytes) -> bool: ...

    def silent(self, name: str, is_silent: bool) -> None: ...

    def disconnected(self, name: str, reason: str) -> None: ...

    async def room(self) -> None:
        """Wait until there is room for frames again."""


@dataclass(slots=True)
class LinkCounts:
    """For people and tests."""

    generation: int = 0  # connections that stood
    frames: int = 0
    bytes: int = 0
    attempts_failed: int = 0
    silences: int = 0
    renewals: int = 0
    overruns: int = 0
    last_reason: str = ""


@dataclass(slots=True)
class _Socket:
    """A connection that stands, and when it was last heard."""

    ws: ClientConnection
    opened_s: float
    heard_s: float
    frames: int = 0
    silent: bool = False
    reason: str = ""  # why we ended it, "" the other side did


@dataclass(slots=True)
class Link:
    wanted: Connect
    listener: Listener
    random: Random
    counts: LinkCounts = field(default_factory=LinkCounts)
    up: bool = False
    _sockets: list[_Socket] = field(default_factory=list)  # the oldest first; two while one is renewed
    _renew: asyncio.Event = field(default_factory=asyncio.Event)
    _backoff: Backoff = field(init=False)

    def __post_init__(self) -> None:
        self._backoff = Backoff(self.random)

    async def run(self) -> None:
        """Until cancelled."""
        name = self.wanted.name
        while True:
            await self.listener.room()
            socket = await self._open()
            self.up = True
            self.listener.connected(name)
            try:
                ended = await self._serve(socket)
            finally:
                self.up = False
                for left in self._sockets:
                    left.ws.transport.abort()
                self._sockets.clear()
            self.counts.last_reason = ended.reason
            self.listener.disconnected(name, ended.reason)
            await asyncio.sleep(self._backoff.after(_now_s() - ended.opened_s))

    def renew(self) -> None:
        """Open the next connection now and leave this one when that one is heard."""
        self._renew.set()

    def restart(self, reason: str) -> None:
        """End the connection; the next one starts from empty books."""
        for socket in self._sockets:
            self._end(socket, reason)

    async def send(self, frames: Sequence[bytes]) -> None:
        """Text frames on the newest connection, at the pace of the hello; lost with it."""
        if self._sockets:
            await self._say(self._sockets[-1], frames)

    async def _open(self) -> _Socket:
        """A new connection; tries for ever."""
        while True:
            try:
                ws = await connect(
                    self.wanted.url,
                    compression=None,
                    max_size=MOST_BYTES,
                    max_queue=QUEUED_FRAMES,
                    open_timeout=OPEN_TIMEOUT_S,
                    close_timeout=1.0,
                    ping_interval=10.0,
                    ping_timeout=10.0,
                    proxy=None,
                )
            except _CAUSES as error:
                self.counts.attempts_failed += 1
                self.counts.last_reason = _explain(error)
                await asyncio.sleep(self._backoff.after(0.0, _retry_after_s(error)))
                continue
            now_s = _now_s()
            socket = _Socket(ws, now_s, now_s)
            self._sockets.append(socket)
            self.counts.generation += 1
            return socket

    async def _serve(self, socket: _Socket) -> _Socket:
        """Hear a connection and its successors; returns the last one when it has ended."""
        reader = asyncio.create_task(self._life(socket))
        renewal = asyncio.create_task(self._next(socket))
        try:
            while True:
                await asyncio.wait({reader, renewal}, return_when=asyncio.FIRST_COMPLETED)
                if reader.done():
                    reader.result()
                    return socket
                following = renewal.result()
                successor = asyncio.create_task(self._life(following))
                await asyncio.wait({successor}, timeout=OVERLAP_S)
                if not successor.done() and following.frames:
                    self.counts.renewals += 1
                    self._end(socket, "renewed")
                    await asyncio.wait({reader})
                    socket, reader = following, successor
                else:
                    successor.cancel()
                    await asyncio.wait({successor})
                renewal = asyncio.create_task(self._next(socket))
        finally:
            tasks = [task for task in (reader, renewal) if not task.done()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _next(self, socket: _Socket) -> _Socket:
        """The connection after this one, when its time has come."""
        after_s = self.wanted.renew_after_s
        self._renew.clear()
        due_s = socket.opened_s + after_s * self.random.uniform(0.9, 1.0) - _now_s() if after_s else None
        with suppress(TimeoutError):
            async with asyncio.timeout(None if due_s is None else max(due_s, 1.0)):
                await self._renew.wait()
        return await self._open()

    async def _life(self, socket: _Socket) -> None:
        """Everything one connection needs until it ends."""
        beside = [asyncio.create_task(self._watch(socket))]
        if self.wanted.hello:
            beside.append(asyncio.create_task(self._say(socket, self.wanted.hello)))
        if self.wanted.ping is not None:
            beside.append(asyncio.create_task(self._ping(socket, self.wanted.ping)))
        try:
            await self._read(socket)
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
            socket.ws.transport.abort()
            if socket in self._sockets:
                self._sockets.remove(socket)

    async def _read(self, socket: _Socket) -> None:
        receive, take, name, counts = socket.ws.recv, self.listener.frame, self.wanted.name, self.counts
        try:
            while True:
                payload = await receive(decode=False)
                socket.heard_s = _now_s()
                socket.frames += 1
                counts.frames += 1
                counts.bytes += len(payload)
                if not take(name, payload):
                    counts.overruns += 1
                    self._end(socket, "overrun: the engine did not keep up")
                    return
        except ConnectionClosed as closed:
            socket.reason = socket.reason or f"closed by the venue: {closed}"

    async def _watch(self, socket: _Socket) -> None:
        """Silence: said at once, probed by a ping, and ended when it lasts."""
        limit_s = self.wanted.silent_after_s * TOLD_AT
        every_s = min(LOOK_S, limit_s / 4)
        while True:
            looked_s = _now_s()
            await asyncio.sleep(every_s)
            if _now_s() - looked_s > every_s + OWN_PAUSE_S:
                socket.heard_s = _now_s()  # we did not listen ourselves: what came meanwhile is read first
            quiet_s = _now_s() - socket.heard_s
            if quiet_s < limit_s:
                if socket.silent:
                    self._tell_silence(socket, False)
                continue
            if not socket.silent:
                self._tell_silence(socket, True)
                if not await self._answers(socket):
                    return self._end(socket, f"half-open: no pong within {PONG_WITHIN_S:g} s")
            if quiet_s >= self.wanted.silent_after_s * PATIENCE:
                return self._end(socket, f"silent for {quiet_s:.1f} s")

    def _tell_silence(self, socket: _Socket, silent: bool) -> None:
        socket.silent = silent
        self.counts.silences += silent
        if socket is self._sockets[0] and len(self._sockets) == 1:
            self.listener.silent(self.wanted.name, silent)

    async def _answers(self, socket: _Socket) -> bool:
        """Whether the other side answers a ping, or says anything at all."""
        asked_s = _now_s()
        try:
            pong = await socket.ws.ping()
            await asyncio.wait_for(pong, PONG_WITHIN_S)
        except TimeoutError:
            return socket.heard_s > asked_s
        except ConnectionClosed:
            pass  # the reader tells
        return True

    async def _say(self, socket: _Socket, frames: Sequence[bytes]) -> None:
        with suppress(ConnectionClosed):
            for k, frame in enumerate(frames):
                if k and self.wanted.hello_every_s:
                    await asyncio.sleep(self.wanted.hello_every_s)
                await socket.ws.send(frame, text=True)

    async def _ping(self, socket: _Socket, ping: bytes) -> None:
        with suppress(ConnectionClosed):
            while True:
                await asyncio.sleep(self.wanted.ping_every_s)
                await socket.ws.send(ping, text=True)

    def _end(self, socket: _Socket, reason: str) -> None:
        """Without a closing handshake, which a half-open socket would never answer."""
        socket.reason = socket.reason or reason
        socket.ws.transport.abort()


def _now_s() -> float:
    return asyncio.get_running_loop().time()


def _explain(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return f"{type(error).__name__}: {error}"


def _retry_after_s(error: BaseException) -> float:
    """What a refused handshake asks for; half a minute where a 429, 418 or 403 names no time."""
    if not isinstance(error, InvalidStatus):
        return 0.0
    text = error.response.headers.get("Retry-After", "")
    least = 30.0 if error.response.status_code in (429, 418, 403) else 0.0
    return float(text) if text.isdigit() else least
