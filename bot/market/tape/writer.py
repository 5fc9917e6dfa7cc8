"""Writing a tape as one Parquet file: complete under its name, or not there at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pyarrow.parquet as pq

from bot.core.errors import BadInput
from bot.market.events import copied, joined
from bot.market.instruments import Instrument
from bot.market.tape.columns import SCHEMA, WRITER_OPTIONS, to_table
from bot.market.tape.files import partial_path, publish
from bot.market.tape.footer import seal_footer
from bot.market.tape.header import TapeHeader
from bot.market.tape.order import Tally

GROUP_ROWS = 65_536
"""Rows of a row group, which is also a reader's batch: 3.7 MB as EVENT rows."""

HEADER_KEY = b"lopside.tape"
TALLY_KEY = b"lopside.tally"


class TapeWriter:
    """Takes rows with strictly increasing `seq` and `recv_ns` that never goes back.

    As a context manager it closes on success and leaves nothing on an
    exception. A file that was there before is replaced only when the new one is complete.
    """

    def __init__(self, path: str | Path, header: TapeHeader, *, group_rows: int = GROUP_ROWS) -> None:
        self.path = Path(path)
        self.header = header
        self._group_rows = group_rows
        self._tally = Tally()
        self._waiting: list[np.ndarray] = []
        self._waiting_rows = 0
        self._open = False
        try:
            self._file = pq.ParquetWriter(partial_path(self.path), SCHEMA, **WRITER_OPTIONS)
        except OSError as error:
            raise BadInput(f"{self.path}: cannot write a tape here: {error.strerror or error}") from None
        self._open = True

    @property
    def row_count(self) -> int:
        return self._tally.rows

    def append(self, rows: np.ndarray) -> None:
        """Add EVENT rows; they are copied. Raises BadInput when they are out of order."""
        self._tally.add(rows)
        self._waiting.append(copied(rows))
        self._waiting_rows += len(rows)
        if self._waiting_rows >= self._group_rows:
            self._write(whole_groups=True)

    def close(
        self,
        *,
        provenance: Mapping[str, Any] | None = None,
        instruments: tuple[Instrument, ...] | None = None,
    ) -> None:
        """Complete the file and give it its name.

        `provenance` is merged over the header's; `instruments` replaces its
        table, for importers that meet their markets while reading.
        """
        if not self._open:
            return
        try:
            self._write(whole_groups=False)
            self._amend(provenance, instruments)
            self._file.add_key_value_metadata(
                {HEADER_KEY: self.header.to_json(), TALLY_KEY: json.dumps(self._tally.to_json())}
            )
            self._file.close()
            seal_footer(partial_path(self.path))
            publish(self.path)
        except BaseException:
            self.abort()
            raise
        self._open = False

    def abort(self) -> None:
        """Give up: nothing of this tape is left. Does nothing after `close`."""
        if not self._open:
            return
        self._open = False
        self._waiting.clear()
        try:
            self._file.close()
        finally:
            partial_path(self.path).unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()

    def _amend(
        self, provenance: Mapping[str, Any] | None, instruments: tuple[Instrument, ...] | None
    ) -> None:
        if provenance is not None:
            self.header = replace(self.header, provenance={**self.header.provenance, **provenance})
        if instruments is not None:
            self.header = replace(self.header, instruments=tuple(instruments))

    def _write(self, *, whole_groups: bool) -> None:
        """Row groups get exactly `group_rows`, so the file does not depend on how rows came in."""
        if not self._waiting_rows:
            return
        rows = joined(self._waiting)
        end = len(rows) - len(rows) % self._group_rows if whole_groups else len(rows)
        for start in range(0, end, self._group_rows):
            self._file.write_table(to_table(rows[start : min(start + self._group_rows, end)]))
        self._waiting = [copied(rows[end:])]
        self._waiting_rows = len(rows) - end
