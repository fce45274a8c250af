"""The number of the epoch, seen by every worker of a DataLoader.

A worker holds a copy of the data set, made when the worker started, so an attribute that is set in the parent
does not reach it. The number therefore lives in memory that the processes share.
"""

from __future__ import annotations

from typing import Any

import torch

from srdata.errors import UsageError


class SharedEpoch:
    """An epoch number in shared memory: what one process sets, the workers that it started see.

    DataLoader workers of any start method share it. A plain pickle takes the number along, not the memory.
    """

    def __init__(self) -> None:
        self._cell = in_shared_memory(torch.zeros((), dtype=torch.int64, device="cpu"))

    def get(self) -> int:
        """The epoch now."""
        return int(self._cell)

    def set(self, epoch: int) -> None:
        """Change the epoch, here and in every worker; raises UsageError below 0."""
        if epoch < 0:
            raise UsageError(f"epoch {epoch} is below 0: epochs count from 0")
        self._cell.fill_(epoch)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._cell = in_shared_memory(state["_cell"])


def in_shared_memory(cell: torch.Tensor) -> torch.Tensor:
    """`cell` moved to memory that the processes share, unless it is there already."""
    moved: torch.Tensor = cell.share_memory_()  # type: ignore[no-untyped-call]  # torch's own gap
    return moved
