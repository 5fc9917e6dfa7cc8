"""Checkpoints: what the loop has learned of the markets, in one file, for a warm start.

Signals look back for hours; after a restart they go on from the last
checkpoint. Orders do not survive a restart (the trader places them anew), so
the venue's tables and the armed sentinels are left out. The books are in, so
that rows which follow without a gap continue them; a stream that begins anew
announces a gap and clears them with its snapshot.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bot.core.errors import BadInput
from bot.engine.kernel import FOREVER, Ctl, State
from bot.market.tape.files import partial_path, publish

_PARTS = ("ctl", "books", "heads", "clocks", "signals")
_META = "meta"
_COUNTED = ("commits", "crossed_commits", "gaps", "trades", "not_market", "duplicates")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Arrays by `part.name`, as they were after the record `seq` at `now_ns`."""

    seq: int
    now_ns: int
    arrays: dict[str, np.ndarray]


def save(path: Path, state: State, owner: Mapping[str, Any]) -> None:
    """Write a checkpoint, whole or not at all; `owner` (JSON) says what it belongs to: markets, kernels.

    Only between messages: half a message cannot be continued.
    """
    if state.ctl[Ctl.IN_MESSAGE]:
        raise ValueError("a checkpoint was asked for inside a message; save it after the commit")
    arrays = dict(_named(state))
    arrays[_META] = np.frombuffer(json.dumps(owner).encode(), np.uint8)
    with partial_path(path).open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
    publish(path)


def load(path: Path, owner: Mapping[str, Any]) -> Checkpoint | None:
    """The checkpoint, None when there is none. Raises BadInput when it is damaged or of another owner."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        meta = json.loads(arrays.pop(_META).tobytes())
        ctl = arrays["ctl"]
        seq, now_ns = int(ctl[Ctl.SEQ]), int(ctl[Ctl.NOW])
    except FileNotFoundError:
        return None
    except (OSError, EOFError, KeyError, IndexError, ValueError, zipfile.BadZipFile) as error:
        raise BadInput(f"{path}: expected a checkpoint, could not read it ({error})") from None
    for name, wanted in owner.items():
        if meta.get(name) != wanted:
            raise BadInput(f"{path}: the checkpoint is of other {name}")
    return Checkpoint(seq, now_ns, arrays)


def restore(state: State, checkpoint: Checkpoint) -> State:
    """The state with the checkpoint's contents; counters of what was seen start from 0 again.

    Arrays of unchanged shape are filled in place, as the paper venue shares
    some of them; the ladder's may have grown. Raises BadInput, changing nothing, when the arrays do not fit.
    """
    named = dict(_named(state))
    for name, array in named.items():
        if not _fits(name, array, checkpoint.arrays.get(name)):
            raise BadInput(f"checkpoint: {name} does not fit this version")
    books = {name: checkpoint.arrays[f"books.{name}"].copy() for name in state.books._fields}
    state = state.with_books(state.books._replace(**books))
    for name, array in named.items():
        if not name.startswith("books."):
            array[...] = checkpoint.arrays[name]
    state.ctl[Ctl.DEADLINE] = FOREVER
    state.ctl[Ctl.ROWS] = 0
    for name in _COUNTED:
        state.heads[name] = 0
    return state


def _fits(name: str, array: np.ndarray, saved: np.ndarray | None) -> bool:
    if saved is None or saved.dtype != array.dtype or saved.ndim != array.ndim:
        return False
    return saved.shape == array.shape or name.startswith("books.")


def _named(state: State) -> Iterator[tuple[str, np.ndarray]]:
    """Every array that a checkpoint holds, by name; nested tuples joined by a dot."""
    for part in _PARTS:
        yield from _arrays(part, getattr(state, part))


def _arrays(name: str, value: Any) -> Iterator[tuple[str, np.ndarray]]:
    if isinstance(value, np.ndarray):
        yield name, value
        return
    for field in value._fields:
        yield from _arrays(f"{name}.{field}", getattr(value, field))
