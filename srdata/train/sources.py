"""Where pairs of images come from: one kind of source each, all read the same way.

Images are numbered from 0. Positions are in cells, the smallest squares on which the HR and the LR grid
agree: at scale p/q a cell is p HR pixels and q LR pixels wide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from srdata.errors import ImageError
from srdata.images import ImagePolicy, Pixels, decode_image, probe, read_image
from srdata.scale import Scale
from srdata.store.basicsr import BasicsrReader
from srdata.store.blocks import HR
from srdata.store.reader import SetReader
from srdata.store.windows import Integers
from srdata.train.folders import images_by_name
from srdata.train.pairing import Sizes, check_sizes, guess_scale, match_names


class PairSource(Protocol):
    """Pairs of HR and LR images at one scale."""

    @property
    def scale(self) -> Scale:
        """How many HR pixels face one LR pixel."""

    @property
    def sizes(self) -> Sizes:
        """The sizes of the HR images, with what lies beyond the last whole LR pixel."""

    def keys(self, images: Integers) -> list[str]:
        """The names of images."""

    def read_pairs(self, images: Integers, tops: Integers, lefts: Integers, lr: Pixels, hr: Pixels) -> None:
        """Fill each `lr[i]` and `hr[i]` from image `images[i]`, beginning at (tops[i], lefts[i])."""


class SetSource:
    """Pairs of a prepared set, copied out of its shards."""

    def __init__(self, reader: SetReader, split: str | None, scale: Scale) -> None:
        self._reader = reader
        self._rows = reader.index.rows(split)
        self.scale = scale

    @property
    def sizes(self) -> Sizes:
        return np.stack(self._reader.sizes(HR, self._rows), axis=-1)

    def keys(self, images: Integers) -> list[str]:
        return [self._reader.index.key(row) for row in self._rows[images].tolist()]

    def read_pairs(self, images: Integers, tops: Integers, lefts: Integers, lr: Pixels, hr: Pixels) -> None:
        rows, cell = self._rows[images], self.scale.denominator
        height, width = lr.shape[1:3]
        self._reader.read_pairs(rows, self.scale.label, tops * cell, lefts * cell, height, width, hr, lr)


class DecodedSource:
    """Pairs of image files, in folders or in LMDBs; both are decoded anew for each crop."""

    def __init__(self, keys: Sequence[str], hr: Images, lr: Images, scale: Scale | None) -> None:
        self._keys = keys
        self._hr = hr
        self._lr = lr
        self.sizes, lr_sizes = hr.sizes(), lr.sizes()
        self.scale = scale or guess_scale(self.sizes, lr_sizes)
        check_sizes(keys, self.sizes, lr_sizes, self.scale)

    def keys(self, images: Integers) -> list[str]:
        return [self._keys[image] for image in images]

    def read_pairs(self, images: Integers, tops: Integers, lefts: Integers, lr: Pixels, hr: Pixels) -> None:
        sides = ((lr, self._lr, self.scale.denominator), (hr, self._hr, self.scale.numerator))
        for out, decoded, cell in sides:
            for target, image, top, left in zip(out, images, tops * cell, lefts * cell, strict=True):
                _copy_crop(decoded.image(image), int(top), int(left), target, self._keys[image])


class Images(Protocol):
    """Encoded images, numbered from 0."""

    def sizes(self) -> Sizes:
        """The size of each."""

    def image(self, number: int) -> Pixels:
        """One of them, decoded."""


@dataclass(frozen=True)
class FileImages:
    """Image files."""

    paths: Sequence[Path]
    policy: ImagePolicy | None

    def sizes(self) -> Sizes:
        infos = (probe(path) for path in self.paths)
        return np.array([(info.height, info.width) for info in infos], np.int64)

    def image(self, number: int) -> Pixels:
        return read_image(self.paths[number], self.policy)


@dataclass(frozen=True)
class LmdbImages:
    """Image files that are the values of an LMDB of BasicSR's."""

    reader: BasicsrReader
    names: Sequence[str]
    policy: ImagePolicy | None

    def sizes(self) -> Sizes:
        """What meta_info.txt says, or else the headers of the images."""
        given = dict(zip(self.reader.keys, self.reader.sizes.tolist(), strict=True))
        return np.array(
            [given[name] if all(given[name]) else self._probed(name) for name in self.names], np.int64
        )

    def image(self, number: int) -> Pixels:
        name = self.names[number]
        return decode_image(self.reader.png(name), f"{self.reader.path}: {name}", self.policy)

    def _probed(self, name: str) -> tuple[int, int]:
        info = probe(self.reader.png(name), f"{self.reader.path}: {name}")
        return info.height, info.width


def folder_source(
    hr: Path, lr: Path, template: str, scale: Scale | None, policy: ImagePolicy | None
) -> PairSource:
    """The pairs of two folders of image files; raises UsageError when they do not match."""
    high, low = images_by_name(hr), images_by_name(lr)
    names = match_names(list(high), low, template, (hr, lr))
    lr_images = FileImages([low[name] for name in names], policy)
    return DecodedSource(list(high), FileImages(list(high.values()), policy), lr_images, scale)


def lmdb_source(
    hr: Path, lr: Path, template: str, scale: Scale | None, policy: ImagePolicy | None
) -> PairSource:
    """The pairs of two LMDBs of BasicSR's, in its order; raises UsageError when they do not match."""
    high, low = BasicsrReader(hr), BasicsrReader(lr)
    keys = sorted(high.keys)
    names = match_names(keys, low.keys, template, (hr, lr))
    return DecodedSource(keys, LmdbImages(high, keys, policy), LmdbImages(low, names, policy), scale)


def _copy_crop(image: Pixels, top: int, left: int, out: Pixels, key: str) -> None:
    part = image[top : top + out.shape[0], left : left + out.shape[1]]
    if part.shape != out.shape:
        raise ImageError(f"{key}: is smaller than when the data set was opened, or than meta_info.txt says")
    out[:] = part
