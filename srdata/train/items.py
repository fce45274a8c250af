"""The items of a data set: a region of an image each, and the crop that an epoch takes from it.

Lengths and positions are counted in cells: the smallest squares on which the HR and the LR grid agree. At
scale p/q a cell is p HR pixels and q LR pixels wide, so what is cut on cells is aligned.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from srdata.rng import uniforms
from srdata.scale import Scale
from srdata.store.windows import Integers, WindowIndex, Windows
from srdata.train.turns import TURNS

_CROP = 0x63726F70  # sets these draws apart from others with the same seed


@dataclass(frozen=True)
class Regions:
    """Rectangles of images, in cells."""

    images: Integers
    orders: Integers | None  # the number of the window in its image, from 0; None for whole images
    corners: Integers  # (count, 2): top and left
    sizes: Integers  # (count, 2): height and width


@dataclass(frozen=True)
class Crops:
    """What is taken in one epoch: rectangles inside the regions, and how each is turned."""

    inside: Regions
    turns: Integers | None  # 0 to 7, see srdata.train.turns; None leaves them as they are


class Items(Protocol):
    """What the numbers of a data set stand for."""

    def __len__(self) -> int: ...

    def regions(self, items: Integers) -> Regions:
        """The region of each item."""

    def smaller_than(self, side: int) -> Integers:
        """The items whose height or width is less than `side` cells."""


class WholeImages:
    """An item for each image; `sizes` holds HR height and width, (images, 2)."""

    def __init__(self, sizes: Integers, scale: Scale) -> None:
        self._cells = sizes // scale.numerator

    def __len__(self) -> int:
        return len(self._cells)

    def regions(self, items: Integers) -> Regions:
        return Regions(items, None, np.zeros((len(items), 2), np.int64), self._cells[items])

    def smaller_than(self, side: int) -> Integers:
        return np.flatnonzero((self._cells < side).any(axis=1))


class WindowItems:
    """An item for each sub-image window, and after those one for each image smaller than a window."""

    def __init__(self, windows: Windows, sizes: Integers, scale: Scale) -> None:
        self._index = WindowIndex(windows, sizes[:, 0], sizes[:, 1], scale)
        self._small = WholeImages(sizes, scale)
        self._cell = scale.numerator
        self._side = windows.size // self._cell

    def __len__(self) -> int:
        return len(self._index) + len(self._index.too_small)

    def regions(self, items: Integers) -> Regions:
        beyond = items - len(self._index)
        if (beyond < 0).all():
            return self._windows(items)
        large = beyond < 0
        windows = self._windows(items[large])
        small = self._small.regions(self._index.too_small[beyond[~large]])
        return Regions(
            _merged(large, windows.images, small.images),
            _merged(large, windows.orders, np.zeros_like(small.images)),
            _merged(large, windows.corners, small.corners),
            _merged(large, windows.sizes, small.sizes),
        )

    def smaller_than(self, side: int) -> Integers:
        if side > self._side:
            return np.arange(len(self))
        small = np.isin(self._index.too_small, self._small.smaller_than(side))
        return len(self._index) + np.flatnonzero(small)

    def _windows(self, items: Integers) -> Regions:
        images, orders, tops, lefts = self._index.locate(items)
        corners = np.stack([tops, lefts], axis=-1) // self._cell
        return Regions(images, orders, corners, np.full(corners.shape, self._side))


def _merged(large: NDArray[np.bool_], those: Integers | None, others: Integers) -> Integers:
    """`those` where `large` holds and `others` elsewhere, in their order."""
    out = np.empty((len(large), *others.shape[1:]), np.int64)
    out[large], out[~large] = those, others
    return out


def draw(
    regions: Regions, patch: int | None, turning: bool, address: tuple[int, Integers, Integers]
) -> Crops:
    """The crops of regions; `address` is (seed, epoch of each, item of each), and nothing else decides.

    `patch` is the side of a crop in cells; None takes whole regions. Every position is equally likely, the
    first and the last as well. Where a region is smaller than the patch, all of its height or width is taken.
    """
    if patch is None and not turning:
        return Crops(regions, None)
    seed, epochs, items = address
    numbers = uniforms(seed, _CROP, epochs, items, draws=3)
    if patch is not None:
        places = np.maximum(regions.sizes - patch, 0) + 1
        corners = regions.corners + (numbers[:, :2] * places).astype(np.int64)
        regions = Regions(regions.images, regions.orders, corners, np.minimum(regions.sizes, patch))
    return Crops(regions, (numbers[:, 2] * TURNS).astype(np.int64) if turning else None)
