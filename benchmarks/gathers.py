"""Random pairs beside the least that can be done: a dozen lines of numpy on two memory-mapped arrays."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import default_collate

import srdata
from benchmarks.bare_gather import BATCH, PATCH, SCALE, gathered
from benchmarks.comparison import alternate
from benchmarks.pictures import mosaic, write_mosaics
from benchmarks.pipeline import srdata_with
from benchmarks.tables import Table
from srdata import Loader, PairedDataset
from srdata.store.windows import Windows

IMAGES = 8
REPEAT = 100  # an epoch of 32,000 windows, as many as DIV2K has
ROUNDS = 40
BATCHES = 64  # of a round, which are two draws of a loader or more
SETTLED = 400  # batches until every block was touched

Stream = Iterator[Any]


class Row(NamedTuple):
    """A way to read pairs, and the gather that it is compared with."""

    stream: Stream
    of: str | None = None


def run(folder: Path, peers: Path | None) -> Table:
    """Pairs per second of the processor: all in one process, one after the other in every round."""
    rows = _rows(folder)
    for row in rows.values():
        _take(row.stream, SETTLED)
    works = {name: lambda row=row: _take(row.stream, BATCHES) for name, row in rows.items()}
    seconds = alternate(works, ROUNDS, clock=time.process_time, of_rounds=min)
    rates = {name: BATCHES * BATCH / value for name, value in seconds.items()}
    lines = [
        [name, f"{rates[name]:,.0f}", f"{BATCH / rates[name] * 1e6:.0f} µs", _part(rates, name, row.of)]
        for name, row in rows.items()
    ]
    note = (
        f"{IMAGES} mosaics of 2040x1356 with LR x{SCALE} in the page cache; batches of {BATCH} crops of "
        f"{PATCH} HR pixels with their LR, in line, one thread; time of the processor, the least of {ROUNDS} "
        f"rounds of {BATCHES} batches. A gather neither turns nor says what was "
        "drawn, and takes images of one size. "
        "Converted, its floats lie in memory as the bytes came (channels_last), or are contiguous NCHW as a "
        "loader gives them by default."
    )
    columns = ["", "pairs per CPU second", "a batch", "of its gather"]
    return Table("Random pairs beside a gather out of memory-mapped arrays", columns, lines, note)


BYTES, FLOATS, PLANES = "gather, uint8", "gather, float32, channels_last", "gather, float32, NCHW"


def _rows(folder: Path) -> dict[str, Row]:
    arrays = _arrays(folder)
    srdata_with("raw")(write_mosaics(folder / "hr", IMAGES), folder / "srdata")
    plain, turned = (
        PairedDataset(folder / "srdata" / "set", windows=Windows(), patch_size=PATCH, dihedral=dihedral)
        for dihedral in (False, True)
    )

    def loader(dihedral: bool, **settings: Any) -> Stream:
        augment = ["dihedral"] * dihedral
        return Loader(plain, BATCH, workers=0, augment=augment, repeat=REPEAT, **settings).forever()

    as_stored = {"dtype": torch.uint8, "channels_last": True}
    return {
        BYTES: Row(gathered(*arrays)),
        "Loader, uint8": Row(loader(False, **as_stored), BYTES),
        "Loader, uint8, turned": Row(loader(True, **as_stored), BYTES),
        FLOATS: Row(map(as_floats, gathered(*arrays))),
        "Loader, float32, channels_last": Row(loader(False, channels_last=True), FLOATS),
        "Loader, float32, channels_last, turned": Row(loader(True, channels_last=True), FLOATS),
        PLANES: Row(map(as_planes, gathered(*arrays))),
        "Loader, float32, NCHW": Row(loader(False), PLANES),
        "Loader, float32, NCHW, turned": Row(loader(True), PLANES),
        "PairedDataset.batch, uint8, turned": Row(_batches(turned, turned.batch), BYTES),
        "PairedDataset through DataLoader's collate, turned": Row(
            _batches(turned, _collated(turned)), PLANES
        ),
    }


def as_floats(batch: list[torch.Tensor]) -> list[torch.Tensor]:
    """In 0 to 1, in memory as they came."""
    return [side.float().div_(255) for side in batch]


def as_planes(batch: list[torch.Tensor]) -> list[torch.Tensor]:
    """In 0 to 1, plane by plane: the faster of the two ways that torch has."""
    return [torch.empty(side.shape).copy_(side).div_(255) for side in batch]


def _arrays(folder: Path) -> list[NDArray[Any]]:
    high = [mosaic(number + 1) for number in range(IMAGES)]
    low = [srdata.imresize(image, scale=1 / SCALE) for image in high]
    for name, images in (("lr", low), ("hr", high)):
        np.save(folder / f"{name}.npy", np.stack(images))
    return [np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("lr", "hr")]


def _batches(data: PairedDataset, read: Callable[[list[int], int], object]) -> Stream:
    rng = np.random.default_rng(0)
    return (read(rng.integers(len(data), size=BATCH).tolist(), epoch) for epoch in count())


def _collated(data: PairedDataset) -> Callable[[list[int], int], object]:
    return lambda items, epoch: default_collate(data.__getitems__([(epoch, item) for item in items]))


def _take(stream: Stream, batches: int) -> None:
    for _ in range(batches):
        next(stream)


def _part(rates: dict[str, float], name: str, of: str | None) -> str:
    return "" if of is None else f"{rates[name] / rates[of]:.2f}"
