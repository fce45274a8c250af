"""JPEG as batched tensor code that follows libjpeg-turbo sample for sample, on any device that has float64.

What is followed is what OpenCV and Pillow run: fixed-point colour conversion, repeated edges, chroma averaged
with alternating bias, the integer "islow" DCT both ways, the standard tables scaled by quality and limited to
1 … 255, and "fancy" (triangle) chroma upsampling. Entropy coding loses nothing and is left out.

Every sum is exact: integers, or integers over a power of two, all held by float64. Nothing waits for the
device.

Source: libjpeg-turbo, jccolor.c, jcparam.c, jcdctmgr.c, jdcolor.c; see also `jpeg_dct` and `jpeg_chroma`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from srdata.common.device_copies import sent
from srdata.degrade.lossy.jpeg_chroma import extended, grown, shrunk
from srdata.degrade.lossy.jpeg_dct import BLOCK, Rounding, forward_dct, inverse_dct
from srdata.degrade.lossy.still_codecs import JpegGradient, JpegSubsampling
from srdata.degrade.numerics.device_constants import constant
from srdata.errors import UnknownNameError, UsageError

_FACTORS: dict[str, tuple[int, int]] = {"4:4:4": (1, 1), "4:2:2": (2, 1), "4:2:0": (2, 2), "4:1:1": (4, 1)}

_Rows = tuple[tuple[int, ...], ...]

# mixtures times 2**16
_TO_LUMA: _Rows = ((19595, 38470, 7471),)
_TO_CHROMA: _Rows = ((-11059, -21709, 32768), (32768, -27439, -5329))
_CHROMA_TO_RGB: _Rows = ((0, 91881), (-22554, -46802), (116130, 0))
_HALF = 0.5
_BELOW_HALF = 0.5 - 2**-16  # so that pure blue and pure red stay below 128

_LUMA_TABLE: _Rows = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
_CHROMA_TABLE: _Rows = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    *[(99,) * 8] * 4,
)

_AWAY_FROM_ZERO = 1 + 2**-40  # turns a tie of coefficients into the larger one, and nothing else


def _floor_through(x: Tensor) -> Tensor:
    return x + (x.floor() - x).detach()


def _round_through(x: Tensor) -> Tensor:
    return x + (x.round() - x).detach()


def _round_cubic(x: Tensor) -> Tensor:
    rounded = x.detach().round()
    return rounded + (x - rounded) ** 3


_ROUNDINGS: dict[str, Rounding] = {
    "none": Rounding(torch.floor_, torch.round_, torch.round_),
    "straight-through": Rounding(_floor_through, _round_through, _round_through),
    "cubic": Rounding(_floor_through, _round_through, _round_cubic),
}


def jpeg(
    image: Tensor,
    quality: int | Sequence[int] | Tensor,
    subsampling: JpegSubsampling = "4:2:0",
    gradient: JpegGradient = "none",
) -> Tensor:
    """The images as they come back from JPEG files of the given quality: same shape, dtype and device.

    `image`: (N, C, H, W), uint8 or float in 0 … 1, RGB (C = 3) or grey (C = 1); floats are first rounded to
    the nearest 8-bit level. `quality`: 1 … 100, one for all or one for each image; a tensor is held within
    that range unchecked, as a check would wait for the device.

    `gradient`: "none" has no gradient. "straight-through" gives the same values and takes each rounding for
    the identity in the backward pass (Bengio et al., arXiv 1308.3432). "cubic" replaces the rounded value r
    of a coefficient x by r + (x - r)**3, which changes the result (Shin and Song, "JPEG-resistant adversarial
    images", NIPS workshop on machine learning and computer security, 2017).

    Raises UsageError for another shape, a quality beyond 1 … 100, or an unknown subsampling or gradient.
    """
    _check(image, subsampling, gradient)
    rounding = _ROUNDINGS[gradient]
    with torch.set_grad_enabled(gradient != "none" and torch.is_grad_enabled()):
        tables = sent(_tables(_qualities(quality, len(image))), image.device)
        levels = _levels(image, rounding)
        if image.shape[1] == 1:
            return _like(image, _coded(levels - 128, tables[:, :1], rounding) + 128)
        return _like(image, _colour(levels, tables, _FACTORS[subsampling], rounding))


def _check(image: Tensor, subsampling: str, gradient: str) -> None:
    if image.ndim != 4 or image.shape[1] not in (1, 3):
        raise UsageError(f"JPEG takes a batch (N, 1 or 3, H, W), not one of shape {tuple(image.shape)}")
    if subsampling not in _FACTORS:
        raise UnknownNameError.among("subsampling", subsampling, _FACTORS)
    if gradient not in _ROUNDINGS:
        raise UnknownNameError.among("gradient", gradient, _ROUNDINGS)


def _qualities(quality: int | Sequence[int] | Tensor, images: int) -> Tensor:
    if not isinstance(quality, Tensor):
        values = [quality] * images if isinstance(quality, int) else list(quality)
        if not all(1 <= value <= 100 for value in values):
            raise UsageError(f"a JPEG quality is 1 to 100, this is {quality}")
        quality = torch.tensor(values)
    if quality.shape != (images,):
        raise UsageError(f"{images} images take {images} qualities, not {list(quality.shape)}")
    return quality.int().clamp(1, 100)


def _tables(quality: Tensor) -> Tensor:
    """The luma and the chroma table of each quality: float64 (N, 2, 8, 8)."""
    percent = torch.where(quality < 50, 5000 // quality, 200 - 2 * quality)[:, None, None, None]
    standard = constant((_LUMA_TABLE, _CHROMA_TABLE), quality.device)
    return ((standard * percent + 50) / 100).floor_().clamp_(1, 255)


def _levels(image: Tensor, rounding: Rounding) -> Tensor:
    if image.dtype == torch.uint8:
        return image.double()
    wide = image if image.dtype == torch.float64 else image.float()
    return rounding.level(wide.clamp(0, 1).mul_(255)).double()


def _like(image: Tensor, levels: Tensor) -> Tensor:
    if image.dtype == torch.uint8:
        return levels.byte()
    return (levels.to(torch.promote_types(image.dtype, torch.float32)) * (1 / 255)).to(image.dtype)


def _colour(levels: Tensor, tables: Tensor, factors: tuple[int, int], rounding: Rounding) -> Tensor:
    height, width = levels.shape[2:]
    luma = rounding.floor(_mixed(_HALF - 128, _TO_LUMA, levels))
    chroma = rounding.floor(_mixed(_BELOW_HALF, _TO_CHROMA, levels))
    luma = _coded(luma, tables[:, :1], rounding)
    chroma = _coded(shrunk(chroma, factors, rounding), tables[:, 1:], rounding)
    ends = -(-width // factors[0]), -(-height // factors[1])
    chroma = grown(chroma[..., : ends[1], : ends[0]], factors, rounding)[..., :height, :width]
    return rounding.floor(_mixed(luma + (_HALF + 128), _CHROMA_TO_RGB, chroma)).clamp_(0, 255)


def _mixed(offset: Tensor | float, mixtures: _Rows, planes: Tensor) -> Tensor:
    """`offset` plus mixtures of `planes` in 16-bit fixed point."""
    if not isinstance(offset, Tensor):
        offset = planes.new_full((1, 1, 1, 1), offset)
    weights = (constant(mixtures, planes.device) / 2**16).expand(len(planes), -1, -1)
    mixed = torch.baddbmm(offset.flatten(2), weights, planes.flatten(2))
    return mixed.reshape(len(planes), len(mixtures), *planes.shape[2:])


def _coded(planes: Tensor, tables: Tensor, rounding: Rounding) -> Tensor:
    """The planes (-128 … 127) after transform, quantisation and the way back, at their own size."""
    height, width = planes.shape[2:]
    coefficients = forward_dct(extended(planes, BLOCK, BLOCK), rounding)
    whole = coefficients.shape
    blocks = coefficients.reshape(*whole[:2], whole[2] // BLOCK, BLOCK, whole[3] // BLOCK, BLOCK)
    steps = tables[:, :, None, :, None, :]
    quantised = rounding.coefficient(blocks.mul_(_AWAY_FROM_ZERO / 8 / steps)).mul_(steps)
    return inverse_dct(quantised.reshape(whole), rounding)[..., :height, :width]
