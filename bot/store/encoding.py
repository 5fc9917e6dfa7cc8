"""How Python and numpy values become SQLite columns and JSON."""

from __future__ import annotations

import sqlite3
from typing import Any

import msgspec
import numpy as np

_encoder = msgspec.json.Encoder(enc_hook=lambda value: value.item(), order="deterministic")


def _plain(value: Any) -> Any:
    return value.item()


# SQLite would store a numpy integer as a blob.
for _kind in (np.int64, np.int32, np.int8, np.uint64, np.uint32, np.uint16, np.uint8, np.bool_, np.float32):
    sqlite3.register_adapter(_kind, _plain)


def encode(value: Any) -> str:
    """JSON with keys in order, numpy scalars as numbers and nan as null."""
    return _encoder.encode(value).decode()


def decode(text: str | None) -> Any:
    """The value of a JSON column, an empty mapping for NULL."""
    return {} if text is None else msgspec.json.decode(text)
