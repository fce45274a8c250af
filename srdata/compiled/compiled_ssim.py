"""The terms of SSIM by the compiled library."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from srdata.compiled.library import INTEGER, POINTER, address, function, library

WINDOW = 11
_TYPES = (*[POINTER] * 2, *[INTEGER] * 2, *[POINTER] * 3)

Plane = NDArray[np.float64]


def compiled_for(one: Plane, other: Plane, weights: Plane) -> bool:
    """Whether there is a library, and these are what it was compiled for: contiguous, and a window of 11.

    Planes of two shapes are not: it would read beyond the smaller one.
    """
    fitting = all(plane.dtype == np.float64 and plane.flags.c_contiguous for plane in (one, other, weights))
    return fitting and one.shape == other.shape and len(weights) == WINDOW and library() is not None


def summed_terms(one: Plane, other: Plane, weights: Plane, constants: tuple[float, float]) -> list[float]:
    """What contrast and structure, luminance, and both at once lose of 1, each summed over all places.

    Of planes of levels (height, width) that are no smaller than the window, see `compiled_for`.
    """
    lost, both = np.empty(3), np.array(constants)
    function("srdata_ssim_terms", _TYPES)(
        address(one), address(other), *one.shape, address(weights), address(both), address(lost)
    )
    return lost.tolist()
