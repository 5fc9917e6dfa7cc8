"""What a tape says about itself: its markets, whether it holds timers, where it came from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.core.errors import BadInput, BadTape
from bot.market.instruments import Instrument

FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True)
class TapeHeader:
    """First thing written, in Parquet's metadata or the first frame of a log segment.

    `instruments[i]` is market index i of the rows. `has_timers` tells replay
    whether to generate absent timers. `provenance` is free JSON: source files
    with hashes, tool version, counts seen at import, the session's header.
    """

    instruments: tuple[Instrument, ...] = ()
    has_timers: bool = False
    provenance: Mapping[str, Any] = field(default_factory=dict)
    version: int = FORMAT_VERSION

    def to_json(self) -> str:
        """Compact JSON with sorted keys; `from_json` is the way back."""
        data = {
            "version": self.version,
            "instruments": [i.to_json() for i in self.instruments],
            "has_timers": self.has_timers,
            "provenance": dict(self.provenance),
        }
        return json.dumps(data, sort_keys=True, separators=(",", ":"))

    @staticmethod
    def from_json(text: str | bytes, where: object) -> TapeHeader:
        """Raises BadTape naming `where` when the version is another or the text is no header."""
        try:
            data = json.loads(text)
            version = data["version"]
            if version == FORMAT_VERSION:
                return TapeHeader(
                    instruments=tuple(Instrument.from_json(i) for i in data["instruments"]),
                    has_timers=bool(data["has_timers"]),
                    provenance=dict(data["provenance"]),
                )
        except (ValueError, KeyError, TypeError, BadInput) as error:
            raise BadTape(
                f"{where}: expected a tape header, could not read it ({error}); import again"
            ) from None
        raise BadTape(
            f"{where}: expected tape format {FORMAT_VERSION}, was {version!r}; "
            "open it with the Lopside version that wrote it, or import the source again"
        )
