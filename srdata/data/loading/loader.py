"""`Loader`: batches for training, on the device, before they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import torch
from numpy.typing import ArrayLike

from srdata.augment import load_augment
from srdata.data.arbitrary_scale.scale_pairs import ArbitraryScale
from srdata.data.datasets.mixed import InRatio, Mixed
from srdata.data.datasets.paired import PairedDataset
from srdata.data.loading.batch import Batch
from srdata.data.loading.epoch_plan import Job, Plan, Reading
from srdata.data.loading.finish import Finish, Raw, check_upsample, split_turning
from srdata.data.loading.item_scores import item_numbers
from srdata.data.loading.model_input import Look
from srdata.data.loading.online_lr import Degradation, load_making
from srdata.data.loading.prefetch import ByProcesses, Kind, by_threads, check_workers
from srdata.data.loading.residency import Residency, device_of, settle
from srdata.data.sampling.orders import Order, Sequential, Shuffled
from srdata.data.sampling.ranks import my_share
from srdata.data.sampling.schedule import Schedule, every
from srdata.errors import StorageFullError, UsageError
from srdata.scale import Scale
from srdata.vocabulary import Color, Only, Upsample

Result = TypeVar("Result")


class Loader:
    """The batches of epoch after epoch: cropped, on the device, augmented and, if asked for, degraded there.

    >>> for batch in Loader(data, batch_size=16, device="cuda", augment=["dihedral"], seed=1):
    ...     loss = criterion(model(batch.lr), batch.hr)  # doctest: +SKIP

    Each iteration is one epoch, and the next one is the next epoch. Batch k of epoch e depends on
    (seed, e, k) alone: not on workers, ranks, earlier epochs or interruptions. `state_dict` says where
    training stands, and after `load_state_dict` the very next batch comes, also with other numbers of workers
    or ranks.

    What it reads
        data         a PairedDataset, or a Mixed of several
        batch_size   images in a batch of this rank; `drop_last` leaves out what does not fill the last batch
        patch_size   side of the crops in HR pixels, instead of that of the data
        order        of items, see `srdata.data`: by default every item `repeat` times an epoch,
                     shuffled unless `shuffle` is false; of a Mixed, in its ratio
        difficulty   the name of a score of `srdata classify`, or a number for every item such as its class:
                     what batches then have as `difficulty`
        seed         of order, crops, augmentations and degradations; that of the data is not used
    and makes of it
        augment      names, presets or settings of `srdata.augment`
        degrade      a degradation: LR is made from HR crops on the device instead of being read, for `scale`
                     where the data has none; `group`, `margin` and `loose` are those of `Degrading`. Or an
                     `ArbitraryScale`, which makes LR, coordinates and the pixels there
        mirrored     patches reach the border of their images: what of the margin lies beyond it is mirrored.
                     With a margin of two LR pixels a bicubic LR is then a crop of that of the whole image.
                     By default the margin keeps patches off the border
        plain_hr     HR as it was before what the degradation does to it (Real-ESRGAN sharpens it), as
                     `batch.hr_plain` beside `batch.hr`
        upsample     "nearest" or "bicubic": LR is enlarged to the size of HR
        dtype, channels_last, color, mean, std, value_range: see `Look` in model_input.py
    by
        device       where batches are
        workers      0: in line; more: as many threads, or processes by kind="process", each `ahead` batches
                     ahead. By default threads, one for every core but one and four at most
        residency    "mapped": crops are copied out of the shards; "host" and "device" keep whole images in
                     memory, there; "auto" takes the device where half of its free memory holds them, and
                     the host where images would be decoded for every crop and half of its memory holds them
        rank, world_size  of this process; by default those of `torch.distributed`

    `batch_size`, `patch_size`, `order`, `augment` and `degrade` may be a Schedule. Raises UsageError at once
    for what cannot be done; while iterating, CorruptRecordError or ImageError with the name of what cannot be
    read, and StorageFullError when the device has no room.
    """

    def __init__(
        self,
        data: PairedDataset | Mixed,
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
    ) -> None:
        self.device = device_of(device)
        self.rank, self.world_size = my_share(rank, world_size)
        self._workers, self._kind, self._ahead = check_workers(workers, kind, ahead), kind, ahead
        mixed = data if isinstance(data, Mixed) else Mixed([data])
        if mixed.channels != 3 and (degrade is not None or color != "rgb"):
            raise UsageError("two views are read as they are stored: leave out degrade= and color=")
        if degrade is None:
            _check_read(mixed, scale, group=group, margin=margin, loose=loose, plain_hr=plain_hr)
        elif any(one.only == "lr" for one in mixed.sets):
            raise UsageError("degrade= makes LR of HR, which only='lr' leaves out: open the data with its HR")
        look = Look(dtype, channels_last, color, _numbers(mean), _numbers(std), value_range)
        check_upsample(upsample)
        loading = partial(
            load_making,
            scale=_scale(mixed, scale),
            group=group,
            margin=margin,
            plain=plain_hr,
            loose=loose,
            on_device=self.device.type != "cpu",
        )
        making = None if degrade is None else _mapped(loading, degrade)
        augments = _mapped(load_augment, augment)
        self.scale = mixed.scale if making is None else next(every(making)).scale
        if self.scale != 1 and upsample is None and any(one.same_size for one in every(augments)):
            raise UsageError("an augmentation needs LR of the size of HR: give upsample='nearest' as well")
        self.seed = seed
        only: Only | None = None if degrade is None else "hr"
        if mirrored:
            _check_mirrored(margin, mixed.scale, self.scale)
        self.residency, mixed = settle(residency, mixed, only, self.device, kind, self.world_size)
        self._plan = Plan(
            data=mixed,
            order=order or _order(data, shuffle, repeat),
            batch_size=batch_size,
            patch_size=_mapped(
                partial(_read_size, mixed, self.scale, 2 * margin + loose, mirrored, degrade), patch_size
            ),
            around=margin if mirrored else 0,
            seed=seed,
            drop_last=drop_last,
            ranks=self.world_size,
        )
        self._reading = Reading(
            self._plan,
            dihedral=_mapped(lambda one: split_turning(one)[0], augments),
            turning=self.device.type == "cpu"
            and self.residency != "device"
            and not isinstance(degrade, ArbitraryScale),
            only=only,
            pin=self.device.type == "cuda",
            placing=making is not None,
            difficulty=item_numbers(difficulty, mixed, self.scale),
        )
        rest = _mapped(lambda one: split_turning(one)[1], augments)
        self._finish = Finish(seed, self.scale, look, rest, making, upsample)
        self._processes: ByProcesses[Job, Any] | None = None
        self._epoch, self._next = 0, 0  # of the batch that comes next
        self._begun = False  # whether this epoch was begun

    def __len__(self) -> int:
        """How many batches this rank takes in an epoch, or in the coming one where batch_size changes."""
        return self._plan.steps(self._epoch)

    def __iter__(self) -> Iterator[Batch]:
        """The batches of the next epoch, or what is left of it after `load_state_dict`."""
        if self._begun:  # and left before its end
            self._epoch, self._next = self._epoch + 1, 0
        self._begun = True
        yield from self._counted(self._epoch, self._next)

    def forever(self) -> Iterator[Batch]:
        """Batch after batch from where the loader stands, through all epochs, without end."""
        while True:
            self._begun = False
            yield from self

    def set_epoch(self, epoch: int) -> None:
        """Make `epoch` the next one. There is no need to; some frameworks do."""
        if epoch < 0:
            raise UsageError(f"epoch {epoch} is below 0: epochs count from 0")
        self._epoch, self._next, self._begun = epoch, 0, False

    def state_dict(self) -> dict[str, int]:
        """Where the loader stands, as plain numbers: after the batch that was given last."""
        return {"seed": self.seed, "epoch": self._epoch, "batch": self._next * self.world_size}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on from the state of a loader of the same data and settings; UsageError for another seed."""
        if state["seed"] != self.seed:
            raise UsageError(f"the state is of seed {state['seed']}, this loader has seed {self.seed}")
        self._epoch, self._next = state["epoch"], state["batch"] // self.world_size
        self._begun = False

    def _counted(self, epoch: int, start: int) -> Iterator[Batch]:
        """The batches of an epoch, and a note of where that leads before each is given."""
        steps = self._plan.steps(epoch)
        batches = self._batches(epoch, start)
        try:
            for batch in batches:
                start += 1
                self._begun = start < steps
                self._epoch, self._next = (epoch, start) if self._begun else (epoch + 1, 0)
                yield batch
                del batch  # or it would take memory while the next one is made
        finally:
            batches.close()

    def _batches(self, epoch: int, start: int) -> Generator[Batch, None, None]:
        jobs = self._plan.jobs(epoch, start, self.rank)
        if self.device.type == "cpu" and self._workers and self._finish.light:
            yield from map(self._finish, self._ahead_of_use(self._reading, jobs))
        elif self.device.type == "cpu":
            yield from self._ahead_of_use(_Making(self._reading, self._finish), jobs)
        else:
            yield from on_device(self._ahead_of_use(self._reading, jobs), self._finish, self.device)

    def _ahead_of_use(self, work: Callable[[Job], Result], jobs: Iterable[Job]) -> Iterator[Result]:
        if self._kind == "thread" or not self._workers:
            return by_threads(work, jobs, self._workers, self._ahead)
        if self._processes is None:
            self._processes = ByProcesses(work, self._workers, self._ahead, self._reading.pin)
        return self._processes.run(jobs)


@dataclass(frozen=True)
class _Making:
    """Reading and finishing, both on the host."""

    reading: Reading
    finish: Finish

    def __call__(self, job: Job) -> Batch:
        return self.finish(self.reading(job))


def on_device(raws: Iterator[Raw], finish: Callable[[Raw], Batch], device: torch.device) -> Iterator[Batch]:
    """Batches finished on a stream of their own, one ahead of the one that is used."""
    stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]  # torch does not type it
    ahead: tuple[Batch, torch.cuda.Event] | None = None
    for raw in raws:
        with torch.cuda.stream(stream):
            batch = finished_on(device, raw, finish)
            ready = stream.record_event()
        if ahead is not None:
            yield _handed_over(*ahead)
        ahead = batch, ready
    if ahead is not None:
        yield _handed_over(*ahead)


def finished_on(device: torch.device, raw: Raw, finish: Callable[[Raw], Batch]) -> Batch:
    """The batch that `finish` makes of crops, on a device; raises StorageFullError."""
    try:
        return finish(raw.to(device))
    except torch.OutOfMemoryError as error:
        raise StorageFullError(
            f"the memory of {device} has no room for another batch: take a smaller batch_size, or "
            "residency='mapped'"
        ) from error


def _handed_over(batch: Batch, ready: torch.cuda.Event) -> Batch:
    """The batch for the stream of the caller, whose memory is not used again before that is done with it."""
    stream = torch.cuda.current_stream(next(iter(batch.tensors.values())).device)
    stream.wait_event(ready)
    for tensor in batch.tensors.values():
        tensor.record_stream(stream)
    return batch


def _scale(mixed: Mixed, scale: int | float | str | Scale | None) -> Scale | None:
    """The scale that is asked for, or that of the data; None where it is HR alone, which has none."""
    if scale is not None:
        return Scale(scale)
    return None if mixed.scale == 1 else mixed.scale


def _check_read(mixed: Mixed, scale: int | float | str | Scale | None, **settings: object) -> None:
    """Raise UsageError for settings of a degradation where LR is read as it is stored."""
    for name, value in settings.items():
        if value:
            raise UsageError(f"{name}={value} is of a degradation: give degrade= as well, or leave it out")
    if scale is not None and Scale(scale) != mixed.scale:
        raise UsageError(
            f"scale={scale} is not that of the data, {mixed.scale}: give degrade= as well, or leave it out"
        )


def _read_size(
    mixed: Mixed, scale: Scale, more: int, mirrored: bool, degrade: object, patch_size: int | None
) -> int | None:
    """The side of what is drawn for a patch, in HR pixels; None for that of the data; raises UsageError.

    `more` HR pixels are degraded with a patch; mirrored ones are no part of what is drawn.
    """
    if isinstance(degrade, ArbitraryScale):
        return degrade.hr_patch
    size = mixed.sets[0].patch_size if patch_size is None else patch_size
    if size is None and more:
        raise UsageError("margin= or loose= is read around a patch: give patch_size= as well")
    if size is not None and size % scale.numerator:
        raise UsageError(f"patch_size {size} is no multiple of {scale.numerator}, which scale {scale} needs")
    return patch_size if size is None or not more or mirrored else size + more


def _check_mirrored(margin: int, of_data: Scale, scale: Scale) -> None:
    """Raise UsageError where patches cannot be those of the LR of whole images."""
    if not margin:
        raise UsageError("mirrored= says what a margin is beyond an image: give margin= as well")
    if of_data != scale:
        raise UsageError(
            f"mirrored= takes patches on the grid of LR: open the data set with scale={scale} as well"
        )


def _mapped(change: Callable[[Any], Any], setting: Any) -> Any:
    """A setting, or every value of it if it is a schedule, changed."""
    if not isinstance(setting, Schedule):
        return change(setting)
    return setting.mapped(change)


def _order(data: PairedDataset | Mixed, shuffle: bool, repeat: float) -> Order:
    if not shuffle:
        return Sequential(repeat)
    return InRatio(data, repeat) if isinstance(data, Mixed) else Shuffled(repeat)


def _numbers(values: Sequence[float] | None) -> tuple[float, ...] | None:
    return None if values is None else tuple(map(float, values))
