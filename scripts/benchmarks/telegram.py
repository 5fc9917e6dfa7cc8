"""How late the trading loop is with Telegram away or flooding: `python -m scripts.benchmarks.telegram`.

The demo market, paced, a fresh process each: with a Telegram that works and is
not spoken to, with a server that is not there, and with one that answers every
other message with a flood wait while its owner asks for the status all the
time. At 20 times real time the three demo symbols are the work of 60 markets,
about what 21 symbols at three venues are. The loop itself counts by how much it
oversleeps.
"""

# mypy: disallow-untyped-defs=False

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from scripts.benchmarks.results import ROOT, Line, write

OWNER = 7
ASKS_A_S = 2.0
SPEED = 20
LONG_POLL_S = 10.0
IDLE = "idle"
WANTED = 1.2
CLOSED_PORT = "http://127.0.0.1:9"  # the discard service: nobody listens there


def serve(pipe: Any, flooding: bool) -> None:
    """A Bot API server; a flooding one has an owner who keeps asking, and throttles every other answer."""
    from aiohttp import web

    numbers = iter(range(1, 1 << 30))
    sent = 0

    async def answer(request: web.Request) -> web.Response:
        nonlocal sent
        await request.read()
        method = request.match_info["method"].lower()
        if method == "getme":
            return ok({"id": 1, "is_bot": True, "first_name": "bench", "username": "bench_bot"})
        if method == "getupdates":
            await asyncio.sleep(1.0 / ASKS_A_S if flooding else LONG_POLL_S)
            return ok([update(next(numbers))] if flooding else [])
        if method == "sendmessage":
            sent += 1
            if flooding and sent % 2:
                refused = {"ok": False, "error_code": 429, "description": "Too Many Requests: retry after 1"}
                return web.json_response({**refused, "parameters": {"retry_after": 1}}, status=429)
            return ok(update(1)["message"])
        return ok(True)

    def ok(result: Any) -> web.Response:
        return web.json_response({"ok": True, "result": result})

    def update(number: int) -> dict[str, Any]:
        person = {"id": OWNER, "is_bot": False, "first_name": "x"}
        entities = [{"type": "bot_command", "offset": 0, "length": 7}]
        message = {"message_id": number, "date": 1, "chat": {"id": OWNER, "type": "private"}, "from": person}
        return {"update_id": number, "message": {**message, "text": "/status", "entities": entities}}

    async def run() -> None:
        app = web.Application()
        app.router.add_post("/bot{token}/{method}", answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        pipe.send(f"http://127.0.0.1:{runner.addresses[0][1]}")
        await asyncio.Event().wait()

    asyncio.run(run())


def session(folder: Path, minutes: float, url: str) -> dict[str, Any]:
    """The summary of one paced demo session with Telegram at `url`."""
    env = {**os.environ, "LOPSIDE_STORAGE__FOLDER": str(folder)}
    env |= {"LOPSIDE_TELEGRAM_TOKEN": "1:bench", "LOPSIDE_TELEGRAM__OWNERS": str(OWNER)}
    env["LOPSIDE_TELEGRAM__BASE_URL"] = url
    command = [sys.executable, "-m", "bot.cli", "paper", "--fresh", "--json", "--speed", str(SPEED)]
    command += ["--for", f"{minutes * 60:.0f}s"]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    summary: dict[str, Any] = json.loads(done.stdout)
    return summary


def main(words: Sequence[str] | None = None) -> int:
    about = (__doc__ or "").partition(":")[0]
    parser = argparse.ArgumentParser(prog="scripts/bench telegram", description=about)
    parser.add_argument("--rounds", type=int, default=5, help="of each, in turn (default: 5)")
    parser.add_argument("--minutes", type=float, default=10.0, help="of market time a session (default: 10)")
    parser.add_argument("--write", action="store_true", help="put the results into docs/benchmarks.md")
    args = parser.parse_args(words)
    context = multiprocessing.get_context("spawn")
    urls = {}
    servers = []
    for name in (IDLE, "flooding"):
        here, there = context.Pipe()
        servers.append(context.Process(target=serve, args=(there, name != IDLE), daemon=True))
        servers[-1].start()
        urls[name] = here.recv()
    urls["away"] = CLOSED_PORT
    lags: dict[str, list[tuple[float, float]]] = {name: [] for name in urls}
    with TemporaryDirectory() as folder:
        for _ in range(args.rounds):
            for name, url in urls.items():
                summary = session(Path(folder), args.minutes, url)
                lags[name].append((summary["loop_lag_p99_ms"], summary["loop_lag_most_ms"]))
                print(f"{name}: p99 {lags[name][-1][0]} ms, most {lags[name][-1][1]} ms", file=sys.stderr)
    for server in servers:
        server.terminate()
    lines = []
    for name in ("away", "flooding"):
        for place, what in enumerate(("p99", "most")):
            idle = median(pair[place] for pair in lags[IDLE])
            busy = median(pair[place] for pair in lags[name])
            figures = f"{busy / idle:.2f} times; {busy:.2f} ms, idle {idle:.2f} ms"
            wanted = f"at most {WANTED}"
            lines.append(Line(f"Telegram {name}: loop's lag, {what}", figures, wanted, busy <= WANTED * idle))
    for line in lines:
        print(line)
    if args.write:
        write("telegram", lines, ["medians of the rounds"], args.rounds, "scripts/bench telegram --write")
    return 1 if any(line.passed is False for line in lines) else 0


if __name__ == "__main__":
    sys.exit(main())
