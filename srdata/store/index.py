"""The index of a prepared set: index.parquet, a row for every image, in the order of the shards.

Opening it reads four columns of numbers, 16 bytes an image; the others are read when they are asked for. No
Python object is made per image.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from srdata.common.files import Guard, part_name, publish, storage_errors
from srdata.errors import CorruptRecordError, StoreError, UnknownNameError, nearest
from srdata.store.records import Row
from srdata.store.resume import shard_rows

SCHEMA = pa.schema(
    [
        ("key", pa.string()),
        ("split", pa.dictionary(pa.int32(), pa.string())),
        ("source", pa.dictionary(pa.int32(), pa.string())),
        ("height", pa.int32()),  # of the stored HR image, in pixels
        ("width", pa.int32()),
        ("channels", pa.int8()),  # of the source file
        ("shard", pa.int32()),
        ("number", pa.int32()),  # in the shard
        ("source_sha256", pa.string()),
        ("params", pa.string()),  # JSON: layer → δ, HR → the copy it is; empty where there is none
        ("pixels", pa.string()),  # JSON: layer → xxh3-128 of shape and samples
        ("blocks", pa.binary()),  # xxh3-64 of every stored block, in order
    ]
)
_ROW_GROUP = 16384  # rows
_FEW = 10_000  # names among which the nearest is looked for


def write_index(path: Path, shards: Iterable[Path], guard: Guard = nullcontext) -> int:
    """Write the index of sealed `shards`, whole or not at all; gives the number of images.

    The same shards give the same bytes. Raises StoreError when a key stands twice, StorageFullError, and
    CorruptRecordError.
    """
    return write_tables(path, _tables(_places(shards)), guard=guard)


def write_rows(path: Path, rows: Iterable[Row], guard: Guard = nullcontext) -> int:
    """Write the index of images that are in no shard, as `write_index` does; their shard is -1."""
    return write_tables(path, _tables((-1, number, row) for number, row in enumerate(rows)), guard=guard)


def write_tables(
    path: Path, tables: Iterable[pa.Table], schema: pa.Schema = SCHEMA, guard: Guard = nullcontext
) -> int:
    """Write the rows of `tables`, of `schema`, whole or not at all; gives their number."""
    part = part_name(path)
    rows = 0
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with pq.ParquetWriter(part, schema, compression="zstd") as writer:
                for table in tables:
                    writer.write_table(table, row_group_size=_ROW_GROUP)
                    rows += len(table)
            publish(part, path, guard)
        finally:
            part.unlink(missing_ok=True)
    return rows


def _places(shards: Iterable[Path]) -> Iterator[tuple[int, int, Row]]:
    """Shard, number and row of every image."""
    seen: set[str] = set()
    for shard, path in enumerate(shards):
        for number, row in enumerate(shard_rows(path)):
            if row.key in seen:
                raise StoreError(f"two images have the key {row.key!r}: give one of them another name")
            seen.add(row.key)
            yield shard, number, row


def _tables(places: Iterator[tuple[int, int, Row]]) -> Iterator[pa.Table]:
    while chunk := [_fields(*place) for place in islice(places, _ROW_GROUP)]:
        yield pa.Table.from_pylist(chunk, SCHEMA)


def _fields(shard: int, number: int, row: Row) -> dict[str, Any]:
    return {
        **row.model_dump(),
        "shard": shard,
        "number": number,
        "params": _json(row.params) if row.params else "",
        "pixels": _json(row.pixels),
        "blocks": bytes.fromhex(row.blocks),
    }


def _json(fields: dict[str, Any]) -> str:
    return json.dumps(fields, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


class Index:
    """The index of a prepared set, read column by column; raises CorruptRecordError when the file is damaged.

    `heights` and `widths` are of the stored HR images; `shards` and `numbers` say where each image is.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        numbers = self._read("height", "width", "shard", "number")
        self.heights, self.widths, self.shards, self.numbers = (
            np.ascontiguousarray(column.to_numpy()) for column in numbers.columns
        )

    def __len__(self) -> int:
        return len(self.heights)

    @cached_property
    def keys(self) -> pa.StringArray:
        """The key of every image."""
        return self._column("key")

    @cached_property
    def _split_codes(self) -> tuple[list[str], NDArray[np.int32]]:
        column = self._column("split")
        return column.dictionary.to_pylist(), column.indices.to_numpy()

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that there are, in alphabetical order."""
        return tuple(sorted(self._split_codes[0]))

    def rows(self, split: str | None = None) -> NDArray[np.int64]:
        """The numbers of the images of one split, or of all; raises UnknownNameError."""
        if split is None:
            return np.arange(len(self))
        names, codes = self._split_codes
        if split not in names:
            raise UnknownNameError.among("split", split, names)
        return np.flatnonzero(codes == names.index(split))

    def key(self, row: int) -> str:
        """The key of an image."""
        return str(self.keys[row])

    def row(self, key: str) -> int:
        """The number of the image `key`; raises UnknownNameError with the nearest key."""
        found = pc.index(self.keys, key).as_py()
        if found < 0:
            near = nearest(key, self.keys[:_FEW].to_pylist())
            raise UnknownNameError(f"no image {key!r} among the {len(self)} of {self.path.parent}{near}")
        return int(found)

    def params(self, row: int) -> dict[str, Any]:
        """The δ of every LR layer that was made by a degradation; of HR the copy that it is, if it is one."""
        text = self._cell("params", row)
        return dict(json.loads(text)) if text else {}

    def all_params(self) -> Iterator[dict[str, Any]]:
        """What `params` gives, of every image in order."""
        for text in self._column("params").to_pylist():
            yield dict(json.loads(text)) if text else {}

    def pixels(self, row: int) -> dict[str, str]:
        """The hash of every layer of an image, see `records.pixel_hash`."""
        return dict(json.loads(self._cell("pixels", row)))

    def source_sha256(self, row: int) -> str:
        """The SHA-256 of the file that the HR image comes from."""
        return str(self._cell("source_sha256", row))

    def channels(self, row: int) -> int:
        """1 where the file that the HR image comes from is grey, else 3; what is stored is RGB."""
        return int(self._cell("channels", row))

    @cached_property
    def _blocks(self) -> pa.BinaryArray:
        return self._column("blocks")

    def block_hashes(self, row: int) -> bytes:
        """The hashes of an image's stored blocks, 8 bytes each; the first call reads those of all images."""
        return bytes(self._blocks[row].as_py())

    def _column(self, name: str) -> Any:
        return self._read(name).column(0).unify_dictionaries().combine_chunks()

    def _read(self, *names: str) -> pa.Table:
        try:
            return pq.read_table(self.path, columns=list(names), memory_map=True, use_threads=False)
        except (pa.ArrowException, OSError) as error:
            raise CorruptRecordError(f"{self.path} is damaged ({error}): prepare the set again") from error

    def _cell(self, column: str, row: int) -> Any:
        """One value, for which only its row group is read, once for many values in it."""
        if not 0 <= row < len(self):
            raise UnknownNameError(f"no image number {row} in {self.path.parent}")
        group = int(np.searchsorted(self._group_ends, row, side="right"))
        start = self._group_ends[group - 1] if group else 0
        stamp = self.path.stat().st_mtime_ns
        return _group_column(self.path, stamp, group, column)[row - start].as_py()

    @cached_property
    def _group_ends(self) -> NDArray[np.int64]:
        with pq.ParquetFile(self.path) as file:
            groups = range(file.num_row_groups)
            return np.cumsum([file.metadata.row_group(group).num_rows for group in groups])


@functools.lru_cache(maxsize=4)
def _group_column(path: Path, stamp: int, group: int, column: str) -> Any:
    """One column of a row group; `stamp` changes with the file."""
    with pq.ParquetFile(path) as file:
        return file.read_row_group(group, [column]).column(0)
