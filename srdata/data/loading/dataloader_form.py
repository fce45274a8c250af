"""A loader as a DataLoader of torch, for frameworks that take nothing else."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from srdata.data.loading.batch import Batch
from srdata.data.sampling.ranks import shared_by_accelerate
from srdata.errors import UsageError


class StatefulLoader(Protocol):
    """Batches that know where they stand."""

    @property
    def at_end(self) -> bool: ...

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Batch]: ...

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: Any) -> None: ...


class LoaderBatches(IterableDataset[Batch]):
    """The batches of a loader, as a data set of whole batches: `StatefulDataLoader(…, batch_size=None)`.

    Raises UsageError in worker processes, each of which would give all of them.
    """

    def __init__(self, loader: StatefulLoader) -> None:
        self.loader = loader

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Iterator[Batch]:
        if get_worker_info() is not None:
            raise UsageError("a Loader has workers of its own: take a DataLoader with num_workers=0")
        if shared_by_accelerate():
            raise UsageError(
                "accelerate would share out again what a Loader shares out itself: prepare "
                "loader.as_dataloader()"
            )
        return iter(self.loader)

    def state_dict(self) -> dict[str, Any]:
        """Where the loader stands."""
        return self.loader.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state of the loader."""
        self.loader.load_state_dict(state)


class LoaderAsDataLoader(DataLoader[Batch]):
    """What `Loader.as_dataloader` gives: nothing shares out or collates its batches once more.

    Lightning, Fabric and accelerate find its state. Under accelerate batches come on its device, and
    gradients that are added up over several batches are applied at the end of an epoch, as with others.
    """

    use_stateful_dataloader = True  # by this accelerate asks for the state
    end_of_dataloader = False  # and by this it sees the last batch
    remainder = -1

    def __init__(self, loader: StatefulLoader) -> None:
        super().__init__(LoaderBatches(loader), batch_size=None, collate_fn=_as_it_is)
        self.loader = loader
        self._is_accelerate_prepared = True  # or its `prepare` would share out the batches

    def __iter__(self) -> Any:
        accelerate = _accelerate()
        if accelerate is None:
            return iter(self.loader)
        return self._within(accelerate)

    def state_dict(self) -> dict[str, Any]:
        """Where the loader stands, after the batch that was given last."""
        return self.loader.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state."""
        self.loader.load_state_dict(state)

    def set_epoch(self, epoch: int) -> None:
        """Make `epoch` the next one, where the loader has epochs."""
        if hasattr(self.loader, "set_epoch"):
            self.loader.set_epoch(epoch)

    def _within(self, accelerate: Any) -> Iterator[Batch]:
        """The batches on the device of accelerate, which is told when the last one comes."""
        gradients, device = accelerate.GradientState(), accelerate.PartialState().device
        self.end_of_dataloader = False
        gradients._add_dataloader(self)
        try:
            for batch in self.loader:
                self.end_of_dataloader = self.loader.at_end
                yield batch.to(device, non_blocking=True)
        finally:
            gradients._remove_dataloader(self)


class DataLoaderForm:
    """What loaders have in common."""

    def as_dataloader(self: StatefulLoader) -> LoaderAsDataLoader:
        """This loader as a DataLoader of torch, for Fabric, accelerate, and whoever takes nothing else."""
        return LoaderAsDataLoader(self)


def _accelerate() -> Any:
    """The states of accelerate, where it is in use."""
    states = sys.modules.get("accelerate.state")
    return states if states is not None and states.PartialState._shared_state else None


def _as_it_is(batch: Any) -> Any:
    return batch
