"""What a call of `imresize` asks for, checked: a ratio and an output size for each axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from numbers import Integral, Rational, Real
from typing import Literal

from srdata.errors import UnknownNameError, UsageError
from srdata.resize.interpolation_kernels import KERNELS

Number = float | Fraction
BORDERS = ("symmetric", "replicate")
ROUNDINGS = ("each-pass", "once")
SMALLEST, LARGEST = 1e-4, 1e4  # ratios
FINEST = (
    10_000  # a float that is the nearest one to a fraction with a denominator up to this means the fraction
)


@dataclass(frozen=True)
class Axis:
    """How one axis, 0 for rows or 1 for columns, is to be resized."""

    number: Literal[0, 1]
    size: int
    ratio: float


def check_names(kernel: str, border: str, rounding: str) -> None:
    """Raise UnknownNameError for a kernel, border or rounding that does not exist."""
    for kind, name, known in (
        ("kernel", kernel, KERNELS),
        ("border", border, BORDERS),
        ("rounding", rounding, ROUNDINGS),
    ):
        if name not in known:
            raise UnknownNameError.among(kind, str(name), known)


def passes(height: int, width: int, scale: object, size: object) -> tuple[Axis, Axis]:
    """The two passes in MATLAB's order: the smaller ratio first, rows first where they are equal."""
    if (scale is None) == (size is None):
        raise UsageError("give imresize either scale= or size=(height, width)")
    if size is not None:
        sizes = tuple(_pixels(side) for side in _pair(size, "size"))
        ratios = [sizes[0] / height, sizes[1] / width]
    else:
        pair = scale if isinstance(scale, Sequence) and not isinstance(scale, str) else (scale, scale)
        exact = [_fraction(ratio) for ratio in _pair(pair, "scale")]
        sizes = (math.ceil(height * exact[0]), math.ceil(width * exact[1]))
        ratios = [float(ratio) for ratio in exact]
    for ratio in ratios:
        if not SMALLEST <= ratio <= LARGEST:
            raise UsageError(
                f"imresize by {ratio:g} is out of range; it must lie between {SMALLEST:g} and {LARGEST:g}"
            )
    rows, columns = Axis(0, sizes[0], ratios[0]), Axis(1, sizes[1], ratios[1])
    return (columns, rows) if columns.ratio < rows.ratio else (rows, columns)


def _pair(value: object, name: str) -> tuple[object, object]:
    if not isinstance(value, Sequence) or len(value) != 2:
        raise UsageError(f"{name} {value!r} must be two numbers, one for the rows and one for the columns")
    return value[0], value[1]


def _pixels(side: object) -> int:
    if not isinstance(side, Integral) or isinstance(side, bool) or int(side) < 1:
        raise UsageError(f"size {side!r} must be a whole number of pixels, at least 1")
    return int(side)


def _fraction(scale: object) -> Fraction:
    """The ratio that was meant: the float 1/3 is a third, so that no noise adds a pixel to a third of 300."""
    if not isinstance(scale, Real) or isinstance(scale, bool) or not math.isfinite(scale) or scale <= 0:
        raise UsageError(f"scale {scale!r} must be a number above 0, such as 1/4")
    exact = Fraction(scale) if isinstance(scale, Rational) else Fraction(float(scale))
    simple = exact.limit_denominator(FINEST)
    return simple if float(simple) == float(exact) else exact
