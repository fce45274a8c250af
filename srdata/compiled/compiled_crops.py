"""Crops copied out of mapped blocks by the compiled library, and turned on the way."""

from __future__ import annotations

import ctypes
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from srdata.compiled.library import INTEGER, POINTER, address, function

Integers = NDArray[np.int64]
_TYPES = (POINTER, INTEGER, POINTER, POINTER, *[INTEGER] * 4, *[POINTER] * 3)


class CropPlaces(NamedTuple):
    """Where crops lie: in which blocks, and where these are mapped. All arrays are contiguous."""

    crops: Integers  # (crops, 6), the last three being the width of the image, the top and the left in it
    firsts: Integers  # the number of the first block of each image, (crops,)
    blocks: Integers  # where each block is mapped, by its number, less `origin`; 0 of what is not known
    origin: int
    size: tuple[int, int, int]  # height and width of crops, side of blocks, than which they are not larger

    def copy(self, some: slice, out: NDArray[np.uint8], turns: Integers | None) -> bool:
        """Fill `out` (count, height, width, 3), contiguous; False, and nothing, if a block is not known.

        Crops that are turned are square.
        """
        height, width, side = self.size
        each = None if turns is None else np.ascontiguousarray(turns, np.int64)
        spare = np.empty(height * width * out.shape[-1], np.uint8)
        copied: int = function("srdata_copy_crops", _TYPES, ctypes.c_int)(
            address(self.blocks),
            self.origin,
            address(self.firsts[some]),
            address(self.crops[some]),
            len(out),
            height,
            width,
            side,
            None if each is None else address(each),
            address(out),
            address(spare),
        )
        return bool(copied)
