"""GMSD: how unevenly the gradients of two images differ."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d, pad

_PREWITT = ((1 / 3, 0.0, -1 / 3),) * 3
_C = 170.0  # in squared 8-bit levels


def gradient_deviation(one: Tensor, other: Tensor) -> Tensor:
    """GMSD of two batches (N, 1, H, W) of luma in 0–255, (N,): 0 where nothing differs.

    Halved by 2x2 means, Prewitt gradients with zeros around the image, deviation of their similarity.

    Source: Xue et al., Gradient magnitude similarity deviation, 2014 (arXiv 1308.3052), and its MATLAB code.
    """
    first, second = _magnitude(_halved(one)), _magnitude(_halved(other))
    similarity = (2 * first * second + _C) / (first**2 + second**2 + _C)
    return similarity.std((1, 2, 3), correction=0)


def _magnitude(planes: Tensor) -> Tensor:
    across = torch.tensor(_PREWITT, dtype=planes.dtype, device=planes.device)
    return (
        conv2d(planes, torch.stack([across, across.T])[:, None], padding=1)
        .square()
        .sum(1, keepdim=True)
        .sqrt()
    )


def _halved(planes: Tensor) -> Tensor:
    height, width = planes.shape[2:]
    return avg_pool2d(pad(planes, (0, width % 2, 0, height % 2)), 2)
