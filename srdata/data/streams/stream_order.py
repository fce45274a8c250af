"""The order of a stream: shards at random, and their rows mixed within a window of some shards."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from srdata.data.sampling.orders import Places
from srdata.errors import UsageError
from srdata.rng import generator
from srdata.store.windows import Integers


class Pass(NamedTuple):
    """One pass over all rows, but for the mixing of several crops."""

    rows: Integers
    shards: Integers  # in the order in which they are needed


@dataclass(frozen=True)
class StreamOrder:
    """A function of seed, epoch and position, as all orders.

    The shards come in an order that is drawn anew for every pass. `window` of them at a time are mixed, row
    by row. With `crops` above 1 the rows are taken in groups of `buffer` at least, if there are as many: a
    group is gone through `crops` times, each time in another order, so that as many pairs in a row as a group
    has rows hold no image more than twice.
    """

    counts: tuple[int, ...]  # rows of each shard
    window: int
    buffer: int
    crops: int
    shuffle: bool
    repeat: float = 1

    def __post_init__(self) -> None:
        for name in ("window", "buffer", "crops", "repeat"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} {getattr(self, name)} must be at least 1")

    def repeated(self, repeat: float, shuffle: bool) -> StreamOrder:
        """The same with so many times as many positions in an epoch."""
        return replace(self, repeat=repeat, shuffle=self.shuffle and shuffle)

    def length(self, items: int) -> int:
        return int(self.repeat * self.crops * items)

    def places(self, seed: int, epoch: int, positions: Integers, items: int) -> Places:
        passes, inside = np.divmod(positions + epoch * self.length(items), self.crops * items)
        found, visits = np.empty_like(positions), np.empty_like(positions)
        for number in np.unique(passes).tolist():
            here = passes == number
            found[here], rounds = self._within(seed, number, inside[here])
            visits[here] = number * self.crops + rounds
        return Places(found, visits)

    def upcoming(self, seed: int, number: int, shards: Integers) -> list[int]:
        """The window of shards that is needed after these, in a pass."""
        order = self.of_pass(seed, number).shards
        last = int(np.flatnonzero(np.isin(order, shards)).max())
        coming: list[int] = order[last + 1 : last + 1 + self.window].tolist()
        return coming

    def of_pass(self, seed: int, number: int) -> Pass:
        """The rows of a pass in their order, and the shards."""
        return _pass(self, seed if self.shuffle else 0, number if self.shuffle else 0)

    def _within(self, seed: int, number: int, inside: Integers) -> tuple[Integers, Integers]:
        """The rows at some positions of a pass, and in which round over their group they come."""
        rows = self.of_pass(seed, number).rows
        if self.crops == 1:
            return rows[inside], np.zeros_like(inside)
        groups = max(1, len(rows) // self.buffer)
        edges = np.arange(groups + 1) * len(rows) // groups
        group = np.searchsorted(edges * self.crops, inside, side="right") - 1
        sizes = np.diff(edges)[group]
        rounds, place = np.divmod(inside - edges[group] * self.crops, sizes)
        found = np.empty_like(inside)
        for one, turn in set(zip(group.tolist(), rounds.tolist(), strict=True)):
            here = (group == one) & (rounds == turn)
            mixed = self._mixed(int(edges[one + 1] - edges[one]), seed, number, one, turn)
            found[here] = rows[edges[one] + mixed[place[here]]]
        return found, rounds

    def _mixed(self, count: int, *address: int) -> Integers:
        return _permutation(count, "rounds", *address) if self.shuffle else np.arange(count)


@lru_cache(maxsize=4)
def _pass(order: StreamOrder, seed: int, number: int) -> Pass:
    starts = np.concatenate([[0], np.cumsum(order.counts)])
    shards = np.arange(len(order.counts))
    if not order.shuffle:
        return Pass(np.arange(starts[-1]), shards)
    shards = _permutation(len(shards), "shards", seed, number)
    windows = np.array_split(shards, max(1, len(shards) // order.window))
    mixed = [
        _shuffled([np.arange(starts[one], starts[one + 1]) for one in some], seed, number, place)
        for place, some in enumerate(windows)
    ]
    return Pass(np.concatenate(mixed), shards)


def _shuffled(rows: list[Integers], *address: int) -> Integers:
    together = np.concatenate(rows)
    return together[generator("rows", *address).permutation(len(together))]


@lru_cache(maxsize=16)
def _permutation(count: int, *address: int | str) -> Integers:
    return generator(*address).permutation(count).astype(np.int64)
