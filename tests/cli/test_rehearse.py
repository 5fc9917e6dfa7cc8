"""`lopside rehearse` as a process: what it prints is what a client needs, and Ctrl-C ends it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request
from decimal import Decimal
from pathlib import Path

import pytest

from bot.app.rehearse import RehearsalOptions, open_world
from bot.cli.main import main
from bot.core.clock import ManualClock, SystemClock
from bot.core.units import NS_PER_S
from bot.rehearsal.exchange import Exchange
from tests.rehearsing import ask


def test_it_says_where_it_is_serves_and_ends(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bot.cli", "rehearse", "--port", "0", "--symbols", "BTCUSDT,SOLUSDT"]
    command += ["--json", "--key", "k" * 32, "--journal", str(tmp_path / "wire.jsonl")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        assert (said["symbols"], said["key"], len(said["secret"])) == (["BTCUSDT", "SOLUSDT"], "k" * 32, 64)
        with urllib.request.urlopen(
            f"{said['rest']}/fapi/v1/depth?symbol=SOLUSDT&limit=5", timeout=5
        ) as answer:
            assert json.load(answer)["bids"]
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait()
    assert said["secret"] not in (tmp_path / "wire.jsonl").read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--market", "replay"], "--tape"),
        (["--market", "moon"], "expected demo, or replay"),
        (["--deposit", "much"], "--deposit: expected an amount"),
        (["--speed", "-1"], "--speed: expected 0"),
        (["--symbols", "NOPEUSDT"], "the demo market has no symbol 'NOPEUSDT'"),
        (["--scenario", "s-wal"], "unknown scenario"),
    ],
)
def test_a_bad_option_is_one_line(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["rehearse", *arguments]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_a_tape_is_served_as_if_it_began_now(usdm_tape: Path) -> None:
    clock = ManualClock(SystemClock().now_ns())
    options = RehearsalOptions(symbols=(), tapes=(usdm_tape,), speed=0.0)
    exchange = Exchange(open_world(options, clock), Decimal(10_000))
    book = ask(exchange, "GET depth", symbol="BTCUSDT", limit=5)
    assert abs(book["T"] - clock.now_ns() // 1_000_000) < 15_000
    order = ask(exchange, "POST order", symbol="BTCUSDT", type="MARKET", side="BUY", quantity="0.010",
                newOrderRespType="RESULT")  # fmt: skip
    assert Decimal(order["avgPrice"]) == Decimal(book["asks"][0][0])
    exchange.world.step(400 * NS_PER_S)
    assert exchange.world.ended
    assert ask(exchange, "GET depth", symbol="BTCUSDT", limit=5)["lastUpdateId"] > book["lastUpdateId"]
