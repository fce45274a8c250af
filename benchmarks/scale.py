"""A set of very many tiny images, from a folder to batches, made as on a cluster: plan, parts, finish."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from benchmarks.tables import Table

IMAGES = 1_000_000
PARTS = 8
BATCHES, BATCH = 1000, 16
PER_FOLDER = 5000
SIDE = 16  # pixels
BYTES = 12_000  # on disk of each image, as a file and in the set

READ = f"""
import sys
import numpy as np
from srdata import PairedDataset
data = PairedDataset(sys.argv[1], patch_size=8)
rng = np.random.default_rng(0)
for number in range(int(sys.argv[2])):
    data.batch(rng.integers(len(data), size={BATCH}).tolist(), number)
"""
LOOK = """
import os, sys
for folder in os.scandir(sys.argv[1]):
    for entry in os.scandir(folder):
        handle = os.open(entry.path, os.O_RDONLY)
        os.read(handle, 64)
        os.close(handle)
"""
# What a process and those that it started took; the high-water mark of memory is that of the largest.
MEASURED = """
import json, os, resource, subprocess, sys
code = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([code, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]))
"""


def run(folder: Path, peers: Path | None, images: int = IMAGES) -> Table:
    """Time, CPU time and memory of each stage, each in a process of its own."""
    _check_room(folder, images)
    source = write_tiny(folder / "images", images)
    plan, target = str(folder / "plan.parquet"), folder / "sets" / "set"
    srdata, python = [sys.executable, "-m", "srdata", "prepare"], [sys.executable, "-c"]
    target.parent.mkdir()
    recipe = [str(_recipe(folder, source, images)), "--root", str(target.parent), "--name", "set"]
    stages = {
        "os.scandir, and 64 bytes of each file": [[*python, LOOK, str(source)]],
        "plan": [[*srdata, *recipe, "--plan", plan]],
        f"{PARTS} parts, one after another": [
            [*srdata, "--plan", plan, "--part", f"{part}/{PARTS}"] for part in range(1, PARTS + 1)
        ],
        "finish": [[*srdata, "--plan", plan, "--finish"]],
        "opening the set": [[*python, READ, str(target), "0"]],
        f"opening it, and {BATCHES} batches of {BATCH}": [[*python, READ, str(target), str(BATCHES)]],
    }
    rows = [[name, *_measured(commands)] for name, commands in stages.items()]
    size = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    note = (
        f"PNG files of {SIDE}x{SIDE} in folders of {PER_FOLDER:,}; importing srdata, a third of a second, "
        f"counts in each command. The set takes {size / 1e6:,.0f} MB. Memory is that of the largest process."
    )
    return Table(f"A set of {images:,} tiny images", ["", "time", "CPU time", "peak memory"], rows, note)


def _recipe(folder: Path, source: Path, images: int) -> Path:
    """A recipe that has two shards for each part."""
    shard = max(1, images * SIDE * SIDE * 3 * 17 // 16 // (2 * PARTS))
    path = folder / "recipe.yaml"
    path.write_text(f"folder: {source}\nscales: [4]\nstore: {{layout: lmdb, shard_bytes: {shard}}}\n")
    return path


def write_tiny(folder: Path, images: int) -> Path:
    """A folder of so many small PNG files."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (16, SIDE, SIDE, 3), np.uint8)
    files = [cv2.imencode(".png", image)[1].tobytes() for image in noise]
    for number in range(images):
        spot = folder / f"{number // PER_FOLDER:05d}"
        if number % PER_FOLDER == 0:
            spot.mkdir(parents=True)
        (spot / f"{number:07d}.png").write_bytes(files[number % len(files)])
    return folder


def _check_room(folder: Path, images: int) -> None:
    """Raise OSError where the disk has no room for them."""
    full = shutil.disk_usage(folder).free < BYTES * images
    if full or (hasattr(os, "statvfs") and 0 < os.statvfs(folder).f_favail < 1.1 * images):
        raise OSError(f"{folder} has no room for {images:,} images: give fewer --images, or another TMPDIR")


def _measured(commands: list[list[str]]) -> Iterator[str]:
    """Wall time, CPU time and peak memory of commands."""
    start, cpu, memory = time.perf_counter(), 0.0, 0.0
    for command in commands:
        found = subprocess.run([sys.executable, "-c", MEASURED, *command], capture_output=True, check=True)
        code, used, most = json.loads(found.stdout)
        if code:
            raise OSError(found.stderr.decode().strip().rpartition("\n")[2])
        cpu, memory = cpu + used, max(memory, most)
    yield f"{time.perf_counter() - start:,.1f} s"
    yield f"{cpu:,.1f} s"
    yield f"{memory:,.0f} MiB"
