"""What training waits for: batches of 16 crops of 192 HR pixels, turned at random, as float32 or bytes."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader

from benchmarks.basicsr import BasicSR, find_basicsr
from benchmarks.comparison import alternate, timed
from benchmarks.crops import BATCH, IMAGES, PATCH, SCALE, basicsr_data
from benchmarks.pictures import write_mosaics
from benchmarks.pipeline import prepare_with_basicsr, srdata_with
from benchmarks.tables import Table, times
from examples.network import Network
from srdata import Loader, PairedDataset
from srdata.store.windows import Windows

ROUNDS = 7
FORGOTTEN = 8  # batches that may have been prepared while others had their turn
SETTLED_S = 1.0  # in which the workers of the others have read ahead as far as they do

Batches = Iterator[Any]


def run(folder: Path, peers: Path | None) -> Table:
    """Pairs per second, in one process and with two workers."""
    works = _ours(_prepared(folder, peers))
    if basicsr := find_basicsr(peers):
        works = _theirs(basicsr, folder / "basicsr") | works
    rates = _rates({name: (stream(), batches) for name, (stream, batches) in works.items()})
    alone = rates.get("BasicSR, one process", rates["srdata, one process, float32"])
    two = rates.get("BasicSR, two worker processes", alone)
    rows = [
        [name, f"{rate:,.0f}", times(rate, two if "two" in name else alone)] for name, rate in rates.items()
    ]
    note = (
        f"{IMAGES} images of 2040x1356 in the page cache. BasicSR: its data set on its LMDB with DataLoader, "
        "float32. srdata: `Loader` on raw blocks. The ratio is to BasicSR with as many workers."
    )
    return Table("Loader, pairs per second", ["", "pairs per second", "of BasicSR"], rows, note)


def run_cold(folder: Path, peers: Path | None) -> Table:
    """Seconds for one pass over all windows whose files are not in the page cache."""
    prepared = _prepared(folder, peers)
    data = _data(prepared)

    def ours(workers: int) -> Callable[[], object]:
        def work() -> None:
            _forget(prepared)
            for _ in Loader(data, BATCH, augment=["dihedral"], workers=workers):
                pass
            # the source of a prepared set has a reader, whose mapping would keep the pages
            data.source._reader.close()  # type: ignore[attr-defined]  # other sources have none

        return work

    def theirs() -> None:
        _forget(folder / "basicsr")
        for _ in DataLoader(basicsr_data(basicsr, folder / "basicsr"), BATCH, shuffle=True):
            pass

    works = {"srdata, in line": ours(0), "srdata, two threads": ours(2)}
    if basicsr := find_basicsr(peers):
        works["BasicSR"] = theirs
    seconds = alternate(works, 3, warm_up=False)
    first = "BasicSR" if basicsr else "srdata, in line"
    rows = [[name, f"{value:.2f} s", times(seconds[first], value)] for name, value in seconds.items()]
    note = (
        f"{len(data)} windows of {IMAGES} images; the pages of all files are dropped before each pass "
        "(posix_fadvise)."
    )
    return Table("One epoch from a cold cache", ["", "time", "speed"], rows, note)


def run_step(folder: Path, peers: Path | None) -> Table:
    """A training step fed by a loader, against one on a constant batch."""
    prepared = _prepared(folder, peers)
    streams: dict[str, Batches] = {}
    loader = Loader(_data(prepared), BATCH, augment=["dihedral"], workers=1)
    constant = next(iter(loader))
    streams["one constant batch"] = iter(lambda: (constant.lr, constant.hr), None)
    streams["srdata's Loader, one thread"] = ((batch.lr, batch.hr) for batch in loader.forever())
    if basicsr := find_basicsr(peers):
        data = basicsr_data(basicsr, folder / "basicsr")
        streams["BasicSR, one worker process"] = ((batch["lq"], batch["gt"]) for batch in _endless(data, 1))
        streams["BasicSR, in line"] = ((batch["lq"], batch["gt"]) for batch in _endless(data, 0))
    step = _training()
    works = {name: lambda stream=stream: step(*next(stream)) for name, stream in streams.items()}
    seconds = alternate(works, 25)
    unit = seconds["one constant batch"]
    rows = [[name, f"{value * 1e3:.0f} ms", f"{value / unit:.3f}×"] for name, value in seconds.items()]
    note = (
        f"The network of examples/ (x{SCALE}, 32 channels, 4 blocks), batches of {BATCH} crops of {PATCH}; "
        "torch has one thread, and whatever reads ahead the other core."
    )
    return Table("A training step", ["fed by", "per step", "of a constant batch"], rows, note)


STARTUP = """
import json, sys, time
from srdata import Loader, PairedDataset
from srdata.store.windows import Windows
start = time.perf_counter()
data = PairedDataset(sys.argv[1], windows=Windows(size=192, step=12), patch_size=192)
batch = next(iter(Loader(data, 16, augment=["dihedral"])))
print(json.dumps([len(data), time.perf_counter() - start]))
"""


def run_startup(folder: Path, peers: Path | None) -> Table:
    """Seconds from opening a set of more than 100,000 windows to its first batch, in a fresh process."""
    prepared = _prepared(folder, None)
    found = []
    for _ in range(5):
        command = [sys.executable, "-c", STARTUP, str(prepared)]
        result = subprocess.run(command, check=True, capture_output=True, text=True)
        windows, seconds = json.loads(result.stdout)
        found.append(seconds)
    rows = [[f"{windows:,}", f"{statistics.median(found):.3f} s"]]
    return Table("The first batch of a fresh process", ["windows", "time after import"], rows)


def _prepared(folder: Path, peers: Path | None) -> Path:
    images = write_mosaics(folder / "hr", IMAGES)
    srdata_with("raw")(images, folder / "srdata")
    if basicsr := find_basicsr(peers):
        prepare_with_basicsr(basicsr, images, folder / "basicsr")
    return folder / "srdata" / "set"


def _data(prepared: Path) -> PairedDataset:
    return PairedDataset(prepared, windows=Windows(), patch_size=PATCH)


def _ours(prepared: Path) -> dict[str, tuple[Callable[[], Batches], int]]:
    data = _data(prepared)

    def stream(**settings: Any) -> Callable[[], Batches]:
        return lambda: Loader(data, BATCH, augment=["dihedral"], **settings).forever()

    bytes_ = {"dtype": torch.uint8, "channels_last": True}
    return {
        "srdata, one process, bytes": (stream(workers=0, **bytes_), 400),
        "srdata, one process, bytes, planes": (stream(workers=0, dtype=torch.uint8), 400),
        "srdata, one process, float32": (stream(workers=0), 250),
        "srdata, one thread, float32": (stream(workers=1), 250),
        "srdata, two threads, float32": (stream(workers=2), 250),
        "srdata, two worker processes, float32": (stream(workers=2, kind="process"), 150),
    }


def _theirs(basicsr: BasicSR, folder: Path) -> dict[str, tuple[Callable[[], Batches], int]]:
    data = basicsr_data(basicsr, folder)
    return {
        "BasicSR, one process": (lambda: _endless(data, 0), 5),
        "BasicSR, two worker processes": (lambda: _endless(data, 2), 12),
    }


def _endless(data: Any, workers: int) -> Batches:
    loader = DataLoader(
        data, BATCH, shuffle=True, num_workers=workers, drop_last=True, persistent_workers=workers > 0
    )
    while True:
        yield from loader


def _rates(streams: dict[str, tuple[Batches, int]]) -> dict[str, float]:
    """Pairs per second of each stream, in turn: a median of rounds, batches prepared ahead not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in streams}
    for _ in range(ROUNDS):
        for name, (stream, batches) in streams.items():
            time.sleep(SETTLED_S)
            _used(stream, FORGOTTEN)
            seconds[name].append(timed(partial(_used, stream, batches)))
    return {name: streams[name][1] * BATCH / statistics.median(values) for name, values in seconds.items()}


def _used(stream: Batches, batches: int) -> None:
    """Take so many batches, and keep none, as training does."""
    deque(islice(stream, batches), maxlen=0)


def _training() -> Callable[[torch.Tensor, torch.Tensor], None]:
    torch.manual_seed(0)
    model = Network(SCALE, 32, 4)
    optimiser = torch.optim.Adam(model.parameters())

    def step(lr: torch.Tensor, hr: torch.Tensor) -> None:
        loss = nn.functional.l1_loss(model(lr), hr)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    return step


def _forget(folder: Path) -> None:
    """Drop the pages of all files in a folder from the cache."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
