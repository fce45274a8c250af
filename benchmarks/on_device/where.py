"""The device that is measured, the sizes that suit it, and clocks."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from benchmarks.pictures import write_mosaics
from benchmarks.pipeline import srdata_with
from srdata import Loader, PairedDataset

DEVICES = ("cuda", "cpu", "emulated")
SCALE = 4
PRESETS = ("bicubic", "bsrgan", "realesrgan-x4")


@dataclass(frozen=True)
class Where:
    """What is measured on; `emulated` is that of tests/emulated_cuda.py, on which times mean nothing."""

    device: torch.device
    emulated: Any  # its counts; None on a real device
    folder: Path
    peers: Path | None
    images: int
    side: int  # pixels of a crop that is degraded
    batch: int = 16
    patch: int = 192  # pixels of a crop that is not

    @property
    def real(self) -> bool:
        """Whether it is a GPU, with room for as much as one has."""
        return self.emulated is None and self.device.type == "cuda"

    @property
    def name(self) -> str:
        """The device in words."""
        if self.emulated is not None:
            return "emulated CUDA device"
        return torch.cuda.get_device_name(self.device) if self.real else "CPU"

    def data(self) -> PairedDataset:
        """Pairs x4, prepared once."""
        target = self.folder / "srdata"
        if not target.exists():
            size = (1356, 2040) if self.images > 4 else (480, 640)
            srdata_with("raw")(write_mosaics(self.folder / "hr", self.images, size), target)
        return PairedDataset(target / "set", patch_size=self.patch)

    def loader(self, device: torch.device | str | None = None, **settings: Any) -> Loader:
        """One on this data, and on this device unless another is given."""
        size = self.side if "degrade" in settings else self.patch
        settings = {"repeat": 500, "seed": 1, "patch_size": size, **settings}
        return Loader(self.data(), self.batch, device=device or self.device, **settings)

    def wait(self) -> None:
        """Until the device has done what the current stream was given."""
        if self.device.type == "cuda":
            torch.cuda.current_stream(self.device).synchronize()

    def clocked(self, work: Callable[[], object], seconds: float) -> tuple[float, float]:
        """Seconds of a run, on average over about so many: until the call returned, and until it was done."""
        work()
        self.wait()
        runs, start, until = 0, time.perf_counter(), time.perf_counter() + seconds
        while not runs or time.perf_counter() < until:
            work()
            runs += 1
        returned = time.perf_counter()
        self.wait()
        return (returned - start) / runs, (time.perf_counter() - start) / runs


@contextmanager
def opened(name: str, peers: Path | None) -> Iterator[Where]:
    """The device of that name, with a folder to work in."""
    with tempfile.TemporaryDirectory(prefix="srdata-benchmark-") as folder:
        rest = {"folder": Path(folder), "peers": peers}
        if name == "cuda":
            yield Where(torch.device("cuda", 0), None, images=16, side=400, **rest)
        elif name == "cpu":
            yield Where(torch.device("cpu"), None, images=2, side=96, batch=4, patch=96, **rest)
        else:
            with _emulated(Path(folder)) as emulated:
                cuda = torch.device("cuda", 0)
                yield Where(cuda, emulated, images=2, side=96, batch=4, patch=96, **rest)


@contextmanager
def _emulated(folder: Path) -> Iterator[Any]:
    sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
    import pytest
    from emulated_cuda import compiled_guard, emulated_device

    compiled_guard(folder)
    torch.__future__.set_overwrite_module_params_on_conversion(True)  # as `Module.to` needs
    with pytest.MonkeyPatch.context() as patch, emulated_device(patch) as emulated:
        yield emulated
