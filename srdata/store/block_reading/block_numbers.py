"""All blocks of a set numbered through: image by image, and of an image layer by layer."""

from __future__ import annotations

from typing import Any

import numpy as np

from srdata.store.blocks import BlockLayout
from srdata.store.index import Index


class BlockNumbers:
    """The number of each block among all of its set. It takes 8 bytes an image."""

    def __init__(self, index: Index, layout: BlockLayout) -> None:
        self._heights, self._widths = index.heights, index.widths
        self._side = layout.block
        self._ratios = [layout.scale(layer).as_integer_ratio() for layer in layout.layers]
        sizes = self._heights.astype(np.int64), self._widths.astype(np.int64)
        self.starts = np.zeros(len(index) + 1, np.int64)  # of each image; and how many blocks there are
        np.cumsum(self._before(*sizes, len(self._ratios)), out=self.starts[1:])
        self._firsts = self.starts[:-1]  # of images alone, of which -1 is the last one

    def first(self, row: int, level: int) -> int:
        """The number of the first block of an image in a layer."""
        sizes = int(self._heights[row]), int(self._widths[row])
        return int(self._firsts[row]) + int(self._before(*sizes, level))

    def firsts(self, rows: Any, level: int) -> Any:
        """The same of several images."""
        heights, widths = (side[rows].astype(np.int64) for side in (self._heights, self._widths))
        return self._firsts[rows] + self._before(heights, widths, level)

    def _before(self, heights: Any, widths: Any, level: int) -> Any:
        """How many blocks images have in the layers before this one."""
        side = self._side
        count = 0
        for p, q in self._ratios[:level]:
            count = count + -(-(heights // p * q) // side) * -(-(widths // p * q) // side)
        return count
