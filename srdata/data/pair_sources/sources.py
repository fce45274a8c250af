"""Where pairs of images come from: one kind of source each, all read the same way.

Images are numbered from 0. Positions are in cells, the smallest squares on which the HR and the LR grid
agree: at scale p/q a cell is p HR pixels and q LR pixels wide. Where only one side is wanted, the array for
the other has no pixels, and nothing is read for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from srdata.discovery.forms.lmdb_folders import is_lmdb, lmdb_images
from srdata.discovery.image_bytes import ImageFile, pixels_of, told_header
from srdata.discovery.named_files import images_by_name
from srdata.discovery.pairing import Sizes, check_sizes, guess_scale, match_names
from srdata.errors import ImageError
from srdata.images import ImagePolicy, Pixels, check_same_way
from srdata.scale import Scale
from srdata.store.block_reading.pair_plan import PairPlan
from srdata.store.blocks import CHANNELS, HR
from srdata.store.index import Index
from srdata.store.reader import SetReader
from srdata.store.tables.arrow_columns import texts_at
from srdata.store.windows import Integers


class PairSource(Protocol):
    """Pairs of HR and LR images at one scale."""

    @property
    def channels(self) -> int:
        """Samples of a pixel: 3, or 6 of two views."""

    @property
    def scale(self) -> Scale:
        """How many HR pixels face one LR pixel."""

    @property
    def sizes(self) -> Sizes:
        """The sizes of the HR images, with what lies beyond the last whole LR pixel."""

    @property
    def decodes(self) -> bool:
        """Whether an image is decoded anew for each crop."""

    def keys(self, images: Integers) -> list[str]:
        """The names of images."""

    def read_pairs(self, images: Integers, corners: Integers, lr: Pixels, hr: Pixels) -> None:
        """Fill each `lr[i]` and `hr[i]` from image `images[i]`, beginning at `corners[i]` (top, left)."""


class SetSource:
    """Pairs of a prepared set, or of one shard of it, copied out of its shards."""

    channels = CHANNELS

    def __init__(self, reader: SetReader, split: str | None, scale: Scale, shard: int | None = None) -> None:
        self._reader = reader
        self._split = split
        self._shard = shard
        rows = reader.index.rows(split)
        self._rows = rows if shard is None else rows[reader.index.shards[rows] == shard]
        self._keys = reader.index.keys  # read here, once, and shared with the workers that are forked later
        self.scale = scale
        self.decodes = not reader.decoded
        self._layer = scale.label

    @property
    def sizes(self) -> Sizes:
        return sizes_in(self._reader.index, self._rows)

    def keys(self, images: Integers) -> list[str]:
        return texts_at(self._keys, self._rows[images])

    def read_pairs(self, images: Integers, corners: Integers, lr: Pixels, hr: Pixels) -> None:
        rows, (p, q) = self._rows[images], self.scale.as_integer_ratio()
        if lr.size and hr.size:
            tops, lefts = (corners * q).T
            height, width = lr.shape[1:3]
            self._reader.read_pairs(rows, self._layer, tops, lefts, height, width, hr, lr)
            return
        for out, layer, cell in ((lr, self._layer, q), (hr, HR, p)):
            if out.size:
                tops, lefts = (corners * cell).T
                height, width = out.shape[1:3]
                self._reader.read_crops(rows, layer, tops, lefts, height, width, out)

    def find_pairs(self, images: Integers, corners: Integers, side: int) -> PairPlan:
        """Where crops of so many cells a side lie in the shards, to be read all or in parts."""
        q = self.scale.denominator
        tops, lefts = (corners * q).T
        plan = self._reader.plan_pairs(self._rows[images], self._layer, tops, lefts, side * q, side * q)
        return plan.looked_up()

    def __reduce__(self) -> tuple[Any, ...]:
        return SetSource, (self._reader, self._split, self.scale, self._shard)


class DecodedSource:
    """Pairs of image files, in folders or in LMDBs."""

    channels = CHANNELS
    decodes = True

    def __init__(self, keys: Sequence[str], sizes: Sizes, scale: Scale, hr: Images, lr: Images) -> None:
        self.sizes = sizes
        self.scale = scale
        self._keys = keys
        self._sides = ((lr, scale.denominator), (hr, scale.numerator))

    def keys(self, images: Integers) -> list[str]:
        return [self._keys[image] for image in images.tolist()]

    def read_pairs(self, images: Integers, corners: Integers, lr: Pixels, hr: Pixels) -> None:
        for out, (side, cell) in zip((lr, hr), self._sides, strict=True):
            if not out.size:
                continue
            for target, image, corner in zip(out, images.tolist(), (corners * cell).tolist(), strict=True):
                _copy_crop(side.image(image), corner, target, self._keys[image])


class Headers(NamedTuple):
    """What the headers of images say."""

    sizes: Sizes
    turns: Integers  # EXIF orientations, (images,)


class Images(Protocol):
    """Encoded images, numbered from 0."""

    def image(self, number: int) -> Pixels:
        """One of them, decoded."""

    def headers(self) -> Headers:
        """What is known of each without decoding it."""


@dataclass(frozen=True)
class FileImages:
    """Image files, wherever they lie: in a folder, an LMDB, an archive or a column of a table."""

    files: Sequence[ImageFile]
    policy: ImagePolicy | None

    def headers(self) -> Headers:
        """What the list of an LMDB says, or else the files."""
        told = np.array([told_header(file) for file in self.files], np.int64).reshape(-1, 3)
        return Headers(told[:, :2], told[:, 2])

    def image(self, number: int) -> Pixels:
        return pixels_of(self.files[number], self.policy)


def two_folders(
    hr: Path, lr: Path, template: str, scale: Scale | None, policy: ImagePolicy | None
) -> PairSource:
    """The pairs of two folders of image files, or of two LMDBs; raises UsageError when they do not match."""
    high, low = _images_in(hr), _images_in(lr)
    names = match_names(list(high), low, template, (hr, lr))
    return file_pairs(high, {key: low[name] for key, name in zip(high, names, strict=True)}, scale, policy)


def _images_in(folder: Path) -> Mapping[str, ImageFile]:
    """The images of a folder in natural order, or of an LMDB in BasicSR's."""
    return dict(sorted(lmdb_images(folder).items())) if is_lmdb(folder) else images_by_name(folder)


def file_source(files: Mapping[str, ImageFile], scale: Scale, policy: ImagePolicy | None) -> PairSource:
    """Image files by their keys, to be read as HR, or as LR at scale 1."""
    images = FileImages(list(files.values()), policy)
    return DecodedSource(list(files), images.headers().sizes, scale, images, images)


def file_pairs(
    hr: Mapping[str, ImageFile], lr: Mapping[str, ImageFile], scale: Scale | None, policy: ImagePolicy | None
) -> PairSource:
    """The pairs of image files that have one key; raises UsageError when their sizes do not match."""
    high, low = (FileImages([files[key] for key in hr], policy) for files in (hr, lr))
    return paired_source(list(hr), high, low, scale)


def paired_source(keys: Sequence[str], hr: Images, lr: Images, scale: Scale | None) -> PairSource:
    """The pairs of these images; UsageError when sizes do not match, ImageError when one lies another way."""
    high, low = hr.headers(), lr.headers()
    for number in (high.turns != low.turns).nonzero()[0].tolist():
        turns, key = (int(high.turns[number]), int(low.turns[number])), keys[number]
        check_same_way(hr.image(number), lr.image(number), turns, (f"HR image {key}", f"LR image {key}"))
    scale = scale or guess_scale(high.sizes, low.sizes)
    check_sizes(keys, high.sizes, low.sizes, scale)
    return DecodedSource(keys, high.sizes, scale, hr, lr)


def _copy_crop(image: Pixels, corner: list[int], out: Pixels, key: str) -> None:
    top, left = corner
    part = image[top : top + out.shape[0], left : left + out.shape[1]]
    if part.shape != out.shape:
        raise ImageError(f"{key}: is smaller than when the data set was opened, or than meta_info.txt says")
    out[:] = part


def sizes_in(index: Index, rows: Integers) -> Sizes:
    """The sizes of the HR images of some rows of an index."""
    return np.stack([index.heights[rows], index.widths[rows]], axis=-1).astype(np.int64)
