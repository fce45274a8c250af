"""`Loader`: batches for training, on the device, before they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from operator import itemgetter
from typing import Any, TypeVar

import torch
from numpy.typing import ArrayLike

from srdata.augment import Pipeline, load_augment
from srdata.data.arbitrary_scale.scale_pairs import ArbitraryScale
from srdata.data.datasets.mixed import InRatio, Mixed
from srdata.data.datasets.paired import PairedDataset
from srdata.data.datasets.streaming import StreamedPairs
from srdata.data.loading.batch import Batch
from srdata.data.loading.dataloader_form import DataLoaderForm
from srdata.data.loading.device_stream import StagedReading
from srdata.data.loading.epoch_plan import BatchJob, Plan, Reading
from srdata.data.loading.finish import Finish, split_turning
from srdata.data.loading.item_scores import item_numbers
from srdata.data.loading.kept_images import KeptImages
from srdata.data.loading.model_input import ModelInput
from srdata.data.loading.online_degradation import OnlineDegradation
from srdata.data.loading.online_lr import Degradation
from srdata.data.loading.order_digest import order_digests
from srdata.data.loading.prefetch import ByProcesses, Kind, ReadAhead, by_threads
from srdata.data.loading.residency import Residency, device_of
from srdata.data.sampling.orders import Order, Sequential, Shuffled
from srdata.data.sampling.ranks import Ranks, Share
from srdata.data.sampling.schedule import Schedule, every, mapped
from srdata.errors import UsageError
from srdata.scale import Scale
from srdata.vocabulary import Color, Upsample

Result = TypeVar("Result")


class Loader(DataLoaderForm):
    """The batches of epoch after epoch: cropped, on the device, augmented and, if asked for, degraded there.

    >>> for batch in Loader(data, batch_size=16, device="cuda", augment=["dihedral"], seed=1):
    ...     loss = criterion(model(batch.lr), batch.hr)  # doctest: +SKIP

    Each iteration is one epoch, and the next one is the next epoch. Batch k of epoch e depends on
    (seed, e, k) alone: not on workers, ranks, earlier epochs or interruptions. `state_dict` says where
    training stands, and after `load_state_dict` the very next batch comes, also with other numbers of
    workers, ranks, or images in a batch.

    What it reads, and in which order
        data         a PairedDataset, a Mixed of several, or a StreamedPairs, which has an order of its own
        batch_size   images in a batch of this rank, or with `shared_batch` of all ranks together; `drop_last`
                     leaves out what does not fill the last batch
        patch_size   side of the crops in HR pixels, instead of that of the data
        order        of items, see `srdata.data`: by default every item `repeat` times an epoch,
                     shuffled unless `shuffle` is false; of a Mixed, in its ratio
        difficulty   the name of a score of `srdata classify`, or a number for every item such as its class:
                     what batches then have as `difficulty`
        seed         of order, crops, augmentations and degradations; that of the data is not used
        augment      names, presets or settings of `srdata.augment`
    How LR is made of HR crops on the device, instead of being read
        degrade      a degradation, or an `ArbitraryScale`, which makes LR, coordinates and the pixels there
        scale        at which, where the data has none or another one is wanted
        group        so many images share what decides sizes; by default all of a batch do
        margin       HR pixels on each side of a patch that are degraded with it, then cut off
        mirrored     patches reach the border of their images: what of the margin lies beyond it is mirrored.
                     With a margin of two LR pixels a bicubic LR is then a crop of that of the whole image.
                     By default the margin keeps patches off the border
        anywhere     the patch lies anywhere within its margin, on the grid of LR, and not in the middle
        loose        HR pixels more than a patch has that are degraded, and the patch taken at their top left
                     or, every other time, anywhere: on the grid of JPEG's blocks or off it
        plain_hr     HR as it was before what the degradation does to it (Real-ESRGAN sharpens it), as
                     `batch.hr_plain` beside `batch.hr`
    What the network takes
        color        "rgb", "y", "ycbcr" (BT.601, studio range) or "grey"
        mean, std, value_range  low + (high - low) * (x - mean) / std of x in 0–1, for value_range (low, high)
                     and a number for every channel
        dtype        float32, float16, bfloat16, or uint8 as stored; `channels_last` is the memory format
        upsample     "nearest" or "bicubic": LR is enlarged to the size of HR
    Where, and by whom
        device       where batches are
        workers      0: in line; more: as many threads, or processes by kind="process", each `ahead` batches
                     ahead. By default threads, one for every core but one and four at most
        residency    "mapped": crops are copied out of the shards; "host" and "device" keep whole images in
                     memory, there; "auto" takes the device where half of all its memory stays free beside
                     them, and the host where images would be decoded for every crop and half of its free
                     memory holds them. What is kept on a device is brought there on first use, when the
                     model is there; `residency` and `residency_reason` say what was chosen, and `close`
                     gives the memory back
        rank, world_size  of this process; by default those of `torch.distributed`, or of torchrun, as they
                     are when iteration begins

    `batch_size`, `patch_size`, `order`, `augment` and `degrade` may be a Schedule. Where the batch size
    changes with the iteration, each batch takes up the largest one and has the first of its images, as in
    Restormer, so that epochs keep their length. Raises UsageError at once for what cannot be done; while
    iterating, CorruptRecordError or ImageError with the name of what cannot be read, and StorageFullError
    when the device has no room.
    """

    def __init__(
        self,
        data: PairedDataset | Mixed | StreamedPairs,
        batch_size: int | Schedule[int] = 16,
        *,
        device: str | torch.device = "cpu",
        augment: Any = (),
        degrade: Degradation | ArbitraryScale | Schedule[Degradation] | None = None,
        scale: int | float | str | Scale | None = None,
        group: int | None = None,
        margin: int = 0,
        loose: int = 0,
        mirrored: bool = False,
        anywhere: bool = False,
        plain_hr: bool = False,
        patch_size: int | Schedule[int | None] | None = None,
        seed: int = 0,
        order: Order | Schedule[Order] | None = None,
        difficulty: str | ArrayLike | None = None,
        shuffle: bool = True,
        repeat: float = 1,
        drop_last: bool = True,
        upsample: Upsample | None = None,
        dtype: torch.dtype = torch.float32,
        channels_last: bool = False,
        color: Color = "rgb",
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        value_range: tuple[float, float] = (0.0, 1.0),
        workers: int | None = None,
        kind: Kind = "thread",
        ahead: int = 2,
        residency: Residency = "auto",
        rank: int | None = None,
        world_size: int | None = None,
        shared_batch: bool = False,
    ) -> None:
        self.device = device_of(device)
        self._ranks = Ranks(rank, world_size)
        self.seed = seed
        self._workers = ReadAhead(workers, kind, ahead)
        mixed = data if isinstance(data, Mixed) else Mixed([data])
        if mixed.channels != 3 and (degrade is not None or color != "rgb"):
            raise UsageError("two views are read as they are stored: leave out degrade= and color=")
        mean, std, on_host = _numbers(mean), _numbers(std), self.device.type == "cpu"
        model_input = ModelInput(dtype, channels_last, color, mean, std, value_range, upsample)
        online = OnlineDegradation(degrade, scale, group, margin, loose, mirrored, plain_hr, anywhere)
        making, self.scale = online.load(mixed, self.device)
        dihedral, augments = _load_augments(augment, self.scale, upsample)
        _check_arrays(mixed, augments, margin or loose or online.any_scale)
        self._images = KeptImages(residency, mixed, online.only, self.device, kind)
        ranks = self.world_size
        if on_host:
            self._images.bring(ranks)
        order = _order(data, mixed, order, shuffle, repeat)
        sizes = mapped(partial(online.drawn_size, mixed, self.scale), patch_size)
        self._plan = Plan(
            mixed, order, batch_size, sizes, online.around, seed, drop_last, ranks, shared_batch
        )
        self._reading = Reading(
            self._plan,
            dihedral,
            turning=not online.any_scale,
            only=online.only,
            placing=making is not None,
            difficulty=item_numbers(difficulty, mixed, self.scale),
        )
        self._finish = Finish(seed, self.scale, model_input, augments, making)
        self._processes: ByProcesses[BatchJob, Any] | None = None
        self._epoch, self._position = 0, 0  # of the batch that comes next
        self._iteration: int | None = None  # its number on each rank, in all epochs; None: as the epoch says
        self._begun = False  # whether this epoch was begun

    def __repr__(self) -> str:
        plan = self._plan
        data = ", ".join(map(repr, plan.data.sets))
        return f"Loader({data}, batch_size={plan.batch_size}, device='{self.device}', seed={self.seed})"

    def __len__(self) -> int:
        """How many batches this rank takes in an epoch, or in the coming one where batch_size changes."""
        return self._planned(self._ranks.now()).steps(self._epoch)

    def __iter__(self) -> Iterator[Batch]:
        """The batches of the next epoch, or what is left of it after `load_state_dict`."""
        share = self._ranks.use("loader")
        plan = self._planned(share)
        if self._begun:  # and left before its end
            self._iteration = self._number(plan) + plan.steps(self._epoch, self._position)
            self._epoch, self._position = self._epoch + 1, 0
        self._begun = True
        yield from self._counted(plan, share)

    @property
    def at_end(self) -> bool:
        """Whether the batch that was given last ended its epoch."""
        return not self._begun

    @property
    def rank(self) -> int:
        """The number of this process among those that share the batches, as it is now."""
        return self._ranks.now().rank

    @property
    def world_size(self) -> int:
        """How many processes share the batches, as it is now."""
        return self._ranks.now().ranks

    def forever(self) -> Iterator[Batch]:
        """Batch after batch from where the loader stands, through all epochs, without end."""
        while True:
            self._begun = False
            yield from self

    @property
    def residency(self) -> Residency:
        """Where whole images are kept; on a device "auto" is decided on first use."""
        return self._images.where

    @property
    def residency_reason(self) -> str:
        """Why they are kept there, in words."""
        return self._images.why

    def close(self) -> None:
        """End worker processes and give back the memory that keeps images, on the host and on the device.

        The loader may be used on, which brings the images again. `with Loader(…) as loader:` closes it.
        """
        self._processes = None
        self._images.give_back()

    def __enter__(self) -> Loader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def set_epoch(self, epoch: int) -> None:
        """Make `epoch` the next one. There is no need to; some frameworks do."""
        if epoch < 0:
            raise UsageError(f"epoch {epoch} is below 0: epochs count from 0")
        self._stand(epoch, 0, None)

    def state_dict(self) -> dict[str, Any]:
        """Where the loader stands, as numbers and text: after the batch that was given last.

        `samples` positions of the epoch are done by all ranks together; `data` and `order` are digests of the
        items, and of how they come.
        """
        plan = self._planned(self._ranks.now())
        return {
            "seed": self.seed,
            "epoch": self._epoch,
            "batch": self._position // plan.size(self._epoch),
            "samples": self._position,
            "iteration": self._number(plan),
            **self._digests,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from the state of a loader of the same data, seed and order; UsageError for others.

        Ranks and batch size may be others: what is left of the epoch is shared out anew. The state of an
        earlier version says batches instead of samples, which have to be of this size then.
        """
        for name, mine in {"seed": self.seed, **self._digests}.items():
            if state.get(name, mine) != mine:
                raise UsageError(_other(name, state[name], mine))
        size = self._planned(self._ranks.now()).size(state["epoch"])
        self._stand(state["epoch"], state.get("samples", state["batch"] * size), state.get("iteration"))

    def _stand(self, epoch: int, position: int, iteration: int | None) -> None:
        """Let the next batch be that of this position; its number in all epochs is told, or counted."""
        plan = self._planned(self._ranks.now())
        self._epoch, self._position, self._iteration, self._begun = epoch, position, iteration, False
        if not plan.steps(epoch, position):  # what is left is not a batch of this size
            self._epoch, self._position = epoch + 1, 0

    def _number(self, plan: Plan) -> int:
        """The number of the next batch, which is counted when the ranks are there that take it."""
        if self._iteration is not None:
            return self._iteration
        done = self._position // (plan.size(self._epoch) * plan.ranks)
        return plan.steps_before(self._epoch) + done

    @cached_property
    def _digests(self) -> dict[str, str]:
        return order_digests(self._plan)

    def _planned(self, share: Share) -> Plan:
        """The plan for as many ranks as there are now."""
        if share.ranks != self._plan.ranks:
            self._plan = replace(self._plan, ranks=share.ranks)
            self._reading = replace(self._reading, plan=self._plan)
            self._processes = None  # which have the plan before
        return self._plan

    def _counted(self, plan: Plan, share: Share) -> Iterator[Batch]:
        """What is left of an epoch, and a note of where that leads before each batch is given."""
        epoch, start, before = self._epoch, self._position, self._number(plan)
        steps, done = plan.steps(epoch, start), 0
        each, end = plan.ranks * plan.size(epoch), plan.length(epoch)
        batches = self._batches(plan.jobs(epoch, start, share, before), share.ranks)
        try:
            for batch in batches:  # not by enumerate, which holds a batch while the next one is made
                done += 1
                self._begun = done < steps
                self._iteration = before + done
                self._epoch = epoch if self._begun else epoch + 1
                self._position = min(start + done * each, end) if self._begun else 0
                yield batch
                del batch  # or it would take memory while the next one is made
        finally:
            batches.close()

    def _batches(self, jobs: Iterator[BatchJob], ranks: int) -> Generator[Batch, None, None]:
        reading = self._images.read_by(self._reading, ranks)
        if self.device.type == "cpu" and self._workers.count and self._finish.light:
            yield from map(self._finish, self._ahead_of_use(reading, jobs))
        elif self.device.type == "cpu":
            yield from self._ahead_of_use(_Making(reading, self._finish), jobs)
        else:
            pin = self.device.type == "cuda" and self._workers.kind == "thread"
            staged = self._ahead_of_use(StagedReading(reading, self._finish, self.device, pin), jobs)
            yield from self._images.stream.batches(staged, self._finish)

    def _ahead_of_use(self, work: Callable[[BatchJob], Result], jobs: Iterable[BatchJob]) -> Iterator[Result]:
        workers = self._workers
        if workers.kind == "thread" or not workers.count:
            return by_threads(work, jobs, workers.count, workers.ahead)
        if self._processes is None:
            pin = self.device.type == "cuda"  # by this process: CUDA has no life after a fork
            self._processes = ByProcesses(work, workers.count, workers.ahead, pin)
        return self._processes.run(jobs)


@dataclass(frozen=True)
class _Making:
    """Reading and finishing, both on the host."""

    reading: Reading
    finish: Finish

    def __call__(self, job: BatchJob) -> Batch:
        return self.finish(self.reading(job))


def _load_augments(
    augment: Any, scale: Scale, upsample: Upsample | None
) -> tuple[bool | Schedule[bool], Pipeline | Schedule[Pipeline]]:
    """Whether crops are drawn turned, and the augmentations after that; UsageError where LR is too small."""
    augments = mapped(load_augment, augment)
    if scale != 1 and upsample is None and any(one.same_size for one in every(augments)):
        raise UsageError("an augmentation needs LR of the size of HR: give upsample='nearest' as well")
    split = mapped(split_turning, augments)
    return mapped(itemgetter(0), split), mapped(itemgetter(1), split)


def _check_arrays(mixed: Mixed, augments: Pipeline | Schedule[Pipeline], moved: bool | int) -> None:
    """Raise UsageError where arrays that are cropped with images would not follow these."""
    altered = moved or any(one.augmentations for one in every(augments))
    if altered and any(isinstance(one, PairedDataset) and one.crops_arrays for one in mixed.sets):
        raise UsageError(
            "arrays that are cropped with their images follow crops and the eight turns alone: leave out "
            "margin=, loose= and augmentations but dihedral, or read them whole, without pixels="
        )


def _order(
    data: Any, mixed: Mixed, given: Order | Schedule[Order] | None, shuffle: bool, repeat: float
) -> Order | Schedule[Order]:
    """The order that is given, else what the data has; raises UsageError for a stream."""
    if mixed.stream is not None:
        if given is not None:
            raise UsageError("a stream comes shard by shard: leave out order=, and give it crops= or window=")
        return mixed.stream.order.repeated(repeat, shuffle)
    if given is not None or not shuffle:
        return given or Sequential(repeat)
    return InRatio(data, repeat) if isinstance(data, Mixed) else Shuffled(repeat)


def _numbers(values: Sequence[float] | None) -> tuple[float, ...] | None:
    return None if values is None else tuple(map(float, values))


def _other(name: str, theirs: Any, mine: Any) -> str:
    """What to say where a state is of something else."""
    if name == "seed":
        return f"the state is of seed {theirs}, this loader has seed {mine}"
    what = {"data": "other images or windows", "order": "another order, repeat, shuffle or weights"}[name]
    return f"the state is of {what} than this loader has: give what it was made with, or begin anew"
