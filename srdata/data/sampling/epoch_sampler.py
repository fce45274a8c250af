"""Samplers whose indices carry the epoch, so that a data set need not be told of it."""

from __future__ import annotations

from collections.abc import Iterator, Sized

import numpy as np
from torch.utils.data import Sampler

from srdata.rng import generator


class EpochSampler(Sampler[tuple[int, int]]):
    """Every item of `data` once a pass, as (epoch, index): a PairedDataset then draws new crops in each pass.

    The order of epoch e depends on (seed, e) alone. Each `iter` begins the next epoch; `set_epoch` chooses
    it, as frameworks do when they resume.

    >>> order = EpochSampler(range(3), shuffle=False)
    >>> list(order), list(order)[0]
    ([(0, 0), (0, 1), (0, 2)], (1, 0))
    """

    def __init__(self, data: Sized, *, shuffle: bool = True, seed: int = 0) -> None:
        self._count = len(data)
        self._shuffle = shuffle
        self._seed = seed
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Make `epoch` the next one."""
        self._epoch = epoch

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[tuple[int, int]]:
        epoch = self._epoch
        self._epoch = epoch + 1
        return ((epoch, int(index)) for index in self._order(epoch))

    def _order(self, epoch: int) -> Iterator[int]:
        if not self._shuffle:
            return iter(range(self._count))
        return iter(generator(self._seed, "order", epoch).permutation(self._count).astype(np.int64))
