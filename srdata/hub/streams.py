"""A data set as a stream: the blocks of rows of one of its shards, read as they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
from pyarrow import parquet

from srdata.common.only_choice import pick
from srdata.hub.address import HubName
from srdata.hub.open_table import load_all, reading_errors

_COUNTED = 256  # rows at a time where they have to be read to count them


@dataclass(frozen=True)
class Stream:
    """A split of a data set in shards, which are its files as far as its form allows."""

    place: Path | HubName
    rows: Any  # the IterableDataset of `datasets`
    where: str  # what it is called in errors
    roots: tuple[str, ...]  # the folders of files that it may name

    @property
    def shards(self) -> int:
        """How many parts can be read apart from each other."""
        return int(self.rows.num_shards)

    def schema(self) -> pa.Schema:
        """Its columns, for which the beginning may have to be read; raises SourceError, DownloadError."""
        if self.rows.features is not None:
            return self.rows.features.arrow_schema
        return next(self.blocks(0, 1)).schema

    def blocks(self, shard: int, rows: int) -> Iterator[pa.Table]:
        """The rows of a shard, so many at a time; raises SourceError, DownloadError."""
        # `iter` gives all that is in the shard in any process; iterating would share it among workers
        found = self.rows.shard(self.shards, shard).iter(rows)
        while True:
            with reading_errors(self.place):
                block = next(found, None)
            if block is None:
                return
            yield pa.table({name: pa.array(values) for name, values in block.items()})

    def count(self, shard: int) -> int:
        """How many rows a shard has: as Parquet files tell, or read; raises SourceError, DownloadError."""
        files = self._parquet_files(shard)
        with reading_errors(self.place):
            if files:
                return sum(_rows_told(file) for file in files)
        return sum(block.num_rows for block in self.blocks(shard, _COUNTED))

    def _parquet_files(self, shard: int) -> list[str]:
        """The files of a shard, if it is of whole Parquet files; `datasets` has no public way to tell."""
        source = getattr(self.rows.shard(self.shards, shard), "_ex_iterable", None)
        arguments = getattr(source, "kwargs", {})
        files = [str(file) for file in arguments.get("files", [])]
        whole = set(arguments.get("row_groups_list", [0])) == {None}
        return files if whole and all(file.endswith(".parquet") for file in files) else []


def _rows_told(file: str) -> int:
    with fsspec.open(file, "rb") as opened:
        return int(parquet.ParquetFile(opened).metadata.num_rows)


def open_stream(place: Path | HubName, config: str | None, split: str | None) -> Stream:
    """A split of the data set at `place`, of which little is read yet; raises what `load` raises."""
    found, roots = load_all(place, config, streaming=True)
    chosen = pick("split", split, list(found), place)
    rows = found[chosen]
    if rows.features is not None:  # what it does not know it does not decode
        rows = rows.decode(False)
    return Stream(place, rows, f"{place} {chosen}", roots)
