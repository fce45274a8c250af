"""The terms of SSIM on a CPU, in double precision, by compiled code or by OpenCV, a strip of rows at a time.

They are put as what is lost of 1, by the sum s and the difference d of the two images, σ² being variances:

    1 - luminance = 2 mean(d)² / (mean(s)² + mean(d)² + 2 C1)
    1 - contrast  = 2 σ²(d) / (σ²(s) + σ²(d) + 2 C2)

which takes four windows in place of five.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from srdata.compiled.compiled_ssim import compiled_for, summed_terms

STRIP = 96  # rows: what is held stays near the processor

Plane = NDArray[np.float64]


def mean_terms(one: Plane, other: Plane, weights: Plane, constants: tuple[float, float]) -> Any:
    """The means of the two terms over planes (height, width)."""
    rest = len(weights) - 1
    height, width = one.shape
    strips = (slice(top, top + STRIP + rest) for top in range(0, height - rest, STRIP))
    lost = sum(lost_terms(one[rows], other[rows], weights, constants) for rows in strips)
    return 1 - lost / ((height - rest) * (width - rest))


def lost_terms(one: Plane, other: Plane, weights: Plane, constants: tuple[float, float]) -> Plane:
    """What the contrast and structure term, and its product with the luminance term, lose of 1, summed.

    Of a strip of rows of two planes of levels, wherever the window of `weights` lies wholly inside.
    """
    by = summed_terms if compiled_for(one, other, weights) else _summed_by_opencv
    first, second, both = by(one, other, weights, constants)
    return np.array([first, first + second - both])


def _summed_by_opencv(
    one: Plane, other: Plane, weights: Plane, constants: tuple[float, float]
) -> list[float]:
    """The same by itself, of luminance, and of both at once."""
    edge = len(weights) // 2
    c1, c2 = (2 * constant for constant in constants)
    s, d = one + other, one - other
    s_blurred, d_blurred = _blurred(s, weights), _blurred(d, weights)
    d *= d
    s *= s
    s += d
    d_blurred *= d_blurred
    squares = s_blurred * s_blurred
    squares += d_blurred
    contrast = cv2.divide(_blurred(d, weights) - d_blurred, _blurred(s, weights) - squares + c2, scale=2)
    luminance = cv2.divide(d_blurred, squares + c1, scale=2)
    parts = contrast, luminance, contrast * luminance
    return [cv2.sumElems(part[:, edge:-edge])[0] for part in parts]


def _blurred(plane: Plane, window: Plane) -> Plane:
    """The mean under the window in rows that it fits into; all columns stay, so that rows lie together."""
    edge = len(window) // 2
    return np.asarray(cv2.sepFilter2D(plane, -1, window, window)[edge:-edge])
