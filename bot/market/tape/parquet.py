"""Reading a tape, or one compacted segment, from its Parquet file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bot.core.errors import BadTape
from bot.market.events import copied
from bot.market.tape.columns import ALWAYS_READ, SCHEMA, from_columns
from bot.market.tape.footer import check_footer
from bot.market.tape.header import TapeHeader
from bot.market.tape.order import Tally
from bot.market.tape.writer import HEADER_KEY, TALLY_KEY


class ParquetSegment:
    """A Parquet file of EVENT rows. Opening it reads the footer only."""

    torn_bytes = 0

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._open() as file:
            metadata = file.metadata
            stored = metadata.metadata or {}
            if HEADER_KEY not in stored or TALLY_KEY not in stored or not file.schema_arrow.equals(SCHEMA):
                raise BadTape(
                    f"{path}: expected a tape, was another Parquet file; import the recording again"
                )
            self.header = TapeHeader.from_json(stored[HEADER_KEY], path)
            self.tally = Tally.from_json(json.loads(stored[TALLY_KEY]))
            if metadata.num_rows != self.tally.rows:
                raise BadTape(
                    f"{path}: expected {self.tally.rows} rows, was {metadata.num_rows}; import it again"
                )

    def batches(self, first_seq: int = 0) -> Iterator[np.ndarray]:
        """One EVENT array a row group, from the row numbered `first_seq` on."""
        with self._open() as file:
            for group in range(file.num_row_groups):
                rows = self._read(file, group, first_seq)
                if rows is not None:
                    yield rows

    def _read(self, file: pq.ParquetFile, group: int, first_seq: int) -> np.ndarray | None:
        about = file.metadata.row_group(group)
        seq = about.column(SCHEMA.get_field_index("seq")).statistics
        market = about.column(SCHEMA.get_field_index("market")).statistics
        if seq.max < first_seq:
            return None
        runs = seq.max - seq.min == about.num_rows - 1  # increasing, so this proves there is no hole
        one_market = market.min == market.max
        names = ALWAYS_READ + ["seq"] * (not runs) + ["market"] * (not one_market)
        try:
            table = file.read_row_group(group, columns=names, use_threads=False)
        except (OSError, pa.ArrowException) as error:
            raise BadTape(
                f"{self.path}: row group {group} is damaged ({_line(error)}); restore it from a copy"
            ) from None
        rows = from_columns(table, seq.min if runs else None, market.min if one_market else None)
        if seq.min < first_seq:
            rows = copied(rows[np.searchsorted(rows["seq"], first_seq) :])
        return rows

    def _open(self) -> pq.ParquetFile:
        check_footer(self.path)
        try:
            return pq.ParquetFile(self.path, page_checksum_verification=True)
        except (OSError, pa.ArrowException) as error:
            raise BadTape(
                f"{self.path}: expected a tape, its footer is unreadable ({_line(error)}); restore it"
            ) from None


def _line(error: Exception) -> str:
    return (str(error).splitlines() or ["no reason given"])[0]
