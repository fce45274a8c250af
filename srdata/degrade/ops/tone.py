"""Ops that map each sample by a curve: levels, gamma, saturation, banding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import model_validator

from srdata.colour import extremes, library
from srdata.degrade.model.distributions import integer, uniform
from srdata.degrade.model.op import Op, Params
from srdata.degrade.model.ranges import IntRange, Range, between
from srdata.degrade.numerics.backend import Array, clip, column

Level = between(0, 255)


class Levels(Op):
    """Stretch the tones between two input levels over the range between two output levels.

    What is darker than `input_black` or brighter than `input_white` is cut off. All four in 8-bit levels.
    Source: the "color" degradation of wtp_dataset_destroyer (pepeline `fast_color_level`); its gamma is the
    op `gamma` here, applied after this one.
    """

    op: Literal["levels"] = "levels"
    input_black: Annotated[Range, Level] = (0.0, 0.0)
    input_white: Annotated[Range, Level] = (255.0, 255.0)
    output_black: Annotated[Range, Level] = (0.0, 15.0)
    output_white: Annotated[Range, Level] = (240.0, 255.0)

    @model_validator(mode="after")
    def _apart(self) -> Levels:
        for black, white in (("input_black", "input_white"), ("output_black", "output_white")):
            if getattr(self, black)[1] >= getattr(self, white)[0]:
                raise ValueError(f"{black} reaches {white}: keep every black below every white")
        return self

    def sample(self, rng: np.random.Generator) -> Params:
        names = ("input_black", "input_white", "output_black", "output_white")
        return {name: uniform(rng, getattr(self, name)) for name in names}

    def apply(self, x: Array, params: Sequence[Params]) -> Array:
        black, white = _levels(params, "input_black", x), _levels(params, "input_white", x)
        floor, ceiling = _levels(params, "output_black", x), _levels(params, "output_white", x)
        tones: Array = clip((x - black) / (white - black)) * (ceiling - floor) + floor
        return tones


class Gamma(Op):
    """Raise each sample (0–1) to a power: above 1 darkens the middle tones, below 1 brightens them.

    Source: scikit-image `adjust_gamma` with gain 1; wtp_dataset_destroyer's "color" with the same range.
    """

    op: Literal["gamma"] = "gamma"
    exponent: Annotated[Range, between(0.05, 20)] = (0.9, 1.1)

    def sample(self, rng: np.random.Generator) -> Params:
        return {"exponent": uniform(rng, self.exponent)}

    def apply(self, x: Array, params: Sequence[Params]) -> Array:
        return clip(x) ** column([drawn["exponent"] for drawn in params], x)


class Saturation(Op):
    """Multiply the saturation of HSV, with hue and value kept; 0 leaves grey, 1 changes nothing.

    Saturation is (V - min) / V with V = max(R, G, B), so that scaling it by a is V - a (V - c) for every
    channel c; what would pass full saturation stops there.
    Source: wtp_dataset_destroyer "saturation" (OpenCV's RGB2HSV, S times a factor, HSV2RGB), with its range.
    """

    op: Literal["saturation"] = "saturation"
    factor: Annotated[Range, between(0, 100)] = (0.5, 1.0)

    def sample(self, rng: np.random.Generator) -> Params:
        return {"factor": uniform(rng, self.factor)}

    def apply(self, x: Array, params: Sequence[Params]) -> Array:
        value, least = extremes(x)
        fullest = value / (value - least).clip(1e-6, None)
        factor = library(x).minimum(column([drawn["factor"] for drawn in params], x), fullest)
        coloured: Array = clip(value - factor * (value - x))
        return coloured


class Banding(Op):
    """Round each sample to one of `levels` evenly spaced tones: false contours in smooth gradients.

    Source: wtp_dataset_destroyer "dithering" of type quantize (chaiNNer `UniformQuantization`): the nearest
    of k / (levels - 1) in each channel, with its range.
    """

    op: Literal["banding"] = "banding"
    levels: Annotated[IntRange, between(2, 256)] = (2, 10)

    def sample(self, rng: np.random.Generator) -> Params:
        return {"levels": integer(rng, self.levels)}

    def apply(self, x: Array, params: Sequence[Params]) -> Array:
        steps = column([drawn["levels"] - 1 for drawn in params], x)
        tones: Array = library(x).floor(clip(x) * steps + 0.5) / steps
        return tones


def _levels(params: Sequence[Params], name: str, like: Array) -> Any:
    return column([drawn[name] / 255 for drawn in params], like)
