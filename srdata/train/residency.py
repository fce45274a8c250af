"""Where a loader has the images that it crops: in mapped shards, on the host, or on the device."""

from __future__ import annotations

import logging
from typing import Literal, get_args

import torch

from srdata.errors import UnknownNameError, UsageError
from srdata.train.cutting import Only
from srdata.train.mixed import Mixed
from srdata.train.resident import DeviceSource, HostSource, bytes_of

Residency = Literal["auto", "mapped", "host", "device"]
Settled = Literal["mapped", "host", "device"]

_SHARE = 0.5  # of the free memory that "auto" takes

_log = logging.getLogger(__name__)


def settle(
    wanted: Residency, mixed: Mixed, only: Only | None, device: torch.device, kind: str
) -> tuple[Settled, Mixed]:
    """Where images are to be, and the data that reads them there; raises UsageError or StorageFullError."""
    if wanted not in get_args(Residency):
        raise UnknownNameError.among("residency", wanted, get_args(Residency))
    if wanted in ("host", "device") and kind == "process":
        raise UsageError(f"residency={wanted!r} shares images between threads: take kind='thread'")
    settled = _chosen(mixed, only, device, kind) if wanted == "auto" else wanted
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


def _chosen(mixed: Mixed, only: Only | None, device: torch.device, kind: str) -> Settled:
    """The device, if it is one that holds all images in half of its free memory; says so in the log."""
    if device.type != "cuda" or kind == "process":
        return "mapped"
    needed = sum(bytes_of(one.source, only or one.only) for one in mixed.sets)
    free, _ = torch.cuda.mem_get_info(device)
    settled: Settled = "device" if needed <= _SHARE * free else "mapped"
    _log.info(
        "residency %s: images take %.1f GB of %.1f GB free on %s", settled, needed / 1e9, free / 1e9, device
    )
    return settled
