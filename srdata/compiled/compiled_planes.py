"""Images as floats, colour by colour, by the compiled library."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from srdata.compiled.library import INTEGER, POINTER, address, function, library

_TYPES = (POINTER, INTEGER, INTEGER, POINTER)


def compiled_for(images: NDArray[Any]) -> bool:
    """Whether there is a library, and it was compiled for these: contiguous, uint8, three channels."""
    fitting = images.dtype == np.uint8 and images.flags.c_contiguous and images.shape[3] == 3
    return fitting and library() is not None


def fill_fractions(images: NDArray[np.uint8], out: NDArray[np.float32]) -> None:
    """Fill `out` (count, 3, height, width) with levels / 255 of images (count, height, width, 3)."""
    count, height, width, _ = images.shape
    function("srdata_fractions", _TYPES)(address(images), count, height * width, address(out))
