"""Scores of one image by its pixels: RGB uint8 (height, width, 3), and its grey plane uint8 (height, width).

Grey is OpenCV's (0.299 R + 0.587 G + 0.114 B, rounded), as in the scripts that the definitions come from.
What an image is too small for is NaN.
"""

from __future__ import annotations

import math
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from srdata.images import Pixels

Plane = NDArray[np.uint8]
Floats = NDArray[np.float64]

_BLOCK = 8  # of JPEG
_TINY = 1e-8
_INSIDE = 0.75  # of the half side: the circle of frequencies that are not high
_NEAR = 8  # levels that a flat border may differ in
_IMMERKAER = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float64)


def grey(image: Pixels, plane: Plane) -> float:
    """1 where red, green and blue are equal in every pixel, else 0."""
    return float((image == image[..., :1]).all())


def saturation(image: Pixels, plane: Plane) -> float:
    """The mean saturation of HSV, from 0 (grey) to 1."""
    red, green, blue = cv2.split(np.ascontiguousarray(image))
    high = cv2.max(cv2.max(red, green), blue)
    spread = cv2.subtract(high, cv2.min(cv2.min(red, green), blue))
    by_level = np.bincount(high.ravel(), spread.ravel(), minlength=256)[1:]
    return float((by_level / np.arange(1, 256)).sum() / high.size)


def laplacian(image: Pixels, plane: Plane) -> float:
    """The variance of the Laplacian (4 neighbours): low is blurred, very high is noise or oversharpened.

    Source: Pech-Pacheco et al., Diatom autofocusing in brightfield microscopy, 2000.
    """
    return float(cv2.Laplacian(plane, cv2.CV_64F).var())


def entropy(image: Pixels, plane: Plane) -> float:
    """Shannon's entropy of the grey levels, 0 to 8 bits."""
    shares = np.bincount(plane.ravel(), minlength=256) / plane.size
    shares = shares[shares > 0]
    return float(-(shares * np.log2(shares)).sum()) + 0.0


def contrast(image: Pixels, plane: Plane) -> float:
    """The standard deviation of the grey levels, 0 to 127.5."""
    return float(plane.std(dtype=np.float64))


def blockiness(image: Pixels, plane: Plane) -> float:
    """How much the 8x8 blocks of JPEG differ from blocks between them; about 2 where nothing was lost.

    Means over all blocks of how far each DCT coefficient lies from those of its neighbours, for the blocks of
    the grid and those shifted by 4 pixels; the relative differences of the two, summed over 64 coefficients.

    Source: Bhardwaj and Pankajakshan, A JPEG blocking artifact detector for image forensics, 2018, as in
    `blockiness/calc_blockiness.py` of DiverSeg-dataset (Ohtani et al., ECCV 2024).
    """
    rows, columns = (_blocks_of(side) for side in plane.shape)
    if min(rows, columns) < 4:
        return math.nan
    kept = (rows - 2) * (columns - 2)  # by which the script divides, though it adds up (n - 3)²
    grid, between = (_unevenness(_dct(plane[at:, at:], rows, columns)) / kept for at in (0, _BLOCK // 2))
    return float((np.abs(between - grid) / (grid + _TINY)).sum())


def _blocks_of(side: int) -> int:
    """How many blocks lie on a side so that as many, shifted by 4 pixels, lie on it too."""
    margin = side % _BLOCK
    return (side - margin - (0 if margin >= _BLOCK // 2 else _BLOCK)) // _BLOCK


def _dct(plane: Plane, rows: int, columns: int) -> Floats:
    """The DCT coefficients of each block, (rows, columns, 8, 8)."""
    blocks = plane[: rows * _BLOCK, : columns * _BLOCK].reshape(rows, _BLOCK, columns, _BLOCK)
    basis = _basis()
    found: Floats = basis @ blocks.swapaxes(1, 2).astype(np.float64) @ basis.T
    return found


@cache
def _basis() -> Floats:
    """The orthonormal DCT-II of 8 samples."""
    number = np.arange(_BLOCK)
    waves = np.sqrt(2 / _BLOCK) * np.cos(np.pi * number[:, None] * (2 * number + 1) / (2 * _BLOCK))
    waves[0] /= np.sqrt(2)
    found: Floats = waves
    return found


def _unevenness(found: Floats) -> Floats:
    """How far each coefficient lies from those of the neighbouring blocks, summed over the inner blocks."""
    inner = 2 * found[2:-1, 2:-1]
    across = found[2:-1, 1:-2] + found[2:-1, 3:] - inner
    down = found[1:-2, 2:-1] + found[3:, 2:-1] - inner
    summed: Floats = np.hypot(across, down).sum((0, 1))
    return summed


def block_steps(image: Pixels, plane: Plane) -> float:
    """The steps at the edges of 8x8 blocks over the number of pixels, as the three-stage filter takes them.

    Its script subtracts bytes, so a step down by 1 counts as 255: the number tells hardly more than how often
    neighbours are not equal. It is here to repeat that filter; `blockiness` is the measure to choose by.

    Source: `compute_blockiness` of Hofmann's `stage1_prefilter.py`.
    """
    if min(plane.shape) < 2 * _BLOCK:
        return 0.0
    down = plane[_BLOCK::_BLOCK] - plane[_BLOCK - 1 : -1 : _BLOCK]
    across = plane[:, _BLOCK::_BLOCK] - plane[:, _BLOCK - 1 : -1 : _BLOCK]
    return float(down.sum(dtype=np.int64) + across.sum(dtype=np.int64)) / plane.size


def noise(image: Pixels, plane: Plane) -> float:
    """The estimated standard deviation of noise in levels; fine texture counts as noise too.

    Source: Immerkær, Fast noise variance estimation, 1996.
    """
    height, width = plane.shape
    if min(height, width) < 3:
        return math.nan
    laplacians = cv2.filter2D(plane, cv2.CV_64F, _IMMERKAER)[1:-1, 1:-1]
    mean = float(np.abs(laplacians).sum()) / ((height - 2) * (width - 2))
    return float(math.sqrt(math.pi / 2) * mean / 6)


def aliasing(image: Pixels, plane: Plane) -> float:
    """The mean magnitude of high frequencies over that of all: high for moiré, noise and careless resizing.

    High is what lies outside a circle of three quarters of half the shorter side, of the Fourier transform.

    Source: `compute_aliasing_score` of Hofmann's `stage1_prefilter.py`.
    """
    height, width = plane.shape
    magnitudes = np.abs(np.fft.rfft2(plane))
    weights = np.full(magnitudes.shape[1], 2.0)  # the transform of real samples is symmetric
    weights[0] = 1
    if width % 2 == 0:
        weights[-1] = 1
    total = (magnitudes @ weights).sum()
    low, count = _low_frequencies(magnitudes, weights, min(height // 2, width // 2))
    high = (total - low) / max(1, plane.size - count)
    return float(high) / (float(total) / plane.size + 1e-9)


def _low_frequencies(magnitudes: Floats, weights: Floats, half: int) -> tuple[float, int]:
    """The sum of what lies inside the circle, and how many frequencies do."""
    radius = int(half * _INSIDE)
    disc = np.zeros((2 * radius + 1, 2 * radius + 1), np.uint8)
    cv2.circle(disc, (radius, radius), radius, 1, -1)
    right = disc[:, radius:] * weights[: radius + 1]
    rows = np.arange(-radius, radius + 1)
    return float((magnitudes[rows, : radius + 1] * right).sum()), int(disc.sum())


def border(image: Pixels, plane: Plane) -> float:
    """The widest flat border as a share of the side that it narrows: bars of letterboxing, frames, scans.

    A border is made of the outermost rows, or columns, whose grey levels all lie within 8 of each other.
    """
    lines = [plane, plane[::-1], plane.T, plane.T[::-1]]
    return max(_flat_lines(one) / len(one) for one in lines)


def _flat_lines(plane: Plane) -> int:
    low, high = np.minimum.accumulate(plane.min(1)), np.maximum.accumulate(plane.max(1))
    uneven = high.astype(np.int16) - low > _NEAR
    return int(uneven.argmax()) if uneven.any() else len(plane)


def flat(image: Pixels, plane: Plane) -> float:
    """The share of pixels that equal their right and lower neighbours: high for screenshots, drawings."""
    here = image[:-1, :-1]
    if here.size == 0:
        return math.nan
    return float(((here == image[:-1, 1:]) & (here == image[1:, :-1])).all(-1).mean())
