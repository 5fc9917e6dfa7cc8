"""Compiles every kernel a session uses by running a short one that leaves nothing behind."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bot.app.config import Config
from bot.app.session import SessionOptions, run_session
from bot.core.jit import CACHE_DIR
from bot.engine.kernel import State, advance, new_state, read_cards
from bot.market.events import empty_rows
from bot.market.instruments import find
from bot.market.venues.scan import make_ready

WARM_S = 300.0
"""Long enough for decisions of every mode and, with one seed or another, for an order."""
SEEDS = range(8)


def is_cold() -> bool:
    """Whether nothing was compiled yet."""
    return not any(CACHE_DIR.rglob("*.nbi"))


def compile_all() -> Path:
    """Compile, or load into this process, whatever a session needs; returns the folder of the kernels.

    To be called before a session that keeps real time: its clock must not run while code is compiled.
    Before any other the first time: two processes compile, a session would alone.
    Raises KeyboardInterrupt on Ctrl-C.
    """
    if is_cold():
        with _second_process():
            advance(_cold_state(), empty_rows(1), 0)
    make_ready()
    with TemporaryDirectory(prefix="lopside-warmup-") as folder:
        config = Config().with_values({"storage.folder": folder, "session.name": "warmup"})
        for seed in SEEDS:
            options = SessionOptions(
                config, session="warmup", symbols=("BTCUSDT",), seed=seed, duration_s=WARM_S, fresh=True
            )
            result = run_session(options)
            if result.interrupted:
                raise KeyboardInterrupt
            if result.summary["reports"]:  # what an order needs is ready too
                break
    return CACHE_DIR


def _cold_state() -> State:
    return new_state([find("binance-usdm:BTCUSDT")])


@contextmanager
def _second_process() -> Iterator[None]:
    """Another process compiles the cards meanwhile: they take as long as the rest of the loop."""
    process = subprocess.Popen([sys.executable, "-m", "bot.app.warm"])
    try:
        yield
        process.wait()  # what it could not compile, the session will
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    read_cards(_cold_state(), 0)
