"""What a request says, read with the venue's own refusals."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from bot.rehearsal.errors import VenueError

_MOST_DIGITS = 18
_CLIENT_ID = re.compile(r"[.A-Z:/a-z0-9_-]{1,36}")


class Params(Mapping[str, str]):
    """Query and form fields; an empty field counts as not sent."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        self._fields = {name: value for name, value in fields.items() if value != ""}

    def __getitem__(self, name: str) -> str:
        try:
            return self._fields[name]
        except KeyError:
            raise VenueError(-1102, name) from None

    def __contains__(self, name: object) -> bool:
        return name in self._fields

    def __iter__(self):  # type: ignore[no-untyped-def]
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def text(self, name: str, default: str) -> str:
        return self._fields.get(name, default)

    def flag(self, name: str) -> bool:
        value = self._fields.get(name, "false").lower()
        if value not in ("true", "false"):
            raise VenueError(-1130, name)
        return value == "true"

    def whole(self, name: str, default: int | None = None) -> int:
        if name not in self and default is not None:
            return default
        try:
            return int(self[name])
        except ValueError:
            raise VenueError(-1102, name) from None

    def number(self, name: str) -> Decimal:
        try:
            value = Decimal(self[name])
        except InvalidOperation:
            raise VenueError(-1102, name) from None
        if not value.is_finite() or abs(value.adjusted()) > _MOST_DIGITS:
            raise VenueError(-1102, name)
        return value

    def listed(self, name: str) -> list[Any]:
        """A JSON list, empty when it was not sent."""
        try:
            found = json.loads(self._fields.get(name, "[]"))
        except ValueError:
            raise VenueError(-1130, name) from None
        if not isinstance(found, list):
            raise VenueError(-1130, name)
        return found

    def limit(self, default: int, most: int) -> int:
        return max(1, min(self.whole("limit", default), most))

    def client_id(self, name: str, default: str) -> str:
        value = self._fields.get(name, default)
        if not _CLIENT_ID.fullmatch(value):
            raise VenueError(-4015)
        return value

    def span_ms(self) -> tuple[int, int]:
        """startTime and endTime, both inclusive."""
        return self.whole("startTime", 0), self.whole("endTime", 2**62)
