"""Numbers that never change, kept on each device.

The copy of each is waited for, once: so any stream may use the numbers, and none needs to be recorded.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Numbers = tuple[float, ...] | tuple["Numbers", ...]


@cache
def constant(numbers: Numbers, device: torch.device) -> Tensor:
    """Nested numbers as float32 on a device, made once and kept for good."""
    return _lasting(np.array(numbers, np.float32), device)


@cache
def kept(make: Callable[[], NDArray[Any]], device: torch.device) -> Tensor:
    """The array that `make` gives, on a device."""
    return _lasting(make().copy(), device)


def _lasting(array: NDArray[Any], device: torch.device) -> Tensor:
    with torch.inference_mode(False):
        return torch.from_numpy(array).to(device)
