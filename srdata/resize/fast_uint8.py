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

from srdata.compiled.compiled_resize import compiled_for, resize_rows
from srdata.resize.reference import resample_at, to_levels
from srdata.resize.taps import Taps, reach

Bytes = NDArray[np.uint8]
Singles = NDArray[np.float32]
Positions = NDArray[np.intp]

PRODUCT = 1 << 18  # multiplications at once: so few that OpenBLAS does not wake its threads for them
INPUTS = 16  # input rows that a block covers, beside the width of the kernel
MOST_OUTPUTS = 64  # output rows of a block when an image is enlarged
STRIP = 1024  # columns at once: the rows of a run of blocks stay in the processor's cache
IN_RUN = 16  # blocks at once
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


@dataclass(frozen=True, eq=False)
class Run:
    """Blocks below each other that have one matrix, each `step` input rows further down."""

    first: Block
    count: int
    step: int

    @property
    def inputs(self) -> slice:
        """The input rows of all of them."""
        return slice(self.first.first, self.first.last + (self.count - 1) * self.step)

    @property
    def outputs(self) -> slice:
        """Their output rows."""
        top, bottom = self.first.top, self.first.bottom
        return slice(top, top + self.count * (bottom - top))


def resample(rows: Bytes, taps: Taps, border: str) -> Bytes:
    """Resize the first axis of (length, samples) to (taps.size, samples), rounded half up and clamped.

    Where float32 loses nothing, the compiled library takes half of the time, and other threads run meanwhile.
    """
    step = exact_step(taps)
    if step and compiled_for(rows):
        return resize_rows(rows, *_table(taps, border))
    out = np.empty((taps.size, rows.shape[1]), np.uint8)
    doubtful = []
    for run in runs(taps, border):
        for left, values in _products(rows, run):
            part = out[run.outputs, left : left + values.shape[1]]
            part[...] = _nearest(values, step / 2 if step else slack(taps))
            if not step:
                outputs, samples = _differences(part, _nearest(values, -slack(taps)))
                doubtful.append((outputs + run.outputs.start, samples + left))
    if doubtful:
        outputs, samples = (np.concatenate(positions) for positions in zip(*doubtful, strict=True))
        out[outputs, samples] = to_levels(resample_at(rows, taps, border, outputs, samples), out.dtype)
    return out


@lru_cache(maxsize=64)
def _table(taps: Taps, border: str) -> tuple[NDArray[np.int64], Singles]:
    """The input row of each tap, folded back where it lies beyond the border, and its weight."""
    numbers = reach(taps.first[:, None] + np.arange(taps.weights.shape[1]), taps.length, border)
    return np.ascontiguousarray(numbers), taps.weights.astype(np.float32)


@lru_cache(maxsize=64)
def blocks(taps: Taps, border: str) -> tuple[Block, ...]:
    """The whole table of an axis, cut into matrices; what lies beyond the border is folded into them."""
    outputs = min(max(INPUTS * taps.size // taps.length, 1), MOST_OUTPUTS)
    return tuple(
        _block(taps, border, top, min(top + outputs, taps.size)) for top in range(0, taps.size, outputs)
    )


@lru_cache(maxsize=64)
def runs(taps: Taps, border: str) -> tuple[Run, ...]:
    """The blocks of an axis, those that are alike together: all but the outermost where a ratio is whole."""
    found: list[Run] = []
    for block in blocks(taps, border):
        last = found[-1] if found else None
        step = block.first - last.inputs.start if last and last.count == 1 else last.step if last else 0
        if last and _goes_on(last, block, step):
            found[-1] = Run(last.first, last.count + 1, step)
        else:
            found.append(Run(block, 1, 1))
    return tuple(found)


def _goes_on(run: Run, block: Block, step: int) -> bool:
    """Whether a block is the next of a run."""
    here = step > 0 and block.first == run.first.first + run.count * step and run.count < IN_RUN
    return here and np.array_equal(block.matrix, run.first.matrix)


def _block(taps: Taps, border: str, top: int, bottom: int) -> Block:
    inputs = taps.first[top:bottom, None] + np.arange(taps.weights.shape[1])
    inputs = reach(inputs, taps.length, border)
    first, last = int(inputs.min()), int(inputs.max()) + 1
    matrix = np.zeros((bottom - top, last - first))
    np.add.at(matrix, (np.arange(bottom - top)[:, None], inputs - first), taps.weights[top:bottom])
    return Block(top, bottom, first, last, matrix.astype(np.float32))


def _products(rows: Bytes, run: Run) -> Iterator[tuple[int, Singles]]:
    """The unrounded outputs of a run, some columns at a time; each is overwritten by the next."""
    matrix, covered, length = run.first.matrix, run.inputs, rows.shape[1]
    width = min(max(PRODUCT // matrix.size, 1), STRIP if run.count > 1 else length, length)
    inputs = np.empty((covered.stop - covered.start, width), np.float32)
    shape, (down, along) = (run.count, matrix.shape[1], width), inputs.strides
    overlapping: Singles = np.ndarray(shape, np.float32, inputs, 0, (run.step * down, down, along))
    outputs = np.empty((run.count, len(matrix), width), np.float32)
    values = outputs.reshape(-1, width)
    for left in range(0, length, width):
        count = min(width, length - left)
        np.copyto(inputs[:, :count], rows[covered, left : left + count])
        np.matmul(matrix, overlapping[..., :count], out=outputs[..., :count])
        yield left, values[:, :count]


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
