"""The kernel-generation network of CAR: from an HR image to the taps of one resampling kernel per LR pixel.

The attribute names, and the places in each `Sequential`, are those under which the authors' release stores
its parameters: they are a file format, and may not be tidied.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

SCALES = (2, 4, 8)
STRIDE = 8  # the coarsest grid of the network; what goes in is a multiple of it
OFFICIAL_WIDTH = 64
RGB_MEAN = (0.4488, 0.4371, 0.4040)  # of DIV2K, subtracted from the input
LEAST_WEIGHT = 1e-6  # of one tap, before the taps are made to sum to one


class PixelTaps(NamedTuple):
    """The taps of the kernels of all LR pixels; each field is (batch, taps, height, width) on the LR grid.

    Taps are numbered row by row. `across` and `down` lie between -1 and 1, in LR pixels.
    """

    weights: Tensor
    across: Tensor
    down: Tensor


class KernelNetwork(nn.Module):
    """Predicts, for every LR pixel, (3 scale + 1)² taps: a weight and a displacement each.

    `forward` takes (batch, 3, height, width) in 0–1, height and width multiples of 8 and at least 16.
    `width` is the number of channels at full size; the release has 64.
    """

    def __init__(self, scale: int, width: int = OFFICIAL_WIDTH) -> None:
        super().__init__()
        self.scale, self.width = scale, width
        taps, middle, wide = tap_count(scale), 2 * width, 4 * width
        self.sub_mean = nn.Conv2d(3, 3, 1).requires_grad_(False)
        self.ds_1 = nn.Sequential(*_same(3, width, 5), nn.LeakyReLU(0.2))
        self.ds_2 = _Halve(width, middle)
        self.ds_4 = _Halve(middle, middle)
        self.res_4 = nn.Sequential(*(_Residual(middle) for _ in range(5)))
        self.ds_8 = _Halve(middle, wide)
        self.kernels_trunk = _trunk(wide, STRIDE // scale)
        self.kernels_weight = _head(wide, taps)
        self.offsets_trunk = _trunk(wide, STRIDE // scale)
        self.offsets_h_generation = nn.Sequential(*_head(wide, taps), nn.Tanh())
        self.offsets_v_generation = nn.Sequential(*_head(wide, taps), nn.Tanh())

    def forward(self, image: Tensor) -> PixelTaps:
        quarter = self.ds_4(self.ds_2(self.ds_1(self.sub_mean(image))))
        eighth = self.ds_8(quarter + self.res_4(quarter))
        weights = self.kernels_weight(self.kernels_trunk(eighth)).clamp(LEAST_WEIGHT, 1)
        shifts = self.offsets_trunk(eighth)
        return PixelTaps(
            weights / weights.sum(1, keepdim=True),
            self.offsets_h_generation(shifts),
            self.offsets_v_generation(shifts),
        )


def kernel_size(scale: int) -> int:
    """The side of the square of taps of one LR pixel: 7 at x2, 13 at x4."""
    return 3 * scale + 1


def tap_count(scale: int) -> int:
    """How many taps the kernel of one LR pixel has: 49 at x2, 169 at x4."""
    return kernel_size(scale) ** 2


def shapes(scale: int, width: int) -> dict[str, tuple[int, ...]]:
    """The name and shape of every parameter, as a file of weights must have them."""
    return {name: tuple(tensor.shape) for name, tensor in empty_network(scale, width).state_dict().items()}


def empty_network(scale: int, width: int = OFFICIAL_WIDTH) -> KernelNetwork:
    """A network without values, on the "meta" device: building it takes no memory and no random numbers."""
    with torch.device("meta"):
        return KernelNetwork(scale, width)


class _Halve(nn.Module):
    """Half the size along each axis: 2x2 pixels become channels, which one 1x1 convolution mixes."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.downsample = nn.Sequential(nn.PixelUnshuffle(2), nn.Conv2d(4 * inputs, outputs, 1))

    def forward(self, x: Tensor) -> Tensor:
        halved: Tensor = self.downsample(x)
        return halved


class _Enlarge(nn.Module):
    """`factor` times the size along each axis."""

    def __init__(self, channels: int, factor: int) -> None:
        super().__init__()
        self.upsample = nn.Sequential(nn.Conv2d(channels, channels * factor**2, 1), nn.PixelShuffle(factor))

    def forward(self, x: Tensor) -> Tensor:
        enlarged: Tensor = self.upsample(x)
        return enlarged


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.transform = nn.Sequential(
            *_same(channels, channels), nn.LeakyReLU(0.2), *_same(channels, channels)
        )

    def forward(self, x: Tensor) -> Tensor:
        change: Tensor = self.transform(x)
        return x + change


def _same(inputs: int, outputs: int, size: int = 3) -> tuple[nn.Module, nn.Module]:
    return nn.ReflectionPad2d(size // 2), nn.Conv2d(inputs, outputs, size)


def _trunk(channels: int, factor: int) -> nn.Sequential:
    steps: list[nn.Module] = []
    for _ in range(3):
        steps += [*_same(channels, channels), nn.ReLU()]
    return nn.Sequential(*steps, _Enlarge(channels, factor), *_same(channels, channels), nn.ReLU())


def _head(channels: int, taps: int) -> nn.Sequential:
    return nn.Sequential(*_same(channels, channels), nn.ReLU(), *_same(channels, taps))
