"""A local Telegram Bot API server: what the real library needs of it, over HTTP, with its faults.

Forms of requests and answers: core.telegram.org/bots/api.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

LONGEST = 4096  # of a text, before its entities are parsed here, after that at Telegram
TOKEN = "123456:local-token-of-the-tests"
BOT = {"id": 123456, "is_bot": True, "first_name": "lopside", "username": "lopside_bot"}


@dataclass
class Said:
    """One message the bot sent or edited."""

    method: str
    chat: int
    text: str
    html: bool
    silent: bool
    buttons: list[str]  # callback data, in order
    file: bytes = b""


@dataclass
class BotApi:
    """Holds updates for long polls and notes what the bot says."""

    said: list[Said] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    flood_s: int = 0  # the next message is answered with 429 and this wait
    refuse_html: bool = False
    status: int = 0  # every call is answered with this HTTP status
    forbidden: set[int] = field(default_factory=set)
    conflict: int = 0  # so many polls are answered with 409
    base_url: str = ""
    _updates: deque[dict[str, Any]] = field(default_factory=deque)
    _next_update: int = 1000
    _messages: int = 0
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def write(self, user: int, text: str, chat: int | None = None, update: int | None = None) -> None:
        """A person writes to the bot; `update` sends an id again."""
        entities = [{"type": "bot_command", "offset": 0, "length": len(text.split()[0])}]
        message = {**self._message(chat or user, text), "from": _person(user), "entities": entities}
        self._push({"message": message}, update)

    def press(self, user: int, data: str, chat: int | None = None) -> None:
        pressed = {
            "id": "1",
            "from": _person(user),
            "message": self._message(chat or user, "buttons"),
            "chat_instance": "1",
            "data": data,
        }
        self._push({"callback_query": pressed}, None)

    def texts(self, chat: int | None = None) -> list[str]:
        return [s.text for s in self.said if chat is None or s.chat == chat]

    async def until(self, condition: Callable[[], bool], within_s: float = 20.0) -> None:
        """Wait until what was said makes the condition true."""
        async with asyncio.timeout(within_s):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    def _push(self, update: dict[str, Any], number: int | None) -> None:
        if number is None:
            number, self._next_update = self._next_update, self._next_update + 1
        self._updates.append({"update_id": number, **update})
        self._changed.set()

    def _message(self, chat: int, text: str) -> dict[str, Any]:
        self._messages += 1
        kind = "private" if chat > 0 else "group"
        return {
            "message_id": self._messages,
            "date": 1,
            "chat": {"id": chat, "type": kind, "first_name": "x"},
            "text": text,
        }

    async def answer(self, request: web.Request) -> web.Response:
        method = request.match_info["method"]
        form = dict(await request.post())
        self.calls.append(method)
        self._changed.set()
        if self.status:
            return web.Response(status=self.status, text="down")
        if request.match_info["token"] != TOKEN:
            return _refused(401, "Unauthorized")
        known = getattr(self, f"_on_{method.lower()}", None)
        made = await known(form) if known else True
        return made if isinstance(made, web.Response) else web.json_response({"ok": True, "result": made})

    async def _on_getme(self, form: dict[str, Any]) -> Any:
        return BOT

    async def _on_getupdates(self, form: dict[str, Any]) -> Any:
        if self.conflict:
            self.conflict -= 1
            return _refused(409, "Conflict: terminated by other getUpdates request")
        offset = int(form.get("offset", 0))
        while self._updates and self._updates[0]["update_id"] < offset:
            self._updates.popleft()
        if not self._updates:
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), min(float(form.get("timeout", 0)), 5.0))
            except TimeoutError:
                return []
        return list(self._updates)

    async def _on_sendmessage(self, form: dict[str, Any]) -> Any:
        chat = int(form["chat_id"])
        if self.flood_s:
            wait, self.flood_s = self.flood_s, 0
            return _refused(429, f"Too Many Requests: retry after {wait}", retry_after=wait)
        if chat in self.forbidden:
            return _refused(403, "Forbidden: bot was blocked by the user")
        if len(form["text"]) > LONGEST:
            return _refused(400, "Bad Request: message is too long")
        html = form.get("parse_mode") == "HTML"
        if html and self.refuse_html:
            return _refused(400, "Bad Request: can't parse entities: unsupported start tag")
        self._note("sendMessage", form, form["text"], html)
        return self._message(chat, form["text"])

    async def _on_senddocument(self, form: dict[str, Any]) -> Any:
        upload = form["document"]
        name = upload.filename
        self._note("sendDocument", form, name, False, upload.file.read())
        document = {"file_id": "1", "file_unique_id": "1", "file_name": name}
        return {**self._message(int(form["chat_id"]), ""), "document": document}

    async def _on_sendphoto(self, form: dict[str, Any]) -> Any:
        html = form.get("parse_mode") == "HTML"
        self._note("sendPhoto", form, form.get("caption", ""), html, form["photo"].file.read())
        photo = [{"file_id": "1", "file_unique_id": "1", "width": 960, "height": 660}]
        return {**self._message(int(form["chat_id"]), ""), "photo": photo}

    async def _on_editmessagereplymarkup(self, form: dict[str, Any]) -> Any:
        return self._message(int(form["chat_id"]), "edited")

    def _note(self, method: str, form: dict[str, Any], text: str, html: bool, file: bytes = b"") -> None:
        keyboard = json.loads(form.get("reply_markup", "{}")).get("inline_keyboard", [])
        buttons = [button["callback_data"] for row in keyboard for button in row]
        silent = form.get("disable_notification") == "True" or form.get("disable_notification") == "true"
        self.said.append(Said(method, int(form["chat_id"]), text, html, silent, buttons, file))
        self._changed.set()


def _person(user: int) -> dict[str, Any]:
    return {"id": user, "is_bot": False, "first_name": f"user {user}"}


def _refused(code: int, description: str, **parameters: int) -> web.Response:
    body = {"ok": False, "error_code": code, "description": description, "parameters": parameters}
    return web.json_response(body, status=code)


@asynccontextmanager
async def bot_api() -> AsyncIterator[BotApi]:
    """Serve on a free port of the loopback while the block runs."""
    api = BotApi()
    app = web.Application()
    app.router.add_post("/bot{token}/{method}", api.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    api.base_url = f"http://{host}:{port}"
    try:
        yield api
    finally:
        await runner.cleanup()
