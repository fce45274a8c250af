"""Bringing what the host has to a device, without waiting for the device.

Each array by a copy of its own, or all that some work asks for by one: `wanted` notes what that is while the
work goes over tensors without contents (of the device "meta"), `Staging` lays it into one piece of memory,
and within `brought` the same work finds it there, as views of the one copy.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from itertools import accumulate
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

META = torch.device("meta")
Numbers = NDArray[Any] | Callable[[], NDArray[Any]]  # the latter is called only where they are not there yet

_ALIGNMENT = 16  # bytes, for numbers of any type


class _Now(threading.local):
    """What this thread is doing."""

    noted: list[NDArray[Any] | Tensor] | None = None
    there: Iterator[Tensor] | None = None


_NOW = _Now()


def sent(tensor: Tensor, device: torch.device) -> Tensor:
    """A tensor on a device, copied out of pinned memory, which is what CUDA does not wait for."""
    if tensor.device.type == device.type == "cpu":
        return tensor
    if device == META and tensor.is_meta and _NOW.noted is not None:
        _NOW.noted.append(tensor)
        return tensor
    if tensor.device.type != "cpu" and tensor.device != META:
        return tensor.to(device, non_blocking=True)
    if device == META or _NOW.there is not None:
        return sent_together(device, lambda: tensor.numpy())[0]
    return (tensor.pin_memory() if device.type == "cuda" else tensor).to(device, non_blocking=True)


def sent_together(device: torch.device, *arrays: Numbers) -> list[Tensor]:
    """Arrays as tensors on a device, all by one copy; on the CPU they keep their memory."""
    if _NOW.there is not None and device.type != "cpu":
        return [next(_NOW.there) for _ in arrays]
    made = [array() if callable(array) else array for array in arrays]
    whole = [np.ascontiguousarray(array).reshape(array.shape) for array in made]
    if device.type == "cpu":
        return [torch.from_numpy(array if array.flags.writeable else array.copy()) for array in whole]
    if device == META:
        if _NOW.noted is not None:
            _NOW.noted.extend(whole)
        return [torch.empty(array.shape, dtype=_type_of(array.dtype), device=META) for array in whole]
    return Staging.of(whole, pin=device.type == "cuda").on(device)


@contextmanager
def wanted() -> Iterator[list[NDArray[Any] | Tensor]]:
    """What this thread sends to the device "meta" from here on, in its order.

    A tensor of that device stands for one whose contents are to be filled in.
    """
    _NOW.noted = []
    try:
        yield _NOW.noted
    finally:
        _NOW.noted = None


@contextmanager
def brought(tensors: Iterable[Tensor]) -> Iterator[None]:
    """Within it what this thread sends to a device is there already: these, in the order of `wanted`."""
    _NOW.there = iter(tensors)
    try:
        yield
    finally:
        _NOW.there = None


@dataclass(frozen=True)
class _Part:
    """Where an array lies in the memory, and what it is."""

    start: int  # bytes
    dtype: torch.dtype
    shape: tuple[int, ...]
    strides: tuple[int, ...]


@dataclass(frozen=True)
class Staging:
    """Arrays in one piece of memory of the host, page-locked where wanted, to be copied at once."""

    room: Tensor
    parts: list[_Part]

    @classmethod
    def of(cls, arrays: Sequence[NDArray[Any] | Tensor], *, pin: bool) -> Staging:
        """What `wanted` noted, laid one after another; what is of "meta" is left to be filled in."""
        ends = list(accumulate(-(-array.nbytes // _ALIGNMENT) * _ALIGNMENT for array in arrays))
        room = torch.empty(ends[-1] if ends else 0, dtype=torch.uint8, device="cpu", pin_memory=pin)
        starts = [0, *ends][: len(arrays)]
        for array, start in zip(arrays, starts, strict=True):
            if isinstance(array, np.ndarray):
                room.numpy()[start : start + array.nbytes] = array.reshape(-1).view(np.uint8)
        return cls(room, [_part(array, start) for array, start in zip(arrays, starts, strict=True)])

    def on(self, device: torch.device) -> list[Tensor]:
        """The tensors on a device, by one copy; on the CPU they are the memory itself."""
        there = self.room.to(device, non_blocking=True)
        kinds = {part.dtype: there.view(part.dtype) for part in self.parts}
        return [
            kinds[part.dtype].as_strided(part.shape, part.strides, part.start // part.dtype.itemsize)
            for part in self.parts
        ]

    def pin_memory(self) -> Staging:
        """The same in page-locked memory."""
        return replace(self, room=self.room.pin_memory())


def _part(array: NDArray[Any] | Tensor, start: int) -> _Part:
    if isinstance(array, Tensor):
        return _Part(start, array.dtype, tuple(array.shape), array.stride())
    strides = tuple(step // array.itemsize for step in array.strides)
    return _Part(start, _type_of(array.dtype), array.shape, strides)


@cache
def _type_of(dtype: np.dtype[Any]) -> torch.dtype:
    return torch.from_numpy(np.empty(0, dtype)).dtype
