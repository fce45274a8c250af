"""A small upscaler: the partner with which the resampler is trained, an EDSR without its size."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate


class Upscaler(nn.Module):
    """Bicubic enlargement plus what residual blocks add to it (EDSR: Lim et al., CVPRW 2017).

    `forward` takes LR (batch, 3, height, width) in 0–1 and gives HR, `scale` times as high and wide.
    """

    def __init__(self, scale: int, width: int = 64, blocks: int = 8) -> None:
        super().__init__()
        self.scale, self.width = scale, width
        self.head = nn.Conv2d(3, width, 3, padding=1)
        self.body = nn.Sequential(*(_Block(width) for _ in range(blocks)))
        self.tail = nn.Sequential(nn.Conv2d(width, 3 * scale**2, 3, padding=1), nn.PixelShuffle(scale))

    def forward(self, lr: Tensor) -> Tensor:
        features = self.head(lr - 0.5)
        detail: Tensor = self.tail(features + self.body(features))
        return interpolate(lr, scale_factor=self.scale, mode="bicubic") + detail


def empty_upscaler(scale: int, width: int, blocks: int) -> Upscaler:
    """An upscaler without values, on the "meta" device: building it takes no memory and no random numbers."""
    with torch.device("meta"):
        return Upscaler(scale, width, blocks)


class _Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, width, 3, padding=1)
        )

    def forward(self, x: Tensor) -> Tensor:
        change: Tensor = self.layers(x)
        return x + change
