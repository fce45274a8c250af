"""What a loader yields."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, KeysView, Mapping, MutableMapping, Sequence, ValuesView
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from srdata.scale import Scale

ONE = Scale(1)


class ImageKeys(list[str]):
    """The name of each image of a batch; called, as a mapping's `keys` are, the names of its tensors."""

    def __init__(self, names: Sequence[str], tensors: Mapping[str, torch.Tensor]) -> None:
        super().__init__(names)
        self._tensors = tensors

    def __call__(self) -> KeysView[str]:
        return self._tensors.keys()


@dataclass(eq=False)
class Batch(MutableMapping[str, torch.Tensor]):
    """Images of one batch on the device, and what is known of them.

    `lr` and `hr` are (count, channels, height, width). Whatever else a loader makes stands beside them under
    its name in `tensors` and as an attribute: `batch.coord`, `batch.mask`, `batch.label`, `batch.difficulty`.
    So do texts and numbers beside images, as lists in `columns`: `batch.caption`, `batch.prompt`.

    A batch is a mapping of its tensors as well, which Lightning, Fabric, accelerate and torch's DataLoader
    move and read: `batch["lr"]`, `model(**batch)`, `batch.to("cuda", non_blocking=True)`. But its length is
    how many images it has.
    """

    tensors: MutableMapping[str, torch.Tensor]
    # The name of each image or window. `keys` of a mapping is a method: `ImageKeys` can be called, too.
    keys: Sequence[str] = ()  # type: ignore[assignment]  # see above
    params: Sequence[Mapping[str, Any]] = ()  # δ of each: {"degradation": …, "augment": …}, as far as drawn
    scale: Scale = ONE  # HR pixels per LR pixel
    columns: Mapping[str, Sequence[Any]] = field(default_factory=dict)  # what is told of each image
    task: str = ""  # the name of the loader among several, see `srdata.data.loading.multi_loader`

    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def __post_init__(self) -> None:
        self.keys = ImageKeys(self.keys, self.tensors)

    def __repr__(self) -> str:
        shown = ", ".join(
            f"{name} {tuple(one.shape)} {str(one.dtype).removeprefix('torch.')}" for name, one in self.items()
        )
        return f"Batch({shown}, on {next(iter(self.values())).device})" if shown else "Batch()"

    @property
    def lr(self) -> torch.Tensor:
        """The LR images; AttributeError where the loader gives HR alone."""
        return self._tensor("lr")

    @property
    def hr(self) -> torch.Tensor:
        """The HR images; AttributeError where the loader gives LR alone."""
        return self._tensor("hr")

    def to(self, device: torch.device | str | int, non_blocking: bool = False) -> Batch:
        """The same batch with its tensors on another device."""
        moved = {name: tensor.to(device, non_blocking=non_blocking) for name, tensor in self.items()}
        return replace(self, tensors=moved)

    def pin_memory(self) -> Batch:
        """The same batch in page-locked memory, from which a copy to CUDA does not wait."""
        return replace(self, tensors={name: tensor.pin_memory() for name, tensor in self.items()})

    def __getattr__(self, name: str) -> Any:
        told = self.__dict__.get("columns", {})
        return told[name] if name in told else self._tensor(name)

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, name: str) -> torch.Tensor:
        return self.tensors[name]

    def __setitem__(self, name: str, tensor: torch.Tensor) -> None:
        self.tensors[name] = tensor

    def __delitem__(self, name: str) -> None:
        del self.tensors[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.tensors)

    def items(self) -> ItemsView[str, torch.Tensor]:
        """The names of the tensors, with them."""
        return self.tensors.items()

    def values(self) -> ValuesView[torch.Tensor]:
        """The tensors."""
        return self.tensors.values()

    def __copy__(self) -> Batch:
        return replace(self, tensors=dict(self.tensors))

    def _tensor(self, name: str) -> torch.Tensor:
        tensors = self.__dict__.get("tensors", {})
        if name not in tensors:
            has = ", ".join([*tensors, *self.__dict__.get("columns", {})])
            raise AttributeError(f"this batch has no {name!r}, it has {has}")
        tensor: torch.Tensor = tensors[name]
        return tensor
