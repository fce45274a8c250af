"""Batches without end, each a function of the seed and of its number."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

from srdata.data.loading.batch import Batch
from srdata.errors import UsageError


class Steps(ABC):
    """An endless row of batches, which goes on where it stood when it is iterated or loaded again."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._step = 0

    @abstractmethod
    def batch(self, step: int) -> Batch:
        """The batch of this number, counted from 0; it depends on (seed, step) alone."""

    def __iter__(self) -> Iterator[Batch]:
        while True:
            step = self._step
            self._step = step + 1
            yield self.batch(step)

    def state_dict(self) -> dict[str, int]:
        """Where this stands: with it, the next batch will be the next one."""
        return {"seed": self._seed, "step": self._step}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on from where `state` was taken; raises UsageError for that of another seed."""
        if state["seed"] != self._seed:
            raise UsageError(
                f"the state is of seed {state['seed']}, this has seed {self._seed}: give that one"
            )
        self._step = state["step"]
