"""Windows: overlapping sub-images as positions, not as files, and the numbering of those of many images.

The rule is BasicSR's (`extract_subimages.py`): along each axis a window every `step` pixels from 0, and one
more that ends at the edge when what remains is larger than `threshold`. Here it is laid on the LR grid and
scaled up, so that a window of HR and of LR always show the same; where all sizes are multiples of the scale,
that is the same.

Regions are counted in cells: the smallest squares on which the HR and the LR grid agree. At scale p/q a cell
is p HR pixels and q LR pixels wide, so what is cut on cells is aligned.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field

from srdata.common.strict_model import StrictModel
from srdata.errors import UsageError
from srdata.scale import Scale

Integers = NDArray[np.int64]


class Windows(StrictModel):
    """Square windows of an image, in HR pixels.

    >>> windows = Windows(size=480, step=240, threshold=0)
    >>> int(windows.counts(1356, 2040, Scale(4)))
    40
    """

    size: Annotated[int, Field(ge=1)] = 480  # side
    step: Annotated[int, Field(ge=1)] = 240  # from one window to the next
    threshold: Annotated[int, Field(ge=0)] = 0  # a rest at the edge that is no larger gets no window

    def check(self, scale: Scale) -> None:
        """Raise UsageError unless a window and its step are whole LR pixels at `scale`."""
        for name, value in (("size", self.size), ("step", self.step)):
            if value % scale.numerator:
                fitting = " ".join(str(_multiple(side, scale.numerator)) for side in (self.size, self.step))
                raise UsageError(
                    f"windows.{name} {value} is no multiple of {scale.numerator}, which scale {scale} needs: "
                    f"take --windows {fitting} {self.threshold}"
                )

    def counts(self, heights: ArrayLike, widths: ArrayLike, scale: Scale) -> Integers:
        """How many windows images of these HR sizes have; 0 for one that is smaller than a window."""
        self.check(scale)
        return self._along(heights, scale) * self._along(widths, scale)

    def boxes(self, height: int, width: int, scale: Scale) -> Integers:
        """Top, left, height and width of every window of one image in HR pixels, row by row, (n, 4)."""
        items = WindowItems(self, np.array([[height, width]]), scale)
        return items.regions(np.arange(len(items))).boxes(scale.numerator)

    def differing(self, sizes: Integers, scales: Sequence[Scale]) -> Integers:
        """The numbers of the images, of these HR sizes (n, 2), whose windows are not the same at all scales.

        All windows of an image follow from its last one.
        """
        lasts = [WindowItems(self, sizes, scale).last_ones().boxes(scale.numerator) for scale in scales]
        return np.flatnonzero(np.ptp(lasts, axis=0).any(axis=-1))

    def _along(self, sizes: ArrayLike, scale: Scale) -> Integers:
        """The number of windows along each size in HR pixels.

        Sizes, steps and what is covered are all multiples of the scale's numerator, so every window is one
        on the LR grid, scaled up.
        """
        covered = np.asarray(sizes, np.int64) // scale.numerator * scale.numerator
        regular = np.maximum((covered - self.size) // self.step + 1, 0)
        rest = covered - self.size - (regular - 1) * self.step
        counts: Integers = regular + ((rest > self.threshold) & (regular > 0))
        return counts


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

    def at(self, some: slice) -> Regions:
        """Some of them."""
        orders = None if self.orders is None else self.orders[some]
        return Regions(self.images[some], orders, self.corners[some], self.sizes[some], self.cells)

    def boxes(self, cell: int) -> Integers:
        """Top, left, height and width in pixels of which a cell has `cell` along a side, (count, 4)."""
        return cell * np.hstack([self.corners, self.sizes], dtype=np.int64)


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

    def last_ones(self) -> Regions:
        """The last window of each image."""
        return self.regions(self._ends - 1)


def items_of(sizes: Integers, scale: Scale, windows: Windows | None) -> Items:
    """The items of images with these HR sizes: their windows, or for None the images."""
    return WholeImages(sizes, scale) if windows is None else WindowItems(windows, sizes, scale)


def window_name(key: str, order: int) -> str:
    """The name of the window number `order` (from 0) of an image, as BasicSR counts: 0001_s001.

    >>> window_name("0001", 39)
    '0001_s040'
    """
    return f"{key}_s{order + 1:03d}"


def _multiple(side: int, of: int) -> int:
    return side // of * of or of
