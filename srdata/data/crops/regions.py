"""The items of a data set: a region of an image each, and the crop that an epoch takes from it.

Lengths and positions are counted in cells: the smallest squares on which the HR and the LR grid agree. At
scale p/q a cell is p HR pixels and q LR pixels wide, so what is cut on cells is aligned.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from srdata.dihedral.array_turns import MIRRORED, TURNS
from srdata.errors import UsageError
from srdata.rng import uniforms
from srdata.scale import Scale
from srdata.store.windows import Integers, Windows

Address = tuple[int, int | Integers, Integers]  # seed, epoch or epochs, items
Turning = bool | Literal["mirror"]

_CROP = 0x63726F70  # sets these draws apart from others with the same seed


class Regions(NamedTuple):
    """Rectangles of images, in cells."""

    images: Integers
    orders: Integers | None  # the number of the window in its image, from 0; None for whole images
    corners: Integers  # (count, 2): top and left
    sizes: Integers  # (count, 2): height and width
    cells: NDArray[Any]  # (images, 2): height and width of every image there is

    @property
    def wholes(self) -> Integers:
        """Height and width of the images, (count, 2)."""
        return self.cells[self.images].astype(np.int64)


class Crops(NamedTuple):
    """What is taken in one epoch: rectangles inside the regions, and how each is turned."""

    inside: Regions
    turns: Integers | None  # 0 to 7, see srdata.dihedral.array_turns; None leaves them as they are
    within: Regions  # that they were drawn from
    colours: Integers | None = None  # RGB as 24 bits, for pad="flat"

    def spots(self, cell: int) -> list[Spot]:
        """Where each lies among its possible places, in pixels of which a cell has `cell` along a side."""
        places = (self.inside.corners - self.within.corners) * cell
        counts = (self.within.sizes - self.inside.sizes) * cell + 1
        return [Spot(*one) for one in zip(places.tolist(), counts.tolist(), strict=True)]


class Spot(NamedTuple):
    """Where a crop lies among its possible places: two numbers each, along the rows and the columns."""

    at: Sequence[int]  # from 0
    of: Sequence[int]


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
        return Regions(items, None, np.zeros((len(items), 2), np.int64), self._cells[items], self._cells)

    def smaller_than(self, side: int) -> Integers:
        return np.flatnonzero((self._cells < side).any(axis=1))


class WindowItems:
    """An item for each sub-image window, image by image; an image smaller than a window is one item.

    Memory: 37 bytes an image, none a window.
    """

    def __init__(self, windows: Windows, sizes: Integers, scale: Scale) -> None:
        heights, widths = sizes.T
        counts = windows.counts(heights, widths, scale)
        across = windows.counts(np.full_like(widths, windows.size), widths, scale)
        self._side = windows.size // scale.numerator
        self._step = windows.step // scale.numerator
        self._small = counts == 0
        self._any_small = bool(self._small.any())
        self._ends = np.cumsum(np.maximum(counts, 1))
        self._starts = np.concatenate([[0], self._ends[:-1]])
        self._across = np.maximum(across, 1).astype(np.int32)
        self._cells = (sizes // scale.numerator).astype(np.int32)
        self._last = np.maximum(self._cells - self._side, 0)

    def __len__(self) -> int:
        return int(self._ends[-1])

    def regions(self, items: Integers) -> Regions:
        images = np.searchsorted(self._ends, items, side="right")
        orders = items - self._starts[images]
        places = np.stack(np.divmod(orders, self._across[images]), axis=-1)
        corners = np.minimum(places * self._step, self._last[images])
        sizes = np.full((len(items), 2), self._side)
        if self._any_small:
            sizes = np.where(self._small[images, None], self._cells[images], sizes)
        return Regions(images, orders, corners, sizes, self._cells)

    def smaller_than(self, side: int) -> Integers:
        if side > self._side:
            return np.arange(len(self))
        ends: Integers = self._ends[self._small & (self._cells < side).any(axis=1)]
        return ends - 1


def items_of(sizes: Integers, scale: Scale, windows: Windows | None) -> Items:
    """The items of images with these HR sizes: their windows, or for None the images."""
    return WholeImages(sizes, scale) if windows is None else WindowItems(windows, sizes, scale)


def check_turning(turning: Turning) -> Turning:
    """How items are turned, as a user gives it; raises UsageError."""
    if turning not in (True, False, "mirror"):
        raise UsageError(f"dihedral {turning!r} must be True, False or 'mirror'")
    return turning


def draw(regions: Regions, patch: int | None, turning: Turning, address: Address) -> Crops:
    """The crops of regions; only their `address` decides which.

    `patch` is the side of a crop in cells; None takes whole regions. Every position is equally likely, the
    first and the last as well. Where a region is smaller than the patch, all of its height or width is taken.
    """
    if patch is None and not turning:
        return Crops(regions, None, regions)
    seed, epochs, items = address
    numbers = uniforms(seed, _CROP, epochs, items, draws=4)
    inside = regions
    if patch is not None:
        places = np.maximum(regions.sizes - patch, 0) + 1
        corners = regions.corners + (numbers[:, :2] * places).astype(np.int64)
        inside = regions._replace(corners=corners, sizes=np.minimum(regions.sizes, patch))
    ways = MIRRORED if turning == "mirror" else TURNS
    turns = (numbers[:, 2] * ways).astype(np.int64) if turning else None
    return Crops(inside, turns, regions, (numbers[:, 3] * 2**24).astype(np.int64))
