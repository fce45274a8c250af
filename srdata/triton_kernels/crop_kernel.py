"""Crops of 8-bit pixels, turned and converted, by one kernel."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

_SPOTS = 1024  # pixels of a crop that a program does


def cropped(
    pixels: Tensor, rows: Tensor, columns: Tensor, white: Tensor | None, channels_last: bool
) -> Tensor:
    """The crops (count, channels, height, width) whose pixels lie at rows + columns.

    `pixels`: uint8 (places, channels). `rows`, `columns`: int64 (count, height) and (count, width); where an
    image is turned they are swapped or reversed. With `white`, one float32, samples are divided by it and
    rounded correctly to float32; without they stay uint8.
    """
    (count, height), width, channels = rows.shape, columns.shape[1], pixels.shape[1]
    layout = torch.channels_last if channels_last else torch.contiguous_format
    dtype = torch.uint8 if white is None else torch.float32
    crops = torch.empty(
        (count, channels, height, width), dtype=dtype, device=pixels.device, memory_format=layout
    )
    with torch.cuda.device_of(pixels):
        _crop[triton.cdiv(height * width, _SPOTS), count](
            pixels.contiguous(), rows.contiguous(), columns.contiguous(), crops, white, height, width,
            channels, channels_last, _SPOTS,
            enable_fp_fusion=False,
        )  # fmt: skip
    return crops


@triton.jit(do_not_specialize=["height", "width"])  # or each size would be compiled anew
def _crop(
    pixels, rows, columns, crops, white, height, width,
    CHANNELS: tl.constexpr, CHANNELS_LAST: tl.constexpr, SPOTS: tl.constexpr,
):  # fmt: skip
    image = tl.program_id(1).to(tl.int64)
    spot = tl.program_id(0) * SPOTS + tl.arange(0, SPOTS)
    area = height * width
    inside = spot < area
    row = tl.load(rows + image * height + spot // width, mask=inside, other=0)
    place = row + tl.load(columns + image * width + spot % width, mask=inside, other=0)
    first = crops + image * CHANNELS * area
    for channel in tl.static_range(CHANNELS):
        sample = tl.load(pixels + place * CHANNELS + channel, mask=inside, other=0)
        if white is not None:
            sample = tl.div_rn(sample.to(tl.float32), tl.load(white))
        if CHANNELS_LAST:
            tl.store(first + spot * CHANNELS + channel, sample, mask=inside)
        else:
            tl.store(first + channel * area + spot, sample, mask=inside)
