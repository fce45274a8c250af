"""Rows of Parquet files as those of one table, of which a few row groups are held at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from srdata.store.tables.arrow_columns import column_of, numbers_or

Places = NDArray[np.int64]
_HELD = 2  # row groups, of those that were asked for one by one
_OPEN = 4  # files; a file that is open stays what it is, whoever writes another one in its place


class Rows:
    """The rows of some files after each other; `schema` has a type for each column that may be asked for.

    A column that a file has not is empty in its rows.
    """

    def __init__(self, paths: Sequence[Path], schema: pa.Schema) -> None:
        self.schema = schema
        self._open = lru_cache(maxsize=_OPEN)(pq.ParquetFile)
        self._groups = [(path, group) for path in paths for group in range(self._open(path).num_row_groups)]
        counts = [self._open(path).metadata.row_group(group).num_rows for path, group in self._groups]
        self._starts = np.cumsum([0, *counts])

        @lru_cache(maxsize=_HELD)
        def held(group: int, names: tuple[str, ...]) -> pa.Table:
            return self._read(group, names)

        self._held = held

    def __len__(self) -> int:
        return int(self._starts[-1])

    def groups(self, names: Sequence[str]) -> Iterator[pa.Table]:
        """Some columns of all rows, a row group at a time."""
        return (self._read(group, tuple(names)) for group in range(len(self._groups)))

    def numbers(self, name: str, dtype: type[Any] = np.float64) -> NDArray[Any]:
        """A column of numbers; NaN, of whole ones -1, where a row has none."""
        missing = -1 if dtype is np.int64 else math.nan
        found = np.empty(len(self), dtype)
        for start, table in zip(self._starts, self.groups([name]), strict=False):
            found[start : start + len(table)] = numbers_or(missing, table[name])
        return found

    def take(self, places: Places, names: Sequence[str]) -> pa.Table:
        """Some columns of the rows at `places`, in their order."""
        which = np.searchsorted(self._starts, places, "right") - 1
        order = np.argsort(which, kind="stable")
        tables = [self._only(names).empty_table()]
        for group in np.unique(which).tolist():
            here = places[which == group] - self._starts[group]
            tables.append(self._held(group, tuple(names)).take(column_of(here, pa.int64())))
        back = np.argsort(order, kind="stable")
        return pa.concat_tables(tables).take(column_of(back, pa.int64()))

    def last_of(self, keys: Sequence[str] | None = None) -> Places:
        """Where the last row of each of `keys` is, or of every row's own key; -1 of a key that has none."""
        columns = (table["key"].combine_chunks() for table in self.groups(["key"]))
        there = pa.concat_arrays([column_of([], pa.string()), *columns])
        backwards = there.take(column_of(np.arange(len(there))[::-1], pa.int64()))
        wanted = there if keys is None else column_of(keys, pa.string())
        found = numbers_or(len(there), pc.index_in(wanted, value_set=backwards))
        places: Places = len(there) - 1 - found.astype(np.int64)
        return places

    def _only(self, names: Sequence[str]) -> pa.Schema:
        return pa.schema([self.schema.field(name) for name in names])

    def _read(self, group: int, names: tuple[str, ...]) -> pa.Table:
        path, number = self._groups[group]
        file = self._open(path)
        there = [name for name in names if name in file.schema_arrow.names]
        table = file.read_row_group(number, columns=there, use_threads=False)
        rows = file.metadata.row_group(number).num_rows
        return pa.Table.from_arrays(
            [
                table[field.name].cast(field.type) if field.name in there else pa.nulls(rows, field.type)
                for field in self._only(names)
            ],
            schema=self._only(names),
        )
