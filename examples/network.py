"""A small residual-distillation network for super-resolution like RFDN (Liu et al., ECCVW 2020)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from srdata import imresize


def conv(before: int, after: int, size: int = 3, stride: int = 1) -> nn.Conv2d:
    """A convolution that keeps height and width at stride 1."""
    return nn.Conv2d(before, after, size, stride, padding=size // 2)


class ChannelAttention(nn.Module):
    """Weighs each channel by what its mean over the image tells."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = max(4, channels // 4)
        layers = conv(channels, hidden, 1), nn.ReLU(), conv(hidden, channels, 1), nn.Sigmoid()
        self.weigh = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weigh(x.mean((2, 3), keepdim=True))


class SpatialAttention(nn.Module):
    """ESA: weighs each place by what a wide neighbourhood tells (RFANet: Liu et al., CVPR 2020)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = max(4, channels // 4)
        self.narrow, self.widen = conv(channels, hidden, 1), conv(hidden, channels, 1)
        self.down, self.far = conv(hidden, hidden, stride=2), conv(hidden, hidden)
        self.near = conv(hidden, hidden, 1)

    def forward(self, x: Tensor) -> Tensor:
        narrow = self.narrow(x)
        far = self.far(F.max_pool2d(self.down(narrow), 7, 3, padding=3))
        far = F.interpolate(far, x.shape[2:], mode="bilinear")
        return x * torch.sigmoid(self.widen(far + self.near(narrow)))


class Block(nn.Module):
    """Three convolutions; what each of them finds is kept, fused and added to the input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(conv(channels, channels) for _ in range(3))
        self.fuse = nn.Sequential(conv(3 * channels, channels, 1), ChannelAttention(channels))

    def forward(self, x: Tensor) -> Tensor:
        kept, last = [], x
        for layer in self.convs:
            last = F.relu(layer(last))
            kept.append(last)
        return x + self.fuse(torch.cat(kept, 1))


class Network(nn.Module):
    """RGB images in 0–1 (count, 3, height, width) to images `scale` times as high and wide.

    It starts as bicubic enlargement: the tail, which makes what is added to that, begins with zeros.
    """

    def __init__(self, scale: int, channels: int, blocks: int) -> None:
        super().__init__()
        self.scale = scale
        self.head = conv(3, channels)
        self.blocks = nn.ModuleList(Block(channels) for _ in range(blocks))
        self.fuse = nn.Sequential(conv(blocks * channels, channels, 1), SpatialAttention(channels))
        self.tail = nn.Sequential(conv(channels, 3 * scale**2), nn.PixelShuffle(scale))
        nn.init.zeros_(self.tail[0].weight)
        nn.init.zeros_(self.tail[0].bias)

    def forward(self, lr: Tensor) -> Tensor:
        first = last = self.head(lr - 0.5)
        found = []
        for block in self.blocks:
            last = block(last)
            found.append(last)
        return imresize(lr, self.scale) + self.tail(first + self.fuse(torch.cat(found, 1)))
