"""Which images show the same: within a set, and between a set and others such as test sets."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import compress, islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from srdata.common.processes.parallel import in_order
from srdata.common.progress import progress
from srdata.discovery.image_bytes import ImageFile, pixels_of
from srdata.discovery.known_forms import look_for_parts
from srdata.duplicates.perceptual_hash import (
    NEAR,
    Groups,
    Near,
    Sketch,
    Sketches,
    alike,
    hash_of,
    near_pairs,
    sketch,
    turned_hashes,
)
from srdata.errors import UsageError, given_path
from srdata.images import ImagePolicy, Pixels, turned
from srdata.prepared.set_images import PreparedImages
from srdata.store.blocks import HR
from srdata.store.set_json import SET_FILE

_TASK = 64  # images: enough for the index, which each task opens, to cost little
_PAIRS = 10_000  # at a time
_ANYTHING = ImagePolicy(alpha="drop", depth16="round", cmyk="convert", frames="first")

_Task = list[ImageFile] | tuple[Path, str | None, int, int]


@dataclass(frozen=True)
class Gallery:
    """Images with names: HR of a prepared set (of one split, or of all), or those of a folder.

    Copies at other sizes, which a recipe made on purpose, are left out of a set.
    """

    path: Path
    split: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", given_path(self.path))

    @cached_property
    def _images(self) -> PreparedImages | None:
        return PreparedImages(self.path) if (self.path / SET_FILE).is_file() else None

    @cached_property
    def _files(self) -> list[tuple[str, ImageFile]]:
        found = look_for_parts(self.path)
        if found is None:
            raise UsageError(f"{self.path} is no prepared set and holds no images: give one that does")
        return [(key, file) for part in found.parts for key, file in part.hr.images.items()]

    @cached_property
    def rows(self) -> list[int]:
        """The rows of a prepared set's index that it holds; none for a folder."""
        if self._images is None:
            return []
        index = self._images.index
        rows: list[int] = index.rows(self.split).tolist()
        if "copies" not in self._images.content.recipe:
            return rows
        made = [HR in params for params in index.all_params()]
        return [row for row in rows if not made[row]]

    @property
    def recipe(self) -> dict[str, Any] | None:
        """What made a prepared set, resolved; None for a folder."""
        return None if self._images is None else self._images.content.recipe

    @property
    def source(self) -> str | None:
        """The data set that a prepared set is made of, None where it is none of the catalogue."""
        return (self.recipe or {}).get("source")

    @property
    def label(self) -> str:
        """How it is called in a report."""
        return " ".join(filter(None, (str(self.path), self.split)))

    def origins(self) -> frozenset[str]:
        """The SHA-256 of the source files of a prepared set: sets that share them hold the same images."""
        images = self._images
        return frozenset() if images is None else frozenset(map(images.index.source_sha256, self.rows))

    def __len__(self) -> int:
        return len(self._files if self._images is None else self.rows)

    def key(self, number: int) -> str:
        """The name of an image."""
        if self._images is None:
            key, file = self._files[number]
            return file.relative_to(self.path).as_posix() if isinstance(file, Path) else key
        return self._images.index.key(self.rows[number])

    def place(self, number: int) -> str:
        """The split that an image belongs to, or the name of the folder."""
        return self.path.name if self._images is None else self._images.splits[self.rows[number]]

    def read(self, number: int) -> Pixels:
        """An image, RGB uint8 (height, width, 3); raises CorruptRecordError or ImageError."""
        if self._images is None:
            return pixels_of(self._files[number][1], _ANYTHING)
        return self._images.read(self.rows[number], HR)

    def task(self, first: int, last: int) -> _Task:
        """Some of its images, in a form that another process can read."""
        if self._images is None:
            return [file for _, file in self._files[first:last]]
        return self.path, self.split, first, last


class Copies(NamedTuple):
    """The pairs of images that show the same, those that differ least, and the images that are in any."""

    total: int
    nearest: list[Near]
    ones: set[int]
    others: set[int]


def sketches_of(gallery: Gallery, jobs: int = -1) -> Sketch:
    """The sketch of every image, (count, 32, 32); raises UsageError, CorruptRecordError or ImageError."""
    total = len(gallery)
    tasks = [gallery.task(first, min(first + _TASK, total)) for first in range(0, total, _TASK)]
    found = []
    with progress(f"perceptual hashes of {gallery.path}", total, "images") as advance:
        for part in in_order(_sketch_some, tasks, jobs=jobs):
            found.append(part)
            advance(len(part))
    return np.concatenate(found)


def _sketch_some(task: _Task) -> Sketch:
    if isinstance(task, list):
        return np.stack([sketch(pixels_of(file, _ANYTHING)) for file in task])
    path, split, first, last = task
    gallery = Gallery(path, split)
    return np.stack([sketch(gallery.read(number)) for number in range(first, last)])


def find_copies(sketches: Sketch, others: Sketch | None = None, *, shown: int = 20) -> Copies:
    """The pairs within `sketches`, or of them with `others`, that show the same, whichever way they lie.

    Their hashes differ in at most NEAR bits and their sketches are alike.
    """
    pairs, count, nearest = copies(sketches, others), 0, list[Near]()
    ones, twos = set[int](), set[int]()
    while some := list(islice(pairs, _PAIRS)):
        count += len(some)
        ones.update(pair.one for pair in some)
        twos.update(pair.other for pair in some)
        nearest = heapq.nsmallest(
            shown, [*nearest, *some], key=lambda pair: (pair.bits, pair.one, pair.other)
        )
    return Copies(count, nearest, ones, twos)


def copies(
    sketches: Sketches, others: Sketches | None = None, apart_from: Groups | None = None
) -> Iterator[Near]:
    """The pairs that `find_copies` counts, those of one image of `sketches` after those of the one before.

    Without others, pairs that `apart_from` has in one group are left out: thousands of the same image would
    have millions of them.
    In memory are the hashes of the images, and some sketches at a time.
    """
    among = others is None
    others = sketches if others is None else others
    ways = turned_hashes(others)
    hashes = ways[:, 0] if among else np.fromiter(map(hash_of, sketches), np.uint64, len(sketches))
    pairs = near_pairs(hashes, ways, NEAR, among=among, apart_from=apart_from)
    while some := list(islice(pairs, _PAIRS)):
        theirs = zip(others[[pair.other for pair in some]], some, strict=True)
        turned_theirs = np.stack([turned(one, pair.turn) for one, pair in theirs])
        yield from compress(some, alike(sketches[[pair.one for pair in some]], turned_theirs))
