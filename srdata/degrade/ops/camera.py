"""The noise of a camera: photons and read-out in linear light, behind a colour mosaic."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

import numpy as np

from srdata.colour import linear_to_srgb, srgb_to_linear
from srdata.degrade.model.distributions import field_key, normal, uniform
from srdata.degrade.model.op import Op, Params
from srdata.degrade.model.ranges import Range, above, between
from srdata.degrade.numerics import backend
from srdata.degrade.numerics.backend import Array
from srdata.degrade.numerics.filters import filter2d
from srdata.degrade.numerics.random_fields import normal_field

Variance = Annotated[Range, above(0), between(0, 1)]
Gain = Annotated[Range, between(1, 8)]

# Bilinear interpolation of a Bayer mosaic: of red and blue, which have one of four pixels, and of green.
_SPARSE = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]]) / 4
_DENSE = np.array([[0, 1, 0], [1, 4, 1], [0, 1, 0]]) / 4


class CameraNoise(Op):
    """What a camera adds: to linear light, white balance undone, an RGGB mosaic, noise, and all the way back.

    A mosaic sample of linear light v gets normal noise of variance read + shot · v and is held within 0–1;
    the mosaic is interpolated bilinearly. The shot variance is drawn log-uniformly, and read is
    exp(2.18 log shot + 1.20 + 0.26 n) with n normal: Brooks et al., "Unprocessing Images for Learned Raw
    Denoising", CVPR 2019, section 3. Grey images have no mosaic.
    """

    version: ClassVar[int] = 3

    op: Literal["camera_noise"] = "camera_noise"
    shot: Variance = (0.0001, 0.012)  # variance at white, linear light in 0–1
    read: Variance | None = None  # variance in the dark, drawn log-uniformly instead of following shot
    red_gain: Gain = (1.9, 2.4)
    blue_gain: Gain = (1.5, 1.9)

    def sample(self, rng: np.random.Generator) -> Params:
        shot = _log_uniform(rng, self.shot)
        usual = math.exp(2.18 * math.log(shot) + 1.20 + 0.26 * normal(rng))
        read = _log_uniform(rng, self.read) if self.read else usual
        gains = [uniform(rng, self.red_gain), 1.0, uniform(rng, self.blue_gain)]
        return {"shot": shot, "read": read, "gains": gains, "key": field_key(rng)}

    def apply(self, x: Array, params: Sequence[Params]) -> Any:
        light: Any = srgb_to_linear(x)
        if x.shape[1] != 3:
            return backend.clip(linear_to_srgb(backend.clip(_exposed(light, params))))
        gains: Any = backend.table([one["gains"] for one in params], x).reshape(-1, 3, 1, 1)
        taken = _mosaic(light / gains)
        lit: Any = _interpolated(backend.clip(_exposed(taken, params)))
        return backend.clip(linear_to_srgb(backend.clip(lit * gains)))


def _log_uniform(rng: np.random.Generator, span: tuple[float, float]) -> float:
    return math.exp(uniform(rng, (math.log(span[0]), math.log(span[1]))))


def _exposed(light: Any, params: Sequence[Params]) -> Any:
    shot: Any = backend.column([one["shot"] for one in params], light)
    read: Any = backend.column([one["read"] for one in params], light)
    field: Any = normal_field([one["key"] for one in params], light.shape[1:], light)
    return light + field * (light * shot + read) ** 0.5


def _mosaic(light: Any) -> Any:
    """The one channel of an RGGB sensor: rows of red and green, then of green and blue."""
    rows, columns = _parities(light)
    return backend.select(
        (rows == 0) & (columns == 0),
        light[:, :1],
        backend.select((rows == 1) & (columns == 1), light[:, 2:], light[:, 1:2]),
    )


def _interpolated(mosaic: Any) -> Any:
    rows, columns = _parities(mosaic)
    green = rows != columns
    red, blue = (rows == 0) & (columns == 0), (rows == 1) & (columns == 1)
    colours = ((red, _SPARSE), (green, _DENSE), (blue, _SPARSE))
    return backend.channels([filter2d(mosaic * mask, [kernel] * len(mosaic)) for mask, kernel in colours])


def _parities(x: Any) -> tuple[Any, Any]:
    height, width = x.shape[2:]
    rows = backend.index(np.arange(height) % 2, x).reshape(-1, 1)
    return rows, backend.index(np.arange(width) % 2, x).reshape(1, -1)
