"""libjpeg's "islow" DCT as exact tensor arithmetic: two matrix products, each rounded as libjpeg rounds.

libjpeg computes each 8-point transform in integers and rounds only at its end, so that a transform is a
product with one integer matrix. All products and sums are integers far below 2**53, so float64 holds every
one of them exactly, in any order of summation and on any device that has float64.

Source: libjpeg-turbo, jfdctint.c and jidctint.c (Loeffler, Ligtenberg and Moschytz, ICASSP 1989).
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from srdata.degrade.numerics.device_constants import constant

BLOCK = 8  # the side of the squares that are transformed
_FORWARD_SHIFTS = (11, 15)  # CONST_BITS - PASS1_BITS for the rows, CONST_BITS + PASS1_BITS for the columns
_INVERSE_SHIFTS = (11, 18)  # the columns, then the rows with three bits more for the factor 8 of two passes

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
_BASES = {
    shift: tuple(
        tuple(sample / 2**shift for sample in (*half, *(sign * sample for sample in reversed(half))))
        for half, sign in zip(_HALF_BASIS, (1, -1) * 4, strict=True)
    )
    for shift in {*_FORWARD_SHIFTS, *_INVERSE_SHIFTS}
}


class Step(Protocol):
    """A rounding of a tensor that the caller gives up."""

    def __call__(self, x: Tensor, /) -> Tensor: ...


class Rounding(NamedTuple):
    """How integers are made of numbers, with or without a gradient."""

    floor: Step  # wherever libjpeg shifts right
    level: Step  # the nearest 8-bit level of the picture
    coefficient: Step  # the nearest multiple of a table's entry


def forward_dct(samples: Tensor, rounding: Rounding) -> Tensor:
    """libjpeg's coefficients, 8 times too large as it leaves them, each block where its samples were.

    `samples`: float64 (N, C, H, W) of integers -128 … 127, H and W multiples of 8.
    """
    by_rows, by_columns = (_basis(samples.device, shift) for shift in _FORWARD_SHIFTS)
    rows = rounding.floor(_along_rows(samples, by_rows.T).add_(0.5))
    return rounding.floor(_along_columns(rows, by_columns).add_(0.5))


def inverse_dct(coefficients: Tensor, rounding: Rounding) -> Tensor:
    """The samples of dequantised coefficients, held within -128 … 127."""
    by_columns, by_rows = (_basis(coefficients.device, shift) for shift in _INVERSE_SHIFTS)
    columns = rounding.floor(_along_columns(coefficients, by_columns.T).add_(0.5))
    return rounding.floor(_along_rows(columns, by_rows).add_(0.5)).clamp_(-128, 127)


def _along_rows(planes: Tensor, matrix: Tensor) -> Tensor:
    *rest, width = planes.shape
    pieces = planes.reshape(*rest, width // BLOCK, BLOCK)
    return torch.matmul(pieces, matrix).reshape(planes.shape)


def _along_columns(planes: Tensor, matrix: Tensor) -> Tensor:
    *rest, height, width = planes.shape
    strips = planes.reshape(*rest, height // BLOCK, BLOCK, width)
    return torch.matmul(matrix, strips).reshape(planes.shape)


def _basis(device: torch.device, shift: int) -> Tensor:
    """The 8x8 matrix (function, sample) divided by 2**shift."""
    return constant(_BASES[shift], device)
