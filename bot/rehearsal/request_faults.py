"""What goes wrong with requests and with the user stream, on demand and by a seed.

A fault is a row with a kind, the requests it concerns, and how long or how
often it strikes. Everything is off until asked for at the control endpoint.

| kind | what happens |
|---|---|
| `delay` | `seconds` pass before the request is looked at |
| `late_answer` | it takes effect at once, the answer comes `seconds` later |
| `drop_before` | the connection closes, nothing has happened |
| `drop_after` | it took effect, the answer never comes: the connection closes after `seconds` |
| `error_before` | HTTP `status` (default 503), nothing has happened |
| `error_after` | HTTP `status` although it took effect |
| `refuse` | the venue's error `code`, nothing has happened |
| `limit` | HTTP `status` 429 or 418 with Retry-After of `seconds` |
| `stream_drop` | a user event is lost |
| `stream_duplicate` | a user event comes twice |
| `stream_reorder` | a user event comes after the following one |
| `stream_delay` | a user event comes `seconds` later, those behind it too |
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from random import Random
from typing import Any

from bot.core.errors import BadInput
from bot.core.units import NS_PER_S
from bot.rehearsal.errors import TEXTS


class FaultKind(StrEnum):
    DELAY = "delay"
    LATE_ANSWER = "late_answer"
    DROP_BEFORE = "drop_before"
    DROP_AFTER = "drop_after"
    ERROR_BEFORE = "error_before"
    ERROR_AFTER = "error_after"
    REFUSE = "refuse"
    LIMIT = "limit"
    STREAM_DROP = "stream_drop"
    STREAM_DUPLICATE = "stream_duplicate"
    STREAM_REORDER = "stream_reorder"
    STREAM_DELAY = "stream_delay"

    @property
    def of_stream(self) -> bool:
        return self.value.startswith("stream_")


@dataclass(slots=True)
class Fault:
    """`path` is a beginning; empty `path`, `method` or `event` concern all."""

    kind: FaultKind
    path: str = ""
    method: str = ""
    event: str = ""  # of the user stream
    chance: float = 1.0
    times: int = 0  # strikes left, 0 without end
    seconds: float = 1.0
    for_s: float = 0.0  # how long it stays, 0 until it is cleared
    status: int = 0
    code: int = 0
    until_ns: int = 0
    struck: int = 0


_SETTABLE = ("path", "method", "event", "chance", "times", "seconds", "for_s", "status", "code")
_MOST = 100
_LONGEST_S = 3_600.0


def fault_from(fields: Mapping[str, Any], now_ns: int) -> Fault:
    """Raises BadInput that says what was expected."""
    unknown = sorted(set(fields) - {"kind", *_SETTABLE})
    if unknown:
        raise BadInput(f"fault: unknown field {unknown[0]!r}; fields are kind, {', '.join(_SETTABLE)}")
    try:
        kind = FaultKind(fields.get("kind", ""))
    except ValueError:
        known = ", ".join(FaultKind)
        raise BadInput(f"fault: expected a kind of {known}; was {fields.get('kind')!r}") from None
    given = {name: fields[name] for name in _SETTABLE if name in fields}
    blank = Fault(kind)
    for name, value in given.items():
        wanted = type(getattr(blank, name))
        if not isinstance(value, (int, float) if wanted is float else wanted) or isinstance(value, bool):
            raise BadInput(f"fault: expected {name} to be of type {wanted.__name__}, was {value!r}")
    fault = Fault(kind, **given)
    if not 0.0 <= fault.chance <= 1.0 or not 0.0 <= fault.seconds <= _LONGEST_S or fault.times < 0:
        raise BadInput("fault: expected chance 0 to 1, seconds 0 to 3600 and times at least 0")
    if kind is FaultKind.REFUSE and fault.code not in TEXTS:
        raise BadInput(f"fault: expected a code of the venue, was {fault.code}; e.g. -2021 or -1008")
    if fault.for_s > 0:
        fault.until_ns = now_ns + int(fault.for_s * NS_PER_S)
    return fault


class Faults:
    """Those that are on. Which request is struck depends on the seed and the order of requests."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self.active: list[Fault] = []

    def add(self, fault: Fault) -> None:
        if len(self.active) >= _MOST:
            raise BadInput(f"expected at most {_MOST} faults at a time; clear them first")
        self.active.append(fault)

    def clear(self) -> None:
        self.active.clear()

    def of_request(self, method: str, path: str, now_ns: int) -> Fault | None:
        for fault in self._alive(now_ns):
            of_it = path.startswith(fault.path) and fault.method in ("", method)
            if not fault.kind.of_stream and of_it and self._strikes(fault):
                return fault
        return None

    def of_event(self, event: str, now_ns: int) -> Fault | None:
        for fault in self._alive(now_ns):
            if fault.kind.of_stream and fault.event in ("", event) and self._strikes(fault):
                return fault
        return None

    def to_json(self) -> list[dict[str, Any]]:
        return [asdict(fault) for fault in self.active]

    def _alive(self, now_ns: int) -> list[Fault]:
        self.active = [
            f
            for f in self.active
            if (f.until_ns == 0 or now_ns < f.until_ns) and (f.times == 0 or f.struck < f.times)
        ]
        return list(self.active)

    def _strikes(self, fault: Fault) -> bool:
        if self._random.random() >= fault.chance:
            return False
        fault.struck += 1
        return True
