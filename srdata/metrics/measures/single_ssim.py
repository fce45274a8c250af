"""The terms of SSIM on a CPU, in single precision by OpenCV wherever that is exact enough.

SSIM subtracts squares of means from means of squares, which single precision would not survive. So it is put
as what is lost of 1, by the sum s and the difference d of the two images, σ² being variances:

    1 - luminance = 2 mean(d)² / (mean(s)² + mean(d)² + 2 C1)
    1 - contrast  = 2 σ²(d) / (σ²(s) + σ²(d) + 2 C2)

Where the images are alike, d is small and nothing large cancels. Variances are taken of what is left when the
mean of a strip of rows is subtracted. What rounding may do even so, in strips that have both black and white
areas without any detail, is told by the sizes of what is subtracted: such strips are then done in double
precision.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

_STRIP = 96  # rows: what is held stays near the processor
_MOST = 1e-7  # by the sizes of what is subtracted: rounding changes up to ten times as much
_EVERY = 2  # rows, of which one is asked: the window is so wide that neighbours are alike
_ROUNDING = 2.0**-24  # of a sample in single precision

Plane = NDArray[np.floating[Any]]


def lost_terms(
    one: Plane, other: Plane, weights: Plane, constants: tuple[float, float]
) -> NDArray[np.float64]:
    """What the contrast and structure term, and its product with the luminance term, lose of 1, summed.

    Of a strip of rows of two planes of levels, wherever the window of `weights` lies wholly inside.
    """
    found, unsure = _lost_in(np.float32, one, other, weights, constants)
    if unsure * _ROUNDING > _MOST:
        found, _ = _lost_in(np.float64, one, other, weights, constants)
    return found


def mean_terms(one: Plane, other: Plane, weights: Plane, constants: tuple[float, float]) -> Any:
    """The means of the two terms over planes (height, width)."""
    rest = len(weights) - 1
    height, width = one.shape
    strips = (slice(top, top + _STRIP + rest) for top in range(0, height - rest, _STRIP))
    lost = sum(lost_terms(one[rows], other[rows], weights, constants) for rows in strips)
    return 1 - lost / ((height - rest) * (width - rest))


def _lost_in(
    kind: type[np.floating[Any]], one: Plane, other: Plane, weights: Plane, constants: tuple[float, float]
) -> tuple[NDArray[np.float64], float]:
    """The same in one precision; and by how much their means may be wrong, in units of rounding."""
    c1, c2 = (kind(2 * constant) for constant in constants)
    window, edge = weights.astype(kind), len(weights) // 2
    one, other = one.astype(kind, copy=False), other.astype(kind, copy=False)
    means = cv2.mean(one)[0], cv2.mean(other)[0]
    s_mean, d_mean = kind(means[0] + means[1]), kind(means[0] - means[1])
    s = cv2.addWeighted(one, 1, other, 1, -float(s_mean))
    d = cv2.addWeighted(one, 1, other, -1, -float(d_mean))
    s_blurred, d_blurred = _blurred(s, window), _blurred(d, window)
    d *= d
    s *= s
    s += d
    d_square = d_blurred * d_blurred
    squares = s_blurred * s_blurred + d_square
    variances = _blurred(s, window) - squares + c2
    contrast = cv2.divide(_blurred(d, window) - d_square, variances, scale=2)
    some = slice(None, None, _EVERY)
    unsure = (d_square[some] * 2 + contrast[some] * squares[some]) / variances[some]
    s_blurred += s_mean
    d_blurred += d_mean
    d_blurred *= d_blurred
    luminance = cv2.divide(d_blurred, s_blurred * s_blurred + d_blurred + c1, scale=2)
    parts = contrast, luminance, contrast * luminance
    first, second, both = (cv2.sumElems(part[:, edge:-edge])[0] for part in parts)
    return np.array([first, first + second - both]), float(unsure.mean())


def _blurred(plane: Plane, window: Plane) -> Plane:
    """The mean under the window in rows that it fits into; all columns stay, so that rows lie together."""
    edge = len(window) // 2
    return np.asarray(cv2.sepFilter2D(plane, -1, window, window)[edge:-edge])
