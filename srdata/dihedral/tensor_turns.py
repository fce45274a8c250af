"""The eight turns of `srdata.dihedral.array_turns` for tensors, on any device."""

from __future__ import annotations

from torch import Tensor

from srdata.images import TRANSPOSES

_FLIPS = {0: (), 1: (-1,), 2: (-2,), 3: (-2, -1)}  # the axes that the two lower bits flip


def turned(x: Tensor, turn: int) -> Tensor:
    """Images (…, height, width) turned by `turn` (0 to 7); may share the memory of `x`.

    >>> import torch
    >>> turned(torch.tensor([[1, 2, 3], [4, 5, 6]]), 4 + 2).tolist()  # a quarter turn against the clock
    [[3, 6], [2, 5], [1, 4]]
    """
    return _flipped(x.transpose(-2, -1) if turn & TRANSPOSES else x, turn)


def unturned(x: Tensor, turn: int) -> Tensor:
    """The images of which `turned(…, turn)` makes `x`; may share its memory."""
    x = _flipped(x, turn)
    return x.transpose(-2, -1) if turn & TRANSPOSES else x


def _flipped(x: Tensor, turn: int) -> Tensor:
    axes = _FLIPS[turn & 3]
    return x.flip(axes) if axes else x
