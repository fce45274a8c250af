"""What an augmentation is: a frozen, validated model that draws for a batch, then alters the batch.

As with the ops of a degradation, all randomness is in the draw, and the same draw gives the same pixels. What
differs is that an augmentation sees HR and LR together and, where it mixes, the other images of the batch.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from srdata.degrade.model.distributions import chance
from srdata.degrade.model.op import Params, Settings
from srdata.degrade.model.ranges import between
from srdata.degrade.numerics import backend
from srdata.errors import UsageError
from srdata.rng import Address, Generators

Per = Literal["image", "batch"]
Place = tuple[Address, ...]


class Sides(NamedTuple):
    """The two sides of a batch, NCHW, as floats in 0–1 or uint8. HR is LR times the scale, or of equal size.

    `mask` (N1HW, bool, of the size of HR) is False where the loss is to look away; None stands for nowhere.
    """

    lr: Tensor | None
    hr: Tensor | None
    mask: Tensor | None = None

    def each(self, change: Callable[..., Tensor], *others: Sides) -> Sides:
        """Both sides by `change(side, that side of each of the others)`; the mask stays."""
        lr, hr = (
            None if side is None else change(side, *(other[place] for other in others))
            for place, side in enumerate(self[:2])
        )
        return Sides(lr, hr, self.mask)

    def main(self) -> Tensor:
        """HR, or LR where that is all there is."""
        side = self.lr if self.hr is None else self.hr
        if side is None:
            raise UsageError("a batch without LR and without HR cannot be augmented: give one of them")
        return side

    def known_mask(self) -> Tensor:
        """The mask; True everywhere if there is none yet."""
        if self.mask is not None:
            return self.mask
        side = self.main()
        return side.new_ones((len(side), 1, *side.shape[2:]), dtype=torch.bool)


@dataclass(frozen=True)
class Draws:
    """Where the numbers of an augmentation come from: the addresses of the images and of the batch."""

    images: Sequence[Place]
    batch: Place
    generators: Generators

    def inside(self, *step: Address) -> Draws:
        """The addresses of a part of what is drawn."""
        return Draws([(*image, *step) for image in self.images], (*self.batch, *step), self.generators)

    def of_images(self) -> Iterator[np.random.Generator]:
        """A generator for each image, good until the next one is asked for."""
        return (self.generators.at(*image) for image in self.images)

    def of_batch(self) -> np.random.Generator:
        """The generator of the batch, good until the next one is asked for."""
        return self.generators.at(*self.batch)


class Augmentation(Settings):
    """One augmentation. Its fields are its YAML."""

    bytes_too: ClassVar[bool] = False  # works on uint8 as well, with the same result
    same_size: ClassVar[bool] = False  # needs LR of the size of HR
    mixes: ClassVar[bool] = False  # takes from other images of the batch
    masks: ClassVar[bool] = False  # leaves parts of which the loss must not speak
    neutral: ClassVar[Params]  # parameters that change nothing

    augment: str
    p: Annotated[float, between(0, 1)] = 1.0  # the probability that anything is done
    per: Per = "image"  # whether it is drawn for each image, or once for all images of a batch

    @property
    def name(self) -> str:
        """The name by which YAML calls it."""
        return self.augment

    def parts(self) -> Sequence[Augmentation]:
        """The augmentations that do the work: itself, or those it is made of."""
        return (self,)

    @abstractmethod
    def sample(self, rng: np.random.Generator) -> Params:
        """Draw once, for an image or for a batch as `per` says, by `rng.random()` alone; `p` has been met."""

    def sample_own(self, rng: np.random.Generator) -> Params:
        """Draw what each image has for itself, also where the rest is drawn for the batch."""
        return {}

    def draw(self, draws: Draws) -> list[Params]:
        """What is drawn for each image of a batch: plain numbers, JSON-able."""
        shared = self._maybe(draws.of_batch()) if self.per == "batch" else None
        return [self._own(shared, rng) for rng in draws.of_images()]

    def _maybe(self, rng: np.random.Generator) -> Params:
        return self.sample(rng) if chance(rng, self.p) else self.neutral

    def _own(self, shared: Params | None, rng: np.random.Generator) -> Params:
        drawn = self._maybe(rng) if shared is None else shared
        return {**drawn, **self.sample_own(rng)} if drawn is not self.neutral else dict(drawn)

    @abstractmethod
    def apply(self, sides: Sides, params: Sequence[Params]) -> Sides:
        """Alter a batch by the parameters of each of its images.

        Pure: draws nothing, writes to nothing it was given, and does not wait for a device.
        """


class Mixing(Augmentation):
    """An augmentation that takes something from another image of the batch, its partner.

    Each image draws a number, and the partners are the images in the order of these numbers: a permutation of
    the batch, so that every image is a partner once, now and then its own.
    """

    mixes: ClassVar[bool] = True

    per: Per = "batch"

    def draw(self, draws: Draws) -> list[Params]:
        drawn = super().draw(draws)
        ranks = [float(rng.random()) for rng in draws.inside("partner").of_images()]
        partners = np.argsort(ranks, kind="stable")
        return [
            one if one == self.neutral else {**one, "partner": int(partner)}
            for one, partner in zip(drawn, partners, strict=True)
        ]


def of_partners(params: Sequence[Params], side: Tensor) -> Tensor:
    """The partner of each image of a side."""
    places = [one.get("partner", place) for place, one in enumerate(params)]
    found: Tensor = side[backend.index(places, side)]
    return found


def flags(params: Sequence[Params], name: str, like: Tensor) -> Tensor:
    """One truth per image, (N, 1, 1, 1), where `like` is."""
    return numbers(params, name, like) > 0.5


def numbers(params: Sequence[Params], name: str, like: Tensor) -> Tensor:
    """One number per image, (N, 1, 1, 1), float32, where `like` is."""
    return backend.tensor([one[name] for one in params], like).reshape(-1, 1, 1, 1)


def weighed(one: Tensor, other: Tensor, weight: Tensor) -> Tensor:
    """`weight` of one and the rest of the other, in the type of the first; weight 1 gives it exactly."""
    return (one * weight + other * (1 - weight)).to(one.dtype)
