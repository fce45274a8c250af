"""Noise, with a field of its own for every image, the same on every device."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from srdata.degrade.model.by_setting import alike
from srdata.degrade.model.distributions import chance, field_key, pick, uniform
from srdata.degrade.model.op import Op, Params
from srdata.degrade.model.ranges import ODDS, Range, between
from srdata.degrade.numerics import backend
from srdata.degrade.numerics.backend import Array, Plane, is_torch
from srdata.degrade.numerics.random_fields import (
    in_all_channels,
    interleaved,
    normal_field,
    normal_image,
    normal_planes,
    uniform_field,
)

if TYPE_CHECKING:
    import torch

Kind = Literal["color", "gray", "channel", "correlated"]
Levels = Annotated[Range, between(0, 255)]
Part = Annotated[Range, between(0, 1)]
Probability = Annotated[float, between(0, 1)]
CORRELATED_LEVELS = 25.0
_FIELDS: dict[str, int] = {"gray": 1, "correlated": 3}  # that an image needs; otherwise one for each channel


class _NormalNoise(Op):
    """Normal noise by a sigma and by how the channels share it.

    "color" draws each channel by itself, "gray" gives one field to all, "channel" gives each a sigma of its
    own. "correlated" mixes three fields as BSRGAN does (arXiv 2103.14006), by the covariance |L² UᵀDU| with
    L = 25/255, D diagonal and U orthogonal, both random; it draws no sigma.
    """

    applied: ClassVar[tuple[str, ...]] = ("clip",)

    sigma: Levels = Field(examples=[[1, 30]])  # 8-bit levels
    whole: bool = False  # draw whole levels only
    kind: Annotated[dict[Kind, Annotated[float, between(0)]], *ODDS] = Field(default={"color": 1.0})
    clip: bool = True  # without it, the last step of a chain that does not round gives values beyond 0–1

    @model_validator(mode="after")
    def _has_whole_ends(self) -> _NormalNoise:
        if self.whole and any(end % 1 for end in self.sigma):
            raise ValueError(f"sigma {list(self.sigma)} must be of whole levels where `whole` is true")
        return self

    def sample(self, rng: np.random.Generator) -> Params:
        kind: Kind = pick(rng, self.kind)
        key = field_key(rng)
        if kind == "correlated":
            return {"kind": kind, "mixing": _random_mixing(rng), "key": key}
        several = 3 if kind == "channel" else 1
        return {"kind": kind, "sigma": [self._sigma(rng) for _ in range(several)], "key": key}

    def _sigma(self, rng: np.random.Generator) -> float:
        low, high = self.sigma
        return float(int(uniform(rng, (low, high + 1)))) if self.whole else uniform(rng, self.sigma)

    def apply(self, x: Array, params: Sequence[Params]) -> Array:
        if is_torch(x):
            noisy: Array = self._noisy(x, _noise(x, params))
        else:
            noisy = backend.each(x, params, lambda image, one: self._noisy(image, _plane_noise(image, one)))
        return backend.held(noisy) if self.clip else noisy

    @abstractmethod
    def _noisy(self, x: Any, noise: Any) -> Any:
        """Images to which this noise was done; it may be written over."""


class GaussianNoise(_NormalNoise):
    """Add normal noise."""

    version: ClassVar[int] = 2

    op: Literal["gaussian_noise"] = "gaussian_noise"

    def _noisy(self, x: Any, noise: Any) -> Any:
        noise += x
        return noise


class SpeckleNoise(_NormalNoise):
    """Multiply by 1 + normal noise.

    Source: KAIR `add_speckle_noise`, of BSRGAN+.
    """

    version: ClassVar[int] = 2

    op: Literal["speckle_noise"] = "speckle_noise"

    def _noisy(self, x: Any, noise: Any) -> Any:
        return x + x * noise


def _plane_noise(image: Plane, drawn: Params) -> Plane:
    """The noise of one image, HWC."""
    (height, width, channels), kind = image.shape, drawn["kind"]
    planes: Any = _FIELDS.get(kind, channels)
    shape = (planes, height, width)
    if kind in ("color", "gray"):
        noise = normal_image(drawn["key"], shape)
        noise *= np.float32(drawn["sigma"][0] / 255)
        return in_all_channels(noise, channels)
    field = normal_planes(drawn["key"], shape)
    if kind == "correlated":
        mixing = np.array(drawn["mixing"], np.float32)[:, :channels]
        return interleaved(sum(plane * row[:, None, None] for plane, row in zip(field, mixing, strict=True)))
    field *= (np.array(drawn["sigma"][:channels]) / 255).astype(np.float32)[:, None, None]
    return interleaved(field)


def _noise(x: torch.Tensor, params: Sequence[Params]) -> torch.Tensor:
    """Noise for a batch: mixtures of as many fields as one of its images needs.

    A weight of zero adds nothing, not even an error of rounding, so that each gets what it would get alone.
    """
    channels, height, width = x.shape[1:]
    planes: int = max(_FIELDS.get(one["kind"], channels) for one in params)

    def mixing() -> Any:
        whole = np.zeros((len(params), channels, planes))
        for target, one in zip(whole, params, strict=True):
            rows = _weights(one, channels)
            target[:, : len(rows[0])] = rows
        return whole

    field: Any = normal_field([one["key"] for one in params], (planes, height, width), x)
    noise: torch.Tensor = (backend.tensor(mixing, x) @ field.flatten(2)).reshape(x.shape)
    return noise


def _weights(drawn: Params, channels: int) -> Any:
    """What each channel takes of each field, (channels, fields)."""
    if drawn["kind"] == "correlated":
        return np.array(drawn["mixing"]).T[:channels]
    sigma = np.array(drawn["sigma"][:channels]) / 255
    return np.full((channels, 1), sigma) if drawn["kind"] == "gray" else np.eye(channels) * sigma


def _random_mixing(rng: np.random.Generator) -> list[list[float]]:
    """What channel c takes of field k, [k][c] in 0–1, such that the noise has BSRGAN's random covariance."""
    spread = np.diag([rng.random() for _ in range(3)])
    turn = np.linalg.svd(np.array([[rng.random() for _ in range(3)] for _ in range(3)]))[0]
    covariance = np.abs((CORRELATED_LEVELS / 255) ** 2 * turn.T @ spread @ turn)
    _, sizes, directions = np.linalg.svd(covariance)
    mixing: list[list[float]] = (np.sqrt(sizes)[:, None] * directions).tolist()
    return mixing


class SaltPepper(Op):
    """Turn a part of the samples white or black.

    Source: wtp_dataset_destroyer "noise" of the types salt and pepper.
    """

    version: ClassVar[int] = 2

    op: Literal["salt_pepper"] = "salt_pepper"
    amount: Part = (0.0, 0.05)  # part of the pixels
    salt: Part = (0.5, 0.5)  # part of those that turns white
    gray: Probability = 1.0  # probability that whole pixels turn, not samples of single channels

    def sample(self, rng: np.random.Generator) -> Params:
        amount, salt = uniform(rng, self.amount), uniform(rng, self.salt)
        return {"amount": amount, "salt": salt, "gray": chance(rng, self.gray), "key": field_key(rng)}

    def apply(self, x: Array, params: Sequence[Params]) -> Array:
        return alike(x, params, ["gray"], _speckled)


def _speckled(x: Any, params: Sequence[Params]) -> Any:
    channels = 1 if params[0]["gray"] else x.shape[1]
    field: Any = uniform_field([one["key"] for one in params], (channels, *x.shape[2:]), x)
    white: Any = backend.column([one["amount"] * one["salt"] for one in params], x)
    black: Any = backend.column([one["amount"] for one in params], x)
    return backend.select(field < white, 1.0, backend.select(field < black, 0.0, x))


class UniformNoise(Op):
    """Add noise that is uniform within plus and minus an amplitude.

    Source: wtp_dataset_destroyer "noise" of the type uniform.
    """

    version: ClassVar[int] = 2

    op: Literal["uniform_noise"] = "uniform_noise"
    amplitude: Levels = Field(examples=[[5, 30]])  # 8-bit levels
    gray: Probability = 0.0  # probability that all channels get one field

    def sample(self, rng: np.random.Generator) -> Params:
        amplitude, gray = uniform(rng, self.amplitude), chance(rng, self.gray)
        return {"amplitude": amplitude, "gray": gray, "key": field_key(rng)}

    def apply(self, x: Array, params: Sequence[Params]) -> Array:
        return backend.held(alike(x, params, ["gray"], _uneven))


def _uneven(x: Array, params: Sequence[Params]) -> Any:
    channels = 1 if params[0]["gray"] else x.shape[1]
    field: Any = uniform_field([one["key"] for one in params], (channels, *x.shape[2:]), x)
    return x + (field - 0.5) * backend.column([2 * one["amplitude"] / 255 for one in params], x)
