"""The façade for other processes of this machine's user: JSON lines over a Unix socket.

The socket lies in a folder that only the user may enter, so whoever connects
is the user who runs the bot and has the role of the owner.

| request | answer |
|---|---|
| `{"do":"status"}` | `{"status":{...}}` |
| `{"do":"ask","verb":"close","subject":"BTCUSDT"}` | `{"answer":{...}}` or `{"proposal":{...}}` |
| `{"do":"confirm","code":"7KQ2"}` | `{"answer":{...}}` |

A proposal belongs to its connection. What is not understood is answered with
`{"error":"..."}` and changes nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import hashlib
import itertools
import os
import socket
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from bot.core.commands import Answer, Verb
from bot.core.errors import BadInput
from bot.operate.authority import Actor, Role
from bot.operate.confirming import Proposal
from bot.operate.operator import Operator

MAX_LINE = 64 * 1024
ANSWER_WITHIN_S = 10.0
_LONGEST_PATH = 100  # of a socket's name; systems allow 104 to 108 bytes


class Request(msgspec.Struct, forbid_unknown_fields=True):
    """One line of a client."""

    do: str
    verb: str = ""
    subject: str = ""
    code: str = ""


def control_path(folder: Path) -> Path:
    """Where the socket of the session in `folder` lies: there, or where the name is short enough."""
    near = folder.expanduser().resolve() / "control.sock"
    if len(os.fsencode(near)) <= _LONGEST_PATH:
        return near
    digest = hashlib.sha256(os.fsencode(near)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"lopside-{os.getuid()}" / f"{digest}.sock"


@asynccontextmanager
async def serve_control(operator: Operator, path: Path) -> AsyncIterator[None]:
    """Answer on the socket while the block runs. A stale socket of a dead process is replaced."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    numbers = itertools.count(1)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        actor = Actor(f"local:{getpass.getuser()}#{next(numbers)}", Role.OWNER)
        with contextlib.suppress(ConnectionError, asyncio.LimitOverrunError, ValueError):
            while line := await reader.readline():
                writer.write(msgspec.json.encode(await _answer(operator, actor, line)) + b"\n")
                await writer.drain()
        writer.close()

    before = os.umask(0o177)
    try:
        server = await asyncio.start_unix_server(talk, path, limit=MAX_LINE)
    finally:
        os.umask(before)
    try:
        yield
    finally:
        server.close()
        path.unlink(missing_ok=True)


async def _answer(operator: Operator, actor: Actor, line: bytes) -> dict[str, Any]:
    try:
        request = msgspec.json.decode(line, type=Request)
        if request.do == "status":
            return {"status": operator.look().to_json()}
        if request.do == "confirm":
            return _told(await operator.confirm(actor, request.code))
        if request.do == "ask":
            return _told(await operator.ask(actor, _verb(request.verb), request.subject))
        raise BadInput(f"expected do to be status, ask or confirm, was {request.do!r}")
    except (msgspec.MsgspecError, BadInput) as error:
        return {"error": str(error)}


def _verb(word: str) -> Verb:
    try:
        return Verb(word)
    except ValueError:
        raise BadInput(f"expected a verb of {', '.join(Verb)}, was {word!r}") from None


def _told(what: Answer | Proposal) -> dict[str, Any]:
    if isinstance(what, Answer):
        return {"answer": {"done": what.done, "text": what.text, "trades": list(what.trades)}}
    return {"proposal": {"preview": what.preview, "code": what.code, "expires_ns": what.expires_ns}}


class ControlClient:
    """A blocking client, for commands. Raises BadInput where no bot answers."""

    def __init__(self, folder: Path) -> None:
        path = control_path(folder)
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(ANSWER_WITHIN_S)
        try:
            self._socket.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            self._socket.close()
            raise BadInput(
                f"session {folder.name!r} does not take commands: it is not running, or runs with "
                "--speed max (see `lopside status`)"
            ) from None
        self._file = self._socket.makefile("rwb")

    def call(self, **request: str) -> dict[str, Any]:
        """One request, one answer. Raises BadInput on an error, or when the bot does not answer in time."""
        try:
            self._file.write(msgspec.json.encode(request) + b"\n")
            self._file.flush()
            line = self._file.readline()
        except TimeoutError:
            raise BadInput(
                f"the bot did not answer within {ANSWER_WITHIN_S:.0f} s; whether it will do "
                f"{request.get('verb') or request['do']!r} is unknown, look at `lopside status`"
            ) from None
        answer: dict[str, Any] = msgspec.json.decode(line) if line else {"error": "the bot hung up"}
        if "error" in answer:
            raise BadInput(str(answer["error"]))
        return answer

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def __enter__(self) -> ControlClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
