"""One of several augmentations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import BeforeValidator, Field, model_validator
from torch import Tensor

from srdata.augment.augmentation import Augmentation, Draws, Per, Sides
from srdata.augment.colours import Blend, ColourJitter, Invert, RgbPermute
from srdata.augment.erasing import Cutblur, Cutout
from srdata.augment.flips import Dihedral
from srdata.augment.mixing import Cutmix, Cutmixup, Mixup, Resizemix
from srdata.common.wording.amounts import how_many
from srdata.degrade.model.distributions import weighted
from srdata.degrade.model.op import Params
from srdata.degrade.numerics import backend

Plain = Annotated[
    Dihedral
    | RgbPermute
    | Blend
    | Mixup
    | Cutmix
    | Cutmixup
    | Cutout
    | Cutblur
    | Resizemix
    | Invert
    | ColourJitter,
    Field(discriminator="augment"),
]


def _named(value: Any) -> Any:
    """Names for augmentations with their defaults."""
    if not isinstance(value, tuple):
        return value
    return tuple({"augment": one} if isinstance(one, str) else one for one in value)


class Mixture(Augmentation):
    """One of several augmentations, each as likely as its weight.

    With `per: batch` it is one and the same for all images of a batch. Within it each draws as it says
    itself, and partners come from the whole batch, as they were before the mixture.

    Draws: `branch`, the place of the one that is done; `params`, what that one draws.
    Alignment: that of its parts.
    Source: CutBlur's mixture of augmentations (augments.py `apply_augment`): one for the batch, all alike.
    """

    neutral: ClassVar[Params] = {"branch": None}

    augment: Literal["mixture"] = "mixture"
    per: Per = "batch"
    of: Annotated[tuple[Plain, ...], BeforeValidator(_named), Field(min_length=1)]
    weights: tuple[float, ...] | None = None  # all alike

    @model_validator(mode="after")
    def _possible(self) -> Mixture:
        weights = self._weights()
        if len(weights) != len(self.of):
            raise ValueError(
                f"weights has {how_many(len(weights), 'number')} for {how_many(len(self.of), 'augmentation')}"
            )
        if min(weights) < 0 or sum(weights) <= 0:
            raise ValueError("weights must not be negative, and one of them must be positive")
        return self

    def _weights(self) -> Sequence[float]:
        return (1.0,) * len(self.of) if self.weights is None else self.weights

    def parts(self) -> Sequence[Augmentation]:
        return self.of

    def sample(self, rng: np.random.Generator) -> Params:
        return {"branch": weighted(rng, self._weights())}

    def draw(self, draws: Draws) -> list[Params]:
        drawn = super().draw(draws)
        inner = {
            branch: self.of[branch].draw(draws.inside(self.of[branch].name, branch))
            for branch in _branches(drawn)
        }
        return [
            one if one["branch"] is None else {**one, "params": inner[one["branch"]][place]}
            for place, one in enumerate(drawn)
        ]

    def apply(self, sides: Sides, params: Sequence[Params]) -> Sides:
        branches = _branches(params)
        if any(part.masks for part in self.of):
            sides = sides._replace(mask=sides.known_mask())
        results = [self._branch(sides, params, branch) for branch in branches]
        taken = [0 if one["branch"] is None else 1 + branches.index(one["branch"]) for one in params]
        if len(set(taken)) == 1:
            return [sides, *results][taken[0]]
        return _rows([sides, *results], taken)

    def _branch(self, sides: Sides, params: Sequence[Params], branch: int) -> Sides:
        """The batch after one of the parts, in which the images of other branches are as they were."""
        part = self.of[branch]
        return part.apply(
            sides, [one["params"] if one["branch"] == branch else part.neutral for one in params]
        )


def _branches(params: Sequence[Params]) -> list[int]:
    return sorted({one["branch"] for one in params} - {None})


def _rows(results: Sequence[Sides], taken: Sequence[int]) -> Sides:
    """Each image from the result that is its own."""
    count = len(taken)
    places = [result * count + place for place, result in enumerate(taken)]

    def picked(*tensors: Tensor) -> Tensor:
        whole: Tensor = torch.cat(tensors)[backend.index(places, tensors[0])]
        return whole

    merged = results[0].each(picked, *results[1:])
    masks = [result.mask for result in results if result.mask is not None]
    return merged._replace(mask=picked(*masks)) if masks else merged
