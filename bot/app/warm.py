"""Compiles every kernel a session uses by running a short one that leaves nothing behind."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from bot.app.config import Config
from bot.app.session import SessionOptions, run_session
from bot.core.jit import CACHE_DIR

WARM_S = 300.0
"""Long enough for decisions of every mode and, as a rule, for an order."""


def compile_all() -> Path:
    """Compile, or load into this process, whatever a session needs; returns the folder of the kernels.

    To be called before a session that keeps real time: its clock must not run while code is compiled.
    Raises KeyboardInterrupt on Ctrl-C.
    """
    with TemporaryDirectory(prefix="lopside-warmup-") as folder:
        config = Config().with_values({"storage.folder": folder, "session.name": "warmup"})
        options = SessionOptions(config, session="warmup", symbols=("BTCUSDT",), duration_s=WARM_S)
        if run_session(options).interrupted:
            raise KeyboardInterrupt
    return CACHE_DIR
