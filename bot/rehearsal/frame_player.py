"""Plays recorded frames of any venue over a websocket, at their pace times a speed.

Whatever path a client connects to, it gets the frames once it has sent its
first message (its subscription), each connection from the beginning. REST
requests get the recorded answer for the symbol they name, as far as there is one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from aiohttp import WSMsgType, web

from bot.core.units import NS_PER_S
from bot.market.tape.raw import RawFrame, What


@dataclass(slots=True)
class FramePlayer:
    """`frames` in order of time. `speed` 0 sends as fast as the client reads."""

    frames: Sequence[RawFrame]
    speed: float = 1.0
    played: int = 0
    finished: asyncio.Event = field(default_factory=asyncio.Event)

    def add_routes(self, app: web.Application) -> None:
        app.router.add_get("/{path:.*}", self.answer)
        app.router.add_post("/{path:.*}", self.answer)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._socket(request)
        asked = [f for f in self.frames if f.what is What.ANSWER and f.symbol in request.query.values()]
        if not asked:
            return web.json_response({"error": "nothing was recorded for this request"}, status=404)
        return web.Response(body=asked[-1].payload, content_type="application/json")

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        ws = web.WebSocketResponse(compress=False, max_msg_size=1 << 20)
        await ws.prepare(request)
        first = await ws.receive()
        if first.type is not WSMsgType.TEXT:
            return ws
        playing = asyncio.create_task(self._play(ws))
        try:
            async for _ in ws:  # heartbeats of the client; pings are answered by the library
                pass
        finally:
            playing.cancel()
            await asyncio.gather(playing, return_exceptions=True)
        return ws

    async def _play(self, ws: web.WebSocketResponse) -> None:
        loop = asyncio.get_running_loop()
        frames = [f for f in self.frames if f.what is What.FRAME]
        began_s, first_ns = loop.time(), frames[0].recv_ns if frames else 0
        for frame in frames:
            if self.speed > 0:
                due_s = (frame.recv_ns - first_ns) / NS_PER_S / self.speed
                wait_s = began_s + due_s - loop.time()
                if wait_s > 0:
                    await asyncio.sleep(wait_s)
            await ws.send_frame(frame.payload, WSMsgType.TEXT)
            self.played += 1
        self.finished.set()
