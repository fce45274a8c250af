"""Chroma at a lower resolution, as libjpeg makes it and as its decoder enlarges it again.

Planes are float64 (N, C, H, W) and hold integers less 128, which no rounding here can tell from the integers.
`factors` say how many columns and rows of the picture one chroma sample stands for.

Source: libjpeg-turbo, jcsample.c and jcprepct.c (down), jdsample.c (up).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

from srdata.degrade.lossy.jpeg_dct import BLOCK, Rounding
from srdata.degrade.numerics.device_constants import constant

Factors = tuple[int, int]

_SHRINK_BIAS = {
    (2, 1): (0, 1),
    (2, 2): (1, 2),
    (4, 1): (2, 2),
}  # added before dividing, in even and odd columns
_GROW_BIAS = {(2, 1): (1, 2), (2, 2): (8, 7)}  # for the left and the right one of two new columns
_LEAST_WIDTH = 3  # narrower chroma is repeated, not interpolated


def extended(planes: Tensor, across: int, down: int) -> Tensor:
    """`planes` with their last column and row repeated up to a multiple of `across` and of `down`."""
    right, bottom = -planes.shape[-1] % across, -planes.shape[-2] % down
    return pad(planes, (0, right, 0, bottom), mode="replicate") if right or bottom else planes


def shrunk(planes: Tensor, factors: Factors, rounding: Rounding) -> Tensor:
    """The mean of each cell, its width a multiple of 8.

    The picture's right edge is repeated to fill whole blocks, its lower edge only to fill a cell: libjpeg
    repeats the rest of it after the means are taken.
    """
    across, down = factors
    if factors == (1, 1):
        return planes
    planes = extended(planes, BLOCK * across, down)
    rows = sum((planes[..., row::down, :] for row in range(1, down)), planes[..., ::down, :])
    total = sum((rows[..., column::across] for column in range(1, across)), rows[..., ::across])
    *rest, width = total.shape
    pairs = total.reshape(*rest, width // 2, 2)
    return rounding.floor(_biased(pairs, _SHRINK_BIAS[factors]) / (across * down))


def grown(planes: Tensor, factors: Factors, rounding: Rounding) -> Tensor:
    """The planes at the size of the picture: each sample three parts of the near and one of the far sample.

    Fourfold and very narrow chroma is repeated instead. `planes` must end where the picture's chroma ends.
    """
    across, down = factors
    if factors not in _GROW_BIAS or planes.shape[-1] < _LEAST_WIDTH:
        return planes.repeat_interleave(across, -1).repeat_interleave(down, -2)
    if down == 2:
        planes = torch.stack(_nearer_thrice(planes, -2), -2).flatten(-3, -2)
    columns = torch.stack(_nearer_thrice(planes, -1), -1)
    return rounding.floor(_biased(columns, _GROW_BIAS[factors]) / 4**down)


def _nearer_thrice(planes: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """Between each sample and the one before it, and the one after it: thrice the sample plus the other."""
    size = planes.shape[axis]
    before = torch.cat([planes.narrow(axis, 0, 1), planes.narrow(axis, 0, size - 1)], axis)
    after = torch.cat([planes.narrow(axis, 1, size - 1), planes.narrow(axis, size - 1, 1)], axis)
    return before.add(planes, alpha=3), after.add(planes, alpha=3)


def _biased(pairs: Tensor, bias: tuple[int, int]) -> Tensor:
    """Neighbouring columns (…, W, 2) with a bias each, side by side."""
    return (pairs + constant(bias, pairs.device)).flatten(-2)
