"""Crops copied out of mapped blocks by the compiled library, and turned on the way."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from srdata.compiled.library import INTEGER, POINTER, address, function

Integers = NDArray[np.int64]
_TYPES = (*[POINTER] * 4, *[INTEGER] * 5, *[POINTER] * 3)


@dataclass(frozen=True)
class CropPlaces:
    """Where crops of one size lie, in contiguous arrays: a `RowPlan`, and where its blocks are mapped."""

    blocks: Integers  # addresses in memory, (crops, 4)
    corners: Integers  # (crops, 2)
    steps: Integers  # (crops, 2)
    edges: Integers  # (crops,)
    side: int  # of blocks

    @cached_property
    def _addresses(self) -> list[int]:
        return [address(array) for array in (self.blocks, self.corners, self.steps, self.edges)]

    def copy(self, first: int, out: NDArray[np.uint8], turns: Integers | None) -> None:
        """Fill `out` (count, height, width, 3), which is contiguous, with the crops from number `first` on.

        Those that are turned are square.
        """
        count, height, width, channels = out.shape
        each = None if turns is None else np.ascontiguousarray(turns, np.int64)
        spare = np.empty(height * width * channels, np.uint8)
        function("srdata_copy_crops", *_TYPES)(
            *self._addresses,
            first,
            count,
            height,
            width,
            self.side,
            None if each is None else address(each),
            address(out),
            address(spare),
        )
