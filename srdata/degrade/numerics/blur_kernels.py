"""The kernels of blurs, as square float64 arrays whose samples sum to 1.

A kernel is applied as a correlation: its middle weighs the pixel itself, and what lies right of the middle
weighs the pixel to the right. `shift` moves the middle right and down by a part of a pixel or more.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Kernel = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Grid:
    """The distances of the samples of a kernel from its middle, in pixels, as arrays that broadcast."""

    down: Kernel
    right: Kernel

    @cached_property
    def radii(self) -> tuple[Kernel, NDArray[Any]]:
        """The distinct distances along a straight line, and which of them each sample has."""
        distinct, places = np.unique(np.hypot(self.down, self.right), return_inverse=True)
        return distinct, places.reshape(self.down.size, self.right.size)


@lru_cache(maxsize=64)
def grid(size: int, shift: float = 0.0) -> Grid:
    """The grid of a kernel of an odd `size`."""
    line = np.arange(size, dtype=np.float64) - size // 2 - shift
    return Grid(line[:, None], line[None, :])


def gaussian(at: Grid, sigma: tuple[float, float], degrees: float = 0.0) -> Kernel:
    """A Gaussian with a sigma along and one across the direction `degrees`, in pixels."""
    return generalized(at, sigma, degrees, 1.0)


def generalized(at: Grid, sigma: tuple[float, float], degrees: float, beta: float) -> Kernel:
    """A Gaussian whose squared distance is raised to `beta`: flat-topped above 1, heavy-tailed below.

    Source: Liu et al., "Estimating Generalized Gaussian Blur Kernels", arXiv 1910.12003, as in Real-ESRGAN.
    """
    power = _distance(at, sigma, degrees) ** beta
    return _normal(np.exp(-0.5 * (power - power.min())))  # a narrow kernel off the grid must not vanish


def plateau(at: Grid, sigma: tuple[float, float], degrees: float, beta: float) -> Kernel:
    """1 / (1 + squared distance to the power `beta`), as in Real-ESRGAN."""
    return _normal(1 / (1 + _distance(at, sigma, degrees) ** beta))


def sinc(at: Grid, cutoff: float) -> Kernel:
    """The circular low-pass filter that keeps frequencies below `cutoff` radians a pixel, and so rings.

    cutoff · J1(cutoff · r) / (2π r), as in Real-ESRGAN.
    """
    distinct, places = at.radii
    away = np.maximum(distinct, 1e-9)
    profile = cutoff * bessel_j1(cutoff * away) / (2 * np.pi * away)
    return _normal(profile[places])


def bessel_j1(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """The Bessel function of the first kind and order one, for x ≥ 0, to 1e-14.

    The mean of cos(t - x sin t) over half a turn; equally spaced points, as many as the largest x needs, give
    it as exactly as floats can, and the two ends cancel.
    """
    parts = 25 + int(x.max(initial=0) * 0.7)
    turn = np.arange(1, parts) * (np.pi / parts)
    mean: NDArray[np.float64] = np.cos(turn - x[..., None] * np.sin(turn)).sum(axis=-1) / parts
    return mean


def disk(at: Grid, radius: float) -> Kernel:
    """An evenly lit disk, as an out-of-focus lens draws it; its rim is one pixel soft."""
    return _normal(np.clip(radius + 0.5 - np.hypot(at.down, at.right), 0, 1))


def box(at: Grid, width: float) -> Kernel:
    """The mean over a square of `width` pixels; pixels on its border count as far as they lie in it."""
    return _normal(_covered(at.down, width) * _covered(at.right, width))


def line(at: Grid, length: float, degrees: float) -> Kernel:
    """Motion on a straight line of `length` pixels, turned from the horizontal by `degrees`."""
    along, across = _turned(at, degrees)
    return _normal(_covered(along, length) * np.clip(1 - np.abs(across), 0, 1))


def path(at: Grid, length: float, key: int) -> Kernel:
    """Motion along a random smooth path that spans `length` pixels, drawn by a generator that `key` seeds.

    A shaken camera: its velocity keeps most of its direction and gains random impulses, after Boracchi and
    Foi, "Modeling the Performance of Image Restoration from Motion Blur", IEEE TIP 21 (8), 2012.
    """
    points = _wander(np.random.Generator(np.random.SFC64(key)))
    spread = np.ptp(points, axis=0).max()
    points = (points - (points.max(axis=0) + points.min(axis=0)) / 2) * (length / spread)
    rows = np.clip(1 - np.abs(at.down - points[:, 0, None, None]), 0, 1)
    columns = np.clip(1 - np.abs(at.right - points[:, 1, None, None]), 0, 1)
    return _normal((rows * columns).sum(axis=0))


def _wander(rng: np.random.Generator, steps: int = 128, inertia: float = 0.95) -> NDArray[np.float64]:
    start = rng.random() * 2 * np.pi
    velocity = np.array([np.sin(start), np.cos(start)])
    points = np.zeros((steps, 2))
    for number, impulse in enumerate(rng.standard_normal((steps - 1, 2)), 1):
        velocity = inertia * velocity + (1 - inertia**2) ** 0.5 * impulse * 0.5
        points[number] = points[number - 1] + velocity
    return points


def _turned(at: Grid, degrees: float) -> tuple[Kernel, Kernel]:
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return at.right * cos + at.down * sin, at.down * cos - at.right * sin


def _distance(at: Grid, sigma: tuple[float, float], degrees: float) -> Kernel:
    """The squared distance from the middle, in sigmas."""
    along, across = _turned(at, degrees)
    return (along / sigma[0]) ** 2 + (across / sigma[1]) ** 2


def _covered(at: Kernel, width: float) -> Kernel:
    return np.clip(width / 2 + 0.5 - np.abs(at), 0, min(width, 1))


def _normal(kernel: Kernel) -> Kernel:
    normal: Kernel = kernel / kernel.sum()
    return normal
