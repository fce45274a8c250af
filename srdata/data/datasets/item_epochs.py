"""The epoch by which an item is cropped that is asked for by its number alone, as torch's samplers do."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from srdata.data.datasets.shared_epoch import SharedEpoch, in_shared_memory
from srdata.data.sampling.ranks import Ranks
from srdata.store.windows import Integers


class ItemEpochs:
    """Counts how often each item was asked for since an epoch was set, in memory that all workers share.

    A DataLoader with shuffle=True tells nobody that another pass begins. But each item comes once a pass, so
    how often it came is the number of the pass, for any number of workers. Where no epoch was ever set, ranks
    get numbers apart from each other, as an item may come to one of them now and to another one later.
    """

    def __init__(self, items: int) -> None:
        self._base = SharedEpoch()
        self._told = SharedEpoch()  # 1 once an epoch was set
        self._visits = in_shared_memory(torch.zeros(items, dtype=torch.int32, device="cpu"))
        self._ranks = Ranks()
        self._alone: set[int] = set()  # items that were asked for singly, in this process
        self._warned = False

    def get(self) -> int:
        """The epoch that was set."""
        return self._base.get()

    def set(self, epoch: int) -> None:
        """Begin an epoch, here and in every worker; raises UsageError below 0."""
        self._base.set(epoch)
        self._told.set(1)
        self._visits.zero_()
        self._alone.clear()

    def next(self, items: Integers) -> Integers:
        """The epochs of items that are asked for now, which counts."""
        visits, found = self._visits.numpy(), np.empty(len(items), np.int64)
        for place, item in enumerate(items.tolist()):
            found[place] = visits[item]
            visits[item] += 1
        rank, ranks = (0, 1) if self._told.get() else self._ranks.now()
        return self.get() + found * ranks + rank

    def comes_again(self, item: int) -> bool:
        """Whether, for the first time, all items of an epoch were asked for singly and this one is again."""
        every = len(self._alone) == len(self._visits)
        again = not self._warned and every and item in self._alone
        self._warned = self._warned or again
        self._alone.add(item)
        return again

    def of_others(self, items: int) -> ItemEpochs:
        """The same epoch for other items."""
        others = ItemEpochs(items)
        others._base.set(self.get())
        others._told.set(self._told.get())
        return others

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._visits = state["_visits"].share_memory_()
