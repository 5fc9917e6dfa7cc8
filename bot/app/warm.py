"""Compiles every kernel a session uses by running a short one that leaves nothing behind."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from bot.app.config import Config
from bot.app.session import SessionOptions, run_session
from bot.core.jit import CACHE_DIR

WARM_S = 120.0
"""Long enough for a decision of the two shorter modes."""


def compile_all() -> Path:
    """Returns the folder of the compiled kernels."""
    with TemporaryDirectory(prefix="lopside-warmup-") as folder:
        config = Config().with_values({"storage.folder": folder, "session.name": "warmup"})
        run_session(SessionOptions(config, session="warmup", symbols=("BTCUSDT",), duration_s=WARM_S))
    return CACHE_DIR
