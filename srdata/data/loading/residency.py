"""Where a loader has the images that it crops: in mapped shards, on the host, or on the device."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import torch

from srdata.data.crops.whole_pairs import HostSource, bytes_of
from srdata.data.datasets.mixed import Mixed
from srdata.data.datasets.paired import PairedDataset
from srdata.data.loading.in_memory import DeviceSource
from srdata.errors import UnknownNameError, UsageError
from srdata.vocabulary import Only

Residency = Literal["auto", "mapped", "host", "device"]
Settled = Literal["mapped", "host", "device"]

_SHARE = 0.5  # of the free memory of the host that "auto" takes
_RESERVE = 0.5  # of all memory of a device that "auto" leaves free, for the model and its training
_DEVICES = ("cpu", "cuda", "mps")

_log = logging.getLogger(__name__)


class Kept(NamedTuple):
    """Where images are, why, and the data that reads them there."""

    where: Settled
    why: str
    data: Mixed


def device_of(device: str | torch.device) -> torch.device:
    """The device of that name, the CPU or one of CUDA or Apple's; raises UsageError where it is not here."""
    try:
        found = torch.device(device)
    except RuntimeError as error:
        raise UsageError(f"there is no device {device!r}: give 'cpu', or one such as 'cuda'") from error
    if found.type not in _DEVICES:
        raise UsageError(
            f"a loader has no way to {found.type}: give device='cpu', and move its batches there"
        )
    here = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}
    if (found.index or 0) >= here[found.type]:
        raise UsageError(f"torch finds no {found} here: give device='cpu', or see what `srdata doctor` says")
    return found


def check_residency(wanted: Residency, kind: str) -> None:
    """Raise UsageError for what cannot be done."""
    if wanted not in get_args(Residency):
        raise UnknownNameError.among("residency", wanted, get_args(Residency))
    if wanted in ("host", "device") and kind == "process":
        raise UsageError(f"residency={wanted!r} shares images between threads: take kind='thread'")


def settle(
    wanted: Residency, mixed: Mixed, only: Only | None, device: torch.device, kind: str, ranks: int
) -> Kept:
    """Bring images where they are to be, on the stream of now, and log why; raises StorageFullError."""
    settled: Settled = "mapped"
    if mixed.stream is not None:
        why = "a stream has its shards in its own cache"
        if wanted in ("host", "device"):
            raise UsageError(f"residency={wanted!r} is not for a stream: leave it out, {why}")
    elif wanted != "auto":
        settled, why = wanted, f"residency={wanted!r} was given"
    elif kind == "process":
        why = "worker processes share no images"
    else:
        settled, why = _chosen(mixed, only, device, ranks)
    _log.info("residency %s: %s", settled, why)
    return Kept(settled, why, _kept(settled, mixed, only, device))


def _kept(settled: Settled, mixed: Mixed, only: Only | None, device: torch.device) -> Mixed:
    if settled == "mapped":
        return mixed
    kept = [
        one.reading(
            HostSource(one.source, only or one.only)
            if settled == "host"
            else DeviceSource(one.source, only or one.only, device)
        )
        for one in mixed.sets
        if isinstance(one, PairedDataset)  # a stream is mapped
    ]
    return Mixed(kept, mixed.ratio, mixed.labels)


def _chosen(mixed: Mixed, only: Only | None, device: torch.device, ranks: int) -> tuple[Settled, str]:
    """The device if it holds all images, which are only copied there; the host if it spares decoding."""
    needed = sum(bytes_of(one.source, only or one.only) for one in mixed.sets)
    free = host_bytes() // ranks
    why = f"images take {needed / 1e9:.1f} GB, {free / 1e9:.1f} GB free on the host"
    settled: Settled = "mapped"
    if any(one.source.decodes for one in mixed.sets) and needed <= _SHARE * free:
        settled = "host"
    if device.type == "cuda":
        left, whole = torch.cuda.mem_get_info(device)
        why += f", {left / 1e9:.1f} of {whole / 1e9:.1f} GB free on the device, half of which stay free"
        if needed <= left - _RESERVE * whole and all(one.copies for one in mixed.sets):
            settled = "device"
    return settled, why


def host_bytes() -> int:
    """The memory of this machine that can be had without swapping; 0 where it cannot be told."""
    information = Path("/proc/meminfo")  # Linux alone
    lines = information.read_text("utf-8").splitlines() if information.exists() else []
    found = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
    return int(found[0]) * 1024 if found else 0
