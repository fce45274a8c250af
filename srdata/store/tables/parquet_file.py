"""Parquet files of a set: written whole or not at all, in row groups of one size; and read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from srdata.common.files import Guard, part_name, publish, storage_errors

ROW_GROUP = 16384  # rows


def write_tables(
    path: Path, tables: Iterable[pa.Table], schema: pa.Schema, guard: Guard = nullcontext
) -> int:
    """Write the rows of `tables`, of `schema`, whole or not at all; gives their number."""
    part = part_name(path)
    rows = 0
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with pq.ParquetWriter(part, schema, compression="zstd") as writer:
                for table in tables:
                    writer.write_table(table, row_group_size=ROW_GROUP)
                    rows += len(table)
            publish(part, path, guard)
        finally:
            part.unlink(missing_ok=True)
    return rows


def rows_of(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """The rows of a file, all columns or some; KeyError for one that is not there.

    What pyarrow has for that imports its data sets, and pandas with them.
    """
    with pq.ParquetFile(path) as file:
        table = file.read(columns)
    return table if columns is None else table.select(columns)
