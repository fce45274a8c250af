"""JPEG as batched tensor code that follows libjpeg-turbo sample for sample, on any device.

What is followed is what OpenCV and Pillow run: fixed-point colour conversion, repeated edges, chroma averaged
with alternating bias, the integer "islow" DCT both ways, the standard tables scaled by quality and limited to
1 … 255, and "fancy" (triangle) chroma upsampling. Entropy coding loses nothing and is left out.

Every sum is exact: integers, or integers over a power of two, of at most 24 bits, which float32 holds.
Nothing waits for the device.

Source: libjpeg-turbo, jccolor.c, jcparam.c, jcdctmgr.c, jdcolor.c; see also `jpeg_dct` and `jpeg_chroma`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from srdata.common.tensors.device_copies import sent, sent_together
from srdata.degrade.lossy.jpeg_chroma import Factors, for_kernels, grown, shrunk
from srdata.degrade.lossy.jpeg_dct import (
    BASIS,
    BLOCK,
    MIDDLE,
    MIDDLE_COEFFICIENT,
    Rounding,
    forward_dct,
    inverse_dct,
)
from srdata.degrade.lossy.still_codecs import JpegGradient, JpegSubsampling
from srdata.degrade.numerics import backend
from srdata.degrade.numerics.device_constants import constant
from srdata.errors import UnknownNameError, UsageError
from srdata.triton_kernels.when_used import agreed

_FACTORS: dict[str, tuple[int, int]] = {"4:4:4": (1, 1), "4:2:2": (2, 1), "4:2:0": (2, 2), "4:1:1": (4, 1)}

_Rows = tuple[tuple[float, ...], ...]


def _fixed(*mixtures: tuple[int, ...]) -> _Rows:
    """Mixtures of three or two planes in 16-bit fixed point."""
    return tuple(tuple(weight / 2**16 for weight in mixture) for mixture in mixtures)


_TO_YCC = _fixed((19595, 38470, 7471), (-11059, -21709, 32768), (32768, -27439, -5329))
_CHROMA_TO_RGB = _fixed((0, 91881), (-22554, -46802), (116130, 0))
_TO_RGB = tuple((1.0, *row) for row in _CHROMA_TO_RGB)  # from 256 on sums are not exact, but held to 255
_HALF = 0.5
_BELOW_HALF = 0.5 - 2**-16  # so that pure blue and pure red stay below 128
_MIDDLE = (((((MIDDLE_COEFFICIENT, *[0] * 7),),),), *[((((0,) * 8,),),)] * 7)  # (8, 1, 1, 1, 8)
_OFFSETS = (_HALF - MIDDLE, _BELOW_HALF, _BELOW_HALF)

LUMA_TABLE: _Rows = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
CHROMA_TABLE: _Rows = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    *[(99,) * 8] * 4,
)

_KERNEL_DTYPES = (torch.uint8, torch.float32)  # see `srdata.triton_kernels`
_AWAY_FROM_ZERO = 1 + 2**-20  # turns a tie of coefficients into the larger one, and nothing else


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
    if not image.numel():
        return image.clone()
    rounding, wanted = _ROUNDINGS[gradient], gradient != "none" and torch.is_grad_enabled()
    with backend.own_settings(image), torch.set_grad_enabled(wanted):
        factors = _FACTORS[subsampling] if image.shape[1] == 3 else None
        tables = _tables_on(image.device, _qualities(quality, len(image)), factors)
        by_kernels = gradient == "none" and image.dtype in _KERNEL_DTYPES
        if by_kernels and agreed(_trial, image.device, image.dtype, factors):
            return _by_kernels(image, tables, factors)
        return _plainly(image, tables, factors, rounding)


def _plainly(image: Tensor, tables: Tensor, factors: Factors | None, rounding: Rounding) -> Tensor:
    levels = _levels(image, rounding)
    if factors is None:
        return _like(image, _grey(levels, tables, rounding), rounding)
    return _like(image, _colour(levels, tables, factors, rounding), rounding)


def _by_kernels(image: Tensor, tables: Tensor, factors: Factors | None) -> Tensor:
    from srdata.triton_kernels import jpeg_kernels

    matrices = (BASIS, _TO_YCC, _OFFSETS, _CHROMA_TO_RGB)
    basis, *colours = (constant(matrix, image.device) for matrix in matrices)
    numbers = jpeg_kernels.Numbers(basis, tables[1, :, :, :, 0], *colours)
    return jpeg_kernels.coded(image, numbers, for_kernels(factors or (1, 1), image.shape[3]))


def _trial(device: torch.device, dtype: torch.dtype, factors: Factors | None) -> tuple[Tensor, Tensor]:
    """What the kernels and plain torch make of noise, also halfway between levels."""
    halves = np.random.default_rng(0).integers(0, 511, (3, 3 if factors else 1, 37, 41))
    image = torch.from_numpy(halves / 510 if dtype.is_floating_point else halves // 2).to(device, dtype)
    tables = _tables(torch.tensor([5, 60, 98]), factors).to(device)
    rounding = _ROUNDINGS["none"]
    return _by_kernels(image, tables, factors), _plainly(image, tables, factors, rounding)


def _check(image: Tensor, subsampling: str, gradient: str) -> None:
    if image.ndim != 4 or image.shape[1] not in (1, 3):
        raise UsageError(f"JPEG takes a batch (N, 1 or 3, H, W), not one of shape {tuple(image.shape)}")
    if subsampling not in _FACTORS:
        raise UnknownNameError.among("subsampling", subsampling, _FACTORS)
    if gradient not in _ROUNDINGS:
        raise UnknownNameError.among("gradient", gradient, _ROUNDINGS)


def _qualities(quality: int | Sequence[int] | Tensor, images: int) -> list[int] | Tensor:
    values = [quality] * images if isinstance(quality, int) else quality
    if not isinstance(values, Tensor) and not all(1 <= value <= 100 for value in values):
        raise UsageError(f"a JPEG quality is 1 to 100, this is {quality}")
    found = list(values.shape) if isinstance(values, Tensor) else [len(values)]
    if found != [images]:
        raise UsageError(f"give one quality for each image: {images}, not {found}")
    return values.int().clamp(1, 100) if isinstance(values, Tensor) else list(values)


def _tables_on(device: torch.device, qualities: list[int] | Tensor, factors: Factors | None) -> Tensor:
    if isinstance(qualities, Tensor):
        return sent(_tables(qualities, factors), device)
    return sent_together(device, lambda: _tables(torch.tensor(qualities), factors).numpy())[0]


def _tables(quality: Tensor, factors: Factors | None) -> Tensor:
    """What divides and what multiplies a coefficient, (2, 8, N, groups, 1, 8).

    The groups are as many as a chroma plane, whose blocks all have one table; luma fills several.
    """
    percent = torch.where(quality < 50, 5000 // quality, 200 - 2 * quality)[:, None, None, None]
    standard = constant((LUMA_TABLE, CHROMA_TABLE), quality.device)
    steps = ((standard * percent + 50) / 100).floor_().clamp_(1, 255)
    luma, chroma = steps[:, :1], steps[:, 1:].expand(-1, 2, -1, -1)
    if factors is None:
        steps = luma
    else:
        steps = torch.cat([luma.expand(-1, factors[0] * factors[1], -1, -1), chroma], 1)
    return torch.stack([_AWAY_FROM_ZERO / 8 / steps, steps]).permute(0, 3, 1, 2, 4)[:, :, :, :, None]


def _levels(image: Tensor, rounding: Rounding) -> Tensor:
    if image.dtype == torch.uint8:
        return image.float()
    wide = image if image.dtype == torch.float64 else image.float()
    if rounding.exact:
        return backend.levels_of(wide).float()
    return rounding.level(wide.clamp(0, 1).mul_(255)).float()


def _like(image: Tensor, levels: Tensor, rounding: Rounding) -> Tensor:
    """Levels 0 … 255 as what the image has; where there is no gradient their parts are cut off."""
    if rounding.exact or image.dtype == torch.uint8:
        levels = levels.byte()
    if image.dtype == torch.uint8:
        return levels
    if rounding.exact and image.dtype == torch.float32:
        return levels * constant((1 / 255,), image.device)
    return (levels.to(torch.promote_types(image.dtype, torch.float32)) * (1 / 255)).to(image.dtype)


def _grey(levels: Tensor, tables: Tensor, rounding: Rounding) -> Tensor:
    height, width = levels.shape[2:]
    whole = _extended(levels, BLOCK, BLOCK) - MIDDLE
    planes = torch.empty_like(whole)
    _code([whole], tables, rounding, [planes])
    return planes[..., :height, :width]


def _colour(levels: Tensor, tables: Tensor, factors: Factors, rounding: Rounding) -> Tensor:
    height, width = levels.shape[2:]
    across, down = factors
    whole = _extended(levels, across * BLOCK, down * BLOCK)
    mixed = _mixed(constant((_OFFSETS,), levels.device), _TO_YCC, whole)
    chroma = shrunk(mixed[:, 1:], factors, rounding)
    bottom, right = -(-height // down), -(-width // across)
    if bottom < chroma.shape[2]:
        chroma[:, :, bottom:] = chroma[:, :, bottom - 1 : bottom]  # repeated after the means are taken
    planes, small = torch.empty_like(mixed), torch.empty_like(chroma)
    _code([mixed[:, :1], chroma], tables, rounding, [planes[:, :1], small])
    large = grown(small[:, :, :bottom, :right], factors)
    rounding.floor_into(planes[:, 1:, : large.shape[2], : large.shape[3]], large)
    coloured = _mixed(constant((_HALF,), levels.device), _TO_RGB, planes)[..., :height, :width]
    return coloured.clamp_(0, 255) if rounding.exact else rounding.floor(coloured).clamp_(0, 255)


def _extended(planes: Tensor, across: int, down: int) -> Tensor:
    """`planes` with their last column and row repeated up to a multiple of `across` and of `down`."""
    right, bottom = -planes.shape[-1] % across, -planes.shape[-2] % down
    return pad(planes, (0, right, 0, bottom), mode="replicate") if right or bottom else planes


def _mixed(offset: Tensor, mixtures: _Rows, planes: Tensor) -> Tensor:
    """`offset` plus mixtures of `planes` in 16-bit fixed point."""
    weights = constant(mixtures, planes.device).expand(len(planes), -1, -1)
    mixed = torch.baddbmm(offset.view(1, -1, 1), weights, planes.flatten(2))
    return mixed.view(len(planes), len(mixtures), *planes.shape[2:])


def _code(planes: Sequence[Tensor], tables: Tensor, rounding: Rounding, targets: Sequence[Tensor]) -> None:
    """Planes (whole blocks, -128 … 127 when rounded down) coded and decoded, into targets (0 … 255)."""
    counts = [plane[0].numel() // BLOCK**2 for plane in planes]
    blocks = planes[0].new_empty(BLOCK, len(planes[0]), sum(counts), BLOCK)
    ends = [*accumulate(counts)]
    cuts = [slice(end - count, end) for count, end in zip(counts, ends, strict=True)]
    for plane, cut in zip(planes, cuts, strict=True):
        rounding.floor_into(_cut(blocks[:, :, cut], plane.shape), plane.view(_in_blocks(plane.shape)))
    coefficients = forward_dct(blocks, rounding).view(*tables.shape[1:4], -1, BLOCK)
    quantised = rounding.coefficient(coefficients.mul_(tables[0]))
    dequantised = torch.addcmul(constant(_MIDDLE, blocks.device), quantised, tables[1])
    samples = inverse_dct(dequantised.view(blocks.shape), rounding)
    for target, cut in zip(targets, cuts, strict=True):
        rounding.clamp_into(target.view(_in_blocks(target.shape)), _cut(samples[:, :, cut], target.shape))


def _in_blocks(shape: torch.Size) -> tuple[int, ...]:
    """The shape of planes with rows and columns told apart by block and within it."""
    count, channels, height, width = shape
    return count, channels, height // BLOCK, BLOCK, width // BLOCK, BLOCK


def _cut(blocks: Tensor, shape: torch.Size) -> Tensor:
    """Blocks (row within, N, block, column within) as a view of that shape."""
    count, channels, down, _, across, _ = _in_blocks(shape)
    return blocks.view(BLOCK, count, channels, down, across, BLOCK).permute(1, 2, 3, 0, 4, 5)
