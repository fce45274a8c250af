"""Which positions of an epoch a reader takes: one worker of one of the processes that train together."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import FrameType
from typing import NamedTuple

from torch.utils.data import get_worker_info
from torch.utils.data._utils.fetch import _IterableDatasetFetcher

from srdata.data.sampling.ranks import Share

_NEAR = 8  # callers: data sets may stand around the stream


class ReaderShare(NamedTuple):
    """A reader, and the batches into which what it gives is put.

    Batches are numbered over all ranks, which take them in turn, as their workers do in each rank. So they
    are the same for any number of readers; but what does not fill a batch for every rank is shared evenly.
    """

    batch: int  # images in a batch of a rank
    rank: int
    ranks: int
    worker: int
    workers: int

    @classmethod
    def now(cls, share: Share, batch: int) -> ReaderShare:
        """That of this process."""
        worker = get_worker_info()
        return cls(batch, *share, *((0, 1) if worker is None else (worker.id, worker.num_workers)))

    def positions(self, start: int, length: int, even: bool) -> Iterator[range]:
        """The positions from `start` on of each batch of this reader.

        With `even` all ranks get as many: those beyond the length stand for the first of the epoch.
        """
        left = length - start
        total = -(-left // self.ranks) * self.ranks if even else left
        together = self.batch * self.ranks
        full, rest = divmod(total, together)
        for number in range(self.worker, full, self.workers):
            first = start + number * together + self.rank * self.batch
            yield range(first, first + self.batch)
        if full % self.workers == self.worker:
            size = rest // self.ranks if even else self.batch
            first = start + full * together + self.rank * size
            if last := range(first, min(first + size, start + total)):
                yield last

    def done(self, given: int) -> tuple[int, int]:
        """Positions that all ranks have done when this reader gave so many, and how many it gave beyond."""
        if self.workers > 1:  # others may have given one batch more or less
            return 0, given
        if self.ranks == 1:
            return given, 0
        batches, beyond = divmod(given, self.batch)
        return batches * self.batch * self.ranks, beyond


def batch_of_dataloader() -> int:
    """How many items the DataLoader that asks for one now puts into a batch; 1 where none asks.

    torch tells a stream nothing of it, but where it asks.
    """
    frame: FrameType | None = sys._getframe(1)
    for _ in range(_NEAR):
        if frame and frame.f_code is _IterableDatasetFetcher.fetch.__code__:
            batched = frame.f_locals["self"].auto_collation
            return len(frame.f_locals["possibly_batched_index"]) if batched else 1
        frame = frame.f_back if frame else None
    return 1
