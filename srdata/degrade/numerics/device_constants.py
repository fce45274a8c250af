"""Numbers that never change, kept on each device.

The copy of each is waited for, once: so any stream may use the numbers, and none needs to be recorded.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

Numbers = tuple[float, ...] | tuple["Numbers", ...]


@cache
def constant(numbers: Numbers, device: torch.device) -> Tensor:
    """Nested numbers as float32 on a device, made once and kept for good."""
    with torch.inference_mode(False):
        return torch.tensor(numbers, dtype=torch.float32, device="cpu").to(device)


@cache
def kept(make: Callable[[], NDArray[Any]], device: torch.device) -> Tensor:
    """The array that `make` gives, on a device."""
    with torch.inference_mode(False):
        return torch.from_numpy(make().copy()).to(device)
