"""Batches that are finished on a device, on a stream of their own, while another one is used."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch

from srdata.data.loading.batch import Batch
from srdata.data.loading.finish import Raw
from srdata.errors import StorageFullError


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
