"""Codecs of shards: the bytes that a set takes with each, and the pairs that one thread reads from it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import get_args

import cv2
import numpy as np

import srdata
from benchmarks.crops import BATCH, PATCH, SCALE
from benchmarks.pictures import mosaic
from benchmarks.tables import Table
from srdata import PairedDataset
from srdata.store.block_reading import crop_blocks
from srdata.vocabulary import CodecName

IMAGES = 12
SIZES = {"2040x1356": (1356, 2040), "500x375": (375, 500)}
QUALITY = 92
SECONDS = 2.0


def run(folder: Path, peers: Path | None) -> Table:
    """Of JPEG files of two sizes, with every codec."""
    rows = []
    for name, size in SIZES.items():
        images = write_jpegs(folder / name, size)
        taken = sum(path.stat().st_size for path in images.iterdir())
        raw = 0
        for codec in get_args(CodecName):
            start = time.process_time()
            root = folder / "sets" / codec
            made = srdata.prepare(images, scale=SCALE, lmdb=True, codec=codec, root=root, name=name, jobs=1)
            spent = time.process_time() - start
            raw = raw or made.content.bytes
            rows.append(
                [
                    name,
                    codec,
                    f"{made.content.bytes / raw:.2f}",
                    f"{made.content.bytes / taken:.1f}",
                    f"{spent / IMAGES * 1e3:,.0f} ms",
                    f"{_rate(made.path):,.0f}",
                ]
            )
    columns = ["images", "codec", "of raw's bytes", "of the files'", "to make an image", "pairs per second"]
    note = (
        f"{IMAGES} mosaics as JPEG files of quality {QUALITY}, x{SCALE}; batches of {BATCH}, random crops of "
        f"{PATCH} HR pixels, one thread, in CPU time. No decoded image is held for the next crop of it, as "
        "in sets that are far larger than the 256 MiB for them."
    )
    return Table("Codecs of shards", columns, rows, note)


def write_jpegs(folder: Path, size: tuple[int, int]) -> Path:
    """A folder of mosaics of that height and width as JPEG files."""
    folder.mkdir()
    for number in range(IMAGES):
        picture = cv2.cvtColor(mosaic(number, size), cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(folder / f"{number:04d}.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return folder


def _rate(path: Path) -> float:
    """Pairs in a second of CPU time."""
    data = PairedDataset(path, patch_size=PATCH, dihedral=True)
    rng, held = np.random.default_rng(0), crop_blocks._MOST_DECODED
    crop_blocks._MOST_DECODED = 0
    try:
        data.batch(range(len(data)))  # compares hashes
        batches, start = 0, time.process_time()
        while (spent := time.process_time() - start) < SECONDS:
            data.batch(rng.integers(len(data), size=BATCH).tolist(), batches)
            batches += 1
        return batches * BATCH / spent
    finally:
        crop_blocks._MOST_DECODED = held
