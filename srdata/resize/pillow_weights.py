"""Pillow's resize of 8-bit images in whole-numbered weights, so that exact arithmetic gives its results."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

ONE = 2**22  # the weight 1 in the whole numbers of a matrix

Floats = NDArray[np.float64]


class _Filter(NamedTuple):
    function: Callable[[Floats], Floats]
    reach: float  # input pixels on each side, of an image that is not made smaller


@lru_cache(maxsize=256)
def matrix(length: int, size: int, kernel: str = "bicubic") -> Floats:
    """The whole-numbered weights (size, length) of `Image.resize` along an axis of `length` pixels.

    A pass of Pillow's is floor((matrix @ levels + ONE / 2) / ONE), held within 0 … 255; the passes are along
    the rows first, then along the columns, from Pillow 13 on at times the other way about. The kernel is
    stretched where the image is made smaller, and leaves out what lies off the border. "nearest" takes one
    pixel.
    Source: Pillow, src/libImaging/Resample.c, Geometry.c.
    """
    weights = _nearest(length, size) if kernel == "nearest" else _weighted(length, size, _FILTERS[kernel])
    weights.setflags(write=False)
    return weights


def levels_of(sums: Any) -> Any:
    """The levels that a pass makes of its sums (float64, an array or tensor, which is written to)."""
    sums *= 1 / ONE  # exact, a power of two
    sums += 0.5
    return sums.floor_().clamp_(0, 255)


def _weighted(length: int, size: int, chosen: _Filter) -> Floats:
    ratio = length / size
    stretch = max(ratio, 1.0)
    centres = ((np.arange(size) + 0.5) * ratio)[:, None]
    reach = chosen.reach * stretch
    first, end = (np.clip(np.trunc(centres + side * reach + 0.5), 0, length) for side in (-1, 1))
    pixels = np.arange(length)
    weights = chosen.function((pixels - centres + 0.5) * (1 / stretch))
    weights = np.where((pixels >= first) & (pixels < end), weights, 0)
    weights /= np.add.accumulate(weights, axis=1)[:, -1:]  # summed one by one, as Pillow does
    return np.trunc(weights * ONE + np.copysign(0.5, weights))


def _nearest(length: int, size: int) -> Floats:
    step = length / size
    places = np.add.accumulate(np.array([step * 0.5, *[step] * (size - 1)])).astype(np.int64)
    weights = np.zeros((size, length))
    weights[np.arange(size), np.minimum(places, length - 1)] = ONE
    return weights


def _box(x: Floats) -> Floats:
    return ((x > -0.5) & (x <= 0.5)).astype(np.float64)


def _bilinear(x: Floats) -> Floats:
    weights: Floats = np.maximum(1 - np.abs(x), 0)
    return weights


def _sinc(x: Floats) -> Floats:
    """By the C library, as Pillow has it: numpy's sine may differ in the last bit."""
    turns = x * math.pi
    sines = np.array(list(map(math.sin, turns.ravel().tolist()))).reshape(x.shape)
    return np.where(x == 0, 1.0, sines / np.where(x == 0, 1.0, turns))


def _hamming(x: Floats) -> Floats:
    cosines = np.array(list(map(math.cos, (x * math.pi).ravel().tolist()))).reshape(x.shape)
    return np.where(np.abs(x) < 1, _sinc(x) * (0.54 + 0.46 * cosines), 0)


def _bicubic(x: Floats) -> Floats:
    x = np.abs(x)
    near = (1.5 * x - 2.5) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * -0.5
    return np.where(x < 1, near, np.where(x < 2, far, 0))


def _lanczos(x: Floats) -> Floats:
    return np.where((x >= -3) & (x < 3), _sinc(x) * _sinc(x / 3), 0)


_FILTERS = {
    "box": _Filter(_box, 0.5),
    "bilinear": _Filter(_bilinear, 1),
    "hamming": _Filter(_hamming, 1),
    "bicubic": _Filter(_bicubic, 2),  # a = -0.5
    "lanczos": _Filter(_lanczos, 3),
}
