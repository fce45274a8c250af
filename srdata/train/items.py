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
from srdata.store.windows import Integers, WindowIndex
from srdata.train.turns import TURNS

_CROP = 0x63726F70  # sets these draws apart from others with the same seed


@dataclass(frozen=True)
class Regions:
    """Rectangles of images, one element each; in cells where nothing else is said."""

    images: Integers
    orders: Integers | None  # number of the window in its image, from 0; None for whole images
    tops: Integers
    lefts: Integers
    heights: Integers
    widths: Integers

    def same_size(self) -> bool:
        """Whether all have the height and width of the first."""
        return bool((self.heights == self.heights[0]).all() and (self.widths == self.widths[0]).all())

    def times(self, cell: int) -> Regions:
        """The same in pixels, of which a cell has `cell`."""
        places = (self.tops, self.lefts, self.heights, self.widths)
        return Regions(self.images, self.orders, *(values * cell for values in places))


@dataclass(frozen=True)
class Crops:
    """What is taken in one epoch: rectangles inside the regions, and how each is turned."""

    inside: Regions
    turns: Integers  # 0 to 7, see srdata.train.turns


class Items(Protocol):
    """What the numbers of a data set stand for."""

    def __len__(self) -> int: ...

    def regions(self, items: Integers) -> Regions:
        """The region of each item."""


class WholeImages:
    """An item for each image; `sizes` holds HR height and width, (images, 2)."""

    def __init__(self, sizes: Integers, scale: Scale) -> None:
        self._cells = sizes // scale.numerator

    def __len__(self) -> int:
        return len(self._cells)

    def regions(self, items: Integers) -> Regions:
        heights, widths = self._cells[items].T
        return Regions(items, None, np.zeros_like(items), np.zeros_like(items), heights, widths)


class WindowItems:
    """An item for each sub-image window."""

    def __init__(self, index: WindowIndex) -> None:
        self._index = index

    def __len__(self) -> int:
        return len(self._index)

    def regions(self, items: Integers) -> Regions:
        cell = self._index.scale.numerator
        images, orders, tops, lefts = self._index.locate(items)
        side = np.full(len(items), self._index.windows.size // cell)
        return Regions(images, orders, tops // cell, lefts // cell, side, side)


def draw(
    regions: Regions, patch: int | None, turning: bool, address: tuple[int, Integers, Integers]
) -> Crops:
    """The crops of regions; `address` is (seed, epoch of each, item of each), and nothing else decides.

    `patch` is the side of a crop in cells; None takes whole regions. Every position is equally likely, the
    first and the last as well. Where a region is smaller than the patch, all of its height or width is taken.
    """
    seed, epochs, items = address
    down, across, turn = np.moveaxis(uniforms(seed, _CROP, epochs, items, draws=3), -1, 0)
    if patch is not None:
        regions = Regions(
            regions.images,
            regions.orders,
            regions.tops + _place(regions.heights - patch, down),
            regions.lefts + _place(regions.widths - patch, across),
            np.minimum(regions.heights, patch),
            np.minimum(regions.widths, patch),
        )
    return Crops(regions, (turn * TURNS).astype(np.int64) if turning else np.zeros(len(items), np.int64))


def _place(room: Integers, uniform: NDArray[np.float64]) -> Integers:
    """A whole number from 0 to `room`, all of them equally likely; 0 where there is no room."""
    places: Integers = (uniform * (np.maximum(room, 0) + 1)).astype(np.int64)
    return places
