"""LPIPS and DISTS: distances between the features that a network trained on ImageNet makes of two images.

The weights are files of the user, by role; nothing is downloaded. The networks are written here, so that
torchvision, whose weights they take, is not needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import conv2d, max_pool2d, relu

from srdata.degrade.learned.car.safetensors_file import read_bytes
from srdata.degrade.learned.car.weights import tensors_in
from srdata.errors import UsageError

State = Mapping[str, Tensor]


class Layer(NamedTuple):
    """A convolution with ReLU of `torchvision.models`, by its number in `features`; maybe after a pool."""

    number: int
    channels: int
    side: int = 3
    stride: int = 1
    padding: int = 1
    pool: int = 0  # side of the window whose largest value is taken at every second pixel
    tap: bool = False  # whether its output is a feature


_ALEXNET = (
    Layer(0, 64, side=11, stride=4, padding=2, tap=True),
    Layer(3, 192, side=5, padding=2, pool=3, tap=True),
    Layer(6, 384, pool=3, tap=True),
    Layer(8, 256, tap=True),
    Layer(10, 256, tap=True),
)
_VGG16 = (
    Layer(0, 64),
    Layer(2, 64, tap=True),
    Layer(5, 128, pool=2),
    Layer(7, 128, tap=True),
    Layer(10, 256, pool=2),
    Layer(12, 256),
    Layer(14, 256, tap=True),
    Layer(17, 512, pool=2),
    Layer(19, 512),
    Layer(21, 512, tap=True),
    Layer(24, 512, pool=2),
    Layer(26, 512),
    Layer(28, 512, tap=True),
)
_LPIPS_SHIFT, _LPIPS_SPREAD = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)  # for -1 to 1
_IMAGENET_MEAN, _IMAGENET_SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_DISTS_C = 1e-6


@cache
def load_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a .pth or safetensors file, as float32; raises UsageError. No code in it is run."""
    return tensors_in(read_bytes(path, None), path, allow_pth=True)


def lpips(one: Tensor, other: Tensor, backbone: State, linear: State, vgg: bool = False) -> Tensor:
    """LPIPS 0.1 of two batches (N, 3, H, W) of RGB in 0–1, (N,): 0 where nothing differs.

    `backbone` is torchvision's AlexNet, or VGG-16 with `vgg`; `linear` the layers of the LPIPS package.

    Source: Zhang et al., The unreasonable effectiveness of deep features as a perceptual metric, 2018.
    """
    layers = _VGG16 if vgg else _ALEXNET
    both = (_normalised(2 * image - 1, _LPIPS_SHIFT, _LPIPS_SPREAD) for image in (one, other))
    pairs = zip(*(_features(image, layers, backbone) for image in both), strict=True)
    distance = one.new_zeros(len(one))
    for number, (first, second) in enumerate(pairs):
        weights = _tensor(linear, f"lin{number}.model.1.weight", (1, first.shape[1], 1, 1))
        difference = (_unit(first) - _unit(second)).square()
        distance = distance + conv2d(difference, weights.to(one)).mean((1, 2, 3))
    return distance


def dists(one: Tensor, other: Tensor, backbone: State, mixture: State) -> Tensor:
    """DISTS of two batches (N, 3, H, W) of RGB in 0–1, (N,): 0 where nothing differs. Nothing is resized.

    `backbone` is torchvision's VGG-16; `mixture` holds the `alpha` and `beta` of the authors' `weights.pt`.

    Source: Ding et al., Image quality assessment: unifying structure and texture similarity, 2020.
    """
    stages = []
    for image in (one, other):
        inside = _normalised(image, _IMAGENET_MEAN, _IMAGENET_SPREAD)
        stages.append([image, *_features(inside, _VGG16, backbone, soft=True)])
    channels = [stage.shape[1] for stage in stages[0]]
    alpha, beta = (_tensor(mixture, name, (1, sum(channels), 1, 1)).to(one) for name in ("alpha", "beta"))
    total = alpha.sum() + beta.sum()
    alphas, betas = (torch.split(weights / total, channels, 1) for weights in (alpha, beta))
    similarity = one.new_zeros(len(one))
    for first, second, texture, structure in zip(*stages, alphas, betas, strict=True):
        alike, ordered = _statistics(first, second)
        similarity = similarity + (texture * alike + structure * ordered).sum((1, 2, 3))
    return 1 - similarity


def _statistics(one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    """How alike the means are, and how the deviations go together, of each channel."""
    mean, mean2 = one.mean((2, 3), keepdim=True), other.mean((2, 3), keepdim=True)
    variance, variance2 = (
        (x - m).square().mean((2, 3), keepdim=True) for x, m in ((one, mean), (other, mean2))
    )
    covariance = (one * other).mean((2, 3), keepdim=True) - mean * mean2
    alike = (2 * mean * mean2 + _DISTS_C) / (mean**2 + mean2**2 + _DISTS_C)
    return alike, (2 * covariance + _DISTS_C) / (variance + variance2 + _DISTS_C)


def _features(image: Tensor, layers: tuple[Layer, ...], state: State, soft: bool = False) -> list[Tensor]:
    features = []
    for layer in layers:
        if layer.pool:
            image = _soft_pool(image) if soft else max_pool2d(image, layer.pool, 2)
        shape = (layer.channels, image.shape[1], layer.side, layer.side)
        weight = _tensor(state, f"features.{layer.number}.weight", shape).to(image)
        bias = _tensor(state, f"features.{layer.number}.bias", shape[:1]).to(image)
        image = relu(conv2d(image, weight, bias, layer.stride, layer.padding))
        if layer.tap:
            features.append(image)
    return features


def _soft_pool(image: Tensor) -> Tensor:
    """The root of the weighted mean of squares around every second pixel (Hann window of 3)."""
    weights = torch.tensor([0.25, 0.5, 0.25]).to(image)
    kernel = torch.outer(weights, weights).expand(image.shape[1], 1, 3, 3)
    return (conv2d(image.square(), kernel, stride=2, padding=1, groups=image.shape[1]) + 1e-12).sqrt()


def _unit(features: Tensor) -> Tensor:
    return features / (features.square().sum(1, keepdim=True).sqrt() + 1e-10)


def _normalised(image: Tensor, mean: tuple[float, ...], spread: tuple[float, ...]) -> Tensor:
    shift, factor = (torch.tensor(values).to(image).view(1, 3, 1, 1) for values in (mean, spread))
    return (image - shift) / factor


def _tensor(state: State, name: str, shape: tuple[int, ...]) -> Tensor:
    if name not in state or tuple(state[name].shape) != shape:
        found = tuple(state[name].shape) if name in state else "nothing"
        raise UsageError(
            f"the weights hold {found} as {name}, not {shape}: give the file of the right network"
        )
    return state[name]
