"""`score_files`: the scores of files, computed once.

A file whose size and time are those of its row is not read again, and one whose bytes are still those of its
row is not scored again. So it is with images that cannot be read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress, islice
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from srdata.common.processes.engines import workers
from srdata.common.processes.one_at_a_time import only_one_at
from srdata.common.processes.parallel import results
from srdata.common.progress import Advance, progress
from srdata.common.wording.amounts import how_many
from srdata.curation.score_rows import Places
from srdata.curation.score_store import NO_STAMP, How, KnownScores, Row, ScoreTable, check_home
from srdata.curation.source_scores import Seen
from srdata.discovery.image_bytes import ImageFile
from srdata.discovery.remote_images import RemoteImage
from srdata.errors import ImageError, NotScoredError
from srdata.images import Pixels, decode_image
from srdata.recipes.image_choice import Tiles
from srdata.vocabulary import Backend

_TASK = 8  # images
_ROWS = 64  # that are read at a time


@dataclass(frozen=True)
class ScoreTask:
    """Some images, each with its key and with what is known of it."""

    files: Sequence[tuple[str, ImageFile, Row]]
    how: How


class ScoredImages:
    """The images that could be read, in the order asked for, with their scores; and why others could not.

    Of the scores none is held: each is read when it is asked for.
    """

    def __init__(self, keys: Sequence[str], known: KnownScores, bad: Mapping[str, str]) -> None:
        good = [number for number, key in enumerate(keys) if key not in bad]
        self.keys = [keys[number] for number in good]
        self.bad = bad
        self._rows, self._places = known.rows, known.places[good]

    def numbers(self, column: str) -> NDArray[np.float64]:
        """A score of each image, NaN where there is none."""
        return self._rows.numbers(column)[self._places]

    def take(self, numbers: Places, columns: Sequence[str]) -> pa.Table:
        """Some columns of the images of these numbers in `keys`."""
        return self._rows.take(self._places[numbers], columns)

    def each(self, columns: Sequence[str]) -> Iterator[Row]:
        """Some columns of every image."""
        numbers = np.arange(len(self.keys))
        for start in range(0, len(numbers), _ROWS):
            yield from self.take(numbers[start : start + _ROWS], columns).to_pylist()


def score_files(
    files: Mapping[str, ImageFile],
    how: How,
    home: Path,
    *,
    jobs: int = -1,
    backend: Backend = "loky",
    compute: bool = True,
) -> ScoredImages:
    """Every image with its scores: those that `home` holds, and the others, which are added there.

    The same for any number of `jobs`; a run that was interrupted goes on where it stopped. Raises
    ImageError for a file that changes meanwhile, and StoreError where `home` cannot be written. Without
    `compute` nothing is written, and NotScoredError raised where scores are missing.
    """
    kept, keys = ScoreTable(home / f"{how.table}.parquet", how), list(files)
    if not compute:
        known = kept.read(keys)
        if total := int(_missing(files, known).sum()):
            images = how_many(len(keys), "image")
            raise NotScoredError(f"{home} has no scores yet of {total} of {images}: preparing computes them")
        return ScoredImages(keys, known, _unreadable(files, known))
    check_home(home)
    bad: dict[str, str] = {}
    with only_one_at(home):
        known = kept.read(keys)
        missing = _missing(files, known)
        if total := int(missing.sum()):
            tasks = _tasks(files, missing, known, how)
            with progress(f"scores in {home}", total, "images") as advance:
                kept.add(_scored_rows(tasks, total, bad, jobs, backend, advance))
            known = kept.read(keys)
    return ScoredImages(keys, known, _unreadable(files, known) | bad)


def _unreadable(files: Mapping[str, ImageFile], known: KnownScores) -> dict[str, str]:
    """Why images cannot be read, by what is known of them."""
    keys = list(files) if known.reasons else []
    return {keys[number]: f"{files[keys[number]]}: {why}" for number, why in known.reasons.items()}


def _missing(files: Mapping[str, ImageFile], known: KnownScores) -> NDArray[np.bool_]:
    """Of which images not all is known."""
    stamps = (_stamp(file) for file in files.values())
    return np.array([not known.tells(number, stamp) for number, stamp in enumerate(stamps)], bool)


def _stamp(file: ImageFile) -> tuple[int, int]:
    """Size and time of a file, at an address what tells its versions apart; of what lies in another, none."""
    if isinstance(file, RemoteImage):
        version = hashlib.sha256(file.stamp.encode()).digest()[:7]
        return (file.size or 0, int.from_bytes(version)) if file.stamp else NO_STAMP
    if not isinstance(file, Path):
        return NO_STAMP
    try:
        found = file.stat()
    except OSError:
        return NO_STAMP
    return found.st_size, found.st_mtime_ns


def _tasks(
    files: Mapping[str, ImageFile], missing: NDArray[np.bool_], known: KnownScores, how: How
) -> Iterator[ScoreTask]:
    wanted = compress(files.items(), missing)
    numbers = np.flatnonzero(missing)
    for start in range(0, len(numbers), _TASK):
        rows = known.some(numbers[start : start + _TASK])
        some = islice(wanted, len(rows))
        yield ScoreTask([(key, file, row) for (key, file), row in zip(some, rows, strict=True)], how)


def _scored_rows(
    tasks: Iterable[ScoreTask],
    total: int,
    bad: dict[str, str],
    jobs: int,
    backend: Backend,
    advance: Advance,
) -> Iterator[Row]:
    """The new rows as they come; `bad` is filled with why files could not be had."""
    with workers(jobs, backend, most=-(-total // _TASK)) as pool:
        for done in results(pool, score_some, tasks):
            for key, row in done:
                if isinstance(row, str):
                    bad[key] = row
                else:
                    yield row
            advance(len(done))


def score_some(task: ScoreTask) -> list[tuple[str, Row | str]]:
    """The row of each image, or why its file cannot be had; ImageError for one that changes meanwhile."""
    return [(key, _scored(file, row | {"key": key}, task.how)) for key, file, row in task.files]


def _scored(file: ImageFile, row: Row, how: How) -> Row | str:
    stamp = _stamp(file)
    try:
        data = file.read_bytes()
    except ImageError as error:
        return str(error)
    except OSError as error:
        return f"{file}: cannot be read: {error.strerror}"
    sha256 = hashlib.sha256(data).hexdigest()
    known = row if row.get("sha256") == sha256 else {}
    values = _missing_values(data, file, known, how)
    if _stamp(file) != stamp or (stamp != NO_STAMP and len(data) != stamp[0]):
        raise ImageError(f"{file} changed while it was scored: run the same command again once it is whole")
    facts = {"key": row["key"], "bytes": stamp[0], "mtime_ns": stamp[1], "sha256": sha256}
    return known | facts | values


def _missing_values(data: bytes, file: ImageFile, known: Row, how: How) -> Row:
    """The columns that a row does not have yet; of an image that cannot be read, why."""
    wanted = [one for one in how.scores if known.get(one.column) is None]
    marks = [one for one in how.marks if known.get(one) is None]
    if known and (how.unreadable in known or not (wanted or marks)):
        return {}
    try:
        image = decode_image(data, str(file), how.policy)
    except ImageError as error:
        return {how.unreadable: str(error).removeprefix(f"{file}: ")}
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
