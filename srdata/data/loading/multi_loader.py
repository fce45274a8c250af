"""Several loaders as one: a batch of one of them at a time, or one side of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from srdata.common.wording.amounts import how_many
from srdata.data.loading.batch import Batch
from srdata.data.loading.dataloader_form import DataLoaderForm
from srdata.data.loading.loader import Loader
from srdata.data.sampling.schedule import Moment, Schedule, at
from srdata.errors import UsageError
from srdata.rng import uniforms

_TURN = 0x7461736B  # sets these draws apart from others with the same seed


class Alternating(DataLoaderForm):
    """Each batch comes from one of several loaders, drawn anew for every batch: its name is `batch.task`.

    So batches of several scales (MDSR), or of several tasks (IPT), each with its own data, patch size,
    degradation and augmentation, are one stream.

    >>> loader = Alternating({"x2": loader_x2, "x3": loader_x3, "noise 30": loader_30})  # doctest: +SKIP

    `weights` says how likely each is, by default all alike; it may be a Schedule, as for a curriculum of
    scales. With `in_turn` they come one after another instead. An epoch has `batches` batches on each rank,
    by default as many as one epoch of all loaders together; it may be a function that counts them. Which
    loader a batch comes from depends on (seed, its number) alone and is the same on every rank; each loader
    goes through its own epochs. States are kept as those of a `Loader` are.
    """

    def __init__(
        self,
        loaders: Mapping[str, Loader],
        weights: Mapping[str, float] | Schedule[Mapping[str, float]] | None = None,
        *,
        batches: int | Callable[[], int] | None = None,
        seed: int = 0,
        in_turn: bool = False,
    ) -> None:
        if not loaders:
            raise UsageError("give at least one loader")
        self.loaders = dict(loaders)
        self._weights = weights if weights is not None else dict.fromkeys(loaders, 1.0)
        self._asked = batches
        self._seed = seed
        self._in_turn = in_turn
        self._done = 0  # batches, in all epochs
        self._counted = 0, 0  # for so many ranks, so many batches
        if self._batches < 1:
            raise UsageError(f"batches {batches} must be at least 1")
        if in_turn and weights is not None:
            raise UsageError("in_turn takes every loader alike: leave weights= out")

    def __len__(self) -> int:
        """How many batches an epoch has."""
        return self._batches

    def __iter__(self) -> Iterator[Batch]:
        """The batches of the next epoch, or what is left of the one that stands in the state."""
        streams: dict[str, Iterator[Batch]] = {}
        end = (self._done // self._batches + 1) * self._batches
        while self._done < end:
            name = self._drawn(self._done)
            if name not in streams:
                streams[name] = self.loaders[name].forever()
            batch = replace(next(streams[name]), task=name)
            self._done += 1
            yield batch

    @property
    def at_end(self) -> bool:
        """Whether the batch that was given last ended its epoch."""
        return self._done % self._batches == 0

    def state_dict(self) -> dict[str, Any]:
        """Where this and every loader stand, as plain numbers."""
        return {
            "seed": self._seed,
            "batches": self._done,
            "loaders": {name: loader.state_dict() for name, loader in self.loaders.items()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state of the same loaders; raises UsageError for others."""
        if state["seed"] != self._seed or set(state["loaders"]) != set(self.loaders):
            raise UsageError(
                f"the state is of seed {state['seed']} and {', '.join(state['loaders'])}, "
                f"this has seed {self._seed} and {', '.join(self.loaders)}"
            )
        self._done = state["batches"]
        for name, loader in self.loaders.items():
            loader.load_state_dict(state["loaders"][name])

    @property
    def _batches(self) -> int:
        """How many batches an epoch has, counted anew where there are other numbers of ranks."""
        ranks = next(iter(self.loaders.values())).world_size
        if self._counted[0] != ranks:
            self._counted = ranks, self._count()
        return self._counted[1]

    def _count(self) -> int:
        if self._asked is None:
            return sum(map(len, self.loaders.values()))
        return self._asked if isinstance(self._asked, int) else self._asked()

    def _drawn(self, number: int) -> str:
        if self._in_turn:
            return list(self.loaders)[number % len(self.loaders)]
        weights = at(self._weights, Moment(number // self._batches, number))
        if (
            not weights
            or set(weights) - set(self.loaders)
            or min(weights.values()) < 0
            or not sum(weights.values()) > 0
        ):
            raise UsageError(f"weights {dict(weights)} must be of {', '.join(self.loaders)}, none below 0")
        edges = np.cumsum(list(weights.values()))
        place = uniforms(self._seed, _TURN, number, draws=1)[0] * edges[-1]
        return list(weights)[int(np.searchsorted(edges, place, side="right"))]


class Unpaired(DataLoaderForm):
    """HR images of one loader beside LR images of another, drawn apart (CinCGAN, unpaired training).

    A batch has `hr` of the first and `lr` of the second, and the keys of both as "hr | lr". An epoch is one
    of the HR loader.
    """

    def __init__(self, hr: Loader, lr: Loader) -> None:
        self.hr, self.lr = hr, lr

    def __len__(self) -> int:
        """How many batches an epoch has."""
        return len(self.hr)

    def __iter__(self) -> Iterator[Batch]:
        """The batches of the next epoch of the HR loader."""
        for high, low in zip(self.hr, self.lr.forever(), strict=False):
            if len(high.keys) != len(low.keys):
                raise UsageError(
                    f"a batch of {len(high.keys)} HR and {how_many(len(low.keys), 'LR image')}: give both "
                    "loaders one batch_size, and leave drop_last as it is"
                )
            yield replace(
                high,
                tensors={"lr": low.lr, "hr": high.hr},
                keys=[f"{one} | {other}" for one, other in zip(high.keys, low.keys, strict=True)],
                params=[{"hr": one, "lr": other} for one, other in zip(high.params, low.params, strict=True)],
            )

    @property
    def at_end(self) -> bool:
        """Whether the batch that was given last ended its epoch."""
        return self.hr.at_end

    def state_dict(self) -> dict[str, Any]:
        """Where both loaders stand, as plain numbers."""
        return {"hr": self.hr.state_dict(), "lr": self.lr.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state."""
        self.hr.load_state_dict(state["hr"])
        self.lr.load_state_dict(state["lr"])
