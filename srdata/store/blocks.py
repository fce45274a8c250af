"""Blocks: how an image is cut into tiles that do not overlap, and which of them a crop touches.

Every layer of an image (HR and each LR) is cut with the same grid: an HR block of side b faces the LR block
of side b / scale that has the same number, as long as both exist. Blocks are numbered row by row from 0;
those at the bottom and right border are smaller.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from srdata.errors import UnknownNameError, UsageError
from srdata.scale import Scale

HR = "hr"
CHANNELS = 3  # RGB, always

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Layout:
    """The layers of a prepared set and the side of their blocks; raises UsageError if they do not fit
    together.

    >>> layout = Layout((Scale(4), Scale("1.5")), block=480)
    >>> layout.layers, layout.side("x4"), layout.side("x1.5"), layout.size("x1.5", 9, 6)
    (('hr', 'x4', 'x1.5'), 120, 320, (6, 4))
    """

    scales: tuple[Scale, ...]
    block: int  # side of an HR block in pixels

    def __post_init__(self) -> None:
        if len(set(self.scales)) != len(self.scales):
            raise UsageError(f"scales {', '.join(map(str, self.scales))}: each may stand only once")
        if self.block < 1:
            raise UsageError(f"block {self.block}: give the side of a block in pixels, such as 480")
        for scale in self.scales:
            if self.block % scale.numerator:
                raise UsageError(
                    f"block {self.block} is no multiple of {scale.numerator}, which scale {scale} needs: "
                    f"take {ceil(self.block / scale.numerator) * scale.numerator}"
                )

    @property
    def layers(self) -> tuple[str, ...]:
        """HR first, then the LR layer of each scale, in the order in which they are stored."""
        return (HR, *(scale.label for scale in self.scales))

    def scale(self, layer: str) -> Scale:
        """How many HR pixels face one pixel of `layer`; raises UnknownNameError."""
        if layer == HR:
            return Scale(1)
        for scale in self.scales:
            if scale.label == layer:
                return scale
        raise UnknownNameError.among("layer", layer, self.layers)

    def side(self, layer: str) -> int:
        """The side of a block of `layer` in its own pixels."""
        return self.scale(layer).lr(self.block)

    def size(self, layer: str, height: int, width: int) -> tuple[int, int]:
        """Height and width of `layer` for a stored HR image of `height` by `width`."""
        scale = self.scale(layer)
        return scale.lr(height), scale.lr(width)

    def shapes(self, layer: str, height: int, width: int) -> list[tuple[int, int]]:
        """Height and width of every block of `layer`, in order, for a stored HR image of this size."""
        side = self.side(layer)
        high, wide = self.size(layer, height, width)
        return [
            (min(side, high - top), min(side, wide - left))
            for top in range(0, high, side)
            for left in range(0, wide, side)
        ]


class Piece(NamedTuple):
    """The part of a crop that lies in one block."""

    block: int
    rows: slice  # in the block
    columns: slice
    to_rows: slice  # in the crop
    to_columns: slice


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
    for piece in pieces(0, 0, height, width, width, side):
        image[piece.to_rows, piece.to_columns] = blocks[piece.block]
    return image


def pieces(top: int, left: int, height: int, width: int, image_width: int, side: int) -> Iterator[Piece]:
    """The blocks that a crop at (top, left) of (height, width) touches, and where its pixels lie in each."""
    columns = -(-image_width // side)
    across = list(_spans(left, width, side))
    for row, rows, to_rows in _spans(top, height, side):
        for column, inner, to_columns in across:
            yield Piece(row * columns + column, rows, inner, to_rows, to_columns)


def _spans(start: int, length: int, side: int) -> Iterator[tuple[int, slice, slice]]:
    """The grid cells that [start, start + length) touches: number, slice in the cell, slice in the span."""
    position = start
    while position < start + length:
        cell = position // side
        end = min((cell + 1) * side, start + length)
        yield cell, slice(position - cell * side, end - cell * side), slice(position - start, end - start)
        position = end
