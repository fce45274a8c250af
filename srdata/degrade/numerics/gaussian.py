"""The Gaussian blur inside other ops, with a sigma per image."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from srdata.degrade.numerics import backend
from srdata.degrade.numerics.backend import Array, Plane, is_torch
from srdata.degrade.numerics.filters import filter_lines

if TYPE_CHECKING:
    import torch


class GaussianKernel(NamedTuple):
    """A Gaussian kernel: an odd size in pixels, and its sigma."""

    size: int
    sigma: float


def reaching(sigma: float) -> GaussianKernel:
    """The kernel of a sigma, as large as OpenCV takes it for floats: four sigmas on either side."""
    return GaussianKernel(round(sigma * 8 + 1) | 1, sigma)


def filling(size: int) -> GaussianKernel:
    """The kernel of a size, with the sigma that OpenCV takes for it (`getGaussianKernel`)."""
    return GaussianKernel(size, 0.3 * ((size - 1) * 0.5 - 1) + 0.8)


def gaussian(x: Array, kernels: Sequence[GaussianKernel]) -> Array:
    """Each image of `x` blurred by its kernel, mirrored at the border; a kernel of size 1 changes nothing."""
    return _by_torch(x, kernels) if is_torch(x) else backend.each(x, kernels, gaussian_plane)


def gaussian_plane(image: Plane, kernel: GaussianKernel) -> Plane:
    """One image (HWC) blurred by its kernel, as `gaussian` does it."""
    if kernel.size == 1:
        return image
    taps = _taps(kernel, kernel.size // 2)
    return filter_lines(image, taps, taps)


def _by_torch(x: torch.Tensor, kernels: Sequence[GaussianKernel]) -> torch.Tensor:
    reach = max(kernel.size for kernel in kernels) // 2
    if not reach:
        return x
    if len(set(kernels)) > 1:
        return _by_convolution(x, kernels, reach)
    rows, columns = (backend.tensor(partial(_matrix, kernels[0], side), x) for side in x.shape[2:])
    return rows @ (x @ columns.T)


@lru_cache(maxsize=8)
def _matrix(kernel: GaussianKernel, length: int) -> NDArray[np.float32]:
    """The weights of all inputs (columns) for all outputs (rows) along an axis: no border is to be added."""
    reach = kernel.size // 2
    inputs = backend.mirrored(np.arange(-reach, length + reach), length)
    matrix, outputs = np.zeros((length, length)), np.arange(length)
    for number, tap in enumerate(_taps(kernel, reach)):
        np.add.at(matrix, (outputs, inputs[number : number + length]), tap)
    return matrix.astype(np.float32)


def _by_convolution(x: torch.Tensor, kernels: Sequence[GaussianKernel], reach: int) -> torch.Tensor:
    from torch.nn.functional import conv2d

    images, channels, height = x.shape[:3]

    def taps() -> NDArray[np.float64]:
        return np.stack([_taps(kernel, reach) for kernel in kernels]).repeat(channels, axis=0)

    weights: Any = backend.tensor(taps, x)[:, None, :, None]
    bordered: Any = backend.pad(x, reach, reach, reach, reach)
    planes = bordered.reshape(1, images * channels, height + 2 * reach, -1)
    down = conv2d(planes, weights, groups=images * channels)
    across = conv2d(down, weights.transpose(2, 3), groups=images * channels)
    return across.reshape(x.shape)


def _taps(kernel: GaussianKernel, reach: int) -> NDArray[np.float64]:
    taps = cv2.getGaussianKernel(kernel.size, kernel.sigma)[:, 0] if kernel.size > 1 else np.ones(1)
    return np.pad(taps, reach - kernel.size // 2)
