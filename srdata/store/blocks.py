"""Blocks: how an image is cut into tiles that do not overlap, and which of them a crop touches.

Every layer of an image (HR and each LR) is cut into squares of the same side in its own pixels, numbered row
by row from 0; those at the bottom and right border are smaller. A crop is put together from the few blocks
that it touches, each layer by itself, so any scale goes with any side.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from srdata.errors import UnknownNameError, UsageError
from srdata.scale import Scale

HR = "hr"
CHANNELS = 3  # RGB, always
LARGEST_BLOCK = 1 << 16  # its side in pixels; no JPEG file has a longer one

Pixels = NDArray[np.uint8]
Piece = tuple[int, tuple[slice, slice], tuple[slice, slice]]


@dataclass(frozen=True)
class BlockLayout:
    """The layers of a prepared set and the side of their blocks; raises UsageError for what cannot be.

    >>> layout = BlockLayout((Scale(4), Scale("1.5")), block=480)
    >>> layout.layers, layout.size("x1.5", 9, 6), layout.shapes("x4", 2040, 800)
    (('hr', 'x4', 'x1.5'), (6, 4), [(480, 200), (30, 200)])
    """

    scales: tuple[Scale, ...]
    block: int  # side of a block in pixels of its layer

    def __post_init__(self) -> None:
        if len(set(self.scales)) != len(self.scales):
            raise UsageError(f"scales {', '.join(map(str, self.scales))}: each may stand only once")
        if self.block < 1:
            raise UsageError(f"block {self.block}: give the side of a block in pixels, such as 480")

    @cached_property
    def layers(self) -> tuple[str, ...]:
        """HR first, then the LR layer of each scale, in the order in which they are stored."""
        return (HR, *(scale.label for scale in self.scales))

    def scale(self, layer: str) -> Scale:
        """How many HR pixels face one pixel of `layer`; raises UnknownNameError."""
        if layer not in self._by_layer:
            raise UnknownNameError.among("layer", layer, self.layers)
        return self._by_layer[layer]

    @cached_property
    def _by_layer(self) -> dict[str, Scale]:
        return dict(zip(self.layers, (Scale(1), *self.scales), strict=True))

    def size(self, layer: str, height: int, width: int) -> tuple[int, int]:
        """Height and width of `layer` for a stored HR image of `height` by `width`."""
        scale = self.scale(layer)
        return scale.lr(height), scale.lr(width)

    def count(self, layer: str, height: int, width: int) -> int:
        """How many blocks `layer` has for a stored HR image of this size."""
        high, wide = self.size(layer, height, width)
        return -(-high // self.block) * -(-wide // self.block)

    def shapes(self, layer: str, height: int, width: int) -> list[tuple[int, int]]:
        """Height and width of every block of `layer`, in order, for a stored HR image of this size."""
        side = self.block
        high, wide = self.size(layer, height, width)
        return [
            (min(side, high - top), min(side, wide - left))
            for top in range(0, high, side)
            for left in range(0, wide, side)
        ]


def cut(image: Pixels, side: int) -> list[Pixels]:
    """The blocks of an image (h, w, c), row by row, as views."""
    height, width = image.shape[:2]
    return [
        image[top : top + side, left : left + side]
        for top in range(0, height, side)
        for left in range(0, width, side)
    ]


def join(blocks: Sequence[Pixels], height: int, width: int, side: int) -> Pixels:
    """The image (height, width, c) that `cut` gave these blocks for."""
    image = np.empty((height, width, blocks[0].shape[2]), np.uint8)
    for number, part, place in pieces(0, 0, height, width, -(-width // side), side):
        image[place] = blocks[number][part]
    return image


def pieces(top: int, left: int, height: int, width: int, columns: int, side: int) -> Iterator[Piece]:
    """The blocks that a crop at (top, left) of (height, width) touches, in an image that is `columns` blocks
    wide.

    For each: its number, the part of it that is wanted, and the place of that part in the crop.
    """
    bottom, right = top + height, left + width
    for y in range(top // side * side, bottom, side):
        first, last = max(top - y, 0), min(bottom - y, side)
        for x in range(left // side * side, right, side):
            start, end = max(left - x, 0), min(right - x, side)
            yield (
                y // side * columns + x // side,
                (slice(first, last), slice(start, end)),
                (slice(y + first - top, y + last - top), slice(x + start - left, x + end - left)),
            )


def copy_rows(part: Pixels, out: Pixels) -> None:
    """Fill `out`, whose rows have no gaps, with `part` of the same size.

    OpenCV copies rows of a mapped file in three quarters of the time of numpy's assignment, and of its own
    `copyTo`.
    """
    cv2.repeat(part, 1, 1, out)
