"""Flips and quarter turns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from srdata.augment.augmentation import Augmentation, Sides
from srdata.degrade.model.distributions import weighted
from srdata.degrade.model.op import Params
from srdata.degrade.numerics import backend
from srdata.dihedral.array_turns import TURNS
from srdata.errors import UsageError
from srdata.images import TRANSPOSES

# How likely each of the eight turns (see `srdata.dihedral`) is. Of these 0, 3, 5 and 6 are rotations.
_LAWS: dict[str, tuple[int, ...]] = {
    "uniform": (1,) * TURNS,
    "hv_only": (1, 1, 1, 1, 0, 0, 0, 0),
    "h_only": (1, 1, 0, 0, 0, 0, 0, 0),
    "omnisr": (1, 2, 2, 1, 2, 1, 1, 2),
}


class Dihedral(Augmentation):
    """Flip and turn by one of the eight symmetries of the square.

    `uniform` gives each the same chance: EDSR's and BasicSR's flips of both axes and transposition, each with
    ½, KAIR's eight modes, and RAMiT's flip with ½ and 0 to 3 quarter turns are all this one law. `hv_only`
    flips each axis with ½, `h_only` flips left and right with ½. `omnisr` is Omni-SR's flip of one axis, the
    other or none, each with ⅓, and then 0 to 3 quarter turns: mirrored states are twice as likely as the
    others. Images that are not square can be transposed only all together: with `per: batch`.

    Draws: `turn`, the number of the state (4 transposes, then 2 flips top and bottom, 1 flips left and
    right).
    Alignment: exact.
    Source: BasicSR `augment` (basicsr/data/transforms.py), KAIR `augment_img`, Omni-SR data_tools.
    """

    bytes_too: ClassVar[bool] = True
    neutral: ClassVar[Params] = {"turn": 0}

    augment: Literal["dihedral"] = "dihedral"
    law: Literal["uniform", "hv_only", "h_only", "omnisr"] = "uniform"

    def sample(self, rng: np.random.Generator) -> Params:
        return {"turn": weighted(rng, _LAWS[self.law])}

    def apply(self, sides: Sides, params: Sequence[Params]) -> Sides:
        turns = np.array([one["turn"] for one in params], np.int64)
        mask = sides.mask if sides.mask is None else turned(sides.mask, turns)
        return sides.each(lambda side: turned(side, turns))._replace(mask=mask)


def turned(side: Tensor, turns: NDArray[np.int64]) -> Tensor:
    """Each image of a batch by its turn; UsageError if images that are not square would differ in shape.

    One indexed copy, whose places are linear in the row and the column of the result: on a device a dozen
    launches for any batch, instead of one for each image.
    """
    count, channels, height, width = side.shape
    transposes = (turns & TRANSPOSES) > 0
    if height != width and transposes.any():
        _check_all(transposes, height, width)
        height, width = width, height
    bases, rows, columns = backend.index(_steps(turns, height, width), side)[..., None, None]
    row, column = (torch.arange(size, device=side.device) for size in (height, width))
    places = (bases + rows * row[:, None] + columns * column).reshape(count, 1, -1)
    flat = side.reshape(count, channels, -1).gather(2, places.expand(-1, channels, -1))
    return flat.reshape(count, channels, height, width)


def _steps(turns: NDArray[np.int64], height: int, width: int) -> NDArray[np.int64]:
    """Where in its image each result begins, and how far on its next row and column lie: (3, N)."""
    transposes = (turns & TRANSPOSES) > 0
    rows, columns = np.where(transposes, 1, width), np.where(transposes, height, 1)
    upwards, leftwards = (turns & 2) > 0, (turns & 1) > 0
    bases = upwards * (height - 1) * rows + leftwards * (width - 1) * columns
    return np.stack([bases, np.where(upwards, -rows, rows), np.where(leftwards, -columns, columns)])


def _check_all(transposes: NDArray[np.bool_], height: int, width: int) -> None:
    if not transposes.all():
        raise UsageError(
            f"images of {width}x{height} cannot be transposed one by one, their shapes would differ: take "
            "square crops, or the augmentation {augment: dihedral, law: hv_only} or {…, per: batch}"
        )
