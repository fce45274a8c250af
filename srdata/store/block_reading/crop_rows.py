"""Where the rows of crops lie in the blocks that these touch: a function of sizes and places alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from srdata.store.blocks import CHANNELS

Integers = NDArray[np.int64]
# Row in the index, number in the shard, height and width of the image, top and left of the crop, in pixels of
# the layer.
Crop = tuple[int, int, int, int, int, int]


class RowPlan(NamedTuple):
    """The rows of crops as far as they lie in one column of blocks, of which a crop touches two at most."""

    # Of each crop: the number of its image in the shard, the blocks of its first and last rows, the column in
    # it where the next column of blocks begins (0 where it touches one), and its first row in its block.
    places: Integers  # (crops, 5)
    offsets: Integers  # of each row from where its block begins, in bytes, (crops, height)
    below: NDArray[np.bool_]  # which rows lie in the last block, (crops, height)

    def part(self, some: slice) -> RowPlan:
        """The rows of some of them."""
        return RowPlan(self.places[some], self.offsets[some], self.below[some])

    def addresses(self, bases: Sequence[tuple[int, int]]) -> Integers:
        """Where all rows lie, by where the blocks of first and last rows begin."""
        first, last = np.array(bases, np.int64).T[..., None]
        found: Integers = np.where(self.below, last, first)
        found += self.offsets
        return found


def row_plan(crops: Integers, height: int, width: int, side: int) -> RowPlan:
    """The rows of crops of one size, not larger than the side of a block."""
    _, images, _, widths, tops, lefts = crops.T
    (above, y), (across, x) = np.divmod(tops, side), np.divmod(lefts, side)
    columns = -(-widths // side)
    steps = np.minimum(side, widths - across * side) * CHANNELS  # from row to row
    down = y[:, None] + np.arange(height)
    below = down >= side
    first = above * columns + across
    edge = np.where(x + width > side, side - x, 0)
    places = np.stack([images, first, first + columns * below[:, -1], edge, y], axis=1)
    return RowPlan(places, (down - side * below) * steps[:, None] + x[:, None] * CHANNELS, below)
