"""Which input pixels make an output pixel, and with what weights: the table inside MATLAB's imresize."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from srdata.resize.interpolation_kernels import KERNELS

Indices = NDArray[np.int64]
Weights = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Taps:
    """One axis of a resize: output i is the sum over k of weights[i, k] times input first[i] + k.

    Inputs beyond the image (below 0, from `length` on) are named as if it went on; `reach` folds them back.
    """

    length: int
    first: Indices  # (size,)
    weights: Weights  # (size, taps), each row sums to 1

    @property
    def size(self) -> int:
        """How many output pixels there are."""
        return len(self.first)

    @property
    def gain(self) -> float:
        """By how much an output can exceed the largest input."""
        return float(np.abs(self.weights).sum(axis=1).max())


@lru_cache(maxsize=64)
def taps(length: int, size: int, ratio: float, kernel: str, antialias: bool) -> Taps:
    """The table for an axis of `length` pixels that becomes `size` pixels at `ratio` = output/input.

    Output pixel centres are laid over the input so that the outer edges of both images meet; with `antialias`
    a kernel that reduces is stretched by 1/ratio. The weights of an output are divided by their sum.
    """
    chosen = KERNELS[kernel]
    shrink = ratio if ratio < 1 and antialias and chosen.widens else 1.0
    width = chosen.width / shrink
    centres = np.arange(1, size + 1) / ratio + 0.5 * (1 - 1 / ratio)
    first = np.floor(centres - width / 2)
    inputs = first[:, None] + np.arange(math.ceil(width) + 2)
    weights = shrink * chosen.function(shrink * (centres[:, None] - inputs))
    weights /= weights.sum(axis=1, keepdims=True)
    used = np.flatnonzero(weights.any(axis=0))
    weights = np.ascontiguousarray(weights[:, used[0] : used[-1] + 1])
    first = first.astype(np.int64) - 1 + used[0]
    for table in (first, weights):
        table.setflags(write=False)
    return Taps(length, first, weights)


def reach(indices: Indices, length: int | Indices, border: str) -> Indices:
    """The pixels of an axis that stand for `indices` which may lie beyond it."""
    if border == "replicate":
        return np.clip(indices, 0, length - 1)
    indices = indices % (2 * length)
    return np.where(indices < length, indices, 2 * length - 1 - indices)
