"""Training pairs of any scale: LR patches, and HR pixels at continuous coordinates.

Source: LIIF (Chen et al., CVPR 2021), its `sr-implicit-downsampled` data; Meta-SR (Hu et al., CVPR 2019).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor

from srdata.augment.flips import turned
from srdata.common.wording.amounts import how_many
from srdata.data.arbitrary_scale.resampled_squares import (
    Integers,
    by_matlab,
    by_pillow,
    cut_out,
    pixels,
    unturned,
)
from srdata.data.crops.regions import Spot
from srdata.degrade.model.distributions import field_key, integer, uniform
from srdata.degrade.model.op import Params, Settings
from srdata.degrade.numerics import backend
from srdata.errors import UsageError

_ANYWHERE = Spot((0, 0), (1, 1))


class ArbitraryScale(Settings):
    """Draws a scale for each image, or for each batch, and makes LR patches of one size at all of them.

    At scale s an image is a square of round(lr_patch · s) HR pixels somewhere in its HR crop, and its LR
    patch is all of that square, so that the outer edges of both coincide. LR is a bicubic of the square:
    Pillow's of it alone, which is in 8 bits, bit for bit; or `imresize`'s (MATLAB's) of it and the `margin`
    around it, which if `rounds` is in 8 bits after the rows and after the columns. It is made before the
    square is turned, which matters to rounding alone.

    The settings of LIIF are the defaults; those of Meta-SR are `META_SR`, whose scales are 1.1, 1.2 … 4.0.
    There the sides are Meta-SR's int(50 · s), without the pixel that floats take from 2.3 and others. Meta-SR
    cuts LR patches out of LR images, at places that lie on the HR grid; a margin of twice the scale gives
    just these pixels, as if each image began where the grids meet.
    """

    low: Annotated[float, Field(ge=1, le=64)] = 1.0
    high: Annotated[float, Field(ge=1, le=64)] = 4.0
    step: Annotated[float, Field(gt=0)] | None = (
        None  # scales are low, low + step …; None: any in [low, high)
    )
    per: Literal["image", "batch"] = "image"
    lr_patch: Annotated[int, Field(ge=1)] = 48  # LR pixels
    margin: Annotated[int, Field(ge=0)] = 0  # HR pixels around the square, which imresize's kernel reaches
    queries: Annotated[int, Field(ge=1)] | None = (
        2304  # HR pixels an image; None: all, which needs per="batch"
    )
    bicubic: Literal["pillow", "matlab"] = "pillow"  # that LR is made by
    rounds: bool = True  # LR in whole 8-bit levels

    @model_validator(mode="after")
    def _possible(self) -> ArbitraryScale:
        if self.low > self.high:
            raise ValueError(f"low {self.low:g} is above high {self.high:g}")
        if self.bicubic == "pillow" and not self.rounds:
            raise ValueError("rounds: Pillow's bicubic is in 8 bits; take bicubic: matlab")
        if self.bicubic == "pillow" and self.margin:
            raise ValueError("margin: Pillow's bicubic is of the square alone; take bicubic: matlab")
        if self.queries is None and self.per == "image":
            raise ValueError("queries: all pixels are as many for each image only with per: batch")
        if self.queries and self.queries > self.side(self.low) ** 2:
            raise ValueError(
                f"queries: an image has only {self.side(self.low) ** 2} HR pixels at {self.low:g}"
            )
        return self

    @property
    def hr_patch(self) -> int:
        """The side of the HR crops that `make` takes, in pixels."""
        return self.side(self.high) + 2 * self.margin

    def side(self, scale: float) -> int:
        """The HR pixels along an LR patch."""
        return round(self.lr_patch * scale)

    def sample(
        self, rng: np.random.Generator, shared: np.random.Generator | None = None, spot: Spot = _ANYWHERE
    ) -> Params:
        """Draw scale, place and queries of one image.

        With per="batch" the scale comes from `shared`: a generator with an address that the batch has. Where
        the HR crop was drawn at a `spot` of its image, the square is as likely at each place of that image.
        """
        scale = self._scale(shared if shared is not None and self.per == "batch" else rng)
        free = self.side(self.high) - self.side(scale)
        top, left = (
            _place(float(rng.random()), free, place, count) + self.margin
            for place, count in zip(*spot, strict=True)
        )
        return {"scale": scale, "top": top, "left": left, "queries": field_key(rng)}

    def _scale(self, rng: np.random.Generator) -> float:
        if self.step is None:
            return uniform(rng, (self.low, self.high))
        steps = int((self.high - self.low) / self.step + 1e-9)
        return round(self.low + self.step * integer(rng, (0, steps)), 9)

    def make(self, hr: Tensor, params: Sequence[Params]) -> dict[str, Tensor]:
        """The tensors of a batch, of HR crops (N, C, hr_patch, hr_patch) in 0–1; waits for no device.

            lr     (N, C, lr_patch, lr_patch)
            coord  (N, queries, 2)  the middle of each queried HR pixel: y, x, from -1 to 1 over the patch
            cell   (N, queries, 2)  the height and width of an HR pixel in these units: 2 / side
            rgb    (N, queries, C)  the HR pixels there, drawn without repetition; all, row by row, if None
            hr     (N, C, side, side)  with per="batch" alone

        Where the parameters have a `turn` (see `srdata.dihedral`), LR and the square are turned by it, and
        then queried. Raises UsageError for crops of another size, and where scales differ within a batch that
        has one.
        """
        self._check(hr, params)
        sides = np.array([self.side(one["scale"]) for one in params])
        corners = np.array([[one["top"], one["left"]] for one in params])
        turns = np.array([one.get("turn", 0) for one in params])
        each = list(zip(params, turns.tolist(), sides.tolist(), strict=True))
        places = np.stack([self._places(one, side) for one, _, side in each])
        inside = np.stack(
            [unturned(some, turn, side) for some, (_, turn, side) in zip(places, each, strict=True)]
        )
        coord = (2 * places + 1) / sides[:, None, None] - 1
        tensors = {
            "lr": turned(self._lr(hr, corners, sides), turns),
            "coord": backend.tensor(coord, hr),
            "cell": backend.tensor(np.broadcast_to(2 / sides[:, None, None], coord.shape), hr),
            "rgb": pixels(hr, inside + corners[:, None]),
        }
        if self.per == "batch":
            tensors["hr"] = turned(cut_out(hr, corners, int(sides[0])), turns)
        return tensors

    def _lr(self, hr: Tensor, corners: Integers, sides: Integers) -> Tensor:
        if self.bicubic == "pillow":
            return by_pillow(hr, corners, sides, self.lr_patch)
        return by_matlab(hr, corners, sides, self.lr_patch, self.margin, self.rounds)

    def _places(self, params: Params, side: int) -> Integers:
        """The queried pixels of an image, as rows and columns within its square."""
        count = side * side
        if self.queries is None:
            flat = np.arange(count)
        else:
            rng = np.random.Generator(np.random.SFC64(params["queries"]))
            flat = rng.choice(count, self.queries, replace=False, shuffle=False)
        return np.stack(np.divmod(flat, side), axis=-1)

    def _check(self, hr: Tensor, params: Sequence[Params]) -> None:
        wanted = (len(params), self.hr_patch, self.hr_patch)
        if hr.ndim != 4 or (len(hr), *hr.shape[2:]) != wanted:
            raise UsageError(
                f"scales of up to {self.high:g} take HR crops of {self.hr_patch}x{self.hr_patch}, one "
                f"for each of {how_many(len(params), 'draw')}, not a tensor of shape {tuple(hr.shape)}"
            )
        if self.per == "batch" and len({one["scale"] for one in params}) > 1:
            raise UsageError("the scales of a batch differ: give sample a `shared` generator, alike for all")


META_SR = ArbitraryScale(
    low=1.1, high=4.0, step=0.1, per="batch", lr_patch=50, margin=8, queries=None, bicubic="matlab"
)


def coordinates(height: int, width: int) -> Tensor:
    """The middles of all pixels of an image, row by row: y and x from -1 to 1, (height · width, 2), float32.

    >>> coordinates(1, 4)
    tensor([[ 0.0000, -0.7500],
            [ 0.0000, -0.2500],
            [ 0.0000,  0.2500],
            [ 0.0000,  0.7500]])
    """
    rows, columns = (
        (2 * torch.arange(count, dtype=torch.float64) + 1) / count - 1 for count in (height, width)
    )
    return torch.stack(torch.meshgrid(rows, columns, indexing="ij"), dim=-1).reshape(-1, 2).float()


def _place(share: float, free: int, place: int, count: int) -> int:
    """Where a square lies along an axis of its crop, which leaves it `free` pixels.

    The crop was drawn at `place` among `count`; with a `share` of [0, 1) that is drawn anew, each of the
    count + free places that the square has in the image is as likely.
    """
    return min(max(int((place + share) / count * (count + free)) - place, 0), free)
