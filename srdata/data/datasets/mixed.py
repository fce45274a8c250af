"""Several data sets as one: in batches that hold items of all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from srdata.common.wording.amounts import how_many
from srdata.data.crops.drawn_crops import Drawn
from srdata.data.datasets.paired import PairedDataset
from srdata.data.datasets.stream_rows import StreamRows
from srdata.data.datasets.streaming import StreamedPairs
from srdata.data.sampling.orders import Places, endless
from srdata.errors import UsageError
from srdata.rng import generator
from srdata.scale import Scale
from srdata.store.window_scores import Scores
from srdata.store.windows import Integers
from srdata.vocabulary import Only


class PartOfBatch(NamedTuple):
    """The crops of one batch that come from one data set."""

    drawn: Drawn
    visits: Integers  # the number by which the crop of each image was drawn
    label: int | None
    items: Integers  # numbered through all sets
    places: Integers  # in what was asked for, rising
    keys: Sequence[str]

    def at(self, some: slice) -> PartOfBatch:
        """Some of them."""
        cut = (self.items[some], self.places[some], self.keys[some])
        return PartOfBatch(self.drawn.at(some), self.visits[some], self.label, *cut)


class Mixed:
    """Data sets of one scale that are read as one, such as DIV2K and Flickr2K.

    `ratio` says how many items of each come in an epoch, relative to each other: (1, 3) takes three of the
    second for each of the first. By default every item of every set comes equally often. Within a set each
    item comes as often as any other, in an order drawn anew each time. `labels`, one for each set, are
    numbers that batches then have as `label`: of the task, or of natural images and drawings.

    >>> both = Mixed([div2k, flickr2k], ratio=(1, 3))  # doctest: +SKIP
    """

    def __init__(
        self,
        sets: Sequence[PairedDataset | StreamedPairs],
        ratio: Sequence[float] | None = None,
        labels: Sequence[int] | None = None,
    ) -> None:
        self.sets = tuple(one.rows if isinstance(one, StreamedPairs) else one for one in sets)
        if wrong := [one for one in self.sets if not isinstance(one, PairedDataset | StreamRows)]:
            raise UsageError(f"data sets are PairedDataset, StreamedPairs or Mixed, not {type(wrong[0])}")
        self.ratio = tuple(map(float, ratio or map(len, self.sets)))
        self.labels = None if labels is None else tuple(labels)
        if not self.sets or len({one.scale for one in self.sets}) != 1:
            raise UsageError(f"sets of scales {[str(one.scale) for one in self.sets]} cannot share a batch")
        if len(self.sets) > 1 and any(isinstance(one, StreamRows) for one in self.sets):
            raise UsageError(
                "a stream shares no batch with other sets: give each a Loader, and Alternating both"
            )
        if len({one.channels for one in self.sets}) > 1:
            raise UsageError("sets of single images and of two views cannot share a batch")
        if {len(self.ratio), len(self.labels or self.sets)} != {len(self.sets)}:
            raise UsageError(
                f"{how_many(len(self.sets), 'set needs', 'sets need')} as many numbers in ratio= and labels="
            )
        if min(self.ratio) < 0 or not sum(self.ratio) > 0:
            raise UsageError(f"ratio {self.ratio} must have no number below 0 and one above")
        self._ends = np.cumsum([len(one) for one in self.sets])

    @property
    def scale(self) -> Scale:
        """How many HR pixels face one LR pixel."""
        return self.sets[0].scale

    @property
    def stream(self) -> StreamRows | None:
        """The rows of a stream, where it is one."""
        return self.sets[0] if isinstance(self.sets[0], StreamRows) else None

    @property
    def channels(self) -> int:
        """Samples of a pixel: 3, or 6 of two views."""
        return self.sets[0].channels

    def __len__(self) -> int:
        return int(self._ends[-1])

    def scores(self, by: str, scale: Scale) -> Scores:
        """What `srdata classify` gave every item at a scale, (items,); see `PairedDataset.scores`."""
        return np.concatenate([one.scores(by, scale) for one in self.sets])

    def parts(
        self,
        items: Integers,
        visits: Integers,
        *,
        seed: int,
        patch_size: int | None = None,
        dihedral: bool = False,
        only: Only | None = None,
        around: int = 0,
    ) -> list[PartOfBatch]:
        """The crops of some items, which are numbered through all sets; set by set."""
        options: dict[str, Any] = {
            "patch_size": patch_size,
            "dihedral": dihedral,
            "only": only,
            "around": around,
        }
        parts = []
        for member, here in self._found(items):
            start = self._ends[member] - len(self.sets[member])
            drawn = self.sets[member].draw(
                items[here] - start, visits[here], seed=key_of(seed, member), **options
            )
            label = self.labels[member] if self.labels else None
            parts.append(PartOfBatch(drawn, visits[here], label, items[here], here, drawn.keys))
        return parts

    def _found(self, items: Integers) -> Iterator[tuple[int, Integers]]:
        """Each set that some of these items are of, and which they are."""
        if len(self.sets) == 1:
            yield 0, np.arange(len(items))
            return
        members = np.searchsorted(self._ends, items, side="right")
        for member in range(len(self.sets)):
            here = np.flatnonzero(members == member)
            if here.size:
                yield member, here


class InRatio:
    """The order of a `Mixed`: its sets in their ratio in every epoch, mixed at random.

    An epoch has `repeat` times as many positions as there are items, rounded down.
    """

    def __init__(self, mixed: Mixed, repeat: float = 1) -> None:
        if repeat < 1:
            raise UsageError(f"repeat {repeat} must be at least 1")
        self._lengths = [len(one) for one in mixed.sets]
        self._counts = shares(int(repeat * len(mixed)), mixed.ratio)

    def length(self, items: int) -> int:
        return sum(self._counts)

    def places(self, seed: int, epoch: int, positions: Integers, items: int) -> Places:
        members, ranks = _mixing(seed, epoch, self._counts)
        found, visits = np.empty_like(positions), np.empty_like(positions)
        start = 0
        for member, length in enumerate(self._lengths):
            here = members[positions] == member
            nth = ranks[positions[here]] + epoch * self._counts[member]
            places = endless(seed, f"order {member}", length, nth)
            found[here], visits[here] = places.items + start, places.visits
            start += length
        return Places(found, visits)


def shares(total: int, ratio: Sequence[float]) -> tuple[int, ...]:
    """Whole numbers in this ratio, as nearly as can be, whose sum is `total`.

    >>> shares(10, (1, 3))
    (2, 8)
    """
    edges = np.round(np.cumsum(ratio) * (total / sum(ratio))).astype(int)
    return tuple(np.diff(edges, prepend=0).tolist())


def key_of(seed: int, member: int) -> int:
    """The seed of the crops of one of several sets: the first keeps that of the loader."""
    return seed if member == 0 else int(generator(seed, "member", member).integers(2**63))


@lru_cache(maxsize=2)
def _mixing(seed: int, epoch: int, counts: tuple[int, ...]) -> tuple[NDArray[np.int16], Integers]:
    """Which set each position of an epoch belongs to, and how many positions of it come before."""
    members = np.repeat(np.arange(len(counts), dtype=np.int16), counts)
    members = generator(seed, "mixing", epoch).permutation(members)
    ranks = np.empty(len(members), np.int64)
    for member in range(len(counts)):
        here = members == member
        ranks[here] = np.arange(np.count_nonzero(here))
    return members, ranks
