"""The noise of counting photons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import cv2
import numpy as np

from srdata.colour import luma
from srdata.degrade.model.by_setting import alike
from srdata.degrade.model.distributions import chance, field_key, uniform
from srdata.degrade.model.op import Op, Params
from srdata.degrade.model.ranges import Range, between
from srdata.degrade.numerics import backend, noise_tables
from srdata.degrade.numerics.backend import Array, Image, Plane, is_torch

if TYPE_CHECKING:
    import torch


class PoissonNoise(Op):
    """Replace each 8-bit level by a count of photons with that mean, and add the difference times `scale`.

    White is 10 to the power `exponent` photons (BSRGAN+, arXiv 2103.14006). Without it, it is the number of
    distinct levels in the image, up to a power of two (Real-ESRGAN).
    """

    version: ClassVar[int] = 2

    op: Literal["poisson_noise"] = "poisson_noise"
    scale: Annotated[Range, between(0, 100)] = (1.0, 1.0)
    exponent: Annotated[Range, between(0, 6)] | None = None
    gray: Annotated[float, between(0, 1)] = 0.0  # probability that all channels get the noise of the luma

    def sample(self, rng: np.random.Generator) -> Params:
        drawn: Params = {"scale": uniform(rng, self.scale), "gray": chance(rng, self.gray)}
        if self.exponent:
            drawn["photons"] = 10 ** uniform(rng, self.exponent)
        return {**drawn, "key": field_key(rng)}

    def apply(self, x: Array, params: Sequence[Params]) -> Array:
        if is_torch(x):
            return alike(x, params, ["gray"], _noisy_batch)
        return backend.each(x, params, _noisy_plane)


def _noisy_plane(image: Plane, drawn: Params) -> Plane:
    grey = drawn["gray"] and image.shape[2] == 3
    levels = backend.to_levels(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None] if grey else image)
    photons = drawn["photons"] if "photons" in drawn else 2.0 ** np.ceil(np.log2(_distinct(levels)))
    noise = noise_tables.poisson_noise(drawn["key"], levels, photons)
    noise *= np.float32(drawn["scale"])
    return backend.held(image + noise)


def _distinct(levels: Image) -> int:
    return int(np.count_nonzero(cv2.calcHist([levels.reshape(len(levels), -1)], [0], None, [256], [0, 256])))


def _noisy_batch(x: Array, params: Sequence[Params]) -> Any:
    import torch

    clean: Any = backend.rounded(luma(x, span="full") if params[0]["gray"] and x.shape[1] == 3 else x)
    if "photons" in params[0]:
        photons: Any = backend.column([one["photons"] for one in params], x)
    else:
        photons = (_distinct_in_each(clean).log2() - 1e-5).ceil().exp2()  # what floats add to a whole number
    draws = zip(clean * photons, params, strict=True)
    counts = torch.stack([torch.poisson(mean, backend.seeded(one["key"], mean)) for mean, one in draws])
    scale: Any = backend.column([one["scale"] for one in params], x)
    return backend.held(x + (counts / photons - clean) * scale)


def _distinct_in_each(clean: torch.Tensor) -> torch.Tensor:
    """How many levels each image has, as a column, without waiting for the device."""
    levels = (clean * 255).round().long().flatten(1)
    return clean.new_zeros(len(clean), 256).scatter_(1, levels, 1.0).sum(1).reshape(-1, 1, 1, 1)
