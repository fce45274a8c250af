"""Looking for the same images: reading one and making its perceptual hash, as `report` and `doctor` do."""

from __future__ import annotations

import time
from pathlib import Path

import srdata
from benchmarks.comparison import Work, alternate
from benchmarks.pictures import DIV2K_SIZE, write_mosaics
from benchmarks.tables import Table
from srdata.duplicates.perceptual_hash import hash_of, sketch
from srdata.images import read_image
from srdata.prepared import PreparedImages
from srdata.store.blocks import HR

IMAGES, ROUNDS = 8, 4


def run(folder: Path, peers: Path | None) -> Table:
    """CPU time for an image in a prepared set, and in files."""
    source = write_mosaics(folder / "images", IMAGES)
    made = srdata.prepare(source, scale=4, lmdb=True, root=folder, name="set", jobs=1)
    images, paths = PreparedImages(made.path), sorted(source.iterdir())
    works: dict[str, Work] = {
        "in shards of raw blocks": lambda: [hash_of(sketch(images.read(row, HR))) for row in range(IMAGES)],
        "in PNG files": lambda: [hash_of(sketch(read_image(path))) for path in paths],
    }
    taken = alternate(works, ROUNDS, clock=time.process_time)
    rows = [[name, f"{seconds / IMAGES * 1e3:.0f} ms"] for name, seconds in taken.items()]
    note = (
        f"To read an image and make its perceptual hash: CPU time, median of {ROUNDS} passes over {IMAGES}."
    )
    columns = [f"images of {DIV2K_SIZE[1]}x{DIV2K_SIZE[0]}", "per image"]
    return Table("Looking for the same images", columns, rows, note)
