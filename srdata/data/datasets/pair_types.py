"""What data sets of pairs give: an item, or a batch as arrays."""

from __future__ import annotations

import sys
from typing import Any, NamedTuple, TypedDict

import torch

from srdata.errors import UsageError
from srdata.images import Pixels


class Pair(TypedDict, total=False):
    """One item: tensors (3, height, width), in 0 to 1 unless uint8, and the name of the image or window.

    Where only one side is read, the other is missing. What is asked for beside images stands under its name.
    """

    lr: torch.Tensor
    hr: torch.Tensor
    key: str


class UnlikePair(dict[str, Any]):
    """One of several items of different sizes, of which torch makes no batch: says so where torch tries.

    torch copies an item to put a batch into it; nobody else is kept from copying it.
    """

    def __copy__(self) -> UnlikePair:
        caller = sys._getframe(1)
        while caller.f_back and caller.f_globals.get("__name__") == "copy":
            caller = caller.f_back
        if caller.f_code.co_name == "collate" and caller.f_globals["__name__"].startswith("torch.utils.data"):
            raise UsageError(
                "items of different sizes make no batch: give PairedDataset patch_size=, or the DataLoader "
                "batch_size=1, or collate_fn=list for a list of items"
            )
        return UnlikePair(self)


class Pairs(NamedTuple):
    """A batch: uint8 RGB arrays (count, height, width, 3), and the name of each image or window.

    Where only one side is read, the other has height and width 0.
    """

    lr: Pixels
    hr: Pixels
    keys: list[str]
