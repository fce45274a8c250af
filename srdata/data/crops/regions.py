"""The crop that an epoch takes from each region; lengths and positions are in cells, as in `Regions`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from srdata.dihedral.array_turns import MIRRORED, TURNS
from srdata.errors import UnknownNameError, UsageError
from srdata.rng import uniforms
from srdata.store.windows import Integers, Regions
from srdata.vocabulary import Take

Address = tuple[int, int | Integers, Integers]  # seed, epoch or epochs, items
Turning = bool | Literal["mirror"]

_CROP = 0x63726F70  # sets these draws apart from others with the same seed


class Crops(NamedTuple):
    """What is taken in one epoch: rectangles inside the regions, and how each is turned."""

    inside: Regions
    turns: Integers | None  # 0 to 7, see srdata.dihedral.array_turns; None leaves them as they are
    within: Regions  # that they were drawn from
    colours: Integers | None = None  # RGB as 24 bits, for pad="flat"
    take: Take = "random"  # by which larger ones are yet to be reduced to the patch

    def at(self, some: slice) -> Crops:
        """Some of them."""
        turns, colours = (None if part is None else part[some] for part in (self.turns, self.colours))
        return Crops(self.inside.at(some), turns, self.within.at(some), colours, self.take)

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


def check_take(take: Take) -> Take:
    """Where crops lie, as a user gives it; raises UnknownNameError."""
    if take not in get_args(Take):
        raise UnknownNameError.among("take", take, get_args(Take))
    return take


def draw(
    regions: Regions,
    patch: int | None,
    turning: Turning,
    address: Address,
    take: Take = "random",
    border: int = 0,
    grid: int = 1,
) -> Crops:
    """The crops of regions; only their `address` decides which.

    `patch` is the side of a crop in cells; None takes whole regions. Every position is equally likely, the
    first and the last as well, but for those within `border` cells of the border of the image. Where a region
    is smaller than the patch, all of its height or width is taken. With a `grid` corners are multiples of so
    many cells. `take` may be the middle instead, a square as large as the region allows, or with
    "centre-square" all of it: both are reduced to the patch by `cut`.
    """
    if patch is None and not turning:
        return Crops(regions, None, regions)
    seed, epochs, items = address
    numbers = uniforms(seed, _CROP, epochs, items, draws=4)
    inside = regions
    if patch is not None:
        regions = inside = within_border(regions, border) if border else regions
        if take != "centre-square":
            inside = _placed(regions, patch, take, numbers[:, :2], grid)
    ways = MIRRORED if turning == "mirror" else TURNS
    turns = (numbers[:, 2] * ways).astype(np.int64) if turning else None
    return Crops(inside, turns, regions, (numbers[:, 3] * 2**24).astype(np.int64), take)


def _placed(regions: Regions, patch: int, take: Take, numbers: NDArray[np.float64], grid: int) -> Regions:
    """A square of each region, or all of its height or width where that is less."""
    side = patch if take != "square" else np.maximum(regions.sizes.min(axis=1, keepdims=True), patch)
    last = (regions.corners + np.maximum(regions.sizes - side, 0)) // grid  # of the places on the grid
    first = np.minimum(-(-regions.corners // grid), last)
    places = last - first
    offsets = places // 2 if take == "centre" else (numbers * (places + 1)).astype(np.int64)
    return regions._replace(corners=(first + offsets) * grid, sizes=np.minimum(regions.sizes, side))


def within_border(regions: Regions, border: int) -> Regions:
    """What of regions lies so many cells within their images."""
    first = np.maximum(regions.corners, border)
    last = np.minimum(regions.corners + regions.sizes, regions.wholes - border)
    return regions._replace(corners=first, sizes=np.maximum(last - first, 0))
