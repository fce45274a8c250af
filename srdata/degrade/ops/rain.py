"""Rain streaks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from srdata.degrade.model.distributions import field_key, uniform
from srdata.degrade.model.op import Op, Params
from srdata.degrade.model.ranges import Range, above, between
from srdata.degrade.numerics import backend
from srdata.degrade.numerics.backend import Array, clip
from srdata.rng import uniforms

Layer = NDArray[np.float32]


class RainStreaks(Op):
    """Add bright streaks of one direction: clip(image + streaks), the same in each channel.

    The streaks are drops at random places, `density` per 1,000 pixels, each drawn out to a line of `length`
    and `width` pixels that leans by `angle` degrees from the vertical (positive: its top to the right). Each
    drop adds a random half to all of `strength`, in 8-bit levels; where streaks cross, they add up.
    Source: the additive model O = B + S of Yang et al., "Deep joint rain detection and removal", CVPR 2017
    (Rain100L, RainTrainL), whose streak images IPT adds to train its deraining. Those are motion-blurred
    noise, which is what this computes.
    """

    op: Literal["rain_streaks"] = "rain_streaks"
    angle: Annotated[Range, between(-90, 90)] = (-30.0, 30.0)
    length: Annotated[Range, between(1, 256)] = (10.0, 40.0)
    width: Annotated[Range, above(0), between(0, 32)] = (0.5, 1.5)
    density: Annotated[Range, between(0, 100)] = (0.5, 3.0)
    strength: Annotated[Range, between(0, 255)] = (30.0, 120.0)

    def sample(self, rng: np.random.Generator) -> Params:
        names = ("angle", "length", "width", "density", "strength")
        return {"key": field_key(rng), **{name: uniform(rng, getattr(self, name)) for name in names}}

    def apply(self, x: Array, params: Sequence[Params]) -> Array:
        height, width = x.shape[2:]
        layers = np.stack([_streaks(height, width, drawn) for drawn in params])
        return clip(x + backend.table(layers[:, None], x))


def _streaks(height: int, width: int, params: Params) -> Layer:
    """The layer of streaks (HW); made on the host, so that it is the same for every device."""
    streak = _streak(params["angle"], params["length"], params["width"])
    reach = len(streak) // 2
    drops = _drops(height + 2 * reach, width + 2 * reach, params)
    layer: Layer = cv2.filter2D(drops, cv2.CV_32F, streak, borderType=cv2.BORDER_CONSTANT)
    return layer[reach : reach + height, reach : reach + width].clip(0, None)


def _drops(height: int, width: int, params: Params) -> Layer:
    """The brightness of the drops at their places (HW)."""
    count = round(params["density"] * height * width / 1000)
    across, down, bright = uniforms(params["key"], np.arange(count), draws=3).T
    drops = np.zeros((height, width), np.float32)
    places = (down * height).astype(np.int64), (across * width).astype(np.int64)
    np.add.at(drops, places, ((0.5 + 0.5 * bright) * params["strength"] / 255).astype(np.float32))
    return drops


def _streak(angle: float, length: float, width: float) -> Layer:
    """How much of each pixel around a drop its streak covers: a line with soft edges and round ends."""
    reach = int(np.ceil((length + width) / 2 + 1))
    down, across = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    lean = np.radians(angle)
    along = across * np.sin(lean) - down * np.cos(lean)
    aside = across * np.cos(lean) + down * np.sin(lean)
    beyond = np.maximum(np.abs(along) - (length - 1) / 2, 0)
    cover: Layer = np.clip(width / 2 + 0.5 - np.hypot(aside, beyond), 0, min(width, 1)).astype(np.float32)
    return cover
