"""In which order the items of a data set come: a function of seed, epoch and position, never of the past.

An order says for positions in an epoch which items stand there, and on which *visit*: the number by which the
crop of an item is drawn, so that an item that comes again is cropped anew.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike

from srdata.common.wording.amounts import how_many
from srdata.errors import UsageError
from srdata.rng import generator, uniforms
from srdata.store.windows import Integers

_WEIGHTED = 0x77656967  # sets these draws apart from others with the same seed


class Places(NamedTuple):
    """What stands at some positions of an epoch."""

    items: Integers
    visits: Integers


class Order(Protocol):
    """The order of the items of a data set."""

    def length(self, items: int) -> int:
        """How many positions an epoch over so many items has."""

    def places(self, seed: int, epoch: int, positions: Integers, items: int) -> Places:
        """The items at those positions (from 0) of an epoch."""


class Shuffled:
    """Every item `repeat` times an epoch, in an order that is drawn anew each time.

    A fraction makes an epoch that much longer: what it leaves out comes first in the next one.
    """

    def __init__(self, repeat: float = 1) -> None:
        _check(repeat, "repeat")
        self._repeat = repeat

    def length(self, items: int) -> int:
        return int(self._repeat * items)

    def places(self, seed: int, epoch: int, positions: Integers, items: int) -> Places:
        return endless(seed, "order", items, positions + epoch * self.length(items))


class Sequential:
    """Every item `repeat` times an epoch, from the first to the last; see `Shuffled`."""

    def __init__(self, repeat: float = 1) -> None:
        _check(repeat, "repeat")
        self._repeat = repeat

    def length(self, items: int) -> int:
        return int(self._repeat * items)

    def places(self, seed: int, epoch: int, positions: Integers, items: int) -> Places:
        visits, found = np.divmod(positions + epoch * self.length(items), items)
        return Places(found, visits)


class Weighted:
    """Items drawn with replacement, each as likely as its weight; one with weight 0 never comes.

    `weights` has a number for every item, such as `data.scores("edges")`. An epoch has `length` positions, by
    default as many as there are items.
    """

    def __init__(self, weights: ArrayLike, length: int | None = None) -> None:
        numbers = np.asarray(weights, np.float64)
        if numbers.ndim != 1 or not np.isfinite(numbers).all() or (numbers < 0).any() or not numbers.any():
            raise UsageError("weights are one number for every item, none below 0 and at least one above")
        self._edges = np.cumsum(numbers)
        self._last = int(np.flatnonzero(numbers)[-1])
        if length is not None:
            _check(length, "length")
        self._length = length

    def length(self, items: int) -> int:
        if items != len(self._edges):
            raise UsageError(
                f"{how_many(len(self._edges), 'weight')} for {how_many(items, 'item')}: give one for each"
            )
        return self._length or items

    def places(self, seed: int, epoch: int, positions: Integers, items: int) -> Places:
        drawn = uniforms(seed, _WEIGHTED, epoch, positions, draws=1)[:, 0] * self._edges[-1]
        found = np.minimum(np.searchsorted(self._edges, drawn, side="right"), self._last)  # rounding
        return Places(found, positions + epoch * self.length(items))


class Several:
    """Each place of another order several times in a row: so many crops of an image while it is at hand."""

    def __init__(self, order: Order, crops: int) -> None:
        _check(crops, "crops")
        self._order, self._crops = order, crops

    def length(self, items: int) -> int:
        return self._crops * self._order.length(items)

    def places(self, seed: int, epoch: int, positions: Integers, items: int) -> Places:
        inner, number = np.divmod(positions, self._crops)
        found, visits = self._order.places(seed, epoch, inner, items)
        return Places(found, visits * self._crops + number)


def endless(seed: int, name: str, items: int, positions: Integers) -> Places:
    """Positions in an endless row of permutations of so many items, each drawn by (seed, name, its number).

    >>> endless(0, "order", 3, np.arange(6)).visits.tolist()
    [0, 0, 0, 1, 1, 1]
    """
    visits, places = np.divmod(positions, items)
    found = np.empty_like(positions)
    for visit in set(visits.tolist()):
        here = visits == visit
        found[here] = _permutation(seed, name, items, visit)[places[here]]
    return Places(found, visits)


@lru_cache(maxsize=4)
def _permutation(seed: int, name: str, items: int, visit: int) -> Integers:
    return generator(seed, name, visit).permutation(items).astype(np.int64)


def _check(value: float, name: str) -> None:
    if value < 1:
        raise UsageError(f"{name} {value} must be at least 1")
