"""What a loader yields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from srdata.scale import Scale


@dataclass(frozen=True, eq=False)
class Batch:
    """Images of one batch on the device, and what is known of them.

    `lr` and `hr` are (count, channels, height, width). Whatever else a loader makes stands beside them under
    its name in `tensors` and as an attribute: `batch.coord`, `batch.mask`, `batch.label`, `batch.difficulty`.
    """

    tensors: Mapping[str, torch.Tensor]
    keys: Sequence[str]  # the name of each image or window
    params: Sequence[Mapping[str, Any]]  # δ of each: {"degradation": …, "augment": …}, as far as drawn
    scale: Scale  # HR pixels per LR pixel
    task: str = ""  # the name of the loader among several, see `srdata.data.loading.multi_loader`

    @property
    def lr(self) -> torch.Tensor:
        """The LR images; AttributeError where the loader gives HR alone."""
        return self._tensor("lr")

    @property
    def hr(self) -> torch.Tensor:
        """The HR images; AttributeError where the loader gives LR alone."""
        return self._tensor("hr")

    def __getattr__(self, name: str) -> torch.Tensor:
        return self._tensor(name)

    def __len__(self) -> int:
        return len(self.keys)

    def _tensor(self, name: str) -> torch.Tensor:
        tensors = self.__dict__.get("tensors", {})
        if name not in tensors:
            raise AttributeError(f"this batch has no {name!r}, it has {', '.join(tensors)}")
        tensor: torch.Tensor = tensors[name]
        return tensor
