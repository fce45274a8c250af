"""Which batches an epoch has, what is in each of them, and reading it: nothing here depends on the past."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from srdata.common.tensors.torch_settings import own_settings
from srdata.common.wording.amounts import how_many
from srdata.data.crops.drawn_crops import Drawn, Told
from srdata.data.datasets.mixed import Mixed, PartOfBatch
from srdata.data.loading.finish import CPU, Raw, Unread
from srdata.data.loading.in_memory import DeviceSource
from srdata.data.sampling.orders import Order
from srdata.data.sampling.ranks import Share
from srdata.data.sampling.schedule import Moment, Schedule, at, every
from srdata.errors import UsageError
from srdata.store.windows import Integers
from srdata.vocabulary import Only

_TOGETHER = 1024  # crops that are drawn at once
_KEPT = 4  # draws, each for as many crops: workers are some batches ahead of each other


class BatchJob(NamedTuple):
    """A batch to be read."""

    first: int  # its first position in the epoch
    number: int  # in its epoch, counted over all ranks
    moment: Moment
    together: tuple[int, ...]  # the first positions of the batches that may be drawn with it
    place: int  # among these


@dataclass(frozen=True)
class Plan:
    """The batches of every epoch. Those of an epoch are numbered over all ranks, which take them in turn.

    Where the ranks do not share them evenly, the first of the epoch are given once more, so that all ranks
    take as many steps. An epoch that was begun with other numbers of ranks, or another batch size, is gone on
    with at the position where that ended.

    Where the batch size changes with the iteration, each batch takes up as many positions as the largest one
    and has the first of them, as in Restormer. So epochs keep their length.
    """

    data: Mixed
    order: Order | Schedule[Order]
    batch_size: int | Schedule[int]
    patch_size: int | Schedule[int | None] | None  # HR pixels, with what is degraded around a patch in it
    around: int  # HR pixels on each side of it that are read as well, mirrored beyond the image
    seed: int
    drop_last: bool
    ranks: int
    shared: bool = False  # whether batch_size is that of all ranks together

    def __post_init__(self) -> None:
        if isinstance(self.order, Schedule) and self.order.unit != "epoch":
            lengths = sorted({order.length(len(self.data)) for order in self.order.values()})
            if len(lengths) > 1:
                raise UsageError(f"orders of {lengths} positions change with the epoch: give unit='epoch'")
        for size in every(self.batch_size):
            if size < 1:
                raise UsageError(f"batch_size {size} must be at least 1")
            if self.shared and size % self.ranks:
                raise UsageError(
                    f"a batch of {size} cannot be shared by {self.ranks} ranks: give another batch_size="
                )
        for patch in every(self.patch_size):
            if patch is not None:
                for one in self.data.sets:
                    one.check_patch(patch)
        if not self.steps(0):
            length = self.length(0)
            raise UsageError(
                f"an epoch of {how_many(length, 'item')} has no batch of {self.size(0)}: "
                f"give repeat={-(-self.size(0) // max(1, length))}, or drop_last=False"
            )

    def steps(self, epoch: int, start: int = 0) -> int:
        """How many batches each rank takes in an epoch, from a position on."""
        return -(-self._batches(epoch, start) // self.ranks)

    def jobs(self, epoch: int, start: int, share: Share, before: int) -> Iterator[BatchJob]:
        """The batches of a rank in an epoch from a position on; `before` it took so many, in all epochs."""
        size, left, steps = self.size(epoch), self._batches(epoch, start), self.steps(epoch, start)
        again = self._batches(epoch)
        together = max(1, _TOGETHER // size)
        for begin in range(0, steps, together):
            numbers = range(begin * share.ranks + share.rank, steps * share.ranks, share.ranks)[:together]
            firsts = tuple(
                start + number * size if number < left else (number - left) % again * size
                for number in numbers
            )
            for place, first in enumerate(firsts):
                yield BatchJob(first, first // size, Moment(epoch, before + begin + place), firsts, place)

    @property
    def changes(self) -> bool:
        """Whether what is drawn may depend on the moment, or on what was read before."""
        settings = (self.order, self.patch_size, self.batch_size)
        return any(isinstance(one, Schedule) for one in settings) or self.data.stream is not None

    def parts(
        self, moment: Moment, firsts: Sequence[int], *, dihedral: bool, only: Only | None
    ) -> list[list[PartOfBatch]]:
        """The crops of batches that begin at these positions, set by set."""
        end, size = self.length(moment.epoch), self._share(at(self.batch_size, moment))
        batches = [np.arange(first, min(first + size, end)) for first in firsts]
        found = self._parts(moment, np.concatenate(batches), dihedral=dihedral, only=only)
        if len(batches) == 1:
            return [found]
        return _divided(found, np.cumsum([len(batch) for batch in batches]))

    def _parts(
        self, moment: Moment, positions: Integers, *, dihedral: bool, only: Only | None
    ) -> list[PartOfBatch]:
        epoch, order = moment.epoch, at(self.order, moment)
        places = order.places(self.seed, epoch, positions, len(self.data))
        return self.data.parts(
            *places,
            seed=self.seed,
            patch_size=at(self.patch_size, moment),
            dihedral=dihedral,
            only=only,
            around=self.around,
        )

    def length(self, epoch: int) -> int:
        """How many positions an epoch has."""
        return at(self.order, Moment(epoch, 0)).length(len(self.data))

    def size(self, epoch: int) -> int:
        """How many positions a batch of one rank takes up: images that it has, or the most that one has."""
        if isinstance(self.batch_size, Schedule) and self.batch_size.unit == "iteration":
            return self._share(max(self.batch_size.values()))
        return self._share(at(self.batch_size, Moment(epoch, 0)))

    def _share(self, size: int) -> int:
        """What one rank has of a batch."""
        return size // self.ranks if self.shared else size

    def steps_before(self, epoch: int) -> int:
        """How many batches each rank takes in all epochs before this one."""
        if not isinstance(self.batch_size, Schedule) and not isinstance(self.order, Schedule):
            return epoch * self.steps(0)
        return sum(self.steps(earlier) for earlier in range(epoch))

    def _batches(self, epoch: int, start: int = 0) -> int:
        left, size = self.length(epoch) - start, self.size(epoch)
        return left // size if self.drop_last else -(-left // size)


def _divided(parts: Sequence[PartOfBatch], ends: Integers) -> list[list[PartOfBatch]]:
    """The parts of several batches that end at these places, batch by batch."""
    looked_up = [part._replace(drawn=part.drawn.looked_up()) for part in parts]
    cuts = [[0, *np.searchsorted(part.places, ends).tolist()] for part in looked_up]
    return [
        [
            part.at(slice(cut[batch], cut[batch + 1]))
            for part, cut in zip(looked_up, cuts, strict=True)
            if cut[batch] < cut[batch + 1]
        ]
        for batch in range(len(ends))
    ]


Outlined = tuple[Raw, list[Drawn]]  # all that is known of a batch but its sides, and the crops of these


class DrawnLast:
    """What was drawn last, for several batches at once, and is to be read by threads of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[int, ...], list[Outlined]] = OrderedDict()

    def of(self, job: BatchJob, draw: Callable[[BatchJob], list[Outlined]]) -> Outlined:
        """A batch, drawn now unless it was."""
        name = (job.moment.epoch, *job.together)
        with self._lock:
            if name not in self._kept:
                self._kept[name] = draw(job)
                while len(self._kept) > _KEPT:
                    self._kept.popitem(last=False)
            return self._kept[name][job.place]

    def __reduce__(self) -> tuple[Any, ...]:
        return DrawnLast, ()


@dataclass(frozen=True)
class Reading:
    """Reads the batches of a plan into memory, or picks them where whole images live on a device."""

    plan: Plan
    dihedral: bool | Schedule[bool]  # whether crops are drawn turned
    turning: bool  # whether batches begin with that turn; otherwise what makes LR does it
    only: Only | None
    placing: bool = False  # whether it is wanted where crops lie among their possible places
    difficulty: Tensor | None = None  # a number for each item
    _last: DrawnLast = field(default_factory=DrawnLast, init=False, repr=False, compare=False)

    def __call__(self, job: BatchJob) -> Raw:
        """A batch in memory, turned."""
        with own_settings(CPU):
            return self.read(*self.draw(job))

    def read(self, raw: Raw, drawn: Sequence[Drawn]) -> Raw:
        """The batch that was drawn, in memory and turned."""
        lr, hr = self._sides(drawn if self.turning else [unturned(one) for one in drawn])
        return raw._replace(lr=lr, hr=hr)

    def outlined(self, raw: Raw, drawn: Sequence[Drawn]) -> Raw:
        """The batch that was drawn, with sides yet to be read and turned; or picked on a device, turned."""
        lr, hr = self._unread(drawn)
        return raw._replace(lr=lr, hr=hr, to_turn=self.turning and isinstance(lr, Unread))

    def draw(self, job: BatchJob) -> Outlined:
        """All that is known of a batch but its sides, and the crops that these are."""
        if self.plan.changes or isinstance(self.dihedral, Schedule):
            ((raw, drawn),) = self._outlines(job, [job.first])
        else:  # together with the next batches
            raw, drawn = self._last.of(job, lambda job: self._outlines(job, job.together))
        columns, arrays = _told(drawn)
        return raw._replace(number=job.number, moment=job.moment, columns=columns, arrays=arrays), drawn

    def _outlines(self, job: BatchJob, firsts: Sequence[int]) -> list[Outlined]:
        """The batches that begin at these positions, as far as they are known by what is drawn."""
        dihedral = at(self.dihedral, job.moment)
        batches = self.plan.parts(job.moment, firsts, dihedral=dihedral, only=self.only)
        return [(self._outline(parts, job), [part.drawn for part in parts]) for parts in batches]

    def _outline(self, parts: Sequence[PartOfBatch], job: BatchJob) -> Raw:
        turns = [part.drawn.crops.turns for part in parts]
        labels = [part.label for part in parts for _ in part.keys if part.label is not None]
        return Raw(
            lr=(),
            hr=(),
            keys=[key for part in parts for key in part.keys],
            visits=[visit for part in parts for visit in part.visits.tolist()],
            turns=[turn for some in turns if some is not None for turn in some.tolist()] or None,
            to_turn=False,
            spots=[
                spot
                for part in parts
                if self.placing
                for spot in part.drawn.crops.spots(part.drawn.source.scale.numerator)
            ],
            labels=labels or None,
            difficulty=self._difficulty_of(parts),
            number=job.number,
            moment=job.moment,
        )

    def _unread(self, drawn: Sequence[Drawn]) -> tuple[Any, Any]:
        """The shapes of LR and HR; or what is to be gathered of each data set."""
        if isinstance(drawn[0].source, DeviceSource):
            turned = drawn if self.turning else [unturned(one) for one in drawn]
            found = [one.source.pick(one) for one in turned if isinstance(one.source, DeviceSource)]
            return [lr for lr, _ in found], [hr for _, hr in found]
        return _shapes(drawn)

    def _difficulty_of(self, parts: Sequence[PartOfBatch]) -> Tensor | None:
        """The number of each item."""
        if self.difficulty is None:
            return None
        return self.difficulty[torch.from_numpy(np.concatenate([part.items for part in parts]))]

    def _sides(self, drawn: Sequence[Drawn]) -> tuple[Tensor, Tensor]:
        """LR and HR (count, height, width, 3), see `cut`."""
        if len(drawn) == 1:
            lr_crops, hr_crops = drawn[0].read()
            return torch.from_numpy(lr_crops), torch.from_numpy(hr_crops)
        lr, hr = (torch.empty(side.shape, dtype=side.dtype) for side in _shapes(drawn))
        read(drawn, lr, hr)
        return lr, hr


def _told(drawn: Sequence[Drawn]) -> Told:
    """What is told of the crops of all of them: None, or no prompt, by sets that have no such column."""
    if all(one.beside is None for one in drawn):
        return Told({}, {})
    parts = [one.told() for one in drawn]
    names = dict.fromkeys(name for part in parts for name in part.columns)
    counts = [len(one.crops.inside.images) for one in drawn]
    columns = {
        name: [
            value
            for part, count in zip(parts, counts, strict=True)
            for value in part.columns.get(name, ["" if name == "prompt" else None] * count)
        ]
        for name in names
    }
    if len({frozenset(part.arrays) for part in parts}) > 1:
        raise UsageError("arrays beside images are of all sets in a batch: give each set the same beside=")
    arrays = {name: torch.cat([part.arrays[name] for part in parts]) for name in parts[0].arrays}
    return Told(columns, arrays)


def _shapes(drawn: Sequence[Drawn]) -> tuple[Unread, Unread]:
    """What LR and HR of all of them will be."""
    shapes = [one.shapes() for one in drawn]
    dtype = torch.float32 if any(one.in_floats for one in drawn) else torch.uint8
    lr, hr = (
        Unread((sum(shape[side][0] for shape in shapes), *shapes[0][side][1:]), dtype) for side in (0, 1)
    )
    return lr, hr


def read(drawn: Sequence[Drawn], lr: Tensor, hr: Tensor) -> None:
    """Read the crops of several sets into one tensor for each side."""
    start = 0
    for one in drawn:
        here = slice(start, start + len(one.crops.inside.images))
        one.read((lr[here].numpy(), hr[here].numpy()))
        start = here.stop


def unturned(drawn: Drawn) -> Drawn:
    """The same crops as they lie in their images."""
    return drawn._replace(crops=drawn.crops._replace(turns=None))
