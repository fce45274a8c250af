"""Whole images of a source, read once: kept in memory, or wherever who derives from this keeps them."""

from __future__ import annotations

import numpy as np

from srdata.data.crops.read_crops import Sides, shapes
from srdata.data.pair_sources.sources import PairSource
from srdata.images import Pixels
from srdata.store.blocks import copy_rows
from srdata.store.windows import Integers
from srdata.vocabulary import Only


class HostSource:
    """The pairs of another source, kept as whole images from the first time that one is read."""

    decodes = False

    def __init__(self, source: PairSource, only: Only | None) -> None:
        self.scale = source.scale
        self.sizes = source.sizes
        self.channels = source.channels
        self._source = source
        self._only = only
        self._kept: dict[int, Sides] = {}

    def keys(self, images: Integers) -> list[str]:
        return self._source.keys(images)

    def read_pairs(self, images: Integers, corners: Integers, lr: Pixels, hr: Pixels) -> None:
        p, q = self.scale.as_integer_ratio()
        for i, (image, (top, left)) in enumerate(zip(images.tolist(), corners.tolist(), strict=True)):
            for out, whole, cell in zip((lr, hr), self._whole(image), (q, p), strict=True):
                if out.size:
                    rows, columns = out.shape[1:3]
                    part = whole[top * cell : top * cell + rows, left * cell : left * cell + columns]
                    copy_rows(part, out[i])

    def _whole(self, image: int) -> Sides:
        if image not in self._kept:
            self._kept[image] = whole_pair(self._source, image, self._only)
        return self._kept[image]


def whole_pair(source: PairSource, image: int, only: Only | None) -> Sides:
    """LR and HR of one image, whole; a side that is not wanted has no pixels."""
    lr, hr = (np.empty(shape, np.uint8) for shape in whole_shapes(source, image, only))
    source.read_pairs(np.array([image]), np.zeros((1, 2), np.int64), lr[None], hr[None])
    return lr, hr


def whole_shapes(
    source: PairSource, image: int, only: Only | None
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The shapes of LR and HR of one image."""
    height, width = (source.sizes[image] // source.scale.numerator).tolist()
    lr, hr = shapes(source, 1, height, width, only)
    return lr[1:], hr[1:]


def bytes_of(source: PairSource, only: Only | None) -> int:
    """The bytes that all images of a source take, uncompressed."""
    p, q = source.scale.as_integer_ratio()
    cells = int((source.sizes // p).prod(axis=1).sum())
    return cells * source.channels * ((q * q if only != "hr" else 0) + (p * p if only != "lr" else 0))
