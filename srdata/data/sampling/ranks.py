"""Which share of the batches this process takes, among several that train together."""

from __future__ import annotations

import torch

from srdata.errors import UsageError


def my_share(rank: int | None, world_size: int | None) -> tuple[int, int]:
    """Rank and number of ranks: as given, or else those of `torch.distributed`, or 0 of 1; UsageError."""
    if (rank is None) != (world_size is None):
        raise UsageError("give rank= and world_size= together, or neither")
    if rank is None or world_size is None:
        rank, world_size = _of_torch()
    if not 0 <= rank < world_size:
        raise UsageError(f"rank {rank} must lie between 0 and world_size {world_size} - 1")
    return rank, world_size


def _of_torch() -> tuple[int, int]:
    distributed = torch.distributed
    if not (distributed.is_available() and distributed.is_initialized()):
        return 0, 1
    return distributed.get_rank(), distributed.get_world_size()
