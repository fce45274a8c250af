"""Tensors that some networks are trained with besides LR and HR, made of these two on the device."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor

from srdata.data.loading.batch import Batch
from srdata.data.loading.dataloader_form import DataLoaderForm
from srdata.data.loading.loader import Loader
from srdata.papers.schema import Output
from srdata.resize import imresize


class WithExtras(DataLoaderForm):
    """A loader whose batches have more: `batch.lr_up`, `batch.lr_clean`, `batch.pyramid_x2` …

    They are in the range of LR and HR, whose bicubic (`imresize`'s, not rounded) they are.
    """

    def __init__(self, loader: Loader, outputs: Sequence[Output]) -> None:
        self.loader = loader
        self._makers = [MAKERS[name] for name in outputs if name in MAKERS]

    def __len__(self) -> int:
        """How many batches an epoch has."""
        return len(self.loader)

    def __iter__(self) -> Iterator[Batch]:
        """The batches of the next epoch."""
        return map(self._with_extras, self.loader)

    def forever(self) -> Iterator[Batch]:
        """Batch after batch, through all epochs, without end."""
        return map(self._with_extras, self.loader.forever())

    @property
    def at_end(self) -> bool:
        """Whether the batch that was given last ended its epoch."""
        return self.loader.at_end

    def state_dict(self) -> dict[str, Any]:
        """Where the loader stands."""
        return self.loader.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state."""
        self.loader.load_state_dict(state)

    def _with_extras(self, batch: Batch) -> Batch:
        made: dict[str, Tensor] = {}
        for make in self._makers:
            made |= make(batch)
        return replace(batch, tensors={**batch.tensors, **made})


def lr_up(batch: Batch) -> dict[str, Tensor]:
    """LR enlarged to the size of HR."""
    return {"lr_up": imresize(batch.lr, size=_size(batch.hr))}


def lr_clean(batch: Batch) -> dict[str, Tensor]:
    """HR at the size of LR: LR as it would be without noise or compression."""
    return {"lr_clean": imresize(batch.hr, size=_size(batch.lr))}


def pyramid(batch: Batch) -> dict[str, Tensor]:
    """HR at every power of two between LR and HR: pyramid_x2 is twice the size of LR."""
    high, low = _size(batch.hr), _size(batch.lr)
    found, factor = {}, 2
    while low[0] * factor < high[0]:
        found[f"pyramid_x{factor}"] = imresize(batch.hr, size=(low[0] * factor, low[1] * factor))
        factor *= 2
    return found


def _size(image: Tensor) -> tuple[int, int]:
    return image.shape[-2], image.shape[-1]


MAKERS: Mapping[Output, Callable[[Batch], dict[str, Any]]] = {
    "lr_up": lr_up,
    "lr_clean": lr_clean,
    "pyramid": pyramid,
}
