"""`lopside init` driven through a terminal, from nothing to a paper session."""

from __future__ import annotations

import asyncio
import os
import pty
import re
import select
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

import bot
from bot.app.config import load
from bot.app.setup import Answers, write
from bot.cli.main import main
from bot.core.errors import BadConfig
from tests.telegram.bot_api import TOKEN, BotApi, bot_api

OWNER = 77
PATIENCE_S = 90.0


class Terminal:
    """A child in a terminal of its own: what it shows, and what is typed."""

    def __init__(self, arguments: list[str], folder: Path) -> None:
        code = Path(bot.__file__).parents[1]
        env = {**os.environ, "PYTHONPATH": str(code), "TERM": "xterm", "COLUMNS": "200"}
        self._master, slave = pty.openpty()
        self._child = subprocess.Popen(
            [sys.executable, "-m", "bot.cli", *arguments],
            stdin=slave, stdout=slave, stderr=slave, cwd=folder, env=env, start_new_session=True,
        )  # fmt: skip
        os.close(slave)
        self.shown = ""
        self._read_to = 0

    def expect(self, pattern: str) -> str:
        """Wait until something new matches; what stood before it."""
        while True:
            found = re.search(pattern, self.shown[self._read_to :])
            if found:
                self._read_to += found.end()
                return self.shown
            ready, _, _ = select.select([self._master], [], [], PATIENCE_S)
            assert ready, f"waited for {pattern!r} after:\n{self.shown}"
            try:
                self.shown += os.read(self._master, 65536).decode("utf-8", "replace")
            except OSError:
                pytest.fail(f"ended before {pattern!r}:\n{self.shown}")

    def type(self, line: str) -> None:
        os.write(self._master, line.encode() + b"\n")

    def interrupt(self) -> int:
        os.killpg(self._child.pid, signal.SIGINT)
        while True:
            try:
                self.shown += os.read(self._master, 65536).decode("utf-8", "replace")
            except OSError:
                return self._child.wait(PATIENCE_S)

    def close(self) -> None:
        if self._child.poll() is None:
            self._child.kill()
            self._child.wait()
        os.close(self._master)


@contextmanager
def local_telegram() -> Iterator[BotApi]:
    """The local Bot API server in a thread of its own."""
    ready, over = threading.Event(), threading.Event()
    held: list[BotApi] = []

    async def serve() -> None:
        async with bot_api() as api:
            held.append(api)
            ready.set()
            while not over.is_set():
                await asyncio.sleep(0.05)

    server = threading.Thread(target=lambda: asyncio.run(serve()))
    server.start()
    assert ready.wait(20.0)
    try:
        yield held[0]
    finally:
        over.set()
        server.join()


@pytest.mark.slow
def test_from_nothing_to_a_paper_session(tmp_path: Path) -> None:
    with local_telegram() as api:
        terminal = Terminal(["init", "--telegram-url", api.base_url], tmp_path)
        try:
            terminal.expect("Market: demo")
            terminal.type("atlantis")
            terminal.expect("expected one of demo")
            terminal.expect("Market: demo")
            terminal.type("demo")
            terminal.expect("on Telegram")
            terminal.type("y")
            terminal.expect("from BotFather: ")  # the blank comes once the terminal does not echo
            terminal.type("1:wrong")
            terminal.expect("does not know this token")
            terminal.expect("Try again")
            terminal.type("y")
            terminal.expect("from BotFather: ")  # the blank comes once the terminal does not echo
            terminal.type(TOKEN)
            terminal.expect("This is @lopside_bot")
            api.write(OWNER, "hello")
            terminal.expect(rf"user {OWNER} \(id {OWNER}\) wrote")
            terminal.type("y")
            terminal.expect(r"wrote .*config\.yaml")
            terminal.expect("Start a paper session now")
            terminal.type("y")
            terminal.expect("BTCUSDT")
            code = terminal.interrupt()
        finally:
            terminal.close()
    assert code == 130, terminal.shown
    assert TOKEN not in terminal.shown, "a token is not shown"
    config = tmp_path / "config.yaml"
    assert yaml.safe_load(config.read_text())["telegram"]["owners"] == [OWNER]
    assert TOKEN not in config.read_text()
    (secret,) = (tmp_path / "secrets").iterdir()
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert load(config, environ={}).telegram.token_file == secret
    assert list((tmp_path / "lopside-data").iterdir())


def test_a_file_that_is_there_is_not_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text("risk: {}\n")
    assert main(["init"]) == 2
    assert "--force" in capsys.readouterr().err
    assert (tmp_path / "config.yaml").read_text() == "risk: {}\n"


def test_what_is_written_is_commented_and_reads_back(tmp_path: Path) -> None:
    answers = Answers(
        {"market.source": "demo", "telegram.owners": [5]}, {"telegram.token_file": "t0ken-value"}
    )
    written = write(tmp_path / "mine.yaml", answers)
    assert [p.name for p in written] == ["mine.yaml", "telegram_token"]
    text = written[0].read_text()
    assert "# Numeric user ids that may do everything." in text
    assert "t0ken-value" not in text
    assert load(written[0], environ={}).telegram.owners == (5,)


def test_a_wrong_answer_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(BadConfig):
        write(tmp_path / "mine.yaml", Answers({"telegram.owners": ["nobody"]}))
    assert list(tmp_path.iterdir()) == []
