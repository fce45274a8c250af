"""Which share of the batches this process takes, among several that train together."""

from __future__ import annotations

import os
import sys
import warnings
from types import FrameType
from typing import Any, NamedTuple

import torch

from srdata.errors import UsageError


class Share(NamedTuple):
    """One process among those that train together."""

    rank: int
    ranks: int


class Ranks:
    """The share of this process: as given, or else as it is found whenever it is asked for.

    A loader is often made before there is a process group; so nothing is kept of what was found then. In the
    end it is that of `torch.distributed`; under torchrun, before the group is there, that of its environment;
    or 0 of 1. Raises UsageError for a share that cannot be.
    """

    def __init__(self, rank: int | None = None, world_size: int | None = None) -> None:
        if (rank is None) != (world_size is None):
            raise UsageError("give rank= and world_size= together, or neither")
        self._given: Share | None = None
        if rank is not None and world_size is not None:
            if not 0 <= rank < world_size:
                raise UsageError(f"rank {rank} must lie between 0 and world_size {world_size} - 1")
            self._given = Share(rank, world_size)
        self._used: int | None = None  # ranks at the last use
        self._sent: Share | None = None  # that of the process which sent this one here, as to a worker

    @property
    def given(self) -> bool:
        """Whether rank and world_size were given."""
        return self._given is not None

    def now(self) -> Share:
        """The share at this moment."""
        return self._given or _of_torch() or self._sent or _of_torchrun() or Share(0, 1)

    def __getstate__(self) -> dict[str, Any]:
        """A worker that is spawned is of no group: it gets the share of the process that starts it."""
        return {**self.__dict__, "_sent": self.now()}

    def use(self, what: str) -> Share:
        """The share for a pass that begins now; warns where another number of ranks took the last one."""
        share, before = self.now(), self._used
        self._used = share.ranks
        if before not in (None, share.ranks):
            warnings.warn(
                f"this {what} was used by {before} rank(s) before and is now by {share.ranks}: it shares out "
                "anew what is left; iterate after init_process_group alone, or give rank= and world_size=",
                stacklevel=3,
            )
        return share


def _of_torch() -> Share | None:
    distributed = torch.distributed
    if not (distributed.is_available() and distributed.is_initialized()):
        return None
    return Share(distributed.get_rank(), distributed.get_world_size())


def _of_torchrun() -> Share | None:
    """What torchrun, and what starts processes by it, gives each of them."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return None
    return Share(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]))


def shared_by_accelerate() -> str | None:
    """What of accelerate called what calls this, if it did: it shares out what it prepares, and tells nobody.

    What shares out its items itself would be shared twice. Only the nearest callers are looked at.
    """
    frame: FrameType | None = sys._getframe(1)
    for _ in range(3):
        frame = frame.f_back if frame else None
        if frame and frame.f_globals.get("__name__") == "accelerate.data_loader":
            return type(frame.f_locals.get("self")).__name__
    return None
