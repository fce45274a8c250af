"""Numbers that never change, kept on each device."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

Numbers = tuple[float, ...] | tuple["Numbers", ...]


@cache
def constant(numbers: Numbers, device: torch.device) -> Tensor:
    """Nested numbers as float64 on a device, made once and kept for good.

    The copy is waited for, this once: so any stream may use the numbers, and none needs to be recorded.
    """
    with torch.inference_mode(False):
        return torch.tensor(numbers, dtype=torch.float64, device="cpu").to(device)
