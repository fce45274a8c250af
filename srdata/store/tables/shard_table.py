"""shards.parquet: the size and SHA-256 of every shard of a set, in the order of their numbers.

Of a million shards it takes 40 MB, of which a reader holds the sizes, 8 MB.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from functools import cached_property
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from srdata.common.files import Guard
from srdata.store.tables.arrow_columns import column_of, numbers_of
from srdata.store.tables.parquet_file import ROW_GROUP, write_tables

SHARDS_FILE = "shards.parquet"
_HASH_BYTES = 32
_SCHEMA = pa.schema([("bytes", pa.int64()), ("sha256", pa.binary(_HASH_BYTES))])


def write_shard_table(path: Path, shards: Iterable[tuple[int, str]], guard: Guard = nullcontext) -> None:
    """Write the size and SHA-256 (in hexadecimal digits) of shards, whole or not at all."""
    rows = iter(shards)

    def tables() -> Iterator[pa.Table]:
        while some := list(islice(rows, ROW_GROUP)):
            sizes, hashes = zip(*some, strict=True)
            yield pa.Table.from_arrays(
                [
                    column_of(sizes, _SCHEMA.field(0).type),
                    column_of([bytes.fromhex(one) for one in hashes], _SCHEMA.field(1).type),
                ],
                schema=_SCHEMA,
            )

    write_tables(path, tables(), _SCHEMA, guard)


class ShardTable:
    """A table of shards that was written; raises ValueError for what none says."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp = _stamp(path)

    @property
    def stands(self) -> bool:
        """Whether the file is the one that it was."""
        return _stamp(self._path) == self._stamp

    @cached_property
    def sizes(self) -> NDArray[np.int64]:
        """The bytes of every shard."""
        try:
            with pq.ParquetFile(self._path) as file:
                if not file.schema_arrow.equals(_SCHEMA):
                    raise ValueError("it has other columns")
                column = file.read(["bytes"], use_threads=False).column(0)
        except (pa.ArrowException, OSError) as error:
            raise ValueError(str(error)) from error
        if column.null_count:
            raise ValueError("a shard has no size")
        sizes: NDArray[np.int64] = numbers_of(column)
        if len(sizes) and sizes.min() < 0:
            raise ValueError("a shard has a negative size")
        return sizes

    def __len__(self) -> int:
        return len(self.sizes)

    def sha256(self, number: int) -> str:
        """The SHA-256 of a shard, for which its row group alone is read."""
        group, place = divmod(number, ROW_GROUP)
        try:
            value = _hashes(self._path, self._path.stat().st_mtime_ns, group)[place].as_py()
        except (pa.ArrowException, OSError, IndexError) as error:
            raise ValueError(str(error)) from error
        if value is None:
            raise ValueError("a shard has no hash")
        return bytes(value).hex()


def _stamp(path: Path) -> tuple[int, int] | None:
    """What changes with a file; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


@functools.lru_cache(maxsize=1)
def _hashes(path: Path, stamp: int, group: int) -> pa.ChunkedArray:
    """The hashes in a row group; `stamp` changes with the file."""
    with pq.ParquetFile(path) as file:
        return file.read_row_group(group, ["sha256"]).column(0)
