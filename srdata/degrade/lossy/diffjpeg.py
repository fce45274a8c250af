"""JPEG as DiffJPEG computes it, which Real-ESRGAN and its kin train with: all in floats.

Other than in files, tables are not rounded, qualities need not be whole, the chroma of a cell of 2x2 is its
mean and is repeated, and images are enlarged with black to a multiple of 16. The tables stand on their side,
as they do there. Quality 100, of which the original makes NaN, quantises by next to nothing here.

Source: BasicSR, basicsr/utils/diffjpeg.py (after github.com/mlomnitz/DiffJPEG).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, pad

from srdata.common.tensors.device_copies import sent
from srdata.degrade.lossy.jpeg import CHROMA_TABLE, LUMA_TABLE
from srdata.degrade.numerics import backend
from srdata.degrade.numerics.device_constants import constant

_BLOCK = 8
_CELL = 2 * _BLOCK  # of luma for a block of chroma
_TO_YCC = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))
_TO_RGB = ((1.0, 0.0, 1.402), (1.0, -0.344136, -0.714136), (1.0, 1.772, 0.0))
_LEAST_FACTOR = 1e-4  # of the tables
_BASIS = tuple(
    tuple(math.cos((2 * x + 1) * u * math.pi / 16) * (math.sqrt(0.5) if u == 0 else 1) / 2 for x in range(8))
    for u in range(8)
)  # (function, sample)


def diffjpeg(image: Tensor, quality: Sequence[float]) -> Tensor:
    """Images as they come back: float (N, 3 or 1, H, W) in 0–1, a quality (above 0, up to 100) for each."""
    with backend.own_settings(image), torch.no_grad():
        height, width = image.shape[2:]
        whole = pad(image.float() * 255, (0, -width % _CELL, 0, -height % _CELL))
        factors = sent(torch.tensor([_factor(one) for one in quality]), image.device).view(-1, 1, 1, 1, 1, 1)
        made = _coloured(whole, factors) if image.shape[1] == 3 else _coded(whole, LUMA_TABLE, factors)
        return made[..., :height, :width].clamp(0, 255) / 255


def _coloured(whole: Tensor, factors: Tensor) -> Tensor:
    planes = _mixed(whole, _TO_YCC)
    luma = _coded(planes[:, :1], LUMA_TABLE, factors)
    chroma = _coded(avg_pool2d(planes[:, 1:], 2), CHROMA_TABLE, factors)
    chroma = chroma.repeat_interleave(2, 2).repeat_interleave(2, 3)
    return _mixed(torch.cat([luma, chroma], 1), _TO_RGB)


def _factor(quality: float) -> float:
    percent = 5000 / quality if quality < 50 else 200 - 2 * quality
    return max(percent / 100, _LEAST_FACTOR)


def _mixed(planes: Tensor, mixtures: tuple[tuple[float, ...], ...]) -> Tensor:
    return torch.einsum("mc,nchw->nmhw", constant(mixtures, planes.device), planes)


def _coded(planes: Tensor, table: tuple[tuple[float, ...], ...], factors: Tensor) -> Tensor:
    """Planes after transform, quantisation and the way back; the middle of luma is 128, that of chroma 0."""
    middle = 128 if planes.shape[1] == 1 else 0
    basis, steps = constant(_BASIS, planes.device), constant(table, planes.device).T * factors
    count, channels, height, width = planes.shape
    blocks = (planes - middle).view(count, channels, height // _BLOCK, _BLOCK, width // _BLOCK, _BLOCK)
    blocks = blocks.transpose(3, 4)  # (N, C, down, across, row, column)
    coefficients = basis @ blocks @ basis.T
    blocks = basis.T @ ((coefficients / steps).round() * steps) @ basis
    return blocks.transpose(3, 4).reshape(planes.shape) + middle
