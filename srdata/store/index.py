"""The index of a prepared set: index.parquet, a row for every image, in the order of the shards.

Opening it reads four columns of numbers, 16 bytes an image; the others are read when they are asked for. No
Python object is made per image.
"""

from __future__ import annotations

import functools
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import cached_property
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import ValidationError

from srdata.common.files import Guard
from srdata.errors import CorruptRecordError, SetError, StoreError, UnknownNameError, nearest, path_text
from srdata.images.image_policy import MOST_PIXELS
from srdata.store.records import Row
from srdata.store.resume import shard_rows
from srdata.store.set_json import SetFile
from srdata.store.tables.arrow_columns import column_of, numbers_of, spans_of
from srdata.store.tables.parquet_file import ROW_GROUP, write_tables
from srdata.store.tables.set_files import INDEX_FILE, kept_version, problem_of, repair_command

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
_PLAIN = pa.schema(
    [(field.name, pa.string() if pa.types.is_dictionary(field.type) else field.type) for field in SCHEMA]
)
_ONE_SPELLING = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"))
_SHOWN = 40  # characters of a cell in an error
_SMALL = 4096  # rows, which Python joins before anything else is imported
_FEW = 10_000  # names among which the nearest is looked for


def write_index(path: Path, shards: Iterable[Path], guard: Guard = nullcontext) -> int:
    """Write the index of sealed `shards`, whole or not at all; gives the number of images.

    The same shards give the same bytes. Raises StoreError when a key stands twice, StorageFullError, and
    CorruptRecordError.
    """
    return write_tables(path, tables_of(_places(shards)), SCHEMA, guard)


def write_rows(path: Path, rows: Iterable[Row], guard: Guard = nullcontext) -> int:
    """Write the index of images that are in no shard, as `write_index` does; their shard is -1."""
    places = ((-1, number, row) for number, row in enumerate(rows))
    return write_tables(path, tables_of(places), SCHEMA, guard)


def join_rows(path: Path, tables: Iterable[pa.Table], guard: Guard = nullcontext) -> dict[str, int]:
    """Write the index of the rows of `tables`, with the bytes that `write_index` gives them.

    Gives the number of images of each split. Raises StoreError when a key stands twice.
    """
    counts: Counter[str] = Counter()
    first: list[pa.Table] = []
    for table in (rest := iter(tables)):
        first.append(table)
        if sum(map(len, first)) > _SMALL:
            break
    else:
        return _join_few(path, first, guard)
    write_tables(path, _regrouped(chain(first, rest), counts), SCHEMA, guard)
    return dict(counts)


def _join_few(path: Path, tables: Sequence[pa.Table], guard: Guard) -> dict[str, int]:
    """The same of few rows, by Python alone: what regroups tables takes longer to load than a set to make."""
    columns = [[one for table in tables for one in table[name].to_pylist()] for name in SCHEMA.names]
    for key, count in Counter(columns[SCHEMA.names.index("key")]).items():
        if count > 1:
            raise _twin(key)
    write_tables(path, [_table(columns)] if columns[0] else [], SCHEMA, guard)
    return dict(Counter(columns[SCHEMA.names.index("split")]))


def _places(shards: Iterable[Path]) -> Iterator[tuple[int, int, Row]]:
    """Shard, number and row of every image."""
    seen: set[str] = set()
    for shard, path in enumerate(shards):
        for number, row in enumerate(shard_rows(path)):
            if row.key in seen:
                raise _twin(row.key)
            seen.add(row.key)
            yield shard, number, row


def _regrouped(tables: Iterable[pa.Table], counts: Counter[str]) -> Iterator[pa.Table]:
    """The same rows in groups of `ROW_GROUP`, each with dictionaries of its own; counts the splits."""
    keys: list[pa.ChunkedArray] = []
    rest = pa.Table.from_batches([], _PLAIN)  # its own `empty_table` imports pandas
    for table in tables:
        keys.append(table.column("key"))
        rest = pa.concat_tables([rest, table.cast(_PLAIN)])
        for split in rest["split"][len(rest) - len(table) :].value_counts().to_pylist():
            counts[split["values"]] += split["counts"]
        while len(rest) >= ROW_GROUP:
            yield rest[:ROW_GROUP].combine_chunks().cast(SCHEMA)
            rest = rest[ROW_GROUP:]
    if len(rest):
        yield rest.combine_chunks().cast(SCHEMA)
    _refuse_twins(pa.chunked_array([chunk for key in keys for chunk in key.chunks], pa.string()))


def _refuse_twins(keys: pa.ChunkedArray) -> None:
    import pyarrow.compute as pc  # takes long, and reading needs it not

    if pc.count_distinct(keys).as_py() < len(keys):
        counts = keys.value_counts()
        twin = counts.field("values")[pc.index(pc.greater(counts.field("counts"), 1), True).as_py()]
        raise _twin(twin.as_py())


def _twin(key: str) -> StoreError:
    return StoreError(f"two images have the key {key!r}: give one of them another name")


def tables_of(places: Iterator[tuple[int, int, Row]]) -> Iterator[pa.Table]:
    """Tables of the rows of images, each with its shard and its number in it."""
    while chunk := [_fields(*place) for place in islice(places, ROW_GROUP)]:
        yield _table([[row[name] for row in chunk] for name in SCHEMA.names])


def _table(columns: Sequence[Sequence[Any]]) -> pa.Table:
    """A table of the values of each column."""
    arrays = [column_of(values, field.type) for values, field in zip(columns, SCHEMA, strict=True)]
    return pa.Table.from_arrays(arrays, schema=SCHEMA)


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
    return _ONE_SPELLING.encode(fields)


class Index:
    """The index of a prepared set, read column by column; raises CorruptRecordError when the file is damaged.

    `heights` and `widths` are of the stored HR images; `shards` and `numbers` say where each image is. What
    no index says is refused at once, whoever made it: columns of other types, sizes that no image has.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._kept: Path | None = None  # where it is, once the set has grown
        self._check_types()
        numbers = self._read("height", "width", "shard", "number")
        self.heights, self.widths, self.shards, self.numbers = (
            numbers_of(column) for column in numbers.columns
        )
        if problem := self._problem():
            raise CorruptRecordError(f"{path} {problem}: {repair_command(path.parent)}")

    @classmethod
    def of_set(cls, folder: Path, content: SetFile) -> Index:
        """The index of the set in `folder`, with the size and hash that it must have."""
        if INDEX_FILE not in content.named:
            raise SetError(f"{folder} has the layout {content.layout}, which keeps no index of whole images")
        version = content.named[INDEX_FILE].sha256
        path = kept_version(folder, version) / INDEX_FILE
        if problem := problem_of(path, content.named[INDEX_FILE]):
            raise CorruptRecordError(f"{path} {problem}: {repair_command(folder)}")
        found = cls(path)
        found._kept = kept_version(folder, version, must=False) / INDEX_FILE
        return found

    @property
    def _now(self) -> Path:
        """Where the file is: where it was, or, if the set has grown since, where it is kept."""
        return self._kept if self._kept is not None and self._kept.exists() else self.path

    def _problem(self) -> str | None:
        """What an index does not say, of the columns of numbers."""
        if not len(self):
            return None
        sides = np.minimum(self.heights, self.widths), np.maximum(self.heights, self.widths)
        if sides[0].min() < 1 or (self.heights.astype(np.int64) * self.widths).max() > MOST_PIXELS:
            return f"has an image of less than one or more than {MOST_PIXELS} pixels"
        if self.shards.min() < -1 or self.numbers.min() < 0:
            return "has an image with a negative number"
        return None

    def __len__(self) -> int:
        return len(self.heights)

    @cached_property
    def keys(self) -> pa.StringArray:
        """The key of every image."""
        return self._column("key")

    @cached_property
    def _split_codes(self) -> tuple[list[str], NDArray[np.int32]]:
        column = self._column("split")
        names = column.dictionary.to_pylist()
        if None in names:
            raise self._damaged("a split has no name")
        return names, numbers_of(column.indices)

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
        key = path_text(key, "the key of an image")
        found = self.keys.index(column_of([key], pa.string())[0]).as_py()
        if found < 0:
            near = nearest(key, self.keys[:_FEW].to_pylist()) or _some(self.keys[:3].to_pylist(), len(self))
            raise UnknownNameError(f"no image {key!r} among the {len(self)} of {self.path.parent}{near}")
        return int(found)

    def params(self, row: int) -> dict[str, Any]:
        """The δ of every LR layer that was made by a degradation; of HR the copy that it is, if it is one."""
        return self._plain(self._cell("params", row) or "{}")

    def all_params(self) -> Iterator[dict[str, Any]]:
        """What `params` gives, of every image in order."""
        for text in self._column("params").to_pylist():
            yield self._plain(text or "{}")

    def pixels(self, row: int) -> dict[str, str]:
        """The hash of every layer of an image, see `records.pixel_hash`."""
        return self._plain(self._cell("pixels", row))

    def stored_row(self, row: int) -> Row:
        """All that the index says of an image but for its place; raises CorruptRecordError."""
        fields = {name: self._cell(name, row) for name in Row.model_fields}
        plain = {"params": self.params(row), "pixels": self.pixels(row), "blocks": fields["blocks"].hex()}
        try:
            return Row(**fields | plain)
        except ValidationError as error:
            raise self._damaged(error.errors()[0]["msg"]) from error

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

    def all_block_hashes(self) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
        """Where in the hashes of all images those of each begin, and the last end; and these hashes."""
        places, hashes = spans_of(self._blocks)
        return places, np.frombuffer(hashes, np.uint8)

    def _plain(self, text: str) -> dict[str, Any]:
        """What a column of JSON says of an image."""
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise self._damaged(error) from error
        if not isinstance(found, dict):
            raise self._damaged(f"{text[:_SHOWN]!r} is no JSON object")
        return found

    def _column(self, name: str) -> Any:
        return self._read(name).column(0).unify_dictionaries().combine_chunks()

    def _check_types(self) -> None:
        with self._reading():
            found = pq.read_schema(self.path, memory_map=True)
        for field in SCHEMA:
            if field.name in found.names and found.field(field.name).type != field.type:
                raise self._damaged(
                    f"column {field.name} is {found.field(field.name).type}, not {field.type}"
                )

    def _read(self, *names: str) -> pa.Table:
        """Columns without gaps."""
        with self._reading():
            with pq.ParquetFile(self._now, memory_map=True) as file:
                table = file.read(list(names), use_threads=False)
            table.validate(full=True)
        for name in names:
            if name not in table.column_names or table.column(name).null_count:
                raise self._damaged(f"column {name} is missing or has gaps")
        return table

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except (pa.ArrowException, KeyError, IndexError) as error:
            raise self._damaged(error) from error
        except OSError as error:
            remedy = repair_command(self.path.parent)
            raise CorruptRecordError(f"{self.path} cannot be read ({error}): {remedy}") from error

    def _damaged(self, why: object) -> CorruptRecordError:
        return CorruptRecordError(f"{self.path} is damaged ({why}): {repair_command(self.path.parent)}")

    def _cell(self, column: str, row: int) -> Any:
        """One value, for which only its row group is read, once for many values in it."""
        if not 0 <= row < len(self):
            raise UnknownNameError(f"no image number {row} in {self.path.parent}")
        with self._reading():
            group = int(np.searchsorted(self._group_ends, row, side="right"))
            start = self._group_ends[group - 1] if group else 0
            path = self._now
            value = _group_column(path, path.stat().st_mtime_ns, group, column)[row - start].as_py()
        if value is None:
            raise self._damaged(f"column {column} has gaps")
        return value

    @cached_property
    def _group_ends(self) -> NDArray[np.int64]:
        with pq.ParquetFile(self._now) as file:
            groups = range(file.num_row_groups)
            return np.cumsum([file.metadata.row_group(group).num_rows for group in groups])


@functools.lru_cache(maxsize=len(SCHEMA))
def _group_column(path: Path, stamp: int, group: int, column: str) -> Any:
    """One column of a row group; `stamp` changes with the file."""
    with pq.ParquetFile(path) as file:
        return file.read_row_group(group, [column]).column(0)


def _some(keys: list[str], count: int) -> str:
    """What keys look like, for one that is near none."""
    return f"; they are called {', '.join(keys)}{' …' if count > len(keys) else ''}"
