"""Measures besides PSNR and SSIM, by name, and functions of the user that score what SR is good for."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from srdata.errors import UnknownNameError, UsageError
from srdata.images import Pixels

Task = Callable[[Pixels, Pixels, str], float]  # of SR, HR (both uint8 RGB) and the key of the image


@dataclass(frozen=True)
class Measure:
    """A number for an SR image; `task` may be a function of the user."""

    name: str
    quantity: str
    what: str
    source: str
    task: Task
    needs_hr: bool = True


def find_measures(
    wanted: Sequence[str | Task], weights: Mapping[str, str | Path] | None = None
) -> list[Measure]:
    return []
