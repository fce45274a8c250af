"""Chroma at a lower resolution, as libjpeg makes it and as its decoder enlarges it again.

Planes are float32 (N, C, H, W) of integers. `factors` say how many columns and rows of the picture one chroma
sample stands for.

Source: libjpeg-turbo, jcsample.c and jcprepct.c (down), jdsample.c (up).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from srdata.degrade.lossy.jpeg_dct import MIDDLE, Rounding
from srdata.degrade.numerics.device_constants import constant

if TYPE_CHECKING:
    from srdata.triton_kernels.jpeg_kernels import Chroma

Factors = tuple[int, int]

_SHRINK_BIAS = {
    (2, 1): (0, 1),
    (2, 2): (1, 2),
    (4, 1): (2, 2),
}  # added before dividing, in even and odd columns
_GROW_BIAS = {(2, 1): (1, 2), (2, 2): (8, 7)}  # for the left and the right one of two new columns
_LEAST_WIDTH = 3  # narrower chroma is repeated, not interpolated


def shrunk(planes: Tensor, factors: Factors, rounding: Rounding) -> Tensor:
    """The mean of each cell of planes whose sizes are multiples of 16 or so; all are to be rounded down."""
    if factors == (1, 1):
        return planes
    across, down = factors
    means = avg_pool2d(rounding.floor_into(torch.empty_like(planes), planes), (down, across))
    return _biased(means, [bias / (across * down) for bias in _SHRINK_BIAS[factors]])


def grown(planes: Tensor, factors: Factors) -> Tensor:
    """The planes (0 … 255) at the size of the picture, less 128: three parts near, one part far sample.

    They are to be rounded down. Fourfold and very narrow chroma is repeated instead. `planes` must end where
    the picture's chroma ends.
    """
    across, down = factors
    if not _smooth(factors, planes.shape[-1]):
        wide = planes.repeat_interleave(across, -1) if across > 1 else planes
        return (wide.repeat_interleave(down, -2) if down > 1 else wide) - MIDDLE
    size = planes.shape[-2] * down, planes.shape[-1] * across
    wide = interpolate(planes, size, mode="bilinear")
    return _biased(wide, [bias / 4**down - MIDDLE for bias in _GROW_BIAS[factors]])


def _smooth(factors: Factors, width: int) -> bool:
    return factors in _GROW_BIAS and width >= _LEAST_WIDTH


def for_kernels(factors: Factors, width: int) -> Chroma:
    """The same for the kernels, of pictures of that width."""
    from srdata.triton_kernels.jpeg_kernels import Chroma

    shrink, grow = _SHRINK_BIAS.get(factors, (0, 0)), _GROW_BIAS.get(factors, (0, 0))
    return Chroma(*factors, shrink, grow, _smooth(factors, -(-width // factors[0])))


def _biased(planes: Tensor, bias: list[float]) -> Tensor:
    """The planes, which the caller gives up, and a number for even and for odd columns."""
    pairs = planes.view(*planes.shape[:-1], -1, 2)
    pairs += constant(tuple(bias), planes.device)
    return planes
