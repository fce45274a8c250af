"""Batches that are finished on a device, on a stream of their own, while another one is used."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext

import torch

from srdata.data.loading.batch import Batch
from srdata.data.loading.finish import Finish
from srdata.data.loading.staged_batch import Staged
from srdata.errors import StorageFullError


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

    def batches(self, read: Iterator[Staged], finish: Finish) -> Iterator[Batch]:
        """Batches finished here, one ahead of the one that is used; what fails is raised in its place."""
        ahead: deque[tuple[Batch, torch.cuda.Event | None]] = deque()
        while True:
            try:
                ahead.append(self._finished(next(read), finish))
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
