"""Augmentations that mix the images of a batch: partners are blended, or pasted into a box."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from srdata.augment import boxes
from srdata.augment.augmentation import Mixing, Sides, flags, numbers, of_partners, weighed
from srdata.degrade.model.distributions import chance, symmetric_beta, uniform
from srdata.degrade.model.op import Params
from srdata.degrade.model.ranges import Range, above, between

Part = Annotated[float, between(0, 1)]


class Mixup(Mixing):
    """Blend each image with its partner: x becomes v · x + (1 - v) · partner.

    Draws: `weight` v from Beta(alpha, alpha); `partner`.
    Alignment: exact for any linear downscale.
    Source: CutBlur `mixup` (alpha 1.2, one v for the batch), SwinFIR `mixup` (the same, p ½), rcan-it `Mixup`
    (alpha 0.15, a v for each image, p 0.3).
    """

    neutral: ClassVar[Params] = {"weight": 1.0}

    augment: Literal["mixup"] = "mixup"
    alpha: Annotated[float, above(0)] = 1.2

    def sample(self, rng: np.random.Generator) -> Params:
        return {"weight": symmetric_beta(rng, self.alpha)}

    def apply(self, sides: Sides, params: Sequence[Params]) -> Sides:
        return sides.each(
            lambda side: weighed(side, of_partners(params, side), numbers(params, "weight", side))
        )


class Cutmix(Mixing):
    """Paste a box of the partner, from and to the same place.

    Draws: `ratio`, the sides of the box over those of the image, normal around the setting (σ 0.01); `top`
    and `left`, where it lies in the room left, uniformly; `partner`.
    Alignment: exact but within the reach of the downscale's kernel across the border of the box.
    Source: CutBlur `cutmix` (augments.py).
    """

    bytes_too: ClassVar[bool] = True
    neutral: ClassVar[Params] = boxes.NO_BOX

    augment: Literal["cutmix"] = "cutmix"
    ratio: Part = 0.7

    def sample(self, rng: np.random.Generator) -> Params:
        return boxes.draw_box(rng, self.ratio)

    def apply(self, sides: Sides, params: Sequence[Params]) -> Sides:
        def pasted(side: Tensor, box: Tensor) -> Tensor:
            return torch.where(box, of_partners(params, side), side)

        return sides.each(pasted, boxes.inside(sides, params))


class Cutmixup(Mixing):
    """Blend each image with its partner inside a box, or outside of it, each with ½.

    Draws: the box as for `cutmix`; `weight` from Beta(alpha, alpha), or 0 (the partner alone) where `mixed`
    is missed; `outside`; `partner`.
    Alignment: as for `cutmix`.
    Source: CutBlur `cutmixup`. Its solver passes alpha as the probability of mixing too, 1.2: always.
    """

    neutral: ClassVar[Params] = {**boxes.NO_BOX, "weight": 1.0, "outside": False}

    augment: Literal["cutmixup"] = "cutmixup"
    ratio: Part = 0.7
    mixed: Part = 1.0  # the probability that the partner is blended rather than pasted
    alpha: Annotated[float, above(0)] = 1.2

    def sample(self, rng: np.random.Generator) -> Params:
        box = boxes.draw_box(rng, self.ratio)
        weight, blends = symmetric_beta(rng, self.alpha), chance(rng, self.mixed)
        return {**box, "weight": weight if blends else 0.0, "outside": chance(rng, 0.5)}

    def apply(self, sides: Sides, params: Sequence[Params]) -> Sides:
        def blended(side: Tensor, box: Tensor) -> Tensor:
            mixed = weighed(side, of_partners(params, side), numbers(params, "weight", side))
            return torch.where(box != flags(params, "outside", side), mixed, side)

        return sides.each(blended, boxes.inside(sides, params))


class Resizemix(Mixing):
    """Paste the whole partner, made smaller, into a box.

    The box lies wholly in the image and keeps its proportions; the published code cuts it off at the border
    and squeezes the partner into the rest. Both sides are made smaller by antialiased bicubic interpolation.

    Draws: `ratio`, uniformly from its range; `top` and `left`, uniformly; `partner`.
    Alignment: the boxes are exact. Inside them LR is the smaller LR of the partner, which is only near the
    downscale of its smaller HR.
    Source: Qin et al., ResizeMix (arXiv 2012.11101), with its range; traiNNer-redux `resizemix` has 0.5 to
    0.9.
    """

    neutral: ClassVar[Params] = boxes.NO_BOX

    augment: Literal["resizemix"] = "resizemix"
    ratio: Annotated[Range, between(0, 1)] = (0.1, 0.8)

    def sample(self, rng: np.random.Generator) -> Params:
        return {
            "ratio": uniform(rng, self.ratio),
            "top": float(rng.random()),
            "left": float(rng.random()),
        }

    def apply(self, sides: Sides, params: Sequence[Params]) -> Sides:
        rows, columns = boxes.cells(sides)
        spans = boxes.spans(params, rows, columns).tolist()

        def pasted(side: Tensor) -> Tensor:
            sizes = (side.shape[2] // rows, side.shape[3] // columns)
            result = side.clone()
            for image, partner, span in zip(result, of_partners(params, side), spans, strict=True):
                _paste(image, partner, span, sizes)
            return result

        return sides.each(pasted)


def _paste(image: Tensor, partner: Tensor, span: Sequence[int], sizes: tuple[int, int]) -> None:
    """The partner made smaller into a span of cells of `sizes`, in place."""
    top, bottom = (edge * sizes[0] for edge in span[:2])
    left, right = (edge * sizes[1] for edge in span[2:])
    if bottom > top and right > left:
        size = (bottom - top, right - left)
        smaller = interpolate(partner[None], size, mode="bicubic", antialias=True, align_corners=False)
        image[:, top:bottom, left:right] = smaller[0].clamp(0, 1)
