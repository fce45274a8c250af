"""Writing a Parquet file of a set: whole or not at all, in row groups of one size."""

from __future__ import annotations

from collections.abc import Iterable
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
