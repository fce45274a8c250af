"""Shards of tables of encoded images, each kept in the cache as one Arrow file, which is mapped."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from srdata.common.files import write_file
from srdata.data.pair_sources.sources import PairSource
from srdata.data.pair_sources.table_pairs import TableColumns, TableReading
from srdata.data.streams.kept_pixels import decoded_once
from srdata.errors import DownloadError
from srdata.fetch.remote_files import bring_file, is_address, look_at, opened_at, shown
from srdata.fetch.shard_cache import ShardCache, entry_name
from srdata.hub.encoded_images import EncodedColumn
from srdata.hub.open_table import reading_errors
from srdata.hub.streamed_rows import Stream
from srdata.scale import Scale

_ROWS = 64  # that are written at a time
_AT_ONCE = 8  # files whose rows are counted


@dataclass(frozen=True)
class TableShards:
    """The shards of a stream, read as pairs of one scale."""

    stream: Stream
    reading: TableReading
    scale: Scale
    cache: ShardCache

    @property
    def where(self) -> str:
        """What they are called in errors."""
        return self.stream.where

    @property
    def names(self) -> tuple[str, ...]:
        """What each is called, wherever it lies."""
        files = [self.stream.files(shard) for shard in range(self.stream.shards)]
        return tuple(file[0].rpartition("/")[2] if file else "" for file in files)

    @cached_property
    def counts(self) -> tuple[int, ...]:
        """The rows of each: by the end of Parquet files, or counted once; raises what reading raises."""
        name = entry_name(".rows", self.stream.identity)
        found = self.cache.found(name)
        if found is None:  # counting takes shards out of the cache, so it is done before that is locked
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                counts = json.dumps(list(pool.map(self._count, range(self.stream.shards)))).encode()
            found = self.cache.get(name, lambda path: write_file(path, counts))
        return tuple(json.loads(found.read_text()))

    def open(self, shard: int) -> PairSource:
        """The pairs of a shard, brought here where they are not; raises SourceError, DownloadError …"""
        with pa.memory_map(str(self._brought(shard))) as file:
            table = pa.ipc.open_file(file).read_all()
        source = self.reading.source(table, self.scale, 0, f"{shard:05d}_")
        name = entry_name(
            ".pixels", *self._identity(shard), self.scale, self.reading.only, self.reading.policy
        )
        share = len(source.sizes) / sum(self.counts)
        return decoded_once(source, self.reading.only, self.cache, name, share)

    def column(self, shard: int, name: str) -> Sequence[Any]:
        """A column of the rows of a shard; raises UnknownNameError."""
        with pa.memory_map(str(self._brought(shard))) as file:
            table = pa.ipc.open_file(file).read_all()
        column: Sequence[Any] = TableColumns(table, self.where).column(name)
        return column

    def _identity(self, shard: int) -> tuple[object, ...]:
        return self.stream.identity, shard, self.reading.columns, *self.reading.beside

    def _brought(self, shard: int) -> Path:
        name = entry_name(".arrow", *self._identity(shard))
        return self.cache.get(name, lambda path: self._write(shard, path))

    def _write(self, shard: int, path: Path) -> None:
        """Write the rows of a shard, verified where a hash of its file is declared."""
        files, copy = self.stream.files(shard), path.with_name(f"{path.name}.copy")
        if not files:
            return self._write_rows(self.stream.blocks(shard, _ROWS), path)
        if not is_address(files[0]):
            return self._write_rows(self.stream.blocks_of_copy(shard, Path(files[0]), _ROWS), path)
        remote = look_at(files[0])
        if remote is None:
            raise DownloadError(f"there is no {shown(files[0])} any more: make the stream again")
        try:
            bring_file(remote, copy)
            self._write_rows(self.stream.blocks_of_copy(shard, copy, _ROWS), path)
        finally:
            copy.unlink(missing_ok=True)

    def _write_rows(self, blocks: Iterator[pa.Table], path: Path) -> None:
        writer, first = None, 0
        try:
            for block in blocks:
                rows = self._rows(block, first)
                writer = writer or pa.ipc.new_file(str(path), rows.schema)
                writer.write(rows)
                first += block.num_rows
            writer = writer or pa.ipc.new_file(
                str(path), self._rows(self.stream.schema().empty_table(), 0).schema
            )
        finally:
            if writer is not None:
                writer.close()

    def _rows(self, block: pa.Table, first: int) -> pa.Table:
        """The columns that are read of some rows, with image files in place of their paths."""
        columns, key = {}, self.reading.columns.key
        for name in (self.reading.columns.hr, self.reading.columns.lr):
            if name is not None:
                encoded = EncodedColumn(block, name, self.reading.where, self.reading.roots, first)
                columns[name] = encoded.files()
        if key is not None:
            columns[key] = pa.array(map(str, block.column(key).to_pylist()), pa.string())
        return pa.table({**columns, **{name: block.column(name) for name in self.reading.beside}})

    def _count(self, shard: int) -> int:
        files: list[Any] = self.stream.files(shard)
        if files and files[0].endswith(".parquet"):
            with reading_errors(self.stream.place), opened_at(files[0]) as file:
                return int(parquet.ParquetFile(file).metadata.num_rows)
        with pa.memory_map(str(self._brought(shard))) as file:
            return int(pa.ipc.open_file(file).read_all().num_rows)
