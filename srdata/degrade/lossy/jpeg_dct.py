"""libjpeg's "islow" DCT as exact tensor arithmetic: matrix products, each rounded as libjpeg rounds.

libjpeg computes each 8-point transform in integers and rounds only at its end, so that a transform is a
product with one integer matrix. The sums of the first pass forward are below 2**24, so that float32 holds
them all, in any order of summation. Those of the others are not: their matrix M is split into 128 H + L,
with L in -64 … 63, and floor((M v + half) / 2**s) is floor((H v + floor((L v + half) / 128)) / 2**(s - 7)),
whose sums are below it: here v is below 12,400, as samples are below 128, quantisation moves no coefficient
by more than 127.5, and the middle of the samples makes 4,096.

Samples and coefficients are float32 (8, N, blocks, 8): the row within a block, the image, the block, the
column within it. So the transform of all rows is one product, and that of all columns is one.

Source: libjpeg-turbo, jfdctint.c and jidctint.c (Loeffler, Ligtenberg and Moschytz, ICASSP 1989).
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from srdata.degrade.numerics.device_constants import constant

Matrix = tuple[tuple[int, ...], ...]

BLOCK = 8  # the side of the squares that are transformed
_FORWARD_SHIFTS = (11, 15)  # CONST_BITS - PASS1_BITS for the rows, CONST_BITS + PASS1_BITS for the columns
_INVERSE_SHIFTS = (11, 18)  # the columns, then the rows with three bits more for the factor 8 of two passes
_SPLIT = 7  # bits of the lower part of a matrix
MIDDLE = 128  # what the decoder adds to every sample, here as MIDDLE_COEFFICIENT to the first of a block
MIDDLE_COEFFICIENT = MIDDLE * BLOCK

# The basis functions times 2**13 on the first four samples, as libjpeg's sums of 13-bit constants come out.
# The other four samples mirror them: even functions with the same sign, odd ones with the opposite sign.
_HALF_BASIS = (
    (8192, 8192, 8192, 8192),
    (11363, 9633, 6437, 2260),
    (10703, 4433, -4433, -10703),
    (9633, -2259, -11362, -6436),
    (8192, -8192, -8192, 8192),
    (6437, -11362, 2261, 9633),
    (4433, -10704, 10704, -4433),
    (2260, -6436, 9633, -11363),
)
BASIS = tuple(
    (*half, *(sign * sample for sample in reversed(half)))
    for half, sign in zip(_HALF_BASIS, (1, -1) * 4, strict=True)
)  # (function, sample)
_LOWER = tuple(tuple((weight + 64) % 128 - 64 for weight in row) for row in BASIS)
_UPPER = tuple(
    tuple((weight - low) // 128 for weight, low in zip(*rows, strict=True))
    for rows in zip(BASIS, _LOWER, strict=True)
)


class Step(Protocol):
    """A rounding of a tensor that the caller gives up."""

    def __call__(self, x: Tensor, /) -> Tensor: ...


class Rounding(NamedTuple):
    """How integers are made of numbers, with or without a gradient."""

    floor: Step  # wherever libjpeg shifts right
    level: Step  # the nearest 8-bit level of the picture
    coefficient: Step  # the nearest multiple of a table's entry

    @property
    def exact(self) -> bool:
        """Whether there is no gradient."""
        return self.floor is torch.floor_

    def floor_into(self, target: Tensor, x: Tensor) -> Tensor:
        """The target, filled with `x` rounded down."""
        return torch.floor(x, out=target) if self.exact else target.copy_(self.floor(x))

    def clamp_into(self, target: Tensor, x: Tensor) -> Tensor:
        """The target, filled with `x` held within 0 … 255."""
        return torch.clamp(x, 0, 255, out=target) if self.exact else target.copy_(x.clamp(0, 255))


def forward_dct(samples: Tensor, rounding: Rounding) -> Tensor:
    """libjpeg's coefficients, 8 times too large as it leaves them, of integers -128 … 127."""
    by_rows, by_columns = _FORWARD_SHIFTS
    half, basis = constant((0.5,), samples.device), _scaled(BASIS, by_rows, samples.device)
    rows = rounding.floor(torch.addmm(half, samples.reshape(-1, BLOCK), basis.T))
    lower, upper = _split(by_columns, samples.device)
    columns = rows.view(BLOCK, -1)
    return _product((lower, columns), (upper, columns), by_columns, rounding).view(samples.shape)


def inverse_dct(coefficients: Tensor, rounding: Rounding) -> Tensor:
    """The samples, to be held within 0 … 255, of dequantised coefficients with MIDDLE_COEFFICIENT in them."""
    by_columns, by_rows = _INVERSE_SHIFTS
    lower, upper = _split(by_columns, coefficients.device)
    columns = coefficients.view(BLOCK, -1)
    rows = _product((lower.T, columns), (upper.T, columns), by_columns, rounding).view(-1, BLOCK)
    lower, upper = _split(by_rows, coefficients.device)
    return _product((rows, lower), (rows, upper), by_rows, rounding).view(coefficients.shape)


def _product(
    low: tuple[Tensor, Tensor], high: tuple[Tensor, Tensor], shift: int, rounding: Rounding
) -> Tensor:
    """The product of which these are the lower and the upper part, over 2**shift, rounded to the nearest."""
    above = shift - _SPLIT
    carried = rounding.floor(torch.addmm(constant((0.5 * 2**above,), low[0].device), *low))
    return rounding.floor(torch.addmm(carried, *high, beta=0.5**above))


def _split(shift: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """The lower part of the basis in its unit, the upper one in that of the result."""
    return _scaled(_LOWER, _SPLIT, device), _scaled(_UPPER, shift - _SPLIT, device)


@cache
def _scaled(matrix: Matrix, shift: int, device: torch.device) -> Tensor:
    return constant(tuple(tuple(weight / 2**shift for weight in row) for row in matrix), device)
