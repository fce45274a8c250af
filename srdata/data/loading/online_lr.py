"""What a loader makes of HR crops instead of reading LR: a degradation, or any scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import torch
from torch import Tensor

from srdata.common.wording.amounts import how_many
from srdata.data.arbitrary_scale.scale_pairs import ArbitraryScale
from srdata.data.crops.regions import Spot
from srdata.degrade.model.distributions import chance, integer
from srdata.degrade.model.op import Params
from srdata.errors import UsageError
from srdata.rng import generator
from srdata.scale import Scale

if TYPE_CHECKING:
    from srdata.degrade.chain import Chain, Delta  # with all ops, which a loader of stored LR needs not

LOOSE = "loose"  # what the last entry of δ is called where the patch was cut loosely
Address = tuple[int | str, ...]
Degradation: TypeAlias = "str | Path | dict[str, Any] | list[Any] | Chain"


class DrawAddresses(NamedTuple):
    """The addresses of what is drawn for a batch: those of its images, which end in the key, and its own.

    And where each HR crop lies in its image, and how it is to be turned.
    """

    images: list[Address]
    batch: Address
    spots: list[Spot]
    turns: list[int] | None


@dataclass(frozen=True)
class Degrading:
    """A chain that makes LR on the device, with the draws that it has offline.

    δ of an image is drawn at (seed, visit, key); what decides sizes is shared by each `group` images in turn,
    or by the whole batch. `margin` HR pixels on each side of a patch are degraded with it, then cut off; with
    `anywhere` the patch is not their middle but lies anywhere among them, on the grid of LR (Real-ESRGAN).
    `loose` HR pixels more than a patch has are degraded too, and the patch is taken at their top left or,
    with ½, anywhere: on the grid of JPEG's blocks, or off it (SwinIR). Where stands last in δ. With `plain`,
    HR before the chain's steps on it is given as well, as `hr_plain`.
    """

    chain: Chain
    scale: Scale
    group: int | None = None
    margin: int = 0
    plain: bool = False
    loose: int = 0
    anywhere: bool = False

    def __post_init__(self) -> None:
        self.chain.check_scale(self.scale)
        if self.group is not None and self.group < 1:
            raise UsageError(f"group {self.group} must be at least 1: images that share what decides sizes")
        whole = how_many(self.scale.numerator, "HR pixel")
        if self.margin < 0 or self.margin % self.scale.numerator:
            raise UsageError(f"margin {self.margin} must be a multiple of {whole}")
        if self.loose < 0 or self.loose % self.scale.numerator or (self.loose and self.margin):
            raise UsageError(f"loose {self.loose} must be a multiple of {whole}, without margin")

    @property
    def _spare(self) -> int:
        """HR pixels by which the place of a patch within what is degraded may vary."""
        return 2 * self.margin if self.anywhere else self.loose

    def draw(self, place: DrawAddresses) -> list[Delta]:
        """δ of each image of a batch."""
        images = place.images
        group = self.group or len(images)
        heads = [images[number - number % group] for number in range(len(images))]
        return [
            self.chain.sample(*image, group=(*head[:-1], "group", head[-1]) if group > 1 else None)
            + self._corner(image)
            for image, head in zip(images, heads, strict=True)
        ]

    def _corner(self, image: Address) -> Delta:
        """Where the patch lies in what is degraded, in cells of the scale."""
        if not self._spare:
            return []
        rng = generator(*image, "loose")
        free = (0, self._spare // self.scale.numerator)
        first = not self.anywhere and chance(rng, 0.5)
        top, left = (0, 0) if first else (integer(rng, free), integer(rng, free))
        return [{"op": LOOSE, "params": {"top": top, "left": left}}]

    def make(self, hr: Tensor, deltas: Sequence[Delta]) -> dict[str, Tensor]:
        """LR and HR of a batch of HR crops (float32 NCHW in 0–1)."""
        drawn = [delta[:-1] for delta in deltas] if self._spare else deltas
        pair = self.chain.pair(hr, drawn, self.scale)
        p, q = self.scale.as_integer_ratio()
        sides = {"lr": (pair.lr, q), "hr": (pair.hr, p)} | ({"hr_plain": (hr, p)} if self.plain else {})
        return {name: self._patches(image, cell, deltas) for name, (image, cell) in sides.items()}

    def _patches(self, image: Tensor, cell: int, deltas: Sequence[Delta]) -> Tensor:
        """The patches in what was degraded, whose cells of the scale have a side of `cell` pixels."""
        if not self._spare:
            return _inner(image, self.margin // self.scale.numerator * cell)
        height, width = (side - self._spare // self.scale.numerator * cell for side in image.shape[-2:])
        corners = [delta[-1]["params"] for delta in deltas]
        found = [
            one[:, corner["top"] * cell :, corner["left"] * cell :][:, :height, :width]
            for one, corner in zip(image, corners, strict=True)
        ]
        return torch.stack(found)


@dataclass(frozen=True)
class Rescaling:
    """LR patches of any scale, and the HR pixels that are asked for; each image is drawn at its address.

    It takes HR crops that are not turned yet, and turns what it makes of them.
    """

    form: ArbitraryScale
    scale: Scale

    def draw(self, place: DrawAddresses) -> list[Params]:
        """Scale, place, queries and turn of each image of a batch."""
        shared, turns = (*place.batch, "arbitrary scale"), place.turns or [0] * len(place.images)
        return [
            {
                **self.form.sample(generator(*image, "arbitrary scale"), generator(*shared), spot),
                "turn": turn,
            }
            for image, spot, turn in zip(place.images, place.spots, turns, strict=True)
        ]

    def make(self, hr: Tensor, params: Sequence[Params]) -> dict[str, Tensor]:
        """See `ArbitraryScale.make`."""
        return self.form.make(hr, params)


Making = Degrading | Rescaling


def _inner(image: Tensor, margin: int) -> Tensor:
    height, width = image.shape[-2:]
    return image[..., margin : height - margin, margin : width - margin] if margin else image
