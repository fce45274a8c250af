"""One pass of a resize by the compiled library."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from srdata.compiled.library import INTEGER, POINTER, address, function, library

_TYPES = (POINTER, INTEGER, *[POINTER] * 2, *[INTEGER] * 2, POINTER)


def compiled_for(rows: NDArray[np.uint8]) -> bool:
    """Whether there is a library, and these rows are without gaps."""
    return rows.flags.c_contiguous and library() is not None


def resize_rows(
    rows: NDArray[np.uint8], numbers: NDArray[np.int64], weights: NDArray[np.float32]
) -> NDArray[np.uint8]:
    """Rows (size, samples) of levels: each the sum of the rows with `numbers` (size, taps) times `weights`.

    A half is rounded up. No sum of the floats may lose anything, and the rows of an output follow each other.
    """
    out = np.empty((len(numbers), rows.shape[1]), np.uint8)
    function("srdata_resize_rows", _TYPES)(
        address(rows), rows.shape[1], address(numbers), address(weights), *numbers.shape, address(out)
    )
    return out
