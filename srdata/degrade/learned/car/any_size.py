"""Downscaling an image of any size with the Content Adaptive Resampler."""

from __future__ import annotations

import torch
from torch import Tensor

from srdata.common.wording.amounts import how_many
from srdata.degrade.learned.car.gather import adaptive_gather, reflect
from srdata.degrade.learned.car.network import STRIDE, KernelNetwork, PixelTaps
from srdata.errors import UsageError

REACH = 96  # HR pixels: no LR pixel depends on anything further away (90 at x8), and a multiple of the stride
TILE = 512  # HR pixels along a side of what is resampled at once, reach not counted: bounds the memory
_LEAST = 2 * STRIDE  # the network mirrors its coarsest grid, which so needs two cells


def downscale(network: KernelNetwork, image: Tensor) -> Tensor:
    """The LR image of an HR image (batch, 3, height, width) in 0–1: floats, not rounded, differentiable.

    Height and width are first cropped (bottom, right) to multiples of the scale. What the network sees is
    then continued by mirroring up to multiples of 8, none of which is part of the result.
    """
    scale = network.scale
    image = _whole_cells(image, scale)
    height, width = image.shape[-2] // scale, image.shape[-1] // scale
    taps = network(_padded(image))
    return adaptive_gather(image, PixelTaps(*(field[..., :height, :width] for field in taps)), scale)


@torch.no_grad()
def downscale_large(network: KernelNetwork, image: Tensor, tile: int = TILE) -> Tensor:
    """`downscale` of an image of any size in bounded memory: tile by tile, each with all that it depends on.

    `tile` is a multiple of 8; it changes the result by no more than rounding does. No gradients.
    """
    scale = network.scale
    image = _whole_cells(image, scale)
    height, width = image.shape[-2:]
    result = image.new_empty(*image.shape[:2], height // scale, width // scale)
    for top in range(0, height, tile):
        for left in range(0, width, tile):
            rows, above = _around(top, tile, height)
            columns, before = _around(left, tile, width)
            part = downscale(network, image[..., rows, columns])[..., above // scale :, before // scale :]
            target = result[..., top // scale : (top + tile) // scale, left // scale : (left + tile) // scale]
            target.copy_(part[..., : target.shape[-2], : target.shape[-1]])
    return result


def _around(start: int, tile: int, length: int) -> tuple[slice, int]:
    """Where a tile and what it depends on lie along one axis, and how much of that comes before the tile."""
    first = max(0, start - REACH)
    return slice(first, min(length, start + tile + REACH)), start - first


def _whole_cells(image: Tensor, scale: int) -> Tensor:
    channels, height, width = image.shape[-3:]
    if channels != 3 or min(height, width) < scale:
        raise UsageError(
            f"the resampler takes colour images of at least {scale}x{scale} pixels, "
            f"not {height}x{width} with {how_many(channels, 'channel')}"
        )
    return image[..., : height // scale * scale, : width // scale * scale]


def _padded(image: Tensor) -> Tensor:
    height, width = (max(_LEAST, -(-side // STRIDE) * STRIDE) for side in image.shape[-2:])
    missing = max(height - image.shape[-2], width - image.shape[-1])
    return reflect(image, 0, missing)[..., :height, :width]
