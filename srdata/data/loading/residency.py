"""Where a loader has the images that it crops: in mapped shards, on the host, or on the device."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Literal, get_args

import torch

from srdata.data.datasets.mixed import Mixed
from srdata.data.loading.in_memory import DeviceSource, HostSource, bytes_of
from srdata.errors import UnknownNameError, UsageError
from srdata.vocabulary import Only

Residency = Literal["auto", "mapped", "host", "device"]
Settled = Literal["mapped", "host", "device"]

_SHARE = 0.5  # of the free memory that "auto" takes

_log = logging.getLogger(__name__)


def device_of(device: str | torch.device) -> torch.device:
    """The device of that name, the CPU or one of CUDA; raises UsageError where it is not here."""
    try:
        found = torch.device(device)
    except RuntimeError as error:
        raise UsageError(f"there is no device {device!r}: give 'cpu', or one such as 'cuda'") from error
    if found.type == "cuda" and (found.index or 0) >= torch.cuda.device_count():
        raise UsageError(f"torch finds no {found} here: give device='cpu', or see what `srdata doctor` says")
    return found


def settle(
    wanted: Residency, mixed: Mixed, only: Only | None, device: torch.device, kind: str, ranks: int
) -> tuple[Settled, Mixed]:
    """Where images are to be, and the data that reads them there; raises UsageError or StorageFullError."""
    if wanted not in get_args(Residency):
        raise UnknownNameError.among("residency", wanted, get_args(Residency))
    if wanted in ("host", "device") and kind == "process":
        raise UsageError(f"residency={wanted!r} shares images between threads: take kind='thread'")
    settled = wanted
    if settled == "auto":
        settled = "mapped" if kind == "process" else _chosen(mixed, only, device, ranks)
    if settled == "mapped":
        return settled, mixed
    kept = [
        one.reading(
            HostSource(one.source, only or one.only)
            if settled == "host"
            else DeviceSource(one.source, only or one.only, device)
        )
        for one in mixed.sets
    ]
    return settled, Mixed(kept, mixed.ratio, mixed.labels)


def _chosen(mixed: Mixed, only: Only | None, device: torch.device, ranks: int) -> Settled:
    """The device if it holds all images, which are not padded there, the host if it spares decoding.

    Says in the log why.
    """
    needed = sum(bytes_of(one.source, only or one.only) for one in mixed.sets)
    free = {"host": host_bytes() // ranks}
    if device.type == "cuda":
        free["device"] = torch.cuda.mem_get_info(device)[0]
    settled: Settled = "mapped"
    if any(one.source.decodes for one in mixed.sets) and needed <= _SHARE * free["host"]:
        settled = "host"
    if needed <= _SHARE * free.get("device", 0) and not any(one.pads for one in mixed.sets):
        settled = "device"
    sizes = ", ".join(f"{value / 1e9:.1f} GB free on the {name}" for name, value in free.items())
    _log.info("residency %s: images take %.1f GB, %s", settled, needed / 1e9, sizes)
    return settled


def host_bytes() -> int:
    """The memory of this machine that can be had without swapping; 0 where it cannot be told."""
    information = Path("/proc/meminfo")  # Linux alone
    lines = information.read_text().splitlines() if information.exists() else []
    found = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
    return int(found[0]) * 1024 if found else 0
