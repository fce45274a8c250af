"""Time and memory of `prepare` as the number of images grows: the first must be linear, the second flat."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from benchmarks.pictures import write_mosaics
from benchmarks.tables import Table

COUNTS = (10, 100, 1000)
SIZE = (360, 480)

# The high-water mark is read from /proc (Linux): ru_maxrss would begin with the memory of the parent process.
PREPARE = """
import json, pathlib, sys, time
from srdata import prepare
start = time.perf_counter()
prepare(sys.argv[1], scale=4, lmdb=True, root=sys.argv[2], jobs=1)
seconds = time.perf_counter() - start
status = dict(line.split(":", 1) for line in pathlib.Path("/proc/self/status").read_text().splitlines())
print(json.dumps([seconds, int(status["VmHWM"].split()[0]) / 1024]))
"""


def run(folder: Path, peers: Path | None) -> Table:
    """Prepare each number of images in a process of its own, and read its highest memory use at the end."""
    rows = []
    for count in COUNTS:
        images = write_mosaics(folder / f"images-{count}", count, SIZE)
        seconds, megabytes = _prepare(images, folder / f"sets-{count}")
        rows.append(
            [str(count), f"{seconds:.2f} s", f"{seconds / count * 1e3:.1f} ms", f"{megabytes:.0f} MiB"]
        )
    note = (
        f"Images of {SIZE[1]}x{SIZE[0]} as PNG files, x4, raw blocks, one process. The memory of a process "
        "includes its libraries; the time does not include importing them."
    )
    return Table(
        "prepare on more and more images", ["images", "time", "per image", "peak memory"], rows, note
    )


def _prepare(images: Path, root: Path) -> tuple[float, float]:
    command = [sys.executable, "-c", PREPARE, str(images), str(root)]
    result = subprocess.run(command, check=True, capture_output=True, text=True)
    seconds, megabytes = json.loads(result.stdout)
    return seconds, megabytes
