"""Augmentations that alter colours, HR and LR alike."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import permutations
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from srdata import colour
from srdata.augment.augmentation import Augmentation, Per, Sides, flags, numbers, weighed
from srdata.common.wording.amounts import how_many
from srdata.degrade.model.distributions import choice, uniform
from srdata.degrade.model.op import Params
from srdata.degrade.model.ranges import Range, between
from srdata.degrade.numerics import backend
from srdata.errors import UsageError

_ORDERS = tuple(permutations(range(3)))
_BT601 = np.array([0.299, 0.587, 0.114])


class RgbPermute(Augmentation):
    """Put the colour channels into another order; one of the six, so that one in six draws changes nothing.

    Draws: `order`, the channels that become red, green and blue.
    Alignment: exact.
    Source: ETDS `use_channels_shuffle` (always), SwinFIR `use_channelshuffle` (p ½), rcan-it
    `CHANNEL_SHUFFLE` (p 0.6), CutBlur `rgb` (one order for the batch).
    """

    bytes_too: ClassVar[bool] = True
    neutral: ClassVar[Params] = {"order": [0, 1, 2]}

    augment: Literal["rgb_permute"] = "rgb_permute"

    def sample(self, rng: np.random.Generator) -> Params:
        return {"order": list(choice(rng, _ORDERS))}

    def apply(self, sides: Sides, params: Sequence[Params]) -> Sides:
        orders = np.array([one["order"] for one in params])
        images = np.arange(len(params))[:, None]

        def permuted(side: Tensor) -> Tensor:
            alike = np.concatenate([orders + view for view in range(0, side.shape[1], 3)], axis=1)
            return _rgb(side, self)[backend.index(images, side), backend.index(alike, side)]

        return sides.each(permuted)


class Blend(Augmentation):
    """Mix each image with one colour: x becomes v · x + (1 - v) · colour.

    Draws: `weight` v, uniformly from `alpha` to 1; `colour` of each image, uniformly.
    Alignment: exact for any downscale whose weights sum to 1.
    Source: CutBlur `blend` (augments.py), whose v is one for the batch and whose colours are each image's
    own.
    """

    neutral: ClassVar[Params] = {"weight": 1.0, "colour": [0.0, 0.0, 0.0]}

    augment: Literal["blend"] = "blend"
    per: Per = "batch"
    alpha: Annotated[float, between(0, 1)] = 0.6  # the least weight of the image

    def sample(self, rng: np.random.Generator) -> Params:
        return {"weight": uniform(rng, (self.alpha, 1.0))}

    def sample_own(self, rng: np.random.Generator) -> Params:
        return {"colour": [float(rng.random()) for _ in range(3)]}

    def apply(self, sides: Sides, params: Sequence[Params]) -> Sides:
        return sides.each(lambda side: weighed(side, _painted(params, side), numbers(params, "weight", side)))


class Invert(Augmentation):
    """Make a negative: x becomes 1 - x, or 255 - x of 8-bit levels.

    Draws: `inverted`.
    Alignment: exact for any downscale whose weights sum to 1.
    Source: rcan-it `INVERT` (ptsr/data/common.py), which is off by default there.
    """

    bytes_too: ClassVar[bool] = True
    neutral: ClassVar[Params] = {"inverted": False}

    augment: Literal["invert"] = "invert"
    p: Annotated[float, between(0, 1)] = 0.5

    def sample(self, rng: np.random.Generator) -> Params:
        return {"inverted": True}

    def apply(self, sides: Sides, params: Sequence[Params]) -> Sides:
        return sides.each(lambda side: _negative(side, flags(params, "inverted", side)))


class ColourJitter(Augmentation):
    """Change brightness, contrast, saturation and hue, in this order, and clip to 0–1.

    All four are linear. Brightness is a factor. Contrast is a factor around the mean grey of the image, of HR
    for both sides. Saturation moves colours away from their grey (BT.601). Hue turns them about the grey axis
    of the RGB cube, which is not the H of HSV: that one is not linear, and LR would not be the downscale of
    HR any more. A setting of 1, or 0 for the hue, changes nothing. Grey images have brightness and contrast
    alone.

    Draws: `brightness`, `contrast`, `saturation`, `hue`, each uniformly from its range.
    Alignment: exact for any downscale whose weights sum to 1, but where samples are clipped.
    Source: the arguments of torchvision's ColorJitter, with Omni-SR's 0.02 each (data_tools; never called
    there).
    """

    neutral: ClassVar[Params] = {"brightness": 1.0, "contrast": 1.0, "saturation": 1.0, "hue": 0.0}

    augment: Literal["colour_jitter"] = "colour_jitter"
    brightness: Annotated[Range, between(0)] = (0.98, 1.02)
    contrast: Annotated[Range, between(0)] = (0.98, 1.02)
    saturation: Annotated[Range, between(0)] = (0.98, 1.02)
    hue: Annotated[Range, between(-180, 180)] = (-7.2, 7.2)  # in degrees

    def sample(self, rng: np.random.Generator) -> Params:
        return {name: uniform(rng, getattr(self, name)) for name in self.neutral}

    def apply(self, sides: Sides, params: Sequence[Params]) -> Sides:
        if sides.main().shape[1] > 3:
            raise UsageError(f"{self.name} takes single images, not two views: leave it out")
        matrices = np.stack([_matrix(one) for one in params])
        shares = [one["brightness"] * (1 - one["contrast"]) for one in params]
        raised = _mean_grey(sides.main()) * backend.column(shares, sides.main())
        return sides.each(lambda side: (_mapped(side, matrices) + raised).clamp(0, 1).to(side.dtype))


def _rgb(side: Tensor, augmentation: Augmentation) -> Tensor:
    if side.shape[1] % 3:
        channels = how_many(side.shape[1], "channel")
        raise UsageError(f"{augmentation.name} needs RGB, this batch has {channels}: leave it out")
    return side


def _painted(params: Sequence[Params], side: Tensor) -> Tensor:
    colours: Tensor = backend.tensor([(2 * one["colour"])[: side.shape[1]] for one in params], side)
    return colours[:, :, None, None]


def _negative(side: Tensor, inverted: Tensor) -> Tensor:
    return torch.where(inverted, (255 if side.dtype == torch.uint8 else 1) - side, side)


def _mean_grey(side: Tensor) -> Any:
    """The mean of the grey of each image, (N, 1, 1, 1)."""
    grey = side if side.shape[1] == 1 else colour.luma(side, "bt601", "full")
    return grey.mean((1, 2, 3), keepdim=True)


def _matrix(drawn: Params) -> NDArray[np.float64]:
    """What brightness, contrast, saturation and hue together do to a colour, (3, 3)."""
    saturation, angle = drawn["saturation"], math.radians(drawn["hue"])
    saturated = saturation * np.eye(3) + (1 - saturation) * np.ones((3, 1)) * _BT601
    across = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / math.sqrt(3)
    turn = math.cos(angle) * np.eye(3) + (1 - math.cos(angle)) / 3 + math.sin(angle) * across  # Rodrigues
    matrix: NDArray[np.float64] = drawn["brightness"] * drawn["contrast"] * (turn @ saturated)
    return matrix


def _mapped(side: Tensor, matrices: NDArray[np.float64]) -> Any:
    """Each pixel by the matrix of its image.

    Written out, because a device may shorten the factors of a matrix product to ten bits (TF32).
    """
    if side.shape[1] == 1:
        matrices = matrices.sum(axis=2)[:, :1, None]
    columns = backend.tensor(matrices, side)[..., None, None]
    return sum(columns[:, :, place] * side[:, place : place + 1] for place in range(side.shape[1]))
