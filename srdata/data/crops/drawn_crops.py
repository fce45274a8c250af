"""The crops of a batch, drawn and not read yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from srdata.data.crops.read_crops import Sides, copied, cut, enlarges, shapes, stackable, within
from srdata.data.crops.regions import Address, Crops
from srdata.data.pair_sources.sources import PairSource, SetSource
from srdata.degrade.numerics.backend import keep_memory
from srdata.errors import UsageError
from srdata.store.block_reading.pair_plan import PairPlan
from srdata.store.windows import Regions, window_name
from srdata.vocabulary import Only


class Told(NamedTuple):
    """What is told of the images of crops."""

    columns: dict[str, list[Any]]  # a value of each
    arrays: dict[str, Tensor]  # of all


class Drawn(NamedTuple):
    """The crops of a batch, before they are read."""

    source: PairSource
    crops: Crops
    patch: int | None  # cells
    pad: str | None
    only: Only | None
    around: int = 0  # cells on each side of a patch that are read with it
    beside: Callable[[Crops, int, Address], Told] | None = (
        None  # what tells of images, by HR pixels of a cell
    )
    address: Address = (0, 0, np.zeros(0, np.int64))  # by which crops were drawn
    found: PairPlan | None = None  # where they lie in a prepared set, once that was looked up

    @property
    def keys(self) -> list[str]:
        """The name of each image or window."""
        return names(self.source, self.crops.inside)

    def shapes(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The shapes of what `read` gives; raises UsageError for crops of different sizes."""
        if not stackable(self.crops, self.patch):
            raise UsageError(
                "items of different sizes make no batch: give patch_size=, or read them one by one"
            )
        whole, side = self.patch is None, (self.patch or 0) + 2 * self.around
        height, width = self.crops.inside.sizes[0].tolist() if whole else [side] * 2
        return shapes(self.source, len(self.crops.inside.images), height, width, self.only)

    @property
    def in_floats(self) -> bool:
        """Whether `read` gives float32."""
        return enlarges(self.crops, self.patch, self.pad)

    def read(self, out: Sides | None = None) -> Sides:
        """LR and HR, as `cut` gives them; UsageError, CorruptRecordError or ImageError."""
        keep_memory()
        if out is None or all(side.dtype == np.uint8 for side in out):
            found = self.found or self.looked_up().found
            if found is not None:
                return copied(found, self.crops.turns, out)
        self.shapes()
        return cut(self.source, self.crops, self.patch, self.pad, self.only, out, self.around)

    def looked_up(self) -> Drawn:
        """The same crops; where that can be done for many at once, it is known now where they lie."""
        inside, known = self.crops.inside, self.only is None and self.pad != "enlarge" and not self.in_floats
        if not (
            isinstance(self.source, SetSource)
            and known
            and self.patch
            and within(inside, self.patch, self.around)
        ):
            return self
        side = self.patch + 2 * self.around
        return self._replace(found=self.source.find_pairs(inside.images, inside.corners - self.around, side))

    def at(self, some: slice) -> Drawn:
        """Some of the crops."""
        found = None if self.found is None else self.found.part(some)
        crops, (seed, epochs, items) = self.crops.at(some), self.address
        address = seed, epochs if isinstance(epochs, int) else epochs[some], items[some]
        return Drawn(
            self.source, crops, self.patch, self.pad, self.only, self.around, self.beside, address, found
        )

    def told(self) -> Told:
        """What is told of the images beside their pixels; UsageError, CorruptRecordError."""
        if self.beside is None:
            return Told({}, {})
        return self.beside(self.crops, self.source.scale.numerator, self.address)

    def each(self) -> Iterator[Drawn]:
        """The crops one by one."""
        return (self.at(slice(one, one + 1)) for one in range(len(self.crops.inside.images)))


def names(source: PairSource, regions: Regions) -> list[str]:
    """The name of each image or window."""
    keys = source.keys(regions.images)
    if regions.orders is None:
        return keys
    orders = regions.orders.tolist()
    ends = {order: window_name("", order) for order in set(orders)}  # far fewer than there are windows
    return [key + ends[order] for key, order in zip(keys, orders, strict=True)]
