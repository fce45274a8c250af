"""Windows: overlapping sub-images as positions, not as files.

The rule is BasicSR's (`extract_subimages.py`): along each axis a window every `step` pixels from 0, and one
more that ends at the edge when what remains is larger than `threshold`. Here it is laid on the LR grid and
scaled up, so that a window of HR and of LR always show the same; where all sizes are multiples of the scale,
that is the same.
"""

from __future__ import annotations

from typing import Annotated

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

    size: Annotated[int, Field(ge=1)] = 480
    step: Annotated[int, Field(ge=1)] = 240
    threshold: Annotated[int, Field(ge=0)] = 0  # a rest at the edge that is no larger gets no window

    def check(self, scale: Scale) -> None:
        """Raise UsageError unless a window and its step are whole LR pixels at `scale`."""
        for name, value in (("size", self.size), ("step", self.step)):
            if value % scale.numerator:
                below = value // scale.numerator * scale.numerator
                raise UsageError(
                    f"windows.{name} {value} is no multiple of {scale.numerator}, which scale {scale} needs: "
                    f"take {below or scale.numerator}"
                )

    def counts(self, heights: ArrayLike, widths: ArrayLike, scale: Scale) -> Integers:
        """How many windows images of these HR sizes have; 0 for one that is smaller than a window."""
        self.check(scale)
        return self._along(heights, scale)[1] * self._along(widths, scale)[1]

    def positions(self, height: int, width: int, scale: Scale) -> Integers:
        """Top and left of every window of one image in HR pixels, row by row, (n, 2)."""
        index = WindowIndex(self, [height], [width], scale)
        _, _, tops, lefts = index.locate(np.arange(len(index)))
        return np.stack([tops, lefts], axis=1)

    def _along(self, sizes: ArrayLike, scale: Scale) -> tuple[Integers, Integers]:
        """For each size in HR pixels: what the LR image covers of it, and the number of windows along it.

        Sizes, steps and what is covered are all multiples of the scale's numerator, so every window is one
        on the LR grid, scaled up.
        """
        covered = np.asarray(sizes, np.int64) // scale.numerator * scale.numerator
        regular = np.maximum((covered - self.size) // self.step + 1, 0)
        rest = covered - self.size - (regular - 1) * self.step
        return covered, regular + ((rest > self.threshold) & (regular > 0))


class WindowIndex:
    """All windows of many images, numbered through: image by image, row by row.

    `too_small` holds the numbers of the images that are smaller than a window and so have none. Memory: 8
    bytes an image.
    """

    def __init__(self, windows: Windows, heights: ArrayLike, widths: ArrayLike, scale: Scale) -> None:
        self.windows = windows
        self.scale = scale
        self._heights = np.asarray(heights)  # of the stored HR images
        self._widths = np.asarray(widths)
        counts = windows.counts(self._heights, self._widths, scale)
        self.too_small: Integers = np.flatnonzero(counts == 0)
        self._ends = np.cumsum(counts)

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    def locate(self, numbers: ArrayLike) -> tuple[Integers, Integers, Integers, Integers]:
        """For each window: the image, its number in the image from 0, and its top and left in HR pixels.

        Numbers below 0 or beyond the last raise UsageError.
        """
        wanted = np.asarray(numbers, np.int64)
        if wanted.size and (wanted.min() < 0 or wanted.max() >= len(self)):
            raise UsageError(f"window {wanted.max()} does not exist: there are {len(self)}")
        images = np.searchsorted(self._ends, wanted, side="right")
        orders = wanted - np.where(images > 0, self._ends[images - 1], 0)
        high, _ = self.windows._along(self._heights[images], self.scale)
        wide, across = self.windows._along(self._widths[images], self.scale)
        size, step = self.windows.size, self.windows.step
        tops = np.minimum(orders // across * step, high - size)
        lefts = np.minimum(orders % across * step, wide - size)
        return images, orders, tops, lefts


def window_name(key: str, order: int) -> str:
    """The name of the window number `order` (from 0) of an image, as BasicSR counts: 0001_s001.

    >>> window_name("0001", 39)
    '0001_s040'
    """
    return f"{key}_s{order + 1:03d}"
