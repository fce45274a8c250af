"""Random 192-pixel HR crops with their LR crops, flipped and turned, in batches of 16, from one process."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count, islice
from pathlib import Path
from typing import Any

import numpy as np
from torch.utils.data import default_collate

from benchmarks.basicsr import BasicSR, find_basicsr
from benchmarks.comparison import Work, alternate
from benchmarks.pictures import write_mosaics
from benchmarks.pipeline import prepare_with_basicsr, srdata_with
from benchmarks.tables import Table, times
from srdata import PairedDataset
from srdata.data.crops.to_tensor import to_tensor

IMAGES = 8
BATCH, PATCH, SCALE = 16, 192, 4
ROUNDS = 15
BATCHES = 30  # of srdata in a round, which take about as long as one of BasicSR

Read = Callable[[int, list[int]], object]  # epoch and items → a batch


def run(folder: Path, peers: Path | None) -> Table:
    """Pairs per second of both, from what each has prepared from the same images."""
    images = write_mosaics(folder / "hr", IMAGES)
    works = _srdata(images, folder / "srdata")
    if basicsr := find_basicsr(peers):
        prepare_with_basicsr(basicsr, images, folder / "basicsr")
        works = {
            "BasicSR, float32 through DataLoader's collate": _basicsr(basicsr, folder / "basicsr")
        } | works
    seconds = alternate(
        {name: repeated(read, batches, items) for name, (read, batches, items) in works.items()}, ROUNDS
    )
    rates = {name: works[name][1] * BATCH / value for name, value in seconds.items()}
    first = next(iter(rates))
    rows = [[name, f"{rate:,.0f}", times(rate, rates[first])] for name, rate in rates.items()]
    note = (
        f"{IMAGES} images of 2040x1356, prepared as in the table before (srdata with raw blocks), in the "
        f"page cache; batches of {BATCH}, crops of {PATCH} HR pixels, all 8 turns; one process, one thread."
    )
    return Table("Random crops for training", ["", "pairs per second", f"of {first}"], rows, note)


def _srdata(images: Path, target: Path) -> dict[str, tuple[Read, int, int]]:
    srdata_with("raw")(images, target)
    data = PairedDataset(target / "set", patch_size=PATCH, dihedral=True)

    def floats(epoch: int, items: list[int]) -> object:
        pairs = data.batch(items, epoch)
        return to_tensor(pairs.lr), to_tensor(pairs.hr)

    def collated(epoch: int, items: list[int]) -> object:
        return default_collate(data.__getitems__([(epoch, item) for item in items]))

    return {
        "srdata, uint8 batch": (lambda epoch, items: data.batch(items, epoch), BATCHES, len(data)),
        "srdata, float32 NCHW batch": (floats, BATCHES, len(data)),
        "srdata, float32 through DataLoader's collate": (collated, BATCHES, len(data)),
    }


def basicsr_data(basicsr: BasicSR, folder: Path) -> Any:
    """BasicSR's data set on what `prepare_with_basicsr` made."""
    options = {
        "dataroot_gt": str(folder / "hr_sub.lmdb"),
        "dataroot_lq": str(folder / "lr_sub.lmdb"),
        "io_backend": {"type": "lmdb"},
        "gt_size": PATCH,
        "use_hflip": True,
        "use_rot": True,
        "scale": SCALE,
        "phase": "train",
    }
    return basicsr.dataset(options)


def _basicsr(basicsr: BasicSR, folder: Path) -> tuple[Read, int, int]:
    data = basicsr_data(basicsr, folder)
    return lambda epoch, items: default_collate([data[item] for item in items]), 1, len(data)


def repeated(read: Read, batches: int, items: int) -> Work:
    """Read so many batches of random items, others at each call."""
    rng = np.random.default_rng(0)
    epochs = count()

    def work() -> None:
        for epoch in islice(epochs, batches):
            read(epoch, rng.integers(items, size=BATCH).tolist())

    return work
