"""Which images show the same: within a set, and between a set and others such as test sets."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from srdata import catalog
from srdata.catalog import Shelf
from srdata.errors import SetError, UsageError
from srdata.images import ImagePolicy, Pixels, list_images, read_image
from srdata.manifest import Manifest, load_manifest
from srdata.parallel import in_order
from srdata.phash import NEAR, Hashes, Near, near_pairs, phash
from srdata.prepared import PreparedImages
from srdata.progress import progress
from srdata.store.blocks import HR
from srdata.store.setfile import SET_FILE, read_set

TEST = "test"  # the split that a training set must have nothing of
_TASK = 64  # images: enough for the index, which each task opens, to cost little
_PAIRS = 10_000  # at a time
_ANYTHING = ImagePolicy(alpha="drop", depth16="round", cmyk="convert", frames="first")


@dataclass(frozen=True)
class Gallery:
    """Images with names: HR of a prepared set (of one split, or of all), or the image files of a folder.

    Copies at other sizes, which a recipe made on purpose, are left out of a set.
    """

    path: Path
    split: str | None = None

    @cached_property
    def _images(self) -> PreparedImages | None:
        return PreparedImages(self.path) if (self.path / SET_FILE).is_file() else None

    @cached_property
    def _files(self) -> list[Path]:
        found = list_images(self.path)
        if not found:
            raise UsageError(f"{self.path} is no prepared set and holds no images: give one that does")
        return found

    @cached_property
    def _rows(self) -> list[int]:
        if self._images is None:
            return []
        index = self._images.index
        rows: list[int] = index.rows(self.split).tolist()
        if "copies" not in self._images.content.recipe:
            return rows
        made = [HR in params for params in index.all_params()]
        return [row for row in rows if not made[row]]

    def __len__(self) -> int:
        return len(self._files if self._images is None else self._rows)

    def key(self, number: int) -> str:
        """The name of an image."""
        if self._images is None:
            return self._files[number].relative_to(self.path).as_posix()
        return self._images.index.key(self._rows[number])

    def place(self, number: int) -> str:
        """The split that an image belongs to, or the name of the folder."""
        return self.path.name if self._images is None else self._images.splits[self._rows[number]]

    def read(self, number: int) -> Pixels:
        """An image, RGB uint8 (height, width, 3); raises CorruptRecordError or ImageError."""
        if self._images is None:
            return read_image(self._files[number], _ANYTHING)
        return self._images.read(self._rows[number], HR)


class Copies(NamedTuple):
    """The pairs of images that show the same: how many there are in all, and those that differ least."""

    total: int
    nearest: list[Near]


def hashes_of(gallery: Gallery, jobs: int = -1) -> Hashes:
    """The perceptual hash of every image; raises UsageError, CorruptRecordError or ImageError."""
    total = len(gallery)
    tasks = [
        (gallery.path, gallery.split, first, min(first + _TASK, total)) for first in range(0, total, _TASK)
    ]
    found = []
    with progress(f"perceptual hashes of {gallery.path}", total, "images") as advance:
        for part in in_order(_hash_some, tasks, jobs=jobs):
            found.append(part)
            advance(len(part))
    return np.concatenate(found)


def _hash_some(task: tuple[Path, str | None, int, int]) -> Hashes:
    path, split, first, last = task
    gallery = Gallery(path, split)
    return np.array([phash(gallery.read(number)) for number in range(first, last)], np.uint64)


def find_copies(hashes: Hashes, others: Hashes | None = None, *, bits: int = NEAR, shown: int = 20) -> Copies:
    """The pairs within `hashes`, or of them with `others`, that differ in at most `bits` bits."""
    pairs, count, nearest = near_pairs(hashes, others, bits), 0, list[Near]()
    while some := list(islice(pairs, _PAIRS)):
        count += len(some)
        nearest = heapq.nsmallest(
            shown, [*nearest, *some], key=lambda pair: (pair.bits, pair.one, pair.other)
        )
    return Copies(count, nearest)


def benchmarks() -> list[Manifest]:
    """The data sets of the catalogue that have a test split."""
    return [one for one in map(load_manifest, catalog.names(Shelf.MANIFESTS)) if one.find(TEST, "HR")]


def prepared_below(root: Path, tests: Iterable[Manifest]) -> dict[str, Gallery]:
    """The test images of those data sets that are prepared below `root`, by name."""
    names = {one.name for one in tests}
    found: dict[str, Gallery] = {}
    for path in sorted(root.glob(f"*/{SET_FILE}")):
        with suppress(SetError):  # what cannot be read is not here
            source = read_set(path.parent).recipe.get("source")
            if source in names and TEST in PreparedImages(path.parent).index.splits:
                found.setdefault(str(source), Gallery(path.parent, TEST))
    return found
