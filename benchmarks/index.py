"""Opening a set of a million images: its index is made up, its images are not there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from benchmarks.comparison import alternate
from benchmarks.tables import Table
from srdata import PairedDataset
from srdata.store.index import SCHEMA
from srdata.store.reader import SetReader
from srdata.store.set_json import SetFile, write_set
from srdata.store.tables.parquet_file import write_tables
from srdata.store.tables.set_files import INDEX_FILE, file_entry
from srdata.store.windows import Windows

IMAGES = 1_000_000
PER_SHARD = 1000
CHUNK = 50_000
ROUNDS = 5


def run(folder: Path, peers: Path | None) -> Table:
    """Seconds to open it in three ways, each from nothing but the files."""
    made_up(folder, IMAGES)
    works = {
        "SetReader, its length and one image's size": lambda: SetReader(folder).sizes("hr", [IMAGES - 1]),
        "PairedDataset of random crops": lambda: len(PairedDataset(folder, split="train", patch_size=192)),
        "PairedDataset of sub-image windows": lambda: len(PairedDataset(folder, split="train", windows=True)),
    }
    seconds = alternate(works, ROUNDS)
    rows = [[name, f"{value:.3f} s"] for name, value in seconds.items()]
    size = (folder / INDEX_FILE).stat().st_size / 1e6
    return Table(
        "Opening a set of a million images", ["", "time"], rows, f"Its index is a file of {size:.0f} MB."
    )


def made_up(folder: Path, images: int) -> None:
    """A set whose index names so many images, none of which is there."""
    folder.mkdir(exist_ok=True)
    write_tables(folder / INDEX_FILE, _chunks(images), SCHEMA)
    write_set(folder, _content(folder, images))


def _chunks(images: int) -> Iterator[pa.Table]:
    rng = np.random.default_rng(0)
    for start in range(0, images, CHUNK):
        numbers = np.arange(start, min(start + CHUNK, images))
        heights, widths = rng.integers(120, 510, (2, len(numbers))) * 4
        hashes = [rng.bytes(32).hex() for _ in numbers]
        columns = {
            "key": [f"{number:07d}" for number in numbers],
            "split": np.where(numbers % 100, "train", "validation"),
            "source": ["made-up"] * len(numbers),
            "height": heights,
            "width": widths,
            "channels": np.full(len(numbers), 3),
            "shard": numbers // PER_SHARD,
            "number": numbers % PER_SHARD,
            "source_sha256": hashes,
            "params": [""] * len(numbers),
            "pixels": [f'{{"hr":"{text[:32]}","x4":"{text[32:]}"}}' for text in hashes],
            "blocks": [bytes.fromhex(text) for text in hashes],
        }
        yield pa.table(
            {name: pa.array(columns[name]).cast(SCHEMA.field(name).type) for name in SCHEMA.names}, SCHEMA
        )


def _content(folder: Path, images: int) -> SetFile:
    return SetFile(
        name="made-up",
        recipe={},
        digest="",
        scales=("4",),
        codec="raw",
        block=480,
        windows=Windows(),
        seed=0,
        versions={},
        counts={"train": images - images // 100, "validation": images // 100},
        files={INDEX_FILE: file_entry(folder / INDEX_FILE)},
    )
