"""Pillow's bicubic on 8-bit images as whole numbers, so that any exact arithmetic gives its results."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ONE = 2**22  # the weight 1 in the whole numbers of a matrix
_REACH = 2  # input pixels on each side, of an image that is not made smaller


def matrix(length: int, size: int) -> NDArray[np.float64]:
    """The whole-numbered weights (size, length) of `Image.resize` along an axis of `length` pixels.

    A pass of Pillow's is floor((matrix @ levels + ONE / 2) / ONE), held within 0 … 255; the passes are along
    the rows first, then along the columns. The kernel has a = -0.5, is stretched where the image is made
    smaller, and leaves out what lies off the border.
    Source: Pillow, src/libImaging/Resample.c.
    """
    ratio = length / size
    stretch = max(ratio, 1.0)
    centres = ((np.arange(size) + 0.5) * ratio)[:, None]
    first, end = (np.clip(np.trunc(centres + side * _REACH * stretch + 0.5), 0, length) for side in (-1, 1))
    pixels = np.arange(length)
    weights = _bicubic(np.abs((pixels - centres + 0.5) * (1 / stretch)))
    weights = np.where((pixels >= first) & (pixels < end), weights, 0)
    weights /= np.add.accumulate(weights, axis=1)[:, -1:]  # summed one by one, as Pillow does
    return np.trunc(weights * ONE + np.copysign(0.5, weights))


def _bicubic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    near = (1.5 * x - 2.5) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * -0.5
    return np.where(x < 1, near, np.where(x < 2, far, 0))
