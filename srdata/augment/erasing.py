"""Augmentations that alter LR alone: HR shows through, or pixels are gone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from srdata.augment import boxes
from srdata.augment.augmentation import Augmentation, Per, Sides, flags, numbers
from srdata.degrade.model.distributions import chance, field_key
from srdata.degrade.model.op import Params
from srdata.degrade.model.ranges import between
from srdata.degrade.numerics.random_fields import uniform_field
from srdata.errors import UsageError


class Cutblur(Augmentation):
    """Show HR in a box of LR, or LR in a box of HR, each with ½; the result is the new LR.

    LR must have the size of HR: denoising, deblurring, RealSR, or LR that was enlarged to it.

    Draws: the box as for `cutmix`; `outside`, whether HR is shown outside the box instead of inside it.
    Alignment: leaks HR into LR, which is its purpose: the network learns where to leave an image alone.
    Source: CutBlur `cutblur` (augments.py), whose solver enlarges LR by nearest neighbour first.
    """

    bytes_too: ClassVar[bool] = True
    same_size: ClassVar[bool] = True
    neutral: ClassVar[Params] = {**boxes.NO_BOX, "outside": False}

    augment: Literal["cutblur"] = "cutblur"
    per: Per = "batch"
    ratio: Annotated[float, between(0, 1)] = 0.7

    def sample(self, rng: np.random.Generator) -> Params:
        return {**boxes.draw_box(rng, self.ratio), "outside": chance(rng, 0.5)}

    def apply(self, sides: Sides, params: Sequence[Params]) -> Sides:
        lr, hr = _of_one_size(sides)
        box = boxes.held(lr, params, *lr.shape[2:])
        return sides._replace(lr=torch.where(box != flags(params, "outside", lr), hr, lr))


class Cutout(Augmentation):
    """Set pixels of LR to black, and leave them out of the loss by the mask.

    Draws: `amount`, which is the setting; `key`, which names the field of random numbers of an image.
    Alignment: LR lacks the pixels; `mask` is False there and on the HR pixels that face them.
    Source: CutBlur `cutout` (augments.py), whose solver multiplies both sides of the loss by the mask.
    """

    bytes_too: ClassVar[bool] = True
    masks: ClassVar[bool] = True
    neutral: ClassVar[Params] = {"amount": 0.0, "key": 0}

    augment: Literal["cutout"] = "cutout"
    per: Per = "batch"
    amount: Annotated[float, between(0, 1)] = 0.001  # the probability of each LR pixel

    def sample(self, rng: np.random.Generator) -> Params:
        return {"amount": self.amount}

    def sample_own(self, rng: np.random.Generator) -> Params:
        return {"key": field_key(rng)}

    def apply(self, sides: Sides, params: Sequence[Params]) -> Sides:
        if sides.lr is None:
            raise UsageError("cutout erases parts of LR, and this batch has HR alone: leave it out")
        kept = _kept(params, sides.lr)
        mask = sides.known_mask() & _enlarged(kept, sides.main())
        return Sides(torch.where(kept, sides.lr, 0), sides.hr, mask)


def _of_one_size(sides: Sides) -> tuple[Tensor, Tensor]:
    lr, hr, _ = sides
    if lr is None or hr is None:
        raise UsageError("cutblur shows HR in LR, and this batch has only one of them: leave it out")
    if lr.shape != hr.shape:
        sizes = " and ".join(
            f"{name} {side.shape[3]}x{side.shape[2]}" for name, side in (("LR", lr), ("HR", hr))
        )
        raise UsageError(
            f"cutblur needs LR of the size of HR, not {sizes}: enlarge LR first, or leave it out"
        )
    return lr, hr


def _kept(params: Sequence[Params], lr: Tensor) -> Tensor:
    """Which LR pixels stay, (N, 1, h, w), bool."""
    plain = lr.new_empty(0, dtype=torch.float32)
    field: Any = uniform_field([one["key"] for one in params], (1, *lr.shape[2:]), plain)
    kept: Tensor = field >= numbers(params, "amount", lr)
    return kept


def _enlarged(kept: Tensor, side: Tensor) -> Tensor:
    return interpolate(kept.float(), side.shape[2:], mode="nearest") > 0.5
