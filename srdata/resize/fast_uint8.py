"""One pass over uint8 rows by small float32 matrix products, equal to the reference in every sample.

Where every weight is a multiple of a large enough power of two (bicubic x2 and x4) float32 loses nothing, and
the sum is the true one. Otherwise the product is off by less than a known `slack`, and each sample that lies
so near to a half level that the slack could turn its rounding is computed again by the reference.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from srdata.resize.reference import resample_at, to_levels
from srdata.resize.taps import Taps, reach

Bytes = NDArray[np.uint8]
Singles = NDArray[np.float32]
Positions = NDArray[np.intp]

PRODUCT = 1 << 18  # multiplications at once: so few that OpenBLAS does not wake its threads for them
INPUTS = 24  # input rows that a block covers, beside the width of the kernel
MOST_OUTPUTS = 64  # output rows of a block when an image is enlarged
BRIGHTEST = 255
MANTISSA = 2.0**24  # whole numbers up to here are exact in float32


@dataclass(frozen=True, eq=False)
class Block:
    """Output rows [top, bottom) as a matrix over the input rows [first, last)."""

    top: int
    bottom: int
    first: int
    last: int
    matrix: Singles


def resample(rows: Bytes, taps: Taps, border: str) -> Bytes:
    """Resize the first axis of (length, samples) to (taps.size, samples), rounded half up and clamped."""
    out = np.empty((taps.size, rows.shape[1]), np.uint8)
    step = exact_step(taps)
    doubtful = []
    for block in blocks(taps, border):
        for left, values in _products(rows, block):
            part = out[block.top : block.bottom, left : left + values.shape[1]]
            part[...] = _nearest(values, step / 2 if step else slack(taps))
            if not step:
                outputs, samples = _differences(part, _nearest(values, -slack(taps)))
                doubtful.append((outputs + block.top, samples + left))
    if doubtful:
        outputs, samples = (np.concatenate(positions) for positions in zip(*doubtful, strict=True))
        out[outputs, samples] = to_levels(resample_at(rows, taps, border, outputs, samples), out.dtype)
    return out


@lru_cache(maxsize=64)
def blocks(taps: Taps, border: str) -> tuple[Block, ...]:
    """The whole table of an axis, cut into matrices; what lies beyond the border is folded into them."""
    outputs = min(max(INPUTS * taps.size // taps.length, 1), MOST_OUTPUTS)
    return tuple(
        _block(taps, border, top, min(top + outputs, taps.size)) for top in range(0, taps.size, outputs)
    )


def _block(taps: Taps, border: str, top: int, bottom: int) -> Block:
    inputs = taps.first[top:bottom, None] + np.arange(taps.weights.shape[1])
    inputs = reach(inputs, taps.length, border)
    first, last = int(inputs.min()), int(inputs.max()) + 1
    matrix = np.zeros((bottom - top, last - first))
    np.add.at(matrix, (np.arange(bottom - top)[:, None], inputs - first), taps.weights[top:bottom])
    return Block(top, bottom, first, last, matrix.astype(np.float32))


def _products(rows: Bytes, block: Block) -> Iterator[tuple[int, Singles]]:
    """The unrounded outputs of a block, some columns at a time; each is overwritten by the next."""
    width = max(PRODUCT // block.matrix.size, 1)
    inputs = np.empty((block.last - block.first, width), np.float32)
    outputs = np.empty((block.bottom - block.top, width), np.float32)
    for left in range(0, rows.shape[1], width):
        source = rows[block.first : block.last, left : left + width]
        count = source.shape[1]
        np.copyto(inputs[:, :count], source)
        yield left, np.matmul(block.matrix, inputs[:, :count], out=outputs[:, :count])


def _nearest(values: Singles, shift: float) -> Bytes:
    """The level nearest to each value + shift; OpenCV rounds (a half to even) and clamps at once."""
    return np.asarray(cv2.add(values, shift, dtype=cv2.CV_8U)).reshape(values.shape)


def _differences(one: Bytes, other: Bytes) -> tuple[Positions, Positions]:
    """The rows and columns where two arrays differ."""
    return np.divmod(np.flatnonzero(one != other), one.shape[1])


@lru_cache(maxsize=64)
def exact_step(taps: Taps) -> float:
    """The power of two of which all weights are multiples, or 0 where float32 may not hold every sum exactly.

    Half a step added to a sum then leaves no halves between levels, so that rounding to nearest rounds what
    was a half up. That needs a step below 1.
    """
    for bits in range(1, 24):
        if not np.any(taps.weights * 2.0**bits % 1):
            largest = BRIGHTEST * taps.gain + 1
            return 2.0**-bits if largest * 2.0 ** (bits + 1) <= MANTISSA else 0.0
    return 0.0


@lru_cache(maxsize=64)
def slack(taps: Taps) -> float:
    """Twice the bound on the error of a float32 product (Higham, Accuracy and Stability, section 3.1)."""
    terms: int = taps.weights.shape[1]
    return 2 * (terms + 4) / MANTISSA * BRIGHTEST * taps.gain
