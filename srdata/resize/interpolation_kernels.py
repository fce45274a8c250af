"""The interpolation kernels that `imresize` knows, as functions of the distance in pixels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

Distances = NDArray[np.float64]


def box(x: Distances) -> Distances:
    """1 in the half-open pixel around 0."""
    return ((x >= -0.5) & (x < 0.5)).astype(np.float64)


def triangle(x: Distances) -> Distances:
    """Linear interpolation."""
    return np.maximum(0.0, 1.0 - np.abs(x))


def cubic(x: Distances) -> Distances:
    """Cubic convolution with a = -0.5 (Keys, IEEE TASSP 29(6), 1981)."""
    x = np.abs(x)
    near = (1.5 * x - 2.5) * x**2 + 1.0
    far = ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    return np.where(x <= 1, near, np.where(x <= 2, far, 0.0))


def lanczos(x: Distances, lobes: int) -> Distances:
    """A sinc under the middle of a wider sinc."""
    return np.where(np.abs(x) < lobes, np.sinc(x) * np.sinc(x / lobes), 0.0)


@dataclass(frozen=True)
class Kernel:
    """A kernel, how many input pixels it spans, and whether it widens when an image is reduced."""

    function: Callable[[Distances], Distances]
    width: int
    widens: bool = True


KERNELS = {
    "bicubic": Kernel(cubic, 4),
    "bilinear": Kernel(triangle, 2),
    "lanczos2": Kernel(partial(lanczos, lobes=2), 4),
    "lanczos3": Kernel(partial(lanczos, lobes=3), 6),
    "box": Kernel(box, 1),
    "nearest": Kernel(box, 1, widens=False),
}
