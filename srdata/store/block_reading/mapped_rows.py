"""Copying rows out of mapped files by one call, in whichever files they lie.

The memory of this process is seen as one long row of bytes, of which a row of pixels is a part: torch then
copies all rows of a batch of crops by one indexed copy, in 2/5 of the time of a copy for each crop, and lets
other threads run meanwhile. Whoever calls this knows that what is read is mapped, and stays so.
"""

from __future__ import annotations

import ctypes
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

_ORIGIN = 4096  # an address below all that is ever mapped, as an array cannot begin at none
_BYTES = 1 << 48  # which no address of a process exceeds, on any system that srdata runs on


def address_of(samples: NDArray[np.uint8]) -> int:
    """Where an array begins."""
    address: int = samples.__array_interface__["data"][0]
    return address


def copy_mapped_rows(addresses: NDArray[np.int64], out: NDArray[np.uint8]) -> None:
    """Fill each row of `out` (count, height, width, channels) with what is at its address (count, height)."""
    import torch  # here, as a set can be read without

    if not out.flags.c_contiguous:
        whole = np.empty(out.shape, np.uint8)
        copy_mapped_rows(addresses, whole)
        out[...] = whole
        return
    width = out.shape[2] * out.shape[3]
    places = torch.from_numpy(addresses.reshape(-1) - _ORIGIN)
    torch.index_select(_memory(width), 0, places, out=torch.from_numpy(out).view(-1, width))


@lru_cache(maxsize=64)
def _memory(width: int) -> Tensor:
    """All memory as overlapping rows of so many bytes, one beginning at every address."""
    import torch

    whole = torch.frombuffer((ctypes.c_ubyte * _BYTES).from_address(_ORIGIN), dtype=torch.uint8)
    return whole.as_strided((_BYTES - width, width), (1, 1))
