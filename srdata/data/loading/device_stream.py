"""Batches that are finished on a device, on a stream of their own, while another one is used.

Whoever reads a batch ahead of its use also draws what it goes through, and goes through that over shapes
alone: so the kernels, weights and tables are known that its steps ask for. They lie beside the crops in one
piece of memory, which goes to the device by one copy.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, replace

import numpy as np
import torch

from srdata.common.tensors.device_copies import META, Staging, brought, wanted
from srdata.common.tensors.shapes_alone import ShapesAlone
from srdata.common.tensors.torch_settings import own_settings
from srdata.data.loading.batch import Batch
from srdata.data.loading.epoch_plan import BatchJob, Reading, read, unturned
from srdata.data.loading.finish import CPU, Finish, Parameters, Raw, Unread
from srdata.degrade.numerics.random_fields import Asked, drawn_at_once, noted
from srdata.errors import StorageFullError


@dataclass(frozen=True)
class Staged:
    """A batch that is read, and nothing of it on a device yet."""

    raw: Raw
    drawn: Parameters
    staging: Staging | None  # None: each tensor is copied by itself
    fields: list[Asked]  # of noise; their seeds come last in the memory

    def finished(self, finish: Finish, device: torch.device) -> Batch:
        """The batch on a device."""
        if self.staging is None:
            return finish(self.raw, self.drawn, device)
        with own_settings(device), ExitStack() as there:
            tensors = self.staging.on(device)
            if self.fields:
                there.enter_context(drawn_at_once(self.fields, tensors.pop()))
            there.enter_context(brought(tensors))
            return finish(_without_contents(self.raw), self.drawn, device)

    def pin_memory(self) -> Staged:
        """The same in page-locked memory, which torch asks of what worker processes give."""
        return replace(self, staging=self.staging and self.staging.pin_memory())


@dataclass(frozen=True)
class StagedReading:
    """Reads batches for a device; Apple's computes otherwise than is noted here, and shares its memory."""

    reading: Reading
    finish: Finish
    device: torch.device
    pin: bool

    def __call__(self, job: BatchJob) -> Staged:
        with own_settings(CPU):
            plain, crops = self.reading.draw(job)
            raw, drawn = self.reading.outlined(plain, crops), self.finish.draw(plain)
            if self.device.type == "mps":
                whole = self.reading.read(plain, crops) if isinstance(raw.lr, Unread) else raw
                return Staged(whole, drawn, None, [])
            with wanted() as numbers, noted() as fields, ShapesAlone():
                self.finish(_without_contents(raw), drawn, META)
            if fields:
                numbers.append(np.concatenate([one.seeds for one in fields]))
            staging = Staging.of(numbers, pin=self.pin)
            if isinstance(raw.lr, Unread):
                read([unturned(one) for one in crops], *staging.on(CPU)[:2])  # which are asked for first
            return Staged(raw, drawn, staging, fields)


class DeviceStream:
    """Where a loader works on its device: a stream of CUDA; other devices have but one.

    It stays the same as long as the loader has images there, so that gathering comes after filling.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._stream: torch.cuda.Stream | None = None
        if device.type == "cuda":
            self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]  # torch does not type it

    def current(self) -> AbstractContextManager[object]:
        """Within it this is the stream of this thread."""
        return nullcontext() if self._stream is None else torch.cuda.stream(self._stream)

    def batches(self, staged: Iterator[Staged], finish: Finish) -> Iterator[Batch]:
        """Batches finished here, one ahead of the one that is used; what fails is raised in its place."""
        ahead: deque[tuple[Batch, torch.cuda.Event | None]] = deque()
        while True:
            try:
                ahead.append(self._finished(next(staged), finish))
            except Exception as error:  # so that none that came before is lost
                while ahead:
                    yield _handed_over(*ahead.popleft())
                if isinstance(error, StopIteration):
                    return
                raise
            if len(ahead) > 1:
                yield _handed_over(*ahead.popleft())

    def _finished(self, staged: Staged, finish: Finish) -> tuple[Batch, torch.cuda.Event | None]:
        with self.current():
            batch = finished_on(self.device, staged, finish)
            return batch, None if self._stream is None else self._stream.record_event()


def finished_on(device: torch.device, staged: Staged, finish: Finish) -> Batch:
    """The batch that `finish` makes of what was read, on a device; raises StorageFullError."""
    try:
        return staged.finished(finish, device)
    except torch.OutOfMemoryError as error:
        raise StorageFullError(
            f"the memory of {device} has no room for another batch: take a smaller batch_size, or "
            "residency='mapped'"
        ) from error


def _handed_over(batch: Batch, ready: torch.cuda.Event | None) -> Batch:
    """The batch for the stream of the caller, whose memory is not used again before that is done with it."""
    if ready is None:
        return batch
    stream = torch.cuda.current_stream(next(iter(batch.tensors.values())).device)
    stream.wait_event(ready)
    for tensor in batch.tensors.values():
        tensor.record_stream(stream)
    return batch


def _without_contents(raw: Raw) -> Raw:
    """The batch with sides of which nothing but the shape is known."""
    if not isinstance(raw.lr, Unread) or not isinstance(raw.hr, Unread):
        return raw
    lr, hr = (torch.empty(side.shape, dtype=side.dtype, device=META) for side in (raw.lr, raw.hr))
    return raw._replace(lr=lr, hr=hr)
