"""What data sets of pairs give: an item, or a batch as arrays."""

from __future__ import annotations

from typing import NamedTuple, TypedDict

import torch

from srdata.images import Pixels


class Pair(TypedDict, total=False):
    """One item: tensors (3, height, width), in 0 to 1 unless uint8, and the name of the image or window.

    Where only one side is read, the other is missing.
    """

    lr: torch.Tensor
    hr: torch.Tensor
    key: str


class Pairs(NamedTuple):
    """A batch: uint8 RGB arrays (count, height, width, 3), and the name of each image or window.

    Where only one side is read, the other has height and width 0.
    """

    lr: Pixels
    hr: Pixels
    keys: list[str]
