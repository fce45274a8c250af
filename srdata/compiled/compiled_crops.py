"""Crops copied out of mapped blocks by the compiled library, and turned on the way."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from srdata.compiled.library import INTEGER, POINTER, address, function

Integers = NDArray[np.int64]
_TYPES = (*[POINTER] * 4, *[INTEGER] * 4, *[POINTER] * 3)


class CropPlaces(NamedTuple):
    """Where crops of one size lie, one after another, see `srdata.store.block_reading.crop_rows.RowPlan`."""

    blocks: Integers  # addresses in memory, (crops, 4)
    corners: Integers  # (crops, 2)
    steps: Integers  # (crops, 2)
    edges: Integers  # (crops,)


def copy_crops(
    places: CropPlaces, some: slice, side: int, turns: Integers | None, out: NDArray[np.uint8]
) -> None:
    """Fill `out` (count, height, width, 3), which is contiguous, with some crops in blocks of `side`.

    Those that are turned are square.
    """
    count, height, width, channels = out.shape
    each = None if turns is None else np.ascontiguousarray(turns, np.int64)
    spare = np.empty(height * width * channels, np.uint8)
    function("srdata_copy_crops", *_TYPES)(
        *(address(array) + some.start * array.strides[0] for array in places),
        count,
        height,
        width,
        side,
        None if each is None else address(each),
        address(out),
        address(spare),
    )
