"""Crops out of pixels that lie on a device, by the places of their rows and columns.

So a crop is turned by swapping and reversing places, and a batch takes one indexed copy, whatever is in it;
or one kernel of Triton, where that is used, which converts its samples as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from srdata.common.tensors.device_copies import META, sent_together
from srdata.data.crops.to_tensor import opened
from srdata.dihedral.array_turns import turned_places
from srdata.store.windows import Integers
from srdata.triton_kernels.when_used import agreed


class Indexed(NamedTuple):
    """Crops whose pixels lie at rows + columns, int64 (count, height) and (count, width)."""

    pixels: Tensor  # (places, channels)
    rows: Tensor
    columns: Tensor

    def gather(self) -> Tensor:
        """The crops (count, height, width, channels)."""
        places = self.rows[:, :, None] + self.columns[:, None]
        if places.is_meta:
            return torch.empty((*places.shape, self.pixels.shape[1]), dtype=self.pixels.dtype, device=META)
        return self.pixels[places]


def cropped(parts: Sequence[Indexed], dtype: torch.dtype, channels_last: bool) -> Tensor:
    """Parts of a batch one after another, as `opened` gives them: (count, channels, height, width)."""
    pixels, rows, columns = parts[0]
    if not rows.numel() or not columns.numel():
        return pixels.new_empty(0)
    kernels = pixels.dtype == torch.uint8 and agreed(
        _trial, rows.device, dtype, channels_last, pixels.shape[1]
    )
    return (_by_kernels if kernels else _plainly)(parts, dtype, channels_last)


def turned(crops: Tensor, turns: Integers | None, dtype: torch.dtype, channels_last: bool) -> Tensor:
    """Crops (count, height, width, channels) on a device, each by its turn, as `opened` gives them."""
    count, height, width, channels = crops.shape
    if turns is None:
        return opened(crops, dtype, channels_last) if crops.numel() else crops
    rows = np.arange(count)[:, None] * (height * width) + np.arange(height) * width
    columns = np.broadcast_to(np.arange(width), (count, width))
    down, right = sent_together(crops.device, *turned_places(rows, columns, turns))
    return cropped([Indexed(crops.reshape(-1, channels), down, right)], dtype, channels_last)


def _plainly(parts: Sequence[Indexed], dtype: torch.dtype, channels_last: bool) -> Tensor:
    return opened(_joined([one.gather() for one in parts]), dtype, channels_last)


def _by_kernels(parts: Sequence[Indexed], dtype: torch.dtype, channels_last: bool) -> Tensor:
    from srdata.triton_kernels import crop_kernel

    white = None  # asked for as `opened` does
    if dtype != torch.uint8:
        (white,) = sent_together(parts[0].rows.device, np.array(255, np.float32))
    return _joined([crop_kernel.cropped(*one, white, channels_last) for one in parts])


def _joined(parts: Sequence[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(list(parts))


def _trial(
    device: torch.device, dtype: torch.dtype, channels_last: bool, channels: int
) -> tuple[Tensor, Tensor]:
    """What the kernel and plain torch make of all levels in two crops of 37x41."""
    rng = np.random.default_rng(0)
    pixels = rng.permuted(np.arange(2048 * channels) % 256).astype(np.uint8).reshape(-1, channels)
    rows, columns = (rng.integers(0, 1024, (2, side)) for side in (37, 41))
    parts = [Indexed(*(torch.from_numpy(array).to(device) for array in (pixels, rows, columns)))]
    return _by_kernels(parts, dtype, channels_last), _plainly(parts, dtype, channels_last)
