"""What went over the wire, a JSON line each: requests with their answers, and events of the user stream.

Keys, secrets, signatures and listen keys are left out, so that a journal can
be shown to others. From it alone a ledger can be rebuilt.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

KEPT = 50_000
"""Lines that stay in memory for `/_control/wire`."""

_HIDDEN = ("signature", "listenKey")


class WireJournal:
    """In memory, and in a file where one is given."""

    def __init__(self, path: Path | None = None) -> None:
        self.lines: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self._file: TextIO | None = path.open("a", encoding="utf-8") if path else None
        self._count = 0

    def request(
        self,
        at_ns: int,
        method: str,
        path: str,
        params: Mapping[str, str],
        status: int,
        answer: Any,
        fault: str,
    ) -> None:
        """`status` 0: no answer was sent."""
        shown = {name: value for name, value in params.items() if name not in _HIDDEN}
        listen = path.endswith("/listenKey")
        line = {"method": method, "path": path, "params": shown, "status": status}
        line |= {"answer": None if listen else answer, "fault": fault}
        self._write(at_ns, line)

    def event(self, at_ns: int, event: Mapping[str, Any], fault: str) -> None:
        """An event as it came from the venue, before the stream's faults."""
        shown = {name: value for name, value in event.items() if name not in _HIDDEN}
        self._write(at_ns, {"event": shown, "fault": fault})

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _write(self, at_ns: int, line: dict[str, Any]) -> None:
        self._count += 1
        line = {"n": self._count, "at_ns": at_ns, **line}
        self.lines.append(line)
        if self._file is not None:
            self._file.write(json.dumps(line, separators=(",", ":")) + "\n")
            self._file.flush()
