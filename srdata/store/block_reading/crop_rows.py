"""Where the rows of crops lie in the blocks that these touch: a function of sizes and places alone."""

from __future__ import annotations

from bisect import bisect_left
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from srdata.compiled.compiled_crops import CropPlaces
from srdata.dihedral.array_turns import turn_all
from srdata.store.block_reading.mapped_pages import ask_for
from srdata.store.block_reading.mapped_rows import copy_mapped_part, copy_mapped_rows
from srdata.store.blocks import CHANNELS, Pixels

Integers = NDArray[np.int64]
# Row in the index, number in the shard, height and width of the image, top and left of the crop, in pixels of
# the layer.
Crop = tuple[int, int, int, int, int, int]


class FoundCrops(Protocol):
    """Crops whose place in memory is known."""

    def ask(self, some: slice, width: int) -> None:
        """Ask for what some of the crops, of this width, are copied from, not waiting for it."""

    def copy(self, some: slice, out: Pixels, turns: Integers | None = None) -> bool:
        """Fill `out` with some of the crops, each turned, see `srdata.dihedral`; these are square then.

        False where a block was not touched yet, so that it is not known where it is mapped.
        """


class RowPlan(NamedTuple):
    """The blocks of crops that touch two columns and two rows of blocks at most, and where in them they lie.

    Four blocks of each: of its first and last rows in the first column, and beside these in the second. Where
    it touches one column, or one row of blocks, they are the same.
    """

    blocks: Integers  # by their numbers in the image, (crops, 4)
    corners: Integers  # the first row and column in the first block, (crops, 2)
    steps: Integers  # bytes from row to row in both columns of blocks, (crops, 2)
    edges: Integers  # the column of the crop where the second column of blocks begins, 0 where it touches one
    size: tuple[int, int, int]  # height and width of crops, side of blocks

    def found(self, bases: Integers) -> FoundRows:
        """Where all rows lie, by the places of the four blocks of each crop."""
        height, width, side = self.size
        tops, lefts = self.corners.T
        steps = self.steps[:, 0]
        upper = np.minimum(side - tops, height)  # rows of a crop in the upper blocks
        first = bases[:, 0] + tops * steps + lefts * CHANNELS
        below = bases[:, 1] + lefts * CHANNELS  # where the first row in the lower block begins
        ways = np.empty((len(bases), height), np.int64)  # from each row to the next, and to the first one
        ways[:] = steps[:, None]
        ways[:, 0] = first
        lower = np.flatnonzero(upper < height)
        ways[lower, upper[lower]] += below[lower] - first[lower] - upper[lower] * steps[lower]
        pieces: list[list[int]] = []
        edged = np.flatnonzero(self.edges)
        told = np.column_stack([edged, self.edges[edged], upper[edged], first[edged], below[edged]])
        for numbers, blocks, bytes_to_next in zip(
            told.tolist(), bases[edged].tolist(), self.steps[edged].tolist(), strict=True
        ):
            number, edge, rows, *left = numbers
            if blocks[2] < blocks[0] or blocks[3] < blocks[1]:
                ways[number, 0], ways[number, 1:] = blocks[0], 0
                pieces += _column(number, 0, rows, height, edge, left, bytes_to_next[0])
            right = [blocks[2] + self.corners[number, 0].item() * bytes_to_next[1], blocks[3]]
            pieces += _column(number, edge, rows, height, width - edge, right, bytes_to_next[1])
        return FoundRows(np.cumsum(ways, axis=1, out=ways), pieces)


class FoundRows(NamedTuple):
    """Where the rows of crops are mapped.

    Whole rows are read on beyond their blocks, as those of the next column lie behind them; where they do
    not, what follows in memory may not be there, and any place of the block stands for the row.
    """

    places: Integers  # of whole rows, (crops, height)
    # What of crops lies elsewhere: the number of the crop; its column, its row, and of how many rows and
    # columns; the place of the first one, and bytes from each row to the next.
    pieces: list[list[int]]

    def ask(self, some: slice, width: int) -> None:
        """See `FoundCrops`."""
        elsewhere = [
            np.arange(place, place + rows * step, step)
            for _, _, _, rows, _, place, step in self._pieces_of(some)
        ]
        ask_for(np.concatenate([self.places[some].reshape(-1), *elsewhere]), width * CHANNELS)

    def copy(self, some: slice, out: Pixels, turns: Integers | None = None) -> bool:
        """See `FoundCrops`: whole rows by one call, then what lies elsewhere over them."""
        copy_mapped_rows(self.places[some], out)
        for number, column, row, rows, columns, place, step in self._pieces_of(some):
            there = out[number - some.start, row : row + rows, column : column + columns]
            copy_mapped_part(place, step, there)
        if turns is not None:
            turn_all(out, turns.tolist())
        return True

    def _pieces_of(self, some: slice) -> list[list[int]]:
        first, last = (bisect_left(self.pieces, [end]) for end in (some.start, some.stop))
        return self.pieces[first:last]


class CompiledRows(NamedTuple):
    """Crops that compiled code finds and copies, and turns on the way."""

    places: CropPlaces

    def ask(self, some: slice, width: int) -> None:
        """See `FoundCrops`."""
        crops, firsts, blocks, _, size = self.places
        rows = row_plan(crops[some], *size)
        bases = blocks[rows.blocks + firsts[some, None]]
        if bases.all():
            rows.found(bases).ask(slice(0, len(bases)), width)

    def copy(self, some: slice, out: Pixels, turns: Integers | None = None) -> bool:
        """See `FoundCrops`."""
        if out.flags.c_contiguous:
            return self.places.copy(some, out, turns)
        whole = np.empty(out.shape, np.uint8)
        copied = self.places.copy(some, whole, turns)
        out[...] = whole
        return copied


def _column(
    number: int, column: int, upper: int, height: int, width: int, places: list[int], step: int
) -> list[list[int]]:
    """What of a crop lies in one column of blocks, by its first place in each of one or two of them."""
    found = [[number, column, 0, upper, width, places[0], step]]
    if upper < height:
        found.append([number, column, upper, height - upper, width, places[1], step])
    return found


def row_plan(crops: Integers, height: int, width: int, side: int) -> RowPlan:
    """The rows of crops of one size, not larger than the side of a block."""
    _, _, _, widths, tops, lefts = crops.T
    (above, y), (across, x) = np.divmod(tops, side), np.divmod(lefts, side)
    columns = -(-widths // side)
    rest = widths - across * side
    edges = np.where(x + width > side, side - x, 0)
    first = above * columns + across
    last = first + columns * (y + height > side)
    blocks = np.empty((len(crops), 4), np.int64)
    blocks[:, 0], blocks[:, 1] = first, last
    np.add(blocks[:, :2], (edges > 0)[:, None], out=blocks[:, 2:])
    corners, steps = np.empty((2, len(crops), 2), np.int64)
    corners[:, 0], corners[:, 1] = y, x
    steps[:, 0], steps[:, 1] = rest, rest - side
    np.minimum(steps, side, out=steps)
    steps *= CHANNELS
    return RowPlan(blocks, corners, steps, edges, (height, width, side))
