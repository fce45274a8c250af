"""The crop that an epoch takes from each region; lengths and positions are in cells, as in `Regions`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from srdata.dihedral.array_turns import MIRRORED, TURNS
from srdata.errors import UsageError
from srdata.rng import uniforms
from srdata.store.windows import Integers, Regions

Address = tuple[int, int | Integers, Integers]  # seed, epoch or epochs, items
Turning = bool | Literal["mirror"]

_CROP = 0x63726F70  # sets these draws apart from others with the same seed


class Crops(NamedTuple):
    """What is taken in one epoch: rectangles inside the regions, and how each is turned."""

    inside: Regions
    turns: Integers | None  # 0 to 7, see srdata.dihedral.array_turns; None leaves them as they are
    within: Regions  # that they were drawn from
    colours: Integers | None = None  # RGB as 24 bits, for pad="flat"

    def at(self, place: int) -> Crops:
        """One of them."""
        one = slice(place, place + 1)
        turns, colours = (None if part is None else part[one] for part in (self.turns, self.colours))
        return Crops(self.inside.at(one), turns, self.within.at(one), colours)

    def spots(self, cell: int) -> list[Spot]:
        """Where each lies among its possible places, in pixels of which a cell has `cell` along a side."""
        places = (self.inside.corners - self.within.corners) * cell
        counts = (self.within.sizes - self.inside.sizes) * cell + 1
        return [Spot(*one) for one in zip(places.tolist(), counts.tolist(), strict=True)]


class Spot(NamedTuple):
    """Where a crop lies among its possible places: two numbers each, along the rows and the columns."""

    at: Sequence[int]  # from 0
    of: Sequence[int]


def check_turning(turning: Turning) -> Turning:
    """How items are turned, as a user gives it; raises UsageError."""
    if turning not in (True, False, "mirror"):
        raise UsageError(f"dihedral {turning!r} must be True, False or 'mirror'")
    return turning


def draw(regions: Regions, patch: int | None, turning: Turning, address: Address) -> Crops:
    """The crops of regions; only their `address` decides which.

    `patch` is the side of a crop in cells; None takes whole regions. Every position is equally likely, the
    first and the last as well. Where a region is smaller than the patch, all of its height or width is taken.
    """
    if patch is None and not turning:
        return Crops(regions, None, regions)
    seed, epochs, items = address
    numbers = uniforms(seed, _CROP, epochs, items, draws=4)
    inside = regions
    if patch is not None:
        places = np.maximum(regions.sizes - patch, 0) + 1
        corners = regions.corners + (numbers[:, :2] * places).astype(np.int64)
        inside = regions._replace(corners=corners, sizes=np.minimum(regions.sizes, patch))
    ways = MIRRORED if turning == "mirror" else TURNS
    turns = (numbers[:, 2] * ways).astype(np.int64) if turning else None
    return Crops(inside, turns, regions, (numbers[:, 3] * 2**24).astype(np.int64))
