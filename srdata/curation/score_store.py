"""Tables of scores on disk: kept beside the images, with the size, time and SHA-256 of each file.

    .srdata-scores/images.parquet     a row for each image, a column for each score and version
    .srdata-scores/images-00007.part  what a run that is under way, or was ended, has so far

Scores are added column by column; what was computed stays. Of tiles there are tables of their own, in whose
rows each score is a list: one number for each tile, in the order of `Tiles.of`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from srdata.common.files import PART
from srdata.curation.likeness import EMBEDDING, Embedding
from srdata.curation.source_scores import Seen
from srdata.curation.wanted_scores import WantedScore
from srdata.duplicates.perceptual_hash import sketch
from srdata.errors import StoreError
from srdata.images import ImagePolicy
from srdata.recipes.image_choice import Tiles
from srdata.store.tables.parquet_file import write_tables

SCORES_HOME = ".srdata-scores"
SKETCH = "sketch@1"  # the column of sketches, by which images that show the same are found
_FACTS = pa.schema(
    [
        ("key", pa.string()),
        ("bytes", pa.int64()),
        ("mtime_ns", pa.int64()),
        ("sha256", pa.string()),
        ("image_height", pa.int32()),
        ("image_width", pa.int32()),
    ]
)
_PART = 1024  # images whose scores are made durable together

Row = dict[str, Any]


@dataclass(frozen=True)
class How:
    """What is to be known of each image, or of each of its tiles."""

    scores: tuple[WantedScore, ...]
    policy: ImagePolicy = field(default_factory=ImagePolicy)
    sketches: bool = False
    embedding: Embedding | None = None
    tiles: Tiles | None = None

    @property
    def columns(self) -> list[str]:
        """The columns that a row has then."""
        return [*(one.column for one in self.scores), *self.marks]

    @property
    def marks(self) -> list[str]:
        """The columns by which images that show the same are found."""
        embedding = [] if self.embedding is None else [self.embedding.column]
        return [*([SKETCH] if self.sketches else []), *embedding]

    def mark_of(self, column: str, seen: Seen) -> bytes:
        """What an image has in one of these columns."""
        if self.embedding is not None and column == self.embedding.column:
            return self.embedding.of(seen)
        return sketch(seen.image).tobytes()

    def kind(self, column: str) -> pa.DataType:
        """The type of a column."""
        if column == SKETCH or column.startswith(EMBEDDING):
            return pa.binary()
        return pa.float64() if self.tiles is None else pa.list_(pa.float64())

    @property
    def table(self) -> str:
        """The name of the table: images that are read in another way, and other tiles, have another one."""
        given = self.policy.model_dump(exclude_defaults=True, exclude={"max_pixels"})
        read = "".join(f"-{name}-{value}" for name, value in sorted(given.items()))
        if self.tiles is None:
            return f"images{read}"
        scales = "-".join(f"{scale * 100:g}" for scale in sorted(self.tiles.scales, reverse=True))
        return f"tiles-{self.tiles.size}-{self.tiles.grid}-{scales}{read}"


class KnownScores:
    """The rows that are there, by their keys."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table
        self.places = {key: row for row, key in enumerate(table["key"].to_pylist())}
        self.stamps = np.stack([table[name].to_numpy() for name in ("bytes", "mtime_ns")], axis=-1)
        whole = [pc.is_valid(table[name]) for name in table.column_names]
        self.whole = np.logical_and.reduce([np.asarray(one) for one in whole])

    def row(self, key: str) -> Row:
        """What is known of an image."""
        if key not in self.places:
            return {}
        found = self.table.slice(self.places[key], 1).to_pylist()[0]
        return {name: value for name, value in found.items() if value is not None}


@dataclass(frozen=True)
class ScoreTable:
    """The table of scores on disk, and the parts that are not in it yet."""

    path: Path
    how: How

    def read(self) -> KnownScores:
        """The rows of the columns that are wanted; a damaged file counts for nothing."""
        names = [*_FACTS.names, *self.how.columns]
        schema = self._schema(names)
        table = pa.concat_tables([schema.empty_table(), *(_cast(one, schema) for one in self._tables(names))])
        return KnownScores(rows_at(table, _latest(table["key"].to_pylist())))

    def add(self, rows: Iterator[Row]) -> None:
        """Write rows as they come, and then all of them and what was there as one table."""
        for left in self.path.parent.glob(f"*{PART}*"):  # of a run that was killed
            left.unlink(missing_ok=True)
        while some := list(islice(rows, _PART)):
            schema = self._schema(sorted({name for row in some for name in row}))
            write_tables(self._next_part(), [pa.Table.from_pylist(some, schema)], schema)
        parts = self._parts()
        names = dict.fromkeys([*_FACTS.names, *(one for path in self._sources() for one in _names_in(path))])
        schema = self._schema(list(names))
        write_tables(self.path, self._merged(schema), schema)
        for part in parts:
            part.unlink(missing_ok=True)

    def _merged(self, schema: pa.Schema) -> Iterator[pa.Table]:
        """All rows, those of later parts in place of earlier ones, a group at a time."""
        keys = [key for table in self._tables(["key"]) for key in table["key"].to_pylist()]
        last = set(_latest(keys))
        place = 0
        for source in self._sources():
            for table in _groups(source):
                kept = [row for row in range(len(table)) if place + row in last]
                place += len(table)
                yield _cast(table, schema).take(pa.array(kept, pa.int64()))

    def _sources(self) -> list[Path]:
        return [path for path in (self.path, *self._parts()) if _names_in(path)]

    def _tables(self, names: Sequence[str]) -> Iterator[pa.Table]:
        for path in self._sources():
            there = [name for name in names if name in _names_in(path)]
            yield pq.read_table(path, columns=there, use_threads=False)

    def _schema(self, names: Sequence[str]) -> pa.Schema:
        rest = [(name, self.how.kind(name)) for name in names if name not in _FACTS.names]
        return pa.schema([*_FACTS, *(pa.field(*one) for one in rest)])

    def _parts(self) -> list[Path]:
        return sorted(self.path.parent.glob(f"{self.path.stem}-[0-9][0-9][0-9][0-9][0-9].part"))

    def _next_part(self) -> Path:
        numbers = [int(one.stem.rpartition("-")[2]) for one in self._parts()]
        return self.path.with_name(f"{self.path.stem}-{max(numbers, default=-1) + 1:05d}.part")


def rows_at(table: pa.Table, places: Sequence[int]) -> pa.Table:
    """Those rows of a table; the table itself, and no copy of it, where they are all of it in order."""
    return table if list(places) == list(range(len(table))) else table.take(pa.array(places, pa.int64()))


def _latest(keys: Sequence[str]) -> list[int]:
    """The last place of each key."""
    return list({key: place for place, key in enumerate(keys)}.values())


def _names_in(path: Path) -> list[str]:
    """The columns of a table; none where there is no such table, or a damaged one."""
    try:
        names: list[str] = pq.read_schema(path).names
    except (pa.ArrowException, OSError):
        return []
    return names if set(_FACTS.names) <= set(names) else []


def _groups(path: Path) -> Iterator[pa.Table]:
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=_PART, use_threads=False):
            yield pa.Table.from_batches([batch])


def _cast(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """A table with the columns of a schema, empty where it has none of that name."""
    columns = [
        table[field.name].cast(field.type)
        if field.name in table.column_names
        else pa.nulls(len(table), field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def home_beside(source: Path) -> Path:
    """Where the scores of a folder or file of images are kept."""
    return (source if source.is_dir() else source.parent) / SCORES_HOME


def check_home(home: Path) -> None:
    """Raise StoreError where scores cannot be kept."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        writable = os.access(home, os.W_OK) and os.access(home.parent, os.W_OK)
        why = "it is not to be written"
    except OSError as error:
        writable, why = False, str(error.strerror)
    if not writable:
        raise StoreError(f"{home} cannot hold scores ({why}): give another folder by --scores")
