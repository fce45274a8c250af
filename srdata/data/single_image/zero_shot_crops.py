"""Crops of one image, as it is, turned or transformed: the HR fathers of zero-shot training.

Source: `random_augment` of ZSSR (Shocher et al., CVPR 2018), github.com/assafshocher/ZSSR at d99db08.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from srdata.degrade.model.distributions import chance, field_key, integer, normal, pick, uniform
from srdata.degrade.model.op import Params, Settings
from srdata.degrade.model.ranges import ODDS, Range, above, between
from srdata.degrade.numerics import backend
from srdata.dihedral.array_turns import TURNS
from srdata.dihedral.tensor_turns import turned

Plane = NDArray[np.float32]  # HWC, 0–1
Kind = Literal["as_is", "turned", "affine"]
THINNEST = 0.1  # a father keeps this part of each side of the image, however it is stretched

_ODDS: dict[Kind, float] = {"as_is": 0.05, "turned": 0.45, "affine": 0.5}


class Fathers(Settings):
    """How HR fathers are cut out of the image, and the noise of their LR sons; the defaults are ZSSR's.

    A father is a crop of the image "as_is", "turned" in one of the 8 ways, or an "affine" one: the image is
    made smaller, stretched, mirrored or not, rotated and sheared, and a crop of that is taken (OpenCV's
    bicubic). All crops that lie inside are equally likely, before they are rotated; what then lies beyond the
    image is mirrored. ZSSR's code draws affine crops in another frame, so that many of them are partly black.
    """

    crop: Annotated[int, Field(ge=1)] = 128  # HR pixels
    odds: Annotated[dict[Kind, Annotated[float, between(0)]], *ODDS] = Field(default=_ODDS)
    scale: Annotated[Range, above(0), between(0, 1)] = (0.5, 1.0)  # of affine fathers
    stretch: Annotated[float, between(0, 1)] = 0.25  # sigma of what the scale across has over that down
    shear: Annotated[float, between(0, 1)] = 0.1  # sigma, each way
    rotates: bool = True  # turn, mirror and rotate; off for kernels that are not symmetric
    noise: Annotated[float, between(0, 255)] = 0.0  # sigma in 8-bit levels, on the sons

    def sample(self, rng: np.random.Generator) -> Params:
        """Draw the parameters of one pair."""
        kind = pick(rng, self.odds)
        father: Params = {"kind": kind, "down": float(rng.random()), "right": float(rng.random())}
        if kind == "turned":
            father["turn"] = integer(rng, (0, TURNS - 1)) if self.rotates else 0
        if kind == "affine":
            father["scale"] = uniform(rng, self.scale)
            father["stretch"] = normal(rng) * self.stretch
            father["shear"] = [normal(rng) * self.shear, normal(rng) * self.shear]
            father["angle"] = uniform(rng, (0.0, 360.0)) if self.rotates else 0.0
            father["mirrored"] = self.rotates and chance(rng, 0.5)
        return {"augment": father, "degradation": {"noise": field_key(rng)}}

    def father(self, image: Plane, params: Params) -> Plane:
        """The father (crop, crop, channels) of `image`, 0–1, by what was drawn as "augment"."""
        if params["kind"] == "affine":
            return _affine(image, params, self.crop)
        top, left = (
            int(params[side] * (length - self.crop + 1))
            for side, length in zip(("down", "right"), image.shape, strict=False)
        )
        crop = torch.from_numpy(image[top : top + self.crop, left : left + self.crop])
        return turned(crop.movedim(2, 0), params.get("turn", 0)).movedim(0, 2).numpy()


# The settings of ZSSR's `configs.py`: for the bicubic downscaling, for a given kernel, for real photographs.
PRESETS: dict[str, Fathers] = {
    "ideal": Fathers(),
    "kernel": Fathers(rotates=False),
    "real": Fathers(rotates=False, noise=0.0125 * 255, scale=(0.75, 1.0), stretch=0.0, shear=0.0),
}


def _affine(image: Plane, params: Params, crop: int) -> Plane:
    """The crop of the image under the drawn transformation, whose middle shows the drawn place."""
    across = max(params["scale"] + params["stretch"] / 2, THINNEST)
    down = max(params["scale"] - params["stretch"] / 2, THINNEST)
    angle = math.radians(params["angle"])
    rotation = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    shear = np.array([[1, params["shear"][0]], [params["shear"][1], 1]])
    matrix = shear @ rotation @ np.diag([-across if params["mirrored"] else across, down])
    height, width = image.shape[:2]
    place = [_middle(params["right"], width, crop / across), _middle(params["down"], height, crop / down)]
    offset = (crop - 1) / 2 - matrix @ place
    warp = np.column_stack([matrix, offset])
    made = cv2.warpAffine(image, warp, (crop, crop), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    return backend.clip(made.reshape(crop, crop, -1))


def _middle(part: float, length: int, taken: float) -> float:
    """The middle of `taken` pixels out of `length`, all places alike; of all where there are fewer."""
    return (length - 1) / 2 + (part - 0.5) * max(length - taken, 0.0)
