"""The items of drawn crops: tensors, and the name of each."""

from __future__ import annotations

from typing import Any

import torch

from srdata.data.crops.drawn_crops import Drawn
from srdata.data.crops.read_crops import stackable
from srdata.data.crops.to_tensor import to_tensor
from srdata.data.datasets.pair_types import Pair, UnlikePair


def pairs_of(drawn: Drawn, dtype: torch.dtype) -> list[Pair]:
    """The items of crops; those of different sizes are read one by one, and make no batch."""
    keys = drawn.keys
    if len(keys) > 1 and not stackable(drawn.crops, drawn.patch):
        return [UnlikePair(pairs_of(one, dtype)[0]) for one in drawn.each()]  # type: ignore[misc]  # a Pair to those who take it
    sides = {
        name: to_tensor(images, dtype)
        for name, images in zip(("lr", "hr"), drawn.read(), strict=True)
        if drawn.only in (None, name)
    }
    told = drawn.told()
    more: dict[str, Any] = {**sides, **told.arrays, **told.columns}
    return [
        Pair(**{name: values[i] for name, values in more.items()}, key=key)  # type: ignore[typeddict-item]  # what is beside images has names of its own
        for i, key in enumerate(keys)
    ]
