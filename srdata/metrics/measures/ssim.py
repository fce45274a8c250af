"""Structural similarity (SSIM), and the same at several sizes (MS-SSIM), of planes in 0–255."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d, pad

from srdata.errors import UsageError
from srdata.metrics.measures.ssim_terms import mean_terms

WINDOW = 11  # pixels
SIGMA = 1.5
CONSTANTS = (0.01 * 255) ** 2, (0.03 * 255) ** 2
_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # of the five sizes, the original first


def structural_similarity(one: Tensor, other: Tensor) -> Tensor:
    """SSIM of two batches (N, C, H, W) of floats in 0–255, (N,): the mean over channels and places.

    Gaussian window of 11x11, σ 1.5, only where it lies wholly inside; K1 0.01, K2 0.03. The same as MATLAB's
    `ssim_index`, BasicSR, and scikit-image with gaussian_weights and without use_sample_covariance, in
    double precision. Raises UsageError for images smaller than the window.

    Source: Wang et al., Image quality assessment: from error visibility to structural similarity, 2004.
    """
    check_window(one)
    _, product = _terms(one, other)
    return product.mean(1)


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
        contrast, _ = _terms(one, other)
        product = product * contrast.clamp(0) ** weight
        one, other = _halved(one), _halved(other)
    _, last = _terms(one, other)
    return (product * last.clamp(0) ** _WEIGHTS[-1]).mean(1)


def check_window(images: Tensor) -> None:
    """Raise UsageError for images (N, C, H, W) that are smaller than the window."""
    if min(images.shape[2:]) < WINDOW:
        least = f"{WINDOW}x{WINDOW} pixels without the border"
        raise UsageError(f"SSIM needs images of at least {least}: {_size(images)} is less")


def window(dtype: torch.dtype, device: torch.device | None = None) -> Tensor:
    """The weights of the window in each direction."""
    places = torch.arange(WINDOW, dtype=dtype, device=device) - WINDOW // 2
    weights = torch.exp(-(places**2) / (2 * SIGMA**2))
    return weights / weights.sum()


def _terms(one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    """The means (N, C) of the contrast and structure term, and of its product with luminance."""
    weights = window(one.dtype, one.device)
    if one.device.type != "cpu":
        return _terms_by_torch(one, other, weights)
    planes = zip(one.flatten(0, 1).numpy(), other.flatten(0, 1).numpy(), strict=True)
    found = [mean_terms(*pair, weights.numpy(), CONSTANTS) for pair in planes]
    contrast, product = one.new_tensor(np.array(found)).view(*one.shape[:2], 2).unbind(-1)
    return contrast, product


def _terms_by_torch(one: Tensor, other: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    c1, c2 = CONSTANTS
    mean, mean2 = _blurred(one, weights), _blurred(other, weights)
    product, squares = mean * mean2, mean.square() + mean2.square()
    covariance = _blurred(one * other, weights) - product
    variances = _blurred(one.square() + other.square(), weights) - squares
    luminance, contrast = (2 * product + c1) / (squares + c1), (2 * covariance + c2) / (variances + c2)
    return contrast.mean((2, 3)), (luminance * contrast).mean((2, 3))


def _blurred(planes: Tensor, weights: Tensor) -> Tensor:
    """The Gaussian mean where the window lies wholly inside."""
    rows = conv2d(planes.flatten(0, 1)[:, None], weights.view(1, 1, -1, 1))
    blurred = conv2d(rows, weights.view(1, 1, 1, -1))
    return blurred.view(*planes.shape[:2], *blurred.shape[2:])


def _halved(planes: Tensor) -> Tensor:
    height, width = planes.shape[2:]
    return avg_pool2d(pad(planes, (0, width % 2, 0, height % 2), mode="replicate"), 2)


def _size(planes: Tensor) -> str:
    return f"{planes.shape[3]}x{planes.shape[2]}"
