"""The noise of counting photons."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import cv2
import numpy as np

from srdata.degrade.model.distributions import chance, field_key, uniform
from srdata.degrade.model.op import Op, Params
from srdata.degrade.model.ranges import Range, between
from srdata.degrade.numerics import backend
from srdata.degrade.numerics.backend import Array, Image, Plane, is_torch
from srdata.degrade.numerics.photon_counts import (
    expanded_noise,
    expanded_noise_of_batch,
    photons_of,
    tabled_noise,
    tabled_noise_of_batch,
)
from srdata.degrade.numerics.random_fields import half_planes, halves, in_all_channels, interleaved

if TYPE_CHECKING:
    import torch

_GREY = (9798 / 32768, 19235 / 32768, 3735 / 32768)  # of red, green and blue; OpenCV, color_yuv.simd.hpp


class PoissonNoise(Op):
    """Replace each 8-bit level by a count of photons with that mean, and add the difference times `scale`.

    White is 10 to the power `exponent` photons (BSRGAN+, arXiv 2103.14006). Without it, it is the number of
    distinct levels in the image, up to a power of two (Real-ESRGAN).
    """

    version: ClassVar[int] = 3

    op: Literal["poisson_noise"] = "poisson_noise"
    scale: Annotated[Range, between(0, 100)] = (1.0, 1.0)
    exponent: Annotated[Range, between(0, 6)] | None = None
    gray: Annotated[float, between(0, 1)] = 0.0  # probability that all channels get the noise of the luma

    @cached_property
    def kin(self) -> Hashable:
        return type(self), self.exponent is None

    def sample(self, rng: np.random.Generator) -> Params:
        drawn: Params = {"scale": uniform(rng, self.scale), "gray": chance(rng, self.gray)}
        if self.exponent:
            drawn["photons"] = 10 ** uniform(rng, self.exponent)
        return {**drawn, "key": field_key(rng)}

    def apply(self, x: Array, params: Sequence[Params]) -> Array:
        return _noisy_batch(x, params) if is_torch(x) else backend.each(x, params, _noisy_plane)


def _noisy_plane(image: Plane, drawn: Params) -> Plane:
    levels = _levels(image)
    if drawn["gray"] and image.shape[2] == 3:
        levels = cv2.cvtColor(levels, cv2.COLOR_RGB2GRAY)[..., None]
    height, width, planes = levels.shape
    bits = interleaved(half_planes(drawn["key"], (planes, height, width)))
    if "photons" in drawn:
        noise = expanded_noise(bits, levels, drawn["photons"])
    else:
        noise = tabled_noise(bits, levels, photons_of(levels))
    noise *= np.float32(drawn["scale"])
    noise = in_all_channels(noise, image.shape[2])
    noise += image
    return backend.held(noise)


def _levels(image: Plane) -> Image:
    """The nearest 8-bit levels, of products in float32 as torch has them, and not `cv2.multiply`."""
    levels: Image = cv2.addWeighted(image, 255, image, 0, 0, dtype=cv2.CV_8U).reshape(image.shape)
    return levels


def _noisy_batch(x: torch.Tensor, params: Sequence[Params]) -> torch.Tensor:
    levels = backend.levels_of(x)
    bits = halves([one["key"] for one in params], x.shape[1:], x)
    if x.shape[1] == 3 and any(one["gray"] for one in params):
        import torch

        from srdata.common.tensors.device_copies import sent_together

        (grey,) = sent_together(x.device, np.array([[[[bool(one["gray"])]]] for one in params]))
        levels = torch.where(grey, _grey_levels(levels), levels)
        bits = torch.where(grey, bits[:, :1], bits)
    if "photons" in params[0]:
        noise = expanded_noise_of_batch(bits, levels, [one["photons"] for one in params])
    else:
        noise = tabled_noise_of_batch(bits, levels)
    scales: Any = backend.column([one["scale"] for one in params], x)
    return noise.mul_(scales).add_(x).clip_(0, 1)  # rounded twice, as on any device


def _grey_levels(levels: torch.Tensor) -> torch.Tensor:
    """OpenCV's grey of 8-bit levels, whose arithmetic float32 holds exactly."""
    import torch

    from srdata.degrade.numerics.device_constants import constant

    weights = constant((_GREY,), levels.device).expand(len(levels), -1, -1)
    half = constant((((0.5,),),), levels.device)
    return torch.baddbmm(half, weights, levels.flatten(2)).floor_().view(len(levels), 1, *levels.shape[2:])
