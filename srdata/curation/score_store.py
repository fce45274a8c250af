"""Tables of scores on disk: kept beside the images, with the size, time and SHA-256 of each file.

    .srdata-scores/images.parquet     a row for each image, a column for each score and version
    .srdata-scores/images-00007.part  what a run that is under way, or was ended, has so far

Scores are added column by column; what was computed stays. Of an image that cannot be read it
is kept why. Of tiles there are tables of their own, in whose rows each score is a list: one number for each
tile, in the order of `Tiles.of`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

import srdata
from srdata.common.files import PART
from srdata.curation.score_rows import Places, Rows
from srdata.curation.source_scores import Seen
from srdata.curation.wanted_scores import EMBEDDING, Embedding, WantedScore
from srdata.duplicates.perceptual_hash import sketch
from srdata.errors import StoreError
from srdata.images import ImagePolicy
from srdata.recipes.image_choice import Tiles
from srdata.store.tables.arrow_columns import valid
from srdata.store.tables.parquet_file import write_tables

SCORES_HOME = ".srdata-scores"
SKETCH = "sketch@1"  # the column of sketches, by which images that show the same are found
_UNREADABLE = "unreadable@"
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
_TILED = 64  # of which each tile has scores
NO_STAMP = 0, -1  # of what lies in another file, or is not there

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
    def unreadable(self) -> str:
        """The column of why an image cannot be read, so far as this version tells by these settings."""
        return f"{_UNREADABLE}{srdata.__version__}-{self.policy.max_pixels}"

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
        if column.startswith(_UNREADABLE):
            return pa.string()
        if column == SKETCH or column.startswith(EMBEDDING):
            return pa.binary()
        return pa.float64() if self.tiles is None else pa.list_(pa.float64())

    @property
    def at_once(self) -> int:
        """How many rows are held at a time."""
        return _PART if self.tiles is None else _TILED

    @property
    def table(self) -> str:
        """The name of the table: images that are read in another way, and other tiles, have another one."""
        given = self.policy.model_dump(exclude_defaults=True, exclude={"max_pixels"})
        read = "".join(f"-{name}-{value}" for name, value in sorted(given.items()))
        if self.tiles is None:
            return f"images{read}"
        scales = "-".join(f"{scale * 100:g}" for scale in sorted(self.tiles.scales, reverse=True))
        return f"tiles-{self.tiles.size}-{self.tiles.grid}-{scales}{read}"


@dataclass(frozen=True)
class KnownScores:
    """Which of some keys have a row, where that is, and what it says of their files."""

    rows: Rows
    places: Places  # -1 of a key that has no row
    whole: NDArray[np.bool_]  # whether it has every column that is wanted
    reasons: Mapping[int, str]  # why an image cannot be read, by the number of its key
    stamps: NDArray[np.int64]  # size and time of the file, (n, 2)

    def tells(self, number: int, stamp: tuple[int, int]) -> bool:
        """Whether all is known of a key whose file is of this size and time."""
        known = self.whole[number] or number in self.reasons
        return stamp != NO_STAMP and known and tuple(self.stamps[number]) == stamp

    def some(self, numbers: Places) -> list[Row]:
        """What is known of some keys, by their numbers."""
        places = self.places[numbers]
        found = iter(self.rows.take(places[places >= 0], self.rows.schema.names).to_pylist())
        return [_without_gaps(next(found)) if place >= 0 else {} for place in places.tolist()]


@dataclass(frozen=True)
class ScoreTable:
    """The table of scores on disk, and the parts that are not in it yet."""

    path: Path
    how: How

    def rows(self) -> Rows:
        """All rows that there are, those of parts after the others; a damaged file counts for nothing."""
        sources = self._sources()
        return Rows(
            sources,
            self._schema(
                [*(n for one in sources for n in _names_in(one)), *self.how.columns, self.how.unreadable]
            ),
        )

    def read(self, keys: Sequence[str]) -> KnownScores:
        """What is known of these keys."""
        rows = self.rows()
        places = rows.last_of(keys)
        names = [*_FACTS.names[1:], *self.how.columns]
        whole = _at(places, map(_whole, rows.groups(names)))
        refused = ~whole & _at(places, map(_whole, rows.groups([self.how.unreadable])))
        stamps = [np.append(rows.numbers(name, np.int64), -1)[places] for name in ("bytes", "mtime_ns")]
        bad = np.flatnonzero(refused)
        told = rows.take(places[bad], [self.how.unreadable])[self.how.unreadable].to_pylist()
        reasons = dict(zip(bad.tolist(), told, strict=True))
        return KnownScores(rows, places, whole, reasons, np.stack(stamps, axis=-1))

    def add(self, rows: Iterator[Row]) -> None:
        """Write rows as they come, and then all of them and what was there as one table."""
        for left in self.path.parent.glob(f"*{PART}*"):  # of a run that was killed
            left.unlink(missing_ok=True)
        while some := list(islice(rows, self.how.at_once)):
            schema = self._schema(sorted({name for row in some for name in row}))
            write_tables(self._next_part(), [pa.Table.from_pylist(some, schema)], schema)
        parts = self._parts()
        merged = self.rows()
        write_tables(self.path, self._latest(merged), merged.schema)
        for part in parts:
            part.unlink(missing_ok=True)

    def _latest(self, rows: Rows) -> Iterator[pa.Table]:
        """All rows, those of later parts in place of earlier ones, in groups of one size."""
        last = np.flatnonzero(rows.last_of() == np.arange(len(rows)))
        for start in range(0, len(last), self.how.at_once):
            yield rows.take(last[start : start + self.how.at_once], rows.schema.names)

    def _sources(self) -> list[Path]:
        return [path for path in (self.path, *self._parts()) if _names_in(path)]

    def _schema(self, names: Sequence[str]) -> pa.Schema:
        rest = [(name, self.how.kind(name)) for name in dict.fromkeys(names) if name not in _FACTS.names]
        return pa.schema([*_FACTS, *(pa.field(*one) for one in rest)])

    def _parts(self) -> list[Path]:
        return sorted(self.path.parent.glob(f"{self.path.stem}-[0-9][0-9][0-9][0-9][0-9].part"))

    def _next_part(self) -> Path:
        numbers = [int(one.stem.rpartition("-")[2]) for one in self._parts()]
        return self.path.with_name(f"{self.path.stem}-{max(numbers, default=-1) + 1:05d}.part")


def _at(places: Places, groups: Iterable[NDArray[np.bool_]]) -> NDArray[np.bool_]:
    """What holds of the rows at `places`, by what does of each group of them; nothing where no row is."""
    found: NDArray[np.bool_] = np.concatenate([*groups, np.zeros(1, bool)])[places]
    return found


def _whole(table: pa.Table) -> NDArray[np.bool_]:
    """Whether a row has every column."""
    found: NDArray[np.bool_] = np.logical_and.reduce([valid(column) for column in table.columns])
    return found


def _without_gaps(row: Row) -> Row:
    return {name: value for name, value in row.items() if value is not None}


def _names_in(path: Path) -> list[str]:
    """The columns of a table; none where there is no such table, or a damaged one."""
    try:
        names: list[str] = pq.read_schema(path).names
    except (pa.ArrowException, OSError):
        return []
    return names if set(_FACTS.names) <= set(names) else []


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
