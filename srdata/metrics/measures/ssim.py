"""Structural similarity (SSIM), and the same at several sizes (MS-SSIM), of planes in 0–255."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d, pad

from srdata.errors import UsageError

WINDOW = 11  # pixels
SIGMA = 1.5
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # of the five sizes, the original first


def structural_similarity(one: Tensor, other: Tensor) -> Tensor:
    """SSIM of two batches (N, C, H, W) of floats in 0–255, (N,): the mean over channels and places.

    Gaussian window of 11x11, σ 1.5, only where it lies wholly inside; K1 0.01, K2 0.03. The same as MATLAB's
    `ssim_index`, BasicSR, and scikit-image with gaussian_weights and without use_sample_covariance.
    Raises UsageError for images smaller than the window.

    Source: Wang et al., Image quality assessment: from error visibility to structural similarity, 2004.
    """
    luminance, contrast = _maps(one, other)
    return (luminance * contrast).mean((1, 2, 3))


def multi_scale(one: Tensor, other: Tensor) -> Tensor:
    """MS-SSIM of two batches (N, C, H, W) of floats in 0–255, (N,): five sizes, halved by 2x2 means.

    An odd side is first made even by repeating its last pixel (MATLAB's symmetric border); a negative mean of
    the contrast term counts as 0. Raises UsageError for images with a side of less than 176 pixels.

    Source: Wang et al., Multiscale structural similarity for image quality assessment, 2003.
    """
    smallest = WINDOW << (len(_WEIGHTS) - 1)
    if min(one.shape[2:]) < smallest:
        raise UsageError(
            f"MS-SSIM needs images of at least {smallest}x{smallest} pixels: {_size(one)} is less"
        )
    product = one.new_ones(one.shape[:2])
    for weight in _WEIGHTS[:-1]:
        _, contrast = _maps(one, other)
        product = product * contrast.mean((2, 3)).clamp(0) ** weight
        one, other = _halved(one), _halved(other)
    luminance, contrast = _maps(one, other)
    return (product * (luminance * contrast).mean((2, 3)).clamp(0) ** _WEIGHTS[-1]).mean(1)


def _maps(one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    """The luminance term, and that of contrast and structure, at every place."""
    if min(one.shape[2:]) < WINDOW:
        raise UsageError(
            f"SSIM needs images of at least {WINDOW}x{WINDOW} pixels without the border: {_size(one)} is less"
        )
    mean, mean2 = _blurred(one), _blurred(other)
    product, squares = mean * mean2, mean.square() + mean2.square()
    covariance = _blurred(one * other) - product
    variances = _blurred(one.square() + other.square()) - squares
    luminance = (2 * product + _C1) / (squares + _C1)
    return luminance, (2 * covariance + _C2) / (variances + _C2)


def _blurred(planes: Tensor) -> Tensor:
    """The Gaussian mean where the window lies wholly inside."""
    places = torch.arange(WINDOW, dtype=planes.dtype, device=planes.device) - WINDOW // 2
    weights = torch.exp(-(places**2) / (2 * SIGMA**2))
    weights = weights / weights.sum()
    if planes.device.type == "cpu" and not planes.requires_grad:
        return _blurred_by_opencv(planes, weights.numpy())
    rows = conv2d(planes.flatten(0, 1)[:, None], weights.view(1, 1, -1, 1))
    blurred = conv2d(rows, weights.view(1, 1, 1, -1))
    return blurred.view(*planes.shape[:2], *blurred.shape[2:])


def _blurred_by_opencv(planes: Tensor, weights: NDArray[Any]) -> Tensor:
    """The same in 1/35 of the time that torch's convolution takes for float64 on a CPU."""
    edge = WINDOW // 2
    images = planes.flatten(0, 1).numpy()
    blurred = [cv2.sepFilter2D(image, -1, weights, weights)[edge:-edge, edge:-edge] for image in images]
    stacked = blurred[0][None] if len(blurred) == 1 else np.stack(blurred)
    return torch.from_numpy(stacked).view(*planes.shape[:2], *stacked.shape[1:])


def _halved(planes: Tensor) -> Tensor:
    height, width = planes.shape[2:]
    return avg_pool2d(pad(planes, (0, width % 2, 0, height % 2), mode="replicate"), 2)


def _size(planes: Tensor) -> str:
    return f"{planes.shape[3]}x{planes.shape[2]}"
