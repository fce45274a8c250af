"""Resizing, to a part of the size at hand or of the LR size, and taking every n-th pixel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from srdata.degrade.model.by_setting import alike
from srdata.degrade.model.distributions import pick, uniform
from srdata.degrade.model.op import Op, Params
from srdata.degrade.model.ranges import ODDS, Range, above, between
from srdata.degrade.numerics import backend
from srdata.degrade.numerics.backend import Array
from srdata.degrade.numerics.batch_resize import Method, moved, resize

Direction = Literal["up", "down", "keep"]
Weight = Annotated[float, between(0)]
Factor = Annotated[Range, above(0), between(0, 64)]


class Resize(Op):
    """Resize to a factor of the input size or of the LR size; sizes are rounded down, to 1 at least.

    The methods and their alignment are those of `batch_resize`. `alignment` "corner" lays the
    middle of the first output pixel on that of the first input pixel, as `[::s]` does (KAIR);
    "factor" places pixels by the factor that was drawn, not by the sizes that it was rounded to, as torch
    does with a scale_factor (Real-ESRGAN's first resize): images move right and down by parts of a pixel.
    Without `clip` a bicubic goes beyond 0–1; with `antialias` as well it is MATLAB's `imresize` of floats.
    """

    op: Literal["resize"] = "resize"
    to: Literal["input", "lr"] = "input"
    factor: Factor = (1.0, 1.0)
    inverse: bool = False  # the size is divided by what is drawn from `factor`
    odds: Annotated[dict[Direction, Weight], *ODDS] | None = None  # of factors above, below and equal to 1
    through: Factor | None = None  # first to this factor of the input, then on: up-down, down-up
    method: Annotated[dict[Method, Weight], *ODDS] = Field(default={"bicubic": 1.0})
    antialias: bool = False
    alignment: Literal["centre", "corner", "factor"] = "centre"
    clip: bool = True  # results are held within 0–1

    @model_validator(mode="after")
    def _does_something(self) -> Resize:
        if self.to == "input" and self.factor == (1.0, 1.0) and self.through is None:
            raise ValueError("resize changes nothing: give a factor, `through`, or `to: lr`")
        if self.alignment == "factor" and (self.to == "lr" or self.antialias or self.through):
            raise ValueError("alignment factor goes with none of to: lr, antialias and through")
        if self.odds and not self.factor[0] <= 1 <= self.factor[1]:
            raise ValueError(f"odds of up and down need a factor range that holds 1, not {list(self.factor)}")
        return self

    @property
    def sets_size(self) -> bool:
        return True

    def sample(self, rng: np.random.Generator) -> Params:
        drawn: Params = {"factor": self._factor(rng)}
        drawn["method"] = pick(rng, self.method)
        if self.through:
            drawn["through"] = uniform(rng, self.through)
            drawn["through_method"] = pick(rng, self.method)
        return drawn

    def _factor(self, rng: np.random.Generator) -> float:
        span = self.factor
        if self.odds:
            turns = {"up": (1.0, span[1]), "down": (span[0], 1.0), "keep": (1.0, 1.0)}
            span = turns[pick(rng, self.odds)]
        drawn = uniform(rng, span)
        return 1 / drawn if self.inverse else drawn

    def apply(self, x: Array, params: Sequence[Params]) -> Array:
        names = ["factor", "method", "through", "through_method"]
        told = [{**dict.fromkeys(names), **one} for one in params]
        return alike(x, told, names, lambda part, some: self._held(part, some[0]))

    def _held(self, x: Array, params: Params) -> Array:
        resized = self._resized(x, params)
        return backend.held(resized) if self._overshoots(params) and resized is not x else resized

    def _overshoots(self, params: Params) -> bool:
        """Whether results are to be held within 0–1; what two neighbours weigh stays there by itself."""
        methods = {params["method"], params["through_method"]}
        return self.clip and (self.antialias or not methods <= {"nearest", "bilinear", None})

    def _resized(self, x: Array, params: Params) -> Array:
        height, width = params["lr_size"] if self.to == "lr" else x.shape[2:]
        size = scaled(height, params["factor"]), scaled(width, params["factor"])
        if self.alignment == "corner":
            x = moved(x, (x.shape[2] / size[0] - 1) / 2, (x.shape[3] / size[1] - 1) / 2)
        if params["through"]:
            first = scaled(x.shape[2], params["through"]), scaled(x.shape[3], params["through"])
            x = resize(x, first, params["through_method"], self.antialias)
        factor = params["factor"] if self.alignment == "factor" else None
        return resize(x, size, params["method"], self.antialias, factor)


def scaled(size: int, factor: float) -> int:
    """A size times a factor, rounded down, to 1 at least; what floats lose of a whole number is forgiven."""
    return max(int(size * factor + 1e-6), 1)


class Subsample(Op):
    """Every n-th pixel of every n-th row, from the first: to the LR size, or by a given `step`.

    LR then lies (n - 1) / 2 pixels up and left of where a resize would lay it; a `blur` with that `shift`
    before it brings them together.
    Source: KAIR `classical_degradation` and BSRGAN, `x[0::sf, 0::sf]`.
    """

    op: Literal["subsample"] = "subsample"
    step: Annotated[int, Field(ge=2, le=64)] | None = None  # pixels; none: to the LR size

    @property
    def sets_size(self) -> bool:
        return True

    def sample(self, rng: np.random.Generator) -> Params:
        return {}

    def apply(self, x: Array, params: Sequence[Params]) -> Array:
        height, width = params[0]["lr_size"]
        if self.step:
            return x[:, :, :: self.step, :: self.step]
        return x[:, :, :: max(x.shape[2] // height, 1), :: max(x.shape[3] // width, 1)]
