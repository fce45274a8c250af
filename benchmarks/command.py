"""Preparing a small set by whole commands, start-up included, on all cores of the machine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.basicsr import find_basicsr
from benchmarks.pictures import write_mosaics
from benchmarks.scale import MEASURED
from benchmarks.tables import Table, times

IMAGES = 24
ROUNDS = 3
CODECS = ("raw", "jxl")

Taken = tuple[float, float]  # seconds by the clock, and of the processor


def run(folder: Path, peers: Path | None) -> Table:
    """The least time of some runs in turn, by the clock and of the processor."""
    images = write_mosaics(folder / "hr", IMAGES)
    ways = {f"srdata, {codec}": _srdata(codec, images, folder) for codec in CODECS}
    if find_basicsr(peers):
        script = [sys.executable, "-m", "benchmarks.basicsr_command", str(peers), str(images)]
        ways = {"BasicSR": [*script, str(folder / "made" / "set")]} | ways
    found: dict[str, list[Taken]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, command in ways.items():
            found[name].append(_taken(command, folder / "made"))
    wall, cpu = ({name: min(one[at] for one in some) for name, some in found.items()} for at in (0, 1))
    first = next(iter(ways))
    rows = [
        [
            name,
            f"{wall[name]:.2f} s",
            times(wall[first], wall[name]),
            f"{cpu[name]:.2f} s",
            times(cpu[first], cpu[name]),
        ]
        for name in ways
    ]
    note = (
        f"{IMAGES} mosaics of 2040x1356 as PNG files, {os.cpu_count()} cores, whole processes; the least of "
        f"{ROUNDS} runs in turn. BasicSR: its imresize, extract_subimages and make_lmdb, one process for all "
        "of them, with as many below it as there are cores."
    )
    return Table("The whole command", ["", "time", "speed", "CPU time", "speed by it"], rows, note)


def _srdata(codec: str, images: Path, folder: Path) -> list[str]:
    settings = ["--scale", "4", "--lmdb", "--codec", codec, "--root", str(folder / "made"), "--name", "set"]
    return [sys.executable, "-m", "srdata", "prepare", str(images), *settings]


def _taken(command: list[str], made: Path) -> Taken:
    """What a command takes that writes to a new folder."""
    shutil.rmtree(made, ignore_errors=True)
    start = time.perf_counter()
    found = subprocess.run([sys.executable, "-c", MEASURED, *command], capture_output=True, check=True)
    wall = time.perf_counter() - start
    code, cpu, _ = json.loads(found.stdout)
    if code:
        raise OSError(found.stderr.decode()[-2000:])
    return wall, cpu
