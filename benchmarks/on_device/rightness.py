"""What comes from the device is right, and nothing waits for it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from benchmarks.on_device.where import PRESETS, Where
from srdata.data import Batch

WAYS: dict[str, dict[str, Any]] = {
    "crops": {"augment": ["dihedral"]},
    **{preset: {"degrade": preset} for preset in PRESETS},
}
LEVEL = 1 / 255


def races(where: Where, seconds: float) -> dict[str, str]:
    """Batches that differ from the CPU's by more than a level, while the device has much else to do."""
    found = {}
    for name in ("crops", "bicubic"):
        for residency in ("mapped", "host", "device") if where.device.type == "cuda" else ("mapped", "host"):
            settings = {**WAYS[name], "residency": residency}
            found[f"{name}, {residency}"] = _wrong(where, settings, 3 if where.emulated else 12)
    return found


def _wrong(where: Where, settings: dict[str, Any], batches: int) -> str:
    on_host = {name: one for name, one in settings.items() if name != "residency"}
    expected = islice(where.loader("cpu", **on_host), batches)
    load, kept = torch.ones(1 << 24 if where.real else 64, device=where.device), []
    with _busy(where):
        for batch in islice(where.loader(**settings), batches):
            for _ in range(20):  # which the stream of the caller has to do before it reads the batch
                load = load * 1.0001
            kept.append({name: batch[name].clone() for name in ("lr", "hr")})
            del batch  # so that its memory is used again
    apart = [
        max((found[name].cpu() - right[name]).abs().max() for name in found)
        for found, right in zip(kept, expected, strict=True)
    ]
    return f"{sum(one > LEVEL + 1e-6 for one in apart)} of {batches} wrong"


@contextmanager
def _busy(where: Where) -> Iterator[None]:
    """Within it the emulated device does nothing on the default stream until something waits for that."""
    if where.emulated is None:
        yield
        return
    where.emulated.busy = True
    yield
    where.emulated.busy = False
    where.emulated.catch_up()


def waits(where: Where, seconds: float) -> dict[str, str]:
    """What torch says of waiting for the device while batches are taken."""
    if where.device.type != "cuda":
        return {"": "nothing to wait for"}
    return {name: _waits(where, settings) for name, settings in WAYS.items()}


def _waits(where: Where, settings: dict[str, Any]) -> str:
    batches: Iterator[Batch] = where.loader(workers=1, **settings).forever()
    list(islice(batches, 3))
    try:
        with refused(where):
            list(islice(batches, 3))
    except RuntimeError as error:
        return str(error).splitlines()[0]
    return "none" if where.emulated is None else f"{len(where.emulated.waits)}"


@contextmanager
def refused(where: Where) -> Iterator[None]:
    """Within it a wait is an error, or noted by the emulated device."""
    if where.emulated is not None:
        where.emulated.reset()
        yield
        return
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


def tests(where: Where, seconds: float) -> dict[str, str]:
    """The tests that need a CUDA device."""
    if not where.real:
        return {"": "need a CUDA device"}
    command = [sys.executable, "-m", "pytest", "-m", "cuda", "-n", "0", "tests/test_loader_cuda.py", "tests"]
    folder = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=max(60, 2 * seconds))
    failed = re.findall(r"^FAILED (\S+)", done.stdout, re.MULTILINE)
    return {"pytest -m cuda": done.stdout.strip().splitlines()[-1]} | dict.fromkeys(failed, "failed")
