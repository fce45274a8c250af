"""Filtering each image of a batch by a kernel of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from srdata.degrade import backend
from srdata.degrade.backend import Array, PadRule, Plane, is_torch

if TYPE_CHECKING:
    import torch

Kernel = NDArray[np.float64]

NEGLIGIBLE = 1e-4  # the weight that a kernel may lose at its border: at most 1/40 of a level
_BORDERS: dict[PadRule, int] = {"reflect": cv2.BORDER_REFLECT_101, "replicate": cv2.BORDER_REPLICATE}


def filter2d(x: Array, kernels: Sequence[Kernel], border: PadRule = "reflect") -> Array:
    """Each image of a batch correlated with the (odd, square) kernel of its place; not clipped."""
    small = [trimmed(kernel) for kernel in kernels]
    if is_torch(x):
        return _filter_tensor(x, small, border)
    return backend.each(x, small, lambda image, kernel: _filter_image(image, kernel, border))


def trimmed(kernel: Kernel) -> Kernel:
    """The middle of a kernel, without the border that does not matter, summing to what the kernel did."""
    half = len(kernel) // 2
    away = np.abs(np.arange(-half, half + 1))
    rings = np.bincount(np.maximum(away[:, None], away).ravel(), np.abs(kernel).ravel())
    beyond = np.cumsum(rings[::-1])[::-1]  # the weight of ring r and all those outside it
    cut = int(np.count_nonzero(beyond <= NEGLIGIBLE))
    middle: Kernel = kernel[cut : len(kernel) - cut, cut : len(kernel) - cut].copy()
    middle *= kernel.sum() / middle.sum()
    return middle


def _filter_image(image: Plane, kernel: Kernel, border: PadRule) -> Plane:
    if len(kernel) == 1:
        return image * np.float32(kernel[0, 0])
    if border == "wrap":
        reach = len(kernel) // 2
        wide = np.pad(image, ((reach, reach), (reach, reach), (0, 0)), mode="wrap")
        return _filter_image(wide, kernel, "replicate")[reach:-reach, reach:-reach]
    column, row = kernel.sum(axis=1), kernel.sum(axis=0)
    if np.allclose(np.outer(column, row), kernel * kernel.sum(), rtol=0, atol=1e-8):
        filtered = cv2.sepFilter2D(image, -1, row, column / kernel.sum(), borderType=_BORDERS[border])
    else:
        filtered = cv2.filter2D(image, -1, kernel, borderType=_BORDERS[border])
    plane: Plane = filtered.reshape(image.shape)
    return plane


def _filter_tensor(x: torch.Tensor, kernels: Sequence[Kernel], border: PadRule) -> torch.Tensor:
    from torch.nn.functional import conv2d

    images, channels, height = x.shape[:3]
    reach = max(len(kernel) for kernel in kernels) // 2
    taps = np.stack([np.pad(kernel, reach - len(kernel) // 2) for kernel in kernels])
    weights = backend.tensor(taps.repeat(channels, axis=0)[:, None], x)
    planes = backend.pad(x, reach, reach, reach, reach, border).reshape(
        1, images * channels, height + 2 * reach, -1
    )
    return conv2d(planes, weights, groups=images * channels).reshape(x.shape)
