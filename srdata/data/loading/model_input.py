"""How pixels become the input of a network: colour, range, type and memory format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

import torch
from torch import Tensor

from srdata.colour import luma, rgb_to_ycbcr
from srdata.common.tensors.device_copies import sent
from srdata.common.wording.amounts import how_many
from srdata.data.crops.to_tensor import check_dtype
from srdata.errors import UnknownNameError, UsageError
from srdata.vocabulary import Color, Upsample

DIV2K_MEAN = (0.4488, 0.4371, 0.4040)  # of the training images, R, G, B in 0–1 (EDSR)


@dataclass(frozen=True)
class ModelInput:
    """What a network wants of x in 0–1: low + (high - low) * (x - mean) / std, for `value_range` (low, high).

    `color` is rgb, y (one channel) or ycbcr: BT.601, studio range, fractions of 255, as the field measures;
    or grey: one channel of images whose three are equal, which a degradation such as denoise-gray-25 makes.
    `mean` and `std` hold a number for every channel, or are None for 0 and 1. With `upsample` LR is enlarged
    to the size of HR, before it is augmented.
    """

    dtype: torch.dtype = torch.float32
    channels_last: bool = False
    color: Color = "rgb"
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    value_range: tuple[float, float] = (0.0, 1.0)
    upsample: Upsample | None = None

    def __post_init__(self) -> None:
        check_dtype(self.dtype)
        if self.color not in get_args(Color):
            raise UnknownNameError.among("color", self.color, get_args(Color))
        channels = 1 if self.color in ("y", "grey") else 3
        for name, numbers in (("mean", self.mean), ("std", self.std)):
            if numbers is not None and len(numbers) != channels:
                raise UsageError(
                    f"{name} {numbers} must hold {how_many(channels, 'number')}, one for each channel"
                )
        if self.std is not None and min(self.std) <= 0:
            raise UsageError(f"std {self.std} must be above 0")
        if not self.value_range[0] < self.value_range[1]:
            raise UsageError(f"value_range {self.value_range} must rise")
        if self.bytes and not self.plain:
            raise UsageError(
                "dtype uint8 keeps the stored samples: color, mean, std and value_range need floats"
            )
        if self.upsample not in (None, *get_args(Upsample)):
            known = " or ".join(get_args(Upsample))
            raise UsageError(
                f"upsample {self.upsample!r} must be {known}, which enlarge LR to the size of HR"
            )

    @property
    def bytes(self) -> bool:
        """Whether samples stay in 8 bits."""
        return self.dtype == torch.uint8

    @property
    def plain(self) -> bool:
        """Whether samples in 0–1 stay as they are."""
        return self.color == "rgb" and not self.mean and not self.std and self.value_range == (0, 1)

    def __call__(self, image: Tensor) -> Tensor:
        """RGB (count, 3, height, width), float32 in 0–1 or uint8 where it stays so, as it is wanted."""
        if not self.plain:
            image = self._ranged(self._coloured(image))
        layout = torch.channels_last if self.channels_last else torch.contiguous_format
        return image.to(self.dtype).contiguous(memory_format=layout)

    def _coloured(self, image: Tensor) -> Tensor:
        if self.color == "rgb":
            return image
        if self.color == "grey":
            return image[:, :1]
        converted: Tensor = luma(image) if self.color == "y" else rgb_to_ycbcr(image)
        return converted

    def _ranged(self, image: Tensor) -> Tensor:
        low, high = self.value_range
        if self.mean:
            image = image - _channels(self.mean, image)
        if self.std:
            image = image / _channels(self.std, image)
        return image if (low, high) == (0, 1) else image * (high - low) + low


def _channels(numbers: tuple[float, ...], like: Tensor) -> Tensor:
    views = like.shape[-3] // len(numbers)
    column = torch.tensor(numbers * views, dtype=like.dtype, device="cpu")
    return sent(column, like.device).reshape(-1, 1, 1)
