"""Colour spaces of RGB images, in one place for numpy arrays and torch tensors.

Samples are floats in 0–1 and the channel axis is the third from the end (CHW, NCHW) unless said otherwise.
The arithmetic is the same for both libraries, so that they agree to the last bit that the float type has.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from srdata.common.wording.amounts import how_many
from srdata.errors import UnknownNameError, UsageError

__all__ = [
    "cmyk_to_rgb",
    "linear_to_srgb",
    "luma",
    "luma_weights",
    "rgb_to_cmyk",
    "rgb_to_ycbcr",
    "srgb_to_linear",
    "ycbcr_to_rgb",
]

Matrix = Literal["bt601", "bt709", "bt2020", "smpte240m"]
Span = Literal["studio", "full"]
Coefficients = NDArray[np.floating[Any]]

# Kr and Kb: the weights of red and blue in the luma.
_WEIGHTS: dict[str, tuple[float, float]] = {
    "bt601": (0.299, 0.114),  # ITU-R BT.601-7, section 2.5.1
    "bt709": (0.2126, 0.0722),  # ITU-R BT.709-6, section 3.2
    "bt2020": (0.2627, 0.0593),  # ITU-R BT.2020-2, table 4, non-constant luminance
    "smpte240m": (0.212, 0.087),  # SMPTE 240M-1999
}
# Luma span, chroma span, luma offset, chroma offset in 8-bit levels. "full" is that of JFIF (ITU-T T.871).
_SPANS: dict[str, tuple[float, float, float, float]] = {
    "studio": (219.0, 224.0, 16.0, 128.0),
    "full": (255.0, 255.0, 0.0, 128.0),
}
_DARKEST = 1e-6  # divides the channels of black, which are 0


def rgb_to_ycbcr(rgb: Any, matrix: Matrix = "bt601", span: Span = "studio", axis: int = -3) -> Any:
    """Y, Cb, Cr of an RGB image as fractions of 255.

    `matrix="bt601", span="studio"` is what MATLAB calls `rgb2ycbcr`: Y in 16–235, Cb and Cr in 16–240.
    `span="full"` with "bt601" is the colour space of JPEG files.

    >>> [round(float(v) * 255) for v in rgb_to_ycbcr(np.ones((3, 1, 1)))]
    [235, 128, 128]
    """
    mixing, offset = _coefficients(matrix, span)
    return _mix(_floats(rgb), mixing, offset, axis)


def ycbcr_to_rgb(ycbcr: Any, matrix: Matrix = "bt601", span: Span = "studio", axis: int = -3) -> Any:
    """The inverse of `rgb_to_ycbcr`; colours outside the RGB cube are not clipped."""
    mixing, offset = _coefficients(matrix, span)
    inverse = np.linalg.inv(mixing)
    return _mix(_floats(ycbcr), inverse, -inverse @ offset, axis)


def luma(rgb: Any, matrix: Matrix = "bt601", span: Span = "studio", axis: int = -3) -> Any:
    """Y alone, with one channel left.

    The default is the Y channel on which the field states PSNR and SSIM: for R, G, B in 0–1 it is
    (65.481 R + 128.553 G + 24.966 B + 16) / 255, unrounded (MATLAB and BasicSR `rgb2ycbcr`).
    `span="full"` is the grey of OpenCV and Pillow: 0.299 R + 0.587 G + 0.114 B.
    """
    mixing, offset = _coefficients(matrix, span)
    return _mix(_floats(rgb), mixing[:1], offset[:1], axis)


@cache
def luma_weights(matrix: Matrix = "bt601", span: Span = "studio") -> tuple[float, float, float, float]:
    """What `luma` multiplies R, G and B by, and what it adds."""
    mixing, offset = _coefficients(matrix, span)
    red, green, blue = mixing[0].tolist()
    return red, green, blue, float(offset[0])


def srgb_to_linear(rgb: Any) -> Any:
    """Linear light of sRGB samples (IEC 61966-2-1); samples below 0 keep the slope of the linear part."""
    rgb = _floats(rgb)
    curve = ((rgb.clip(0, None) + 0.055) / 1.055) ** 2.4
    return library(rgb).where(rgb <= 0.04045, rgb / 12.92, curve)


def linear_to_srgb(light: Any) -> Any:
    """sRGB samples of linear light, the inverse of `srgb_to_linear` (IEC 61966-2-1)."""
    light = _floats(light)
    curve = 1.055 * light.clip(0.0031308, None) ** (1 / 2.4) - 0.055
    return library(light).where(light <= 0.0031308, light * 12.92, curve)


def rgb_to_cmyk(rgb: Any) -> Any:
    """The inks that print an RGB image (NCHW): K = 1 - max(R, G, B), C = (1 - R - K) / (1 - K), and so on."""
    value, _ = extremes(_floats(rgb))
    inks = (value - rgb) / value.clip(_DARKEST, None)
    return library(rgb).concatenate([inks, 1 - value], 1)


def cmyk_to_rgb(inks: Any) -> Any:
    """What inks (NCHW) leave of white paper: R = (1 - C) (1 - K), and so on."""
    return (1 - inks[:, :-1]) * (1 - inks[:, -1:])


def extremes(image: Any) -> tuple[Any, Any]:
    """The largest and the smallest channel of every pixel of an NCHW image, both N1HW."""
    planes = [image[:, channel : channel + 1] for channel in range(image.shape[1])]
    largest = smallest = planes[0]
    for plane in planes[1:]:
        largest = library(image).maximum(largest, plane)
        smallest = library(image).minimum(smallest, plane)
    return largest, smallest


def library(image: Any) -> Any:
    """The library that made an array: numpy or torch."""
    if isinstance(image, np.ndarray):
        return np
    import torch

    return torch


def _coefficients(matrix: str, span: str) -> tuple[Coefficients, Coefficients]:
    """The 3x3 matrix and the offset that take RGB in 0–1 to YCbCr as fractions of 255."""
    if matrix not in _WEIGHTS:
        raise UnknownNameError.among("colour matrix", matrix, _WEIGHTS)
    if span not in _SPANS:
        raise UnknownNameError.among("range of YCbCr", span, get_args(Span))
    red, blue = _WEIGHTS[matrix]
    luma_span, chroma_span, luma_offset, chroma_offset = _SPANS[span]
    weights = np.array([red, 1 - red - blue, blue])
    towards_blue = (np.array([0, 0, 1]) - weights) / (2 * (1 - blue))
    towards_red = (np.array([1, 0, 0]) - weights) / (2 * (1 - red))
    levels = np.stack([luma_span * weights, chroma_span * towards_blue, chroma_span * towards_red])
    if (matrix, span) == ("bt601", "studio"):
        levels = np.round(levels, 3)  # as MATLAB, scikit-image and BasicSR have it
    return levels / 255, np.array([luma_offset, chroma_offset, chroma_offset]) / 255


def _mix(image: Any, mixing: Coefficients, offset: Coefficients, axis: int) -> Any:
    if image.shape[axis] != 3:
        raise UsageError(f"an image with {how_many(image.shape[axis], 'channel')} is not RGB or YCbCr")
    planes = [image[_at(axis, channel)] for channel in range(3)]
    mixed = [
        planes[0] * red + planes[1] * green + planes[2] * blue + start
        for (red, green, blue), start in zip(mixing.tolist(), offset.tolist(), strict=True)
    ]
    return library(image).stack(mixed, axis)


def _at(axis: int, channel: int) -> tuple[Any, ...]:
    return (..., channel, *[slice(None)] * (-axis - 1))


def _floats(image: Any) -> Any:
    """`image` itself, if its samples are floats; integers would be taken for values far above 1."""
    if "float" not in str(image.dtype):
        raise UsageError(f"colours are converted as floats in 0–1, not {image.dtype}; divide by 255 first")
    return image
