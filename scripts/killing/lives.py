"""The two processes of a killing: the exchange, which stays up, and the bot, which is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from bot.core.errors import BadInput
from bot.core.units import to_e8
from bot.operate.control import ControlClient
from bot.rehearsal.limits import MINUTE_WEIGHT

KEY, SECRET = "rehearsalkey0000000000000000", "rehearsalsecret00000000000000000"
SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
STRATEGIES = Path(__file__).with_name("strategies")
COMMAND = "import sys; from bot.cli.main import main; sys.exit(main())"
UP_WITHIN_S = 600.0  # a first start compiles
ENDS_WITHIN_S = 30.0
SESSION = "killed"
A_START_WEIGHS = 600
"""At most, of the exchange's 2,400 a minute: an exchange that refuses the address says nothing of us."""

CONFIG = """
market: {{venue: binance, urls: ["binance={url}"], symbols: [{symbols}]}}
live: {{look_every: 1.0}}
strategies: {{enabled: [restless], modes: [scalp], folder: {strategies}}}
storage: {{folder: {folder}, min_free_mb: 1}}
risk:
  {{max_positions: 9, max_same_side: 9, daily_loss: 0.9, max_drawdown: 0.95, cool_down_stops: 100,
    max_order_rate: 10000, min_confidence: 0.01, explore_confidence: 0.01, max_beta: 100.0,
    max_exposure: 9.0, portfolio_volatility: 1.0, daily_volatility: 1.0, max_spread_ratio: 100.0}}
"""
"""Limits that never say no, so that there is always something to be killed in."""


def eventually(condition: Callable[[], Any], what: str, within_s: float, every_s: float = 0.05) -> Any:
    until_s = time.monotonic() + within_s
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > until_s:
            raise TimeoutError(f"waited {within_s:g} s for {what}")
        time.sleep(every_s)


@dataclass
class ExchangeProcess:
    """`lopside rehearse`, with its wire journal."""

    folder: Path
    seed: int
    url: str = ""
    process: subprocess.Popen[str] | None = None

    @property
    def wire(self) -> Path:
        return self.folder / "wire.jsonl"

    def start(self) -> None:
        words = ["rehearse", "--port", "0", "--json", "--seed", str(self.seed), "--journal", str(self.wire)]
        words += ["--symbols", ",".join(SYMBOLS), "--key", KEY, "--secret", SECRET]
        log = (self.folder / "exchange.log").open("w")
        self.process = subprocess.Popen(
            [sys.executable, "-c", COMMAND, *words], stdout=subprocess.PIPE, stderr=log, text=True
        )
        assert self.process.stdout is not None
        told = ""
        while not told.rstrip().endswith("}"):
            line = self.process.stdout.readline()
            if not line:
                raise RuntimeError(f"the exchange did not start; see {self.folder / 'exchange.log'}")
            told += line
        self.url = str(json.loads(told)["rest"])

    def look(self) -> tuple[int, dict[str, Decimal]]:
        """Wallet in e8, and the position of every market."""
        account = self._state()["account"]
        held = {p["symbol"]: Decimal(p["positionAmt"]) for p in account["positions"]}
        return to_e8(Decimal(account["totalWalletBalance"])), held

    def has_room(self) -> bool:
        """Whether a start finds room among the requests that this address may make in the minute."""
        return bool(self._state()["weight_used"] <= MINUTE_WEIGHT - A_START_WEIGHS)

    def _state(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.url}/_control/state", timeout=10) as answer:
            state: dict[str, Any] = json.load(answer)
        return state

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(20)


@dataclass
class Bot:
    """`lopside live`, life after life, in one session."""

    folder: Path
    url: str
    process: subprocess.Popen[bytes] | None = None
    born_ns: list[int] = field(default_factory=list)  # wall clock, as the exchange stamps
    died_ns: list[int] = field(default_factory=list)
    ready_ns: list[int] = field(default_factory=list)  # when it first said what it holds; 0 never
    errors: list[str] = field(default_factory=list)

    @property
    def session(self) -> Path:
        return self.folder / "data" / SESSION

    @property
    def log(self) -> Path:
        return self.folder / "bot.log"

    def prepare(self) -> None:
        text = CONFIG.format(
            url=self.url, symbols=", ".join(SYMBOLS), strategies=STRATEGIES, folder=self.folder / "data"
        )
        (self.folder / "config.yaml").write_text(text)

    def start(self) -> None:
        words = ["live", "--session", SESSION, "--json", "--config", str(self.folder / "config.yaml")]
        env = {**self.environment(), "LOPSIDE_API_KEY": KEY, "LOPSIDE_API_SECRET": SECRET}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", COMMAND, *words], stdout=log, stderr=log, env=env
            )
        self.born_ns.append(time.time_ns())
        self.ready_ns.append(0)

    def environment(self) -> dict[str, str]:
        """With bytecode kept, as where it is installed: a start is much of what is measured."""
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        return {"PYTHONPYCACHEPREFIX": str(self.folder / "bytecode"), **kept}

    def kill(self) -> None:
        process = self._alive()
        process.send_signal(signal.SIGKILL)
        process.wait()
        self.died_ns.append(time.time_ns())

    def end(self) -> int:
        """As a person would, with Ctrl-C."""
        process = self._alive()
        process.send_signal(signal.SIGINT)
        code = process.wait(ENDS_WITHIN_S)
        self.died_ns.append(time.time_ns())
        return code

    @property
    def dead(self) -> bool:
        """Ended by itself, which it never should."""
        return self.process is not None and self.process.poll() is not None

    def look(self) -> dict[str, Any] | None:
        """What it shows, None while it does not answer."""
        told = self._call(do="status")
        if told is None:
            return None
        status: dict[str, Any] = told["status"]
        if not self.ready_ns[-1] and self.money(status):
            self.ready_ns[-1] = time.time_ns()
        return status

    def tell(self, verb: str) -> bool:
        told = self._call(do="ask", verb=verb)
        return told is not None and bool(told["answer"]["done"])

    def flatten(self) -> bool:
        try:
            with ControlClient(self.session) as client:
                told = client.call(do="ask", verb="flatten")
                if "proposal" in told:
                    told = client.call(do="confirm", code=told["proposal"]["code"])
                return bool(told["answer"]["done"])
        except (BadInput, OSError):
            return False

    @staticmethod
    def money(status: dict[str, Any]) -> int:
        return next((int(m["wallet_e8"]) for m in status["money"] if m["coin"] == "USDT"), 0)

    @staticmethod
    def held(status: dict[str, Any]) -> dict[str, Decimal]:
        return {m["symbol"]: Decimal(m["position"]) for m in status["markets"]}

    def _call(self, **request: str) -> dict[str, Any] | None:
        try:
            with ControlClient(self.session) as client:
                return client.call(**request)
        except (BadInput, OSError):
            return None

    def _alive(self) -> subprocess.Popen[bytes]:
        assert self.process is not None
        return self.process
