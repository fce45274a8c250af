"""The values from which training starts, drawn by address."""

from __future__ import annotations

import math
from typing import TypeVar

import torch
from torch import nn

from srdata.degrade.learned.car.network import RGB_MEAN, KernelNetwork, empty_network, kernel_size
from srdata.degrade.learned.car.upscaler import Upscaler, empty_upscaler
from srdata.rng import key

_SPREAD = 0.33  # of the first kernel, a Gaussian: its standard deviation in LR pixels
_PEAK = 0.5  # of the first kernel's weights, which the network holds below 1
_FAINT = 0.1  # the spread of layers that add to something sensible, as a share of the usual
_FLOOR = 1e-3  # of its weights: what falls to zero learns no more
Net = TypeVar("Net", bound=nn.Module)


def fresh_network(scale: int, width: int, seed: int) -> KernelNetwork:
    """A kernel network that starts as one Gaussian for all pixels, with taps at rest.

    Its residual blocks start faint, and layers that no rectifier follows keep the strength of what they get:
    features that grew from layer to layer would drown the image, and make every step of Adam too long.
    Its width is that of the best kernel without negative weights, found by training one together with the
    upscaler on the sample photographs (x2 and x4).
    """
    network = drawn(empty_network(scale, width), seed, "kernels")
    with torch.no_grad():
        values = network.state_dict()
        for name, value in values.items():
            if name.endswith("transform.4.weight"):
                value.mul_(_FAINT)
            if name.endswith(("downsample.1.weight", "upsample.0.weight")):
                value.mul_(math.sqrt(0.5))
        values["sub_mean.weight"].copy_(torch.eye(3)[:, :, None, None])
        values["sub_mean.bias"].copy_(-torch.tensor(RGB_MEAN))
        for head in ("kernels_weight", "offsets_h_generation", "offsets_v_generation"):
            values[f"{head}.4.weight"].zero_()
        distance = torch.arange(kernel_size(scale)) / scale - 1.5
        slope = torch.exp(-0.5 * (distance / _SPREAD).square())
        values["kernels_weight.4.bias"].copy_(_PEAK * torch.outer(slope, slope).flatten() + _FLOOR)
    return network


def fresh_upscaler(scale: int, width: int, blocks: int, seed: int) -> Upscaler:
    """An upscaler that starts as bicubic enlargement, with residual blocks that add little."""
    upscaler = drawn(empty_upscaler(scale, width, blocks), seed, "upscaler")
    with torch.no_grad():
        for name, value in upscaler.state_dict().items():
            if name.endswith("layers.2.weight"):
                value.mul_(_FAINT)
        upscaler.state_dict()["tail.0.weight"].zero_()
    return upscaler


def drawn(network: Net, seed: int, name: str) -> Net:
    """`network` with values drawn from (seed, name, parameter) alone: He's for weights, zero for biases."""
    network.to_empty(device="cpu")
    for parameter, value in network.state_dict().items():
        generator = torch.Generator().manual_seed(key(seed, "train-resampler", name, parameter) % 2**63)
        spread = math.sqrt(2 / value[0].numel()) if value.ndim == 4 else 0.0
        value.normal_(0, 1, generator=generator).mul_(spread)
    return network
