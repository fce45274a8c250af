"""The same pairs through the loaders of the field: pairs a second, bytes on disk, start-up, memory."""

from __future__ import annotations

import io
import json
import statistics
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import datasets
import numpy as np

import srdata
from benchmarks.basicsr import find_basicsr, quiet
from benchmarks.comparison import in_process
from benchmarks.pictures import mosaic
from benchmarks.streams import png
from benchmarks.tables import Table, times
from srdata.scale import Scale
from srdata.store.windows import Windows

IMAGES, SCALE = 8, 4
ROUNDS = 3
IN_A_FILE = 40  # sub-images, in a tar and in a Parquet file

_SCRIPT, _WRITERS = (Path(__file__).with_name(f"{name}_readers.py") for name in ("pair", "stream"))


class Way(NamedTuple):
    """A reader, what it is called, and what it needs on disk."""

    reader: str
    title: str
    stored: Sequence[str]


PNG = ("hr_sub", "lr_sub")
OWN = [
    Way("srdata_loader", "srdata, Loader, float32", ["set"]),
    Way("srdata_bytes", "srdata, Loader, bytes", ["set"]),
    Way("srdata_items", "srdata, PairedDataset and DataLoader", ["set"]),
    Way("srdata_png", "srdata, PairedDataset of PNG folders", PNG),
    Way("memmap", "numpy memmap, 12 lines, images of one size, not turned", ["hr.npy", "lr.npy"]),
    Way("plain", "plain torch Dataset, PNG folders by OpenCV, not turned", PNG),
    Way("hugging_face", "Hugging Face datasets, map-style, not turned", ["rows", "cache"]),
]
CHECKOUTS = {
    "BasicSR": Way("basicsr", "BasicSR, LMDB", ["hr_sub.lmdb", "lr_sub.lmdb"]),
    "KAIR": Way("kair", "KAIR, PNG folders", PNG),
}
INSTALLED = {
    "webdataset": Way("webdataset", "WebDataset, tars of PNG, not turned", ["webdataset"]),
    "litdata": Way("litdata", "LitData, PNG in chunks, not turned", ["litdata"]),
    "streaming": Way("mosaicml", "MosaicML Streaming, PNG in shards, not turned", ["mosaicml"]),
}
TRAINNER = Way("trainner", "traiNNer-redux, PNG folders", PNG)


def run(folder: Path, peers: Path | None) -> Table:
    """Each reader in a process of its own, one after the other in every round."""
    peers = peers or folder
    python = peers / "streams" / "bin" / "python"
    installed = python.exists()
    _write_pairs(folder)
    ways = list(OWN) + [way for name, way in CHECKOUTS.items() if (peers / name).is_dir()]
    if basicsr := find_basicsr(peers):
        for side in PNG:
            with quiet():
                names, keys = basicsr.keys_of(str(folder / side))
                basicsr.make_lmdb(str(folder / side), str(folder / f"{side}.lmdb"), names, keys)
    if installed:
        for peer in ("litdata", "mosaicml"):
            in_process(python, _WRITERS, f"write-{peer}", folder / "rows", folder / peer)
        ways += INSTALLED.values()
        ways += [TRAINNER] * (peers / "traiNNer-redux").is_dir()
    theirs = {way.reader for way in (*INSTALLED.values(), TRAINNER)}
    found: dict[str, list[dict[str, float]]] = {way.reader: [] for way in ways}
    for _ in range(ROUNDS):
        for way in ways:
            own = python if way.reader in theirs else Path(sys.executable)
            told = in_process(own, _SCRIPT, way.reader, folder, peers)
            found[way.reader].append(json.loads(told.splitlines()[-1]))
    rows = [_row(way, folder, found[way.reader], found["srdata_loader"]) for way in ways]
    speed = ["pairs/s", "per CPU second", "of srdata's Loader, by CPU"]
    columns = ["", *speed, "on disk", "to the first batch", "memory"]
    note = (
        f"{IMAGES} mosaics of 2040x1356 with LR x{SCALE}, as their 40 sub-images of 480 each (PNG by "
        "OpenCV), which every peer reads in its own form, from the page cache; batches of 16 random crops of "
        "192 HR pixels as float32 in one process, one thread, flipped and turned unless it is said; medians "
        f"of {ROUNDS} runs. To the first batch: CPU seconds, without importing torch and OpenCV. Memory: "
        "private, libraries included. torchvision is left out: it has no build for this torch."
    )
    return Table("Loaders of the field", columns, rows, note)


def _row(
    way: Way, folder: Path, runs: Sequence[dict[str, float]], ours: Sequence[dict[str, float]]
) -> list[str]:
    one = {key: statistics.median(each[key] for each in runs) for key in runs[0]}
    unit = statistics.median(each["CPU rate"] for each in ours)
    stored = sum(_bytes(folder / name) for name in way.stored)
    return [
        way.title,
        f"{one['rate']:,.0f}",
        f"{one['CPU rate']:,.0f}",
        times(one["CPU rate"], unit).replace("0.0×", f"{one['CPU rate'] / unit:.3f}×"),
        f"{stored / 1e6:.0f} MB",
        f"{one['first']:.2f} s",
        f"{one['memory']:.0f} MiB",
    ]


def _bytes(path: Path) -> int:
    files = [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file()]
    return sum(file.stat().st_size for file in files)


def _write_pairs(folder: Path) -> None:
    """The images whole, prepared and as arrays; their sub-images in folders, tars and Parquet files."""
    for name in ("images", *PNG, "rows", "webdataset"):
        (folder / name).mkdir()
    high = [mosaic(number + 1) for number in range(IMAGES)]
    low = [srdata.imresize(image, scale=1 / SCALE) for image in high]
    np.save(folder / "hr.npy", np.stack(high))
    np.save(folder / "lr.npy", np.stack(low))
    samples = []
    for number, (hr, lr) in enumerate(zip(high, low, strict=True)):
        (folder / "images" / f"{number:04d}.png").write_bytes(png(hr))
        for at, box in enumerate(Windows().boxes(*hr.shape[:2], Scale(SCALE)).tolist()):
            top, left, height, width = box
            small = lr[top // SCALE :, left // SCALE :][: height // SCALE, : width // SCALE]
            sample = (
                f"{number:04d}_s{at + 1:03d}",
                png(small),
                png(hr[top : top + height, left : left + width]),
            )
            samples.append(sample)
    for name, lr, hr in samples:
        (folder / "lr_sub" / f"{name}.png").write_bytes(lr)
        (folder / "hr_sub" / f"{name}.png").write_bytes(hr)
    for number in range(0, len(samples), IN_A_FILE):
        _write_shards(folder, number // IN_A_FILE, samples[number : number + IN_A_FILE])
    srdata.prepare(folder / "images", scale=SCALE, lmdb=True, root=folder, name="set", jobs=1)


def _write_shards(folder: Path, number: int, samples: Sequence[tuple[str, bytes, bytes]]) -> None:
    with tarfile.open(folder / "webdataset" / f"{number:05d}.tar", "w") as tar:
        for name, *sides in samples:
            for side, data in zip(("lr", "hr"), sides, strict=True):
                member = tarfile.TarInfo(f"{name}.{side}.png")
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
    features = datasets.Features({"lr": datasets.Image(), "hr": datasets.Image()})
    rows = [{"lr": {"bytes": lr}, "hr": {"bytes": hr}} for _, lr, hr in samples]
    datasets.disable_progress_bars()
    table = datasets.Dataset.from_list(rows, features=features)
    table.to_parquet(str(folder / "rows" / f"train-{number:05d}.parquet"))
