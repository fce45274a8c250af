"""FSIM: how alike two images are where their phases agree, that is, where the eye sees features."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float64]
Floats = NDArray[np.float64]

_T1, _T2, _T3, _T4, _LAMBDA = 0.85, 160.0, 200.0, 200.0, 0.03  # of the paper, for levels 0–255
_SCALES, _ORIENTATIONS = 4, 4
_SHORTEST, _FACTOR = 6, 2  # wavelength of the finest filter in pixels, and how it grows
_SIGMA_RADIAL = 0.55  # of the log-Gabor filters
_SIGMA_ANGULAR = math.pi / _ORIENTATIONS / 1.2
_CUTOFF, _ORDER = 0.45, 15  # of the low-pass filter
_NOISE_DEVIATIONS, _NOISE_RESCALE = 2.0, 1.7
_TINY = 1e-4
_SCHARR = np.array([[3, 0, -3], [10, 0, -10], [3, 0, -3]]) / 16
_YIQ = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])  # NTSC


class Similarity(NamedTuple):
    """FSIM of the luma, and FSIMc, in which the colours count too."""

    fsim: float
    fsimc: float


def feature_similarity(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> Similarity:
    """FSIM and FSIMc of two uint8 RGB images (H, W, 3).

    Images with a shorter side of 384 pixels or more are first reduced to about 256 by means of squares.

    Source: Zhang et al., FSIM: a feature similarity index for image quality assessment, 2011, and its MATLAB
    code; phase congruency after Kovesi.
    """
    first, second = _yiq(one), _yiq(other)
    congruency, congruency2 = phase_congruency(first[0]), phase_congruency(second[0])
    weight = np.maximum(congruency, congruency2)
    alike = _similar(congruency, congruency2, _T1) * _similar(_gradient(first[0]), _gradient(second[0]), _T2)
    colour = _similar(first[1], second[1], _T3) * _similar(first[2], second[2], _T4)
    coloured = (colour.astype(np.complex128) ** _LAMBDA).real  # the colours may be opposite
    total = weight.sum()
    if total == 0:  # nothing but flat: no place has a feature
        return Similarity(float(alike.mean()), float((alike * coloured).mean()))
    return Similarity(float((alike * weight).sum() / total), float((alike * coloured * weight).sum() / total))


def phase_congruency(luma: Plane) -> Plane:
    """How far the phases of log-Gabor filters of four sizes agree at each pixel, over four directions."""
    spectrum = np.fft.fft2(luma)
    energy: Plane = np.zeros(luma.shape)
    amplitude: Plane = np.zeros(luma.shape)
    for direction in range(_ORIENTATIONS):
        filters = _filters(luma.shape, direction * math.pi / _ORIENTATIONS)
        responses = np.fft.ifft2(spectrum * filters)
        energy += _energy(responses, filters)
        amplitude += np.abs(responses).sum(0)
    congruency: Plane = energy / (amplitude + _TINY)
    return congruency


def _energy(responses: NDArray[np.complex128], filters: Floats) -> Plane:
    """The part of the responses that is in phase, less what noise would give."""
    total = responses.sum(0)
    direction = total / (np.abs(total) + _TINY)
    aligned = responses * direction.conj()  # real part: along the mean phase; imaginary part: across it
    energy: Plane = (aligned.real - np.abs(aligned.imag)).sum(0)
    return np.maximum(energy - _noise(responses[0], filters), 0)


def _noise(finest: NDArray[np.complex128], filters: Floats) -> float:
    """The threshold for the energy of Gaussian noise, whose power shows in the finest filter's median."""
    power = np.median(np.abs(finest) ** 2) / math.log(2) / (filters[0] ** 2).sum()
    kernels = np.fft.ifft2(filters).real * math.sqrt(filters[0].size)
    products = np.tensordot(kernels, kernels, ((1, 2), (1, 2)))
    own, mutual = np.trace(products), np.triu(products, 1).sum()
    rayleigh = math.sqrt((2 * power * own + 4 * power * mutual) / 2)
    spread = math.sqrt((2 - math.pi / 2) * rayleigh**2)
    return (rayleigh * math.sqrt(math.pi / 2) + _NOISE_DEVIATIONS * spread) / _NOISE_RESCALE


def _filters(shape: tuple[int, ...], angle: float) -> Floats:
    """Log-Gabor filters of all sizes in one direction, (sizes, H, W), with the frequency 0 first."""
    y, x = (np.fft.ifftshift(_frequencies(length)) for length in shape)
    radius, theta = np.hypot(y[:, None], x), np.arctan2(-y[:, None], x)
    low_pass = 1 / (1 + (radius / _CUTOFF) ** (2 * _ORDER))
    radius[0, 0] = 1
    away = np.abs(np.arctan2(np.sin(theta - angle), np.cos(theta - angle)))
    spread = np.exp(-(away**2) / (2 * _SIGMA_ANGULAR**2))
    wavelengths = [_SHORTEST * _FACTOR**size for size in range(_SCALES)]
    radial = [
        np.exp(-(np.log(radius * one) ** 2) / (2 * math.log(_SIGMA_RADIAL) ** 2)) for one in wavelengths
    ]
    filters = np.stack(radial) * low_pass * spread
    filters[:, 0, 0] = 0
    return filters


def _frequencies(length: int) -> Floats:
    """-0.5 to 0.5 around the middle, as Kovesi's code has it for odd lengths too."""
    if length % 2:
        return np.arange(-(length - 1) // 2, (length - 1) // 2 + 1) / max(length - 1, 1)
    return np.arange(-length // 2, length // 2) / length


def _yiq(image: NDArray[np.uint8]) -> list[Plane]:
    planes = np.einsum("ij,hwj->ihw", _YIQ, image.astype(np.float64))
    factor = max(1, math.floor(min(image.shape[:2]) / 256 + 0.5))
    return [_reduced(plane, factor) for plane in planes]


def _reduced(plane: Plane, factor: int) -> Plane:
    """Every `factor`-th of the means of squares, with zeros around the plane: MATLAB's conv2 "same"."""
    before, after = (factor - 1) // 2, factor // 2
    padded = np.pad(plane, ((before, after), (before, after)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (factor, factor))[::factor, ::factor]
    means: Plane = windows.mean((2, 3))
    return means


def _gradient(luma: Plane) -> Plane:
    padded = np.pad(luma, 1)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3))
    across, down = ((windows * kernel).sum((2, 3)) for kernel in (_SCHARR, _SCHARR.T))
    magnitude: Plane = np.hypot(across, down)
    return magnitude


def _similar(one: Plane, other: Plane, constant: float) -> Plane:
    return (2 * one * other + constant) / (one**2 + other**2 + constant)
