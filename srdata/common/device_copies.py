"""Bringing what the host has to a device, without waiting for the device."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_ALIGNMENT = 16  # bytes, for numbers of any type


def sent(tensor: Tensor, device: torch.device) -> Tensor:
    """A tensor on a device, copied out of pinned memory, which is what CUDA does not wait for."""
    if device.type == "cuda" and tensor.device.type == "cpu":
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)


def sent_together(device: torch.device, *arrays: NDArray[Any]) -> list[Tensor]:
    """Arrays as tensors on a device, all by one copy; on the CPU they keep their memory."""
    whole = [np.ascontiguousarray(array).reshape(array.shape) for array in arrays]
    if device.type == "cpu":
        return [torch.from_numpy(array if array.flags.writeable else array.copy()) for array in whole]
    ends = list(accumulate(-(-array.nbytes // _ALIGNMENT) * _ALIGNMENT for array in whole))
    room = torch.empty(ends[-1], dtype=torch.uint8, device="cpu", pin_memory=device.type == "cuda")
    starts = [0, *ends[:-1]]
    for array, start in zip(whole, starts, strict=True):
        room.numpy()[start : start + array.nbytes] = array.reshape(-1).view(np.uint8)
    there = room.to(device, non_blocking=True)
    return [
        there[start : start + array.nbytes]
        .view(torch.from_numpy(np.empty(0, array.dtype)).dtype)
        .reshape(array.shape)
        for array, start in zip(whole, starts, strict=True)
    ]
