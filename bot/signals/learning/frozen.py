"""The learner as bytes and back (no files here): versioned, check-summed, matched by names.

What was learned belongs to a market and a card by name. A file of other
markets or cards gives what matches; the rest starts from the prior, and
`thaw` says so. Audit rows are not kept: drain them first.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import NamedTuple

import numpy as np

from bot.core.errors import BadInput
from bot.signals.learning.experts import MOST_THETA
from bot.signals.learning.state import Learning

VERSION = 1
_MAGIC = b"LOPSIDE-LEARNER\n"
_DIGEST = 16

_AXES: dict[str, tuple[str, ...]] = {
    "theta": ("learners", "", "cards"),
    "precision": ("learners", "", "cards"),
    "published": ("markets", "", "experts"),
    "log_weights": ("learners", "", "", "experts"),
    "learners": ("markets", ""),
    "clocks": ("markets",),
    "rounds": ("markets", "", ""),
    "said": ("markets", "", "", "", "experts"),
    "tables": ("markets", "", "experts", "", ""),
}
"""What is kept, and which names each axis follows. The traded weights follow from the published ones."""


class Keys(NamedTuple):
    """Names of the rows of a `Learning`, in order."""

    markets: Sequence[str]
    cards: Sequence[str]

    def along(self, axis: str) -> list[str]:
        own = {
            "markets": [f"market {name}" for name in self.markets],
            "cards": [f"card {name}" for name in self.cards],
        }
        own["learners"] = [*own["markets"], "pooled"]
        own["experts"] = [*own["cards"], "null"]
        return own[axis]


def freeze(learning: Learning, keys: Keys) -> bytes:
    """Everything learned, open rounds included. Only between ticks."""
    _check_names(learning, keys)
    header = {
        "markets": list(keys.markets),
        "cards": list(keys.cards),
        "layout": _layout(learning),
    }
    head = json.dumps(header, ensure_ascii=False).encode()
    parts = {name: getattr(learning, name) for name in _AXES}
    parts["clocks"] = parts["clocks"].copy()
    parts["clocks"]["changes"] = 0
    body = b"".join(part.tobytes() for part in parts.values())
    stored = zlib.compress(body, 0)  # packing such numbers saves a tenth and takes fifteen times as long
    data = b"".join([_MAGIC, VERSION.to_bytes(4, "little"), len(head).to_bytes(4, "little"), head, stored])
    return data + blake2b(data, digest_size=_DIGEST).digest()


def thaw(learning: Learning, keys: Keys, data: bytes) -> list[str]:
    """Fill a new `Learning` from bytes; a sentence for all that starts from the prior or was dropped.

    Raises BadInput, changing nothing, when the bytes are damaged, foreign or of another version.
    """
    _check_names(learning, keys)
    saved_keys, saved = _read(learning, data)
    kept = {
        axis: _matches(keys.along(axis), saved_keys.along(axis))
        for axis in ("markets", "learners", "cards", "experts")
    }
    for name, axes in _AXES.items():
        array = getattr(learning, name)
        here = [kept[axis][0] if axis else np.arange(n) for axis, n in zip(axes, array.shape, strict=True)]
        there = [kept[axis][1] if axis else np.arange(n) for axis, n in zip(axes, array.shape, strict=True)]
        array[np.ix_(*here)] = saved[name][np.ix_(*there)]
    if list(keys.cards) != list(saved_keys.cards):
        _fit_weights(learning, kept["experts"][0])
    learning.weights[...] = learning.published
    learning.weights[learning.learners["killed"] != 0] = np.eye(learning.weights.shape[2])[-1]
    return list(_sentences("market", keys.markets, saved_keys.markets)) + list(
        _sentences("card", keys.cards, saved_keys.cards)
    )


def _read(learning: Learning, data: bytes) -> tuple[Keys, dict[str, np.ndarray]]:
    """Names and arrays of frozen bytes, all of it checked."""
    signed, digest = data[:-_DIGEST], data[-_DIGEST:]
    if not data.startswith(_MAGIC):
        raise BadInput("learner: expected a saved learner, the bytes are something else")
    if blake2b(signed, digest_size=_DIGEST).digest() != digest:
        raise BadInput("learner: the saved learner is damaged or cut short (its checksum is wrong)")
    try:
        return _parse(learning, signed[len(_MAGIC) :])
    except (ValueError, KeyError, TypeError, zlib.error) as error:
        raise BadInput(f"learner: the saved learner cannot be read ({error})") from None


def _parse(learning: Learning, data: bytes) -> tuple[Keys, dict[str, np.ndarray]]:
    version, size = (int.from_bytes(data[at : at + 4], "little") for at in (0, 4))
    if version != VERSION:
        raise BadInput(f"learner: expected version {VERSION}, was {version}")
    header = json.loads(data[8 : 8 + size])
    if header["layout"] != _layout(learning):
        raise BadInput("learner: the saved learner is of another layout than this version's")
    keys = Keys(header["markets"], header["cards"])
    body = zlib.decompress(data[8 + size :])
    saved: dict[str, np.ndarray] = {}
    start = 0
    for name, axes in _AXES.items():
        own = getattr(learning, name)
        shape = [len(keys.along(axis)) if axis else n for axis, n in zip(axes, own.shape, strict=True)]
        count = int(np.prod(shape))
        saved[name] = np.frombuffer(body, own.dtype, count, start).reshape(shape)
        start += count * own.dtype.itemsize
    _check_values(saved)
    return keys, saved


def _check_values(saved: dict[str, np.ndarray]) -> None:
    """What a bug may have written is not traded on."""
    theta, published, log_weights = saved["theta"], saved["published"], saved["log_weights"]
    sound = (
        np.all((theta >= 0.0) & (theta <= MOST_THETA))
        and np.all(saved["precision"] > 0.0)
        and np.all((published >= 0.0) & (np.abs(published.sum(axis=-1, keepdims=True) - 1.0) < 1e-6))
        and np.all(np.abs(np.exp(log_weights).sum(axis=-1) - 1.0) < 1e-6)
        and np.all(np.abs(np.exp(saved["learners"]["log_omega"]).sum(axis=-1) - 1.0) < 1e-6)
    )
    if not sound:
        raise BadInput("learner: the saved learner holds impossible weights")


def _fit_weights(learning: Learning, kept: np.ndarray) -> None:
    """Other cards than before: new ones stay at their prior, the `kept` share the rest as they did."""
    new = np.setdiff1d(np.arange(learning.priors.shape[1]), kept)
    for mode, prior in enumerate(learning.priors):
        internal = np.exp(learning.log_weights[:, mode])
        for weights in (internal, learning.published[:, mode]):
            weights[..., kept] *= (1.0 - prior[new].sum()) / weights[..., kept].sum(axis=-1, keepdims=True)
        with np.errstate(divide="ignore"):
            learning.log_weights[:, mode] = np.log(internal)


def _matches(now: Sequence[str], before: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Places of the common names now and before."""
    pairs = [(i, before.index(name)) for i, name in enumerate(now) if name in before]
    places = np.array(pairs, np.int64).reshape(-1, 2)
    return places[:, 0], places[:, 1]


def _sentences(kind: str, now: Sequence[str], before: Sequence[str]) -> Iterable[str]:
    for name in now:
        if name not in before:
            yield f"{kind} {name}: nothing was learned about it yet, it starts from the prior"
    for name in before:
        if name not in now:
            yield f"{kind} {name}: no longer in use, what was learned about it is dropped"


def _layout(learning: Learning) -> str:
    """Names, types and fixed sizes of the arrays; differs when bytes of one version would not fit another."""
    parts = []
    for name, axes in _AXES.items():
        array = getattr(learning, name)
        fixed = [n for axis, n in zip(axes, array.shape, strict=True) if not axis]
        parts.append(f"{name}{fixed}{array.dtype.descr}")
    return blake2b("\n".join(parts).encode(), digest_size=8).hexdigest()


def _check_names(learning: Learning, keys: Keys) -> None:
    """Names are how state is matched; a wrong or doubled one would hand a market another's state."""
    for axis, wanted in (("markets", learning.clocks.size), ("cards", learning.categories.size)):
        names = keys.along(axis)
        if len(names) != wanted or len(set(names)) != wanted:
            raise ValueError(f"expected {wanted} different names of {axis}, was {', '.join(names)}")
