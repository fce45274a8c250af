"""`score_files`: the scores of files, computed once.

A file whose size and time are those of its row is not read again, and one whose bytes are still those of its
row is not scored again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from srdata.common.processes.engines import workers
from srdata.common.processes.one_at_a_time import only_one_at
from srdata.common.processes.parallel import results
from srdata.common.progress import Advance, progress
from srdata.curation.score_store import How, KnownScores, Row, ScoreTable, check_home, rows_at
from srdata.curation.source_scores import Seen
from srdata.discovery.image_bytes import ImageFile
from srdata.errors import ImageError
from srdata.images import Pixels, decode_image
from srdata.recipes.image_choice import Tiles
from srdata.vocabulary import Backend

_TASK = 8  # images


@dataclass(frozen=True)
class ScoreTask:
    """Some images, each with its key and with what is known of it."""

    files: Sequence[tuple[str, ImageFile, Row]]
    how: How


@dataclass(frozen=True)
class ScoredImages:
    """The rows of the images that could be read, in the order asked for, and why others could not."""

    table: pa.Table
    bad: Mapping[str, str] = field(default_factory=dict)

    @property
    def keys(self) -> list[str]:
        """The keys of the rows."""
        found: list[str] = self.table["key"].to_pylist()
        return found


def score_files(
    files: Mapping[str, ImageFile],
    how: How,
    home: Path,
    *,
    jobs: int = -1,
    backend: Backend = "loky",
) -> ScoredImages:
    """Every image with its scores: those that `home` holds, and the others, which are added there.

    The same for any number of `jobs`; a run that was interrupted goes on where it stopped. Raises
    ImageError for a file that changes meanwhile, and StoreError where `home` cannot be written.
    """
    check_home(home)
    kept = ScoreTable(home / f"{how.table}.parquet", how)
    bad: dict[str, str] = {}
    with only_one_at(home):
        known = kept.read()
        missing = [key for key, file in files.items() if not _is_known(known, key, file)]
        if missing:
            tasks = _tasks(files, missing, known, how)
            with progress(f"scores of {home.parent}", len(missing), "images") as advance:
                kept.add(_scored_rows(tasks, len(missing), bad, jobs, backend, advance))
            known = kept.read()
    rows = [known.places[key] for key in files if key in known.places and key not in bad]
    return ScoredImages(rows_at(known.table, rows), bad)


def _is_known(known: KnownScores, key: str, file: ImageFile) -> bool:
    row = known.places.get(key)
    if row is None or not known.whole[row] or not isinstance(file, Path):
        return False
    return bool((known.stamps[row] == _stamp(file)).all())


def _stamp(file: ImageFile) -> tuple[int, int]:
    """Size and time of a file; of what lies in another file there are none."""
    if not isinstance(file, Path):
        return 0, 0
    try:
        found = file.stat()
    except OSError:
        return -1, -1
    return found.st_size, found.st_mtime_ns


def _tasks(
    files: Mapping[str, ImageFile], missing: Sequence[str], known: KnownScores, how: How
) -> Iterator[ScoreTask]:
    for start in range(0, len(missing), _TASK):
        some = missing[start : start + _TASK]
        yield ScoreTask([(key, files[key], known.row(key)) for key in some], how)


def _scored_rows(
    tasks: Iterable[ScoreTask],
    total: int,
    bad: dict[str, str],
    jobs: int,
    backend: Backend,
    advance: Advance,
) -> Iterator[Row]:
    """The new rows as they come; `bad` is filled with why others are none."""
    with workers(jobs, backend, most=-(-total // _TASK)) as pool:
        for done in results(pool, score_some, tasks):
            for key, row in done:
                if isinstance(row, str):
                    bad[key] = row
                else:
                    yield row
            advance(len(done))


def score_some(task: ScoreTask) -> list[tuple[str, Row | str]]:
    """The row of each image, or why it cannot be read; raises ImageError for one that changes meanwhile."""
    return [(key, _scored(file, row | {"key": key}, task.how)) for key, file, row in task.files]


def _scored(file: ImageFile, row: Row, how: How) -> Row | str:
    stamp = _stamp(file)
    try:
        data = file.read_bytes()
        sha256 = hashlib.sha256(data).hexdigest()
        known = row if row.get("sha256") == sha256 else {}
        values = _missing_values(data, file, known, how)
    except ImageError as error:
        return str(error)
    except OSError as error:
        return f"{file}: cannot be read: {error.strerror}"
    if _stamp(file) != stamp or (isinstance(file, Path) and len(data) != stamp[0]):
        raise ImageError(f"{file} changed while it was scored: run the same command again once it is whole")
    facts = {"key": row["key"], "bytes": stamp[0], "mtime_ns": stamp[1], "sha256": sha256}
    return known | facts | values


def _missing_values(data: bytes, file: ImageFile, known: Row, how: How) -> Row:
    """The columns that a row does not have yet."""
    wanted = [one for one in how.scores if known.get(one.column) is None]
    marks = [one for one in how.marks if known.get(one) is None]
    if not wanted and not marks and known:
        return {}
    image = decode_image(data, str(file), how.policy)
    seen = Seen(image, data)
    values: Row = {"image_height": image.shape[0], "image_width": image.shape[1]}
    values |= {column: how.mark_of(column, seen) for column in marks}
    if how.tiles is None:
        return values | {one.column: one.of([seen])[0] for one in wanted}
    tiles = [Seen(pixels, data) for pixels in tiles_of(image, how.tiles)]
    return values | {one.column: one.of(tiles) for one in wanted}


def tiles_of(image: Pixels, tiles: Tiles) -> Iterator[Pixels]:
    """The pixels of every tile that is looked at, in the order of `Tiles.of`."""
    scale, copy = None, image
    for tile in tiles.of(*image.shape[:2]):
        if tile.scale != scale:
            scale, copy = tile.scale, image if tile.copy is None else tile.copy.of(image)
        yield copy[tile.top : tile.top + tile.size, tile.left : tile.left + tile.size]
