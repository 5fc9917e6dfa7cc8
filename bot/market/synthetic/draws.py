"""Seeded draws for kernels: splitmix64 streams held in a plain uint64 array, so a state can be copied.

`rng` is a uint64 array with one word a stream, `k` names the stream. Streams
are independent: how many latencies were drawn never changes the order flow.
Source of the generator: Steele, Lea & Flood, "Fast splittable pseudorandom
number generators", OOPSLA 2014.
"""

from __future__ import annotations

from hashlib import blake2b
from math import cos, log, pi, sqrt
from typing import Any

import numpy as np

from bot.core.jit import njit

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MIX1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX2 = np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)
_TO_UNIT = 2.0**-53


def seed_word(*parts: object) -> int:
    """A 64-bit seed that depends on every part and on nothing else."""
    text = "|".join(str(part) for part in parts)
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")


@njit
def _mix(word: Any) -> Any:
    word = (word ^ (word >> _S30)) * _MIX1
    word = (word ^ (word >> _S27)) * _MIX2
    return word ^ (word >> _S31)


@njit
def uniform(rng: np.ndarray, k: int) -> float:
    """In [0, 1)."""
    rng[k] += _GAMMA
    return np.float64(_mix(rng[k]) >> _S11) * _TO_UNIT


@njit
def exponential(rng: np.ndarray, k: int, mean: float) -> float:
    return -mean * log(1.0 - uniform(rng, k))


@njit
def normal(rng: np.ndarray, k: int) -> float:
    radius = sqrt(-2.0 * log(1.0 - uniform(rng, k)))
    return radius * cos(2.0 * pi * uniform(rng, k))


@njit
def normal_at(seed: Any, n: int) -> float:
    """The nth standard normal of a stream without a state; what several markets share."""
    a = _mix(seed + np.uint64(2 * n + 1) * _GAMMA)
    b = _mix(seed + np.uint64(2 * n + 2) * _GAMMA)
    radius = sqrt(-2.0 * log(1.0 - np.float64(a >> _S11) * _TO_UNIT))
    return radius * cos(2.0 * pi * np.float64(b >> _S11) * _TO_UNIT)


@njit
def chance(rng: np.ndarray, k: int, probability: float) -> bool:
    return uniform(rng, k) < probability


@njit
def between(rng: np.ndarray, k: int, low: float, high: float) -> float:
    return low + (high - low) * uniform(rng, k)
