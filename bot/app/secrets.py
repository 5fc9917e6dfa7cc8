"""Secrets come from the environment or from a file that only its owner can read; from nowhere else."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from bot.core.errors import BadConfig

TELEGRAM_TOKEN = "LOPSIDE_TELEGRAM_TOKEN"


def read_secret(variable: str, file: Path | None, environ: Mapping[str, str] | None = None) -> str:
    """The secret, "" where there is none; the environment wins. BadConfig on a file that others can read."""
    env = os.environ if environ is None else environ
    if env.get(variable):
        return env[variable].strip()
    if file is None:
        return ""
    path = file.expanduser()
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            wanted = "expected a file that only you can read"
            raise BadConfig(f"{path}: {wanted}, was {mode:04o}; run: chmod 600 {path}")
        return path.read_text().strip()
    except OSError as error:
        raise BadConfig(f"{path}: cannot read the secret: {error.strerror}") from None
