"""Filtering each image of a batch by a kernel of its own."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from itertools import product
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from srdata.degrade.numerics import backend
from srdata.degrade.numerics.backend import Array, PadRule, Plane, is_torch

if TYPE_CHECKING:
    import torch

Kernel = NDArray[np.float64]

NEGLIGIBLE = 1e-4  # the weight that a kernel may lose at its border: at most 1/40 of a level
LARGEST_DIRECT = 11  # pixels: OpenCV takes a transform for more, up to three times as slow as the one here
LARGEST_PART = 480  # pixels: transforms of larger parts of an image leave the processor's cache
FIRST_CACHE = 8192  # samples that a processor's smallest cache holds
FEW_TAPS = 11  # below, strips gain less than they cost
_BORDERS: dict[PadRule, int] = {"reflect": cv2.BORDER_REFLECT_101, "replicate": cv2.BORDER_REPLICATE}


def filter2d(x: Array, kernels: Iterable[Kernel], border: PadRule = "reflect") -> Array:
    """Each image of a batch correlated with the (odd, square) kernel of its place; not clipped.

    The kernels are gone through only where they are not on the device already: let a generator make them.
    """
    if is_torch(x):
        return _filter_tensor(x, kernels, border)
    return backend.each(
        x, [trimmed(kernel) for kernel in kernels], lambda image, kernel: _filter_image(image, kernel, border)
    )


def trimmed(kernel: Kernel) -> Kernel:
    """The middle of a kernel, without the border that does not matter, summing to what the kernel did."""
    rings = np.bincount(_rings(len(kernel)), np.abs(kernel).ravel())
    beyond = np.cumsum(rings[::-1])[::-1]  # the weight of ring r and all those outside it
    cut = int(np.count_nonzero(beyond <= NEGLIGIBLE))
    middle: Kernel = kernel[cut : len(kernel) - cut, cut : len(kernel) - cut].copy()
    middle *= kernel.sum() / middle.sum()
    return middle


@lru_cache(maxsize=64)
def _rings(size: int) -> NDArray[np.int64]:
    """How many rings about the middle of a kernel lie within that of each sample."""
    away = np.abs(np.arange(size) - size // 2)
    return np.maximum(away[:, None], away).ravel()


def _filter_image(image: Plane, kernel: Kernel, border: PadRule) -> Plane:
    if len(kernel) == 1:
        return image * np.float32(kernel[0, 0])
    if border == "wrap":
        reach = len(kernel) // 2
        wide = np.pad(image, ((reach, reach), (reach, reach), (0, 0)), mode="wrap")
        return _filter_image(wide, kernel, "replicate")[reach:-reach, reach:-reach]
    column, row = kernel.sum(axis=1), kernel.sum(axis=0) / kernel.sum()
    if np.abs(np.outer(column, row) - kernel).max() <= 1e-8:
        filtered = filter_lines(image, row, column, border)
    elif len(kernel) <= LARGEST_DIRECT:
        filtered = cv2.filter2D(image, -1, sparse(kernel), borderType=_BORDERS[border])
    else:
        filtered = _filter_spectrum(image, kernel, _BORDERS[border])
    plane: Plane = filtered.reshape(image.shape)
    return plane


def sparse(kernel: Kernel) -> Kernel:
    """A kernel without the taps that do not matter, which OpenCV then passes over, summing to what it did."""
    weights = np.abs(kernel)
    ranked = np.sort(weights, axis=None)
    least = ranked[np.searchsorted(np.cumsum(ranked), NEGLIGIBLE, side="right")]
    kept: Kernel = np.where(weights >= least, kernel, 0)
    kept *= kernel.sum() / kept.sum()
    return kept


def filter_lines(
    image: Plane, row: NDArray[np.floating], column: NDArray[np.floating], border: PadRule = "reflect"
) -> Plane:
    """The image correlated with a row of taps, then with a column: a separable kernel.

    Two calls, as OpenCV's `sepFilter2D` takes half as long again for the 51 taps of an unsharp mask.
    """
    across = cv2.filter2D(image, -1, row.reshape(1, -1), borderType=_BORDERS[border])
    return _filter_columns(across.reshape(len(image), -1), column, border).reshape(image.shape)


def _filter_columns(flat: Plane, column: NDArray[np.floating], border: PadRule) -> Plane:
    """Rows of samples correlated with a column of taps, in strips of which as many rows stay in the cache.

    The strips are of whole vectors: each sample is computed as if there were one strip.
    """
    taps, done = column.reshape(-1, 1), np.empty_like(flat)
    width = flat.shape[1] if len(taps) < FEW_TAPS else max(FIRST_CACHE // len(taps) // 64, 1) * 64
    for left in range(0, flat.shape[1], width):
        part = slice(left, left + width)
        cv2.filter2D(flat[:, part], -1, taps, done[:, part], borderType=_BORDERS[border])
    return done


def _filter_spectrum(image: Plane, kernel: Kernel, border: int) -> Plane:
    """The image correlated with the kernel by way of Fourier transforms of its parts (overlap-save)."""
    (height, width), reach = image.shape[:2], len(kernel) // 2
    (tall, tops), (broad, lefts) = _parts(height), _parts(width)
    rows, columns = _quick(tall + 2 * reach), _quick(broad + 2 * reach)
    below, beside = tops[-1] + rows - height - reach, lefts[-1] + columns - width - reach
    wide = cv2.copyMakeBorder(image, reach, below, reach, beside, borderType=border)
    spectrum = np.zeros((rows, columns), np.float32)
    spectrum[: len(kernel), : len(kernel)] = kernel
    cv2.dft(spectrum, spectrum)
    planes = [backend.unaligned((rows, columns), np.float32, number) for number in range(image.shape[2])]
    merged = backend.unaligned((rows, columns, len(planes)), np.float32)
    done = np.empty_like(image)
    for top, left in product(tops, lefts):
        place = done[top : top + tall, left : left + broad]
        cv2.split(wide[top : top + rows, left : left + columns], planes)
        cv2.merge([_correlated(plane, spectrum) for plane in planes], merged)
        place[...] = merged[: place.shape[0], : place.shape[1]]
    return done


def _parts(side: int) -> tuple[int, range]:
    """The size of the parts of a side that a transform takes at a time, and where each starts."""
    size = -(-side // -(-side // LARGEST_PART))
    return size, range(0, side, size)


def _correlated(plane: Plane, spectrum: Plane) -> Plane:
    """A plane, which is written over, correlated with the kernel of this spectrum."""
    cv2.dft(plane, plane)
    cv2.mulSpectrums(plane, spectrum, 0, plane, conjB=True)
    cv2.dft(plane, plane, cv2.DFT_INVERSE | cv2.DFT_REAL_OUTPUT | cv2.DFT_SCALE)
    return plane


def _quick(size: int) -> int:
    """A size from this on whose transform is quick: 16 times small factors, as measured with OpenCV 5."""
    return 16 * int(cv2.getOptimalDFTSize(-(-size // 16)))


def _filter_tensor(x: torch.Tensor, kernels: Iterable[Kernel], border: PadRule) -> torch.Tensor:
    from torch.nn.functional import conv2d

    images, channels, height = x.shape[:3]
    weights = backend.tensor(lambda: _of_planes(kernels, channels), x)
    reach = weights.shape[-1] // 2
    planes = backend.pad(x, reach, reach, reach, reach, border).reshape(
        1, images * channels, height + 2 * reach, -1
    )
    return conv2d(planes, weights, groups=images * channels).reshape(x.shape)


def _of_planes(kernels: Iterable[Kernel], channels: int) -> NDArray[np.float32]:
    """The kernels of all planes of a batch (images x channels, 1, size, size), in the size of the largest."""
    small = [trimmed(kernel) for kernel in kernels]
    size = max(map(len, small))
    planes = np.zeros((len(small), channels, 1, size, size), np.float32)
    for plane, kernel in zip(planes, small, strict=True):
        border = (size - len(kernel)) // 2
        plane[..., border : size - border, border : size - border] = kernel
    return planes.reshape(-1, 1, size, size)
