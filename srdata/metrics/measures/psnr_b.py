"""The block effect that PSNR-B counts as an error."""

from __future__ import annotations

import math

from torch import Tensor

BLOCK = 8  # pixels: the blocks of JPEG


def block_effect(planes: Tensor) -> Tensor:
    """How much larger steps across block borders are than others, (N, C) of (N, C, H, W); at least 0.

    Squared differences of neighbours, in the square of the unit of `planes`, times log2(8) / log2(min(H, W)).
    The number of borders is counted as SwinIR's code does, as whole blocks less one, even where a part of a
    block follows. An image that holds no border between two whole blocks has none.

    Source: Yim and Bovik, Quality assessment of deblocked images, 2011; SwinIR `_blocking_effect_factor`.
    """
    height, width = planes.shape[2:]
    across, down = (planes.diff(dim=axis).square().sum(5 - axis) for axis in (3, 2))
    borders = height * (width // BLOCK - 1) + width * (height // BLOCK - 1)
    others = height * (width - 1) + width * (height - 1) - borders
    if borders <= 0 or others <= 0:
        return planes.new_zeros(planes.shape[:2])
    at_borders = across[..., BLOCK - 1 :: BLOCK].sum(2) + down[..., BLOCK - 1 :: BLOCK].sum(2)
    elsewhere = across.sum(2) + down.sum(2) - at_borders
    excess = (at_borders / borders - elsewhere / others).clamp(0)
    return excess * math.log2(BLOCK) / math.log2(min(height, width))
