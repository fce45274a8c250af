"""The package's own part of what the training thread does for a batch, measured where no device is.

Batches are finished over tensors without contents, and the clock of the thread stands while torch is called:
so what remains is the Python of the package, on any machine. A launch comes to some microseconds more, which
only a device and its driver can tell.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import replace
from statistics import median
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from benchmarks.on_device.where import Where
from srdata.common.tensors.device_copies import META
from srdata.common.tensors.shapes_alone import ShapesAlone
from srdata.data.loading.device_stream import Staged, StagedReading
from srdata.data.loading.finish import Finish

BATCH, BATCHES = 16, 12


class _Clock(TorchFunctionMode):
    """How much of the time of this thread passes in torch, and how often it is called or asked."""

    def __init__(self) -> None:
        super().__init__()
        self.inside, self.calls, self.entered = 0.0, 0, 0

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        start = time.thread_time()
        try:
            return function(*args, **(kwargs or {}))
        finally:
            self.inside += time.thread_time() - start
            self.entered += 1
            self.calls += function.__name__ != "__get__"  # which asks for a shape or the like


def host_time(where: Where, preset: str) -> str:
    """Of a batch of 16: milliseconds of Python, and calls of torch."""
    loader = replace(where, batch=BATCH, emulated=None).loader("cpu", degrade=preset, residency="mapped")
    plan, share = loader._plan, loader._ranks.now()
    reading = loader._images.read_by(loader._reading, 1)
    read = StagedReading(reading, loader._finish, torch.device("cuda", 0), pin=False)
    jobs = [job for job, _ in zip(plan.jobs(0, 0, share, 0), range(BATCHES), strict=False)]
    staged = [read(job) for job in jobs]
    for one in staged:
        _spent(one, loader._finish)
    entering = _entering()
    found = [_spent(one, loader._finish) for one in staged]
    python = median(seconds - clock.entered * entering for seconds, clock in found)
    calls = median(clock.calls for _, clock in found)
    return f"{python * 1e3:.1f} ms of Python, {calls:.0f} calls of torch"


def _spent(staged: Staged, finish: Finish) -> tuple[float, _Clock]:
    """Seconds outside torch, and what was counted."""
    start, clock = time.thread_time(), _Clock()
    with ExitStack() as modes:
        modes.enter_context(ShapesAlone())
        modes.enter_context(clock)
        staged.finished(finish, META)
    return time.thread_time() - start - clock.inside, clock


def _entering(times: int = 2000) -> float:
    """Seconds that a call takes more for being measured."""
    one, clock = torch.empty(1), _Clock()
    start = time.thread_time()
    with clock:
        for _ in range(times):
            one.numel()
    return (time.thread_time() - start - clock.inside) / times
