"""Memory of a worker as the number of images grows: it shares the index of the process that opened it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from benchmarks.index import made_up
from benchmarks.tables import Table

COUNTS = (1_000, 100_000, 1_000_000)

# Private memory of a forked worker that has drawn crops of many items, in /proc (Linux).
WORKER = """
import json, os, pathlib, sys
import numpy as np
from srdata import PairedDataset
data = PairedDataset(sys.argv[1], split="train", patch_size=192)
def private():
    lines = pathlib.Path("/proc/self/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_Dirty")) / 1024
read, write = os.pipe()
if not os.fork():
    for epoch in range(20):
        data.draw(np.random.default_rng(epoch).integers(len(data), size=16), epoch).keys
    os.write(write, json.dumps(private()).encode())
    os._exit(0)
print(json.dumps([private(), json.loads(os.read(read, 100))]))
"""


def run(folder: Path, peers: Path | None) -> Table:
    """MiB of the process that opens a set, and of a worker forked from it that draws from all of it."""
    rows = []
    for count in COUNTS:
        made_up(folder / str(count), count)
        command = [sys.executable, "-c", WORKER, str(folder / str(count))]
        result = subprocess.run(command, check=True, capture_output=True, text=True)
        opened, worker = json.loads(result.stdout)
        rows.append([f"{count:,}", f"{opened:.0f} MiB", f"{worker:.0f} MiB"])
    note = "Private memory (Private_Dirty), libraries included; a worker shares what its parent has opened."
    return Table("Memory of a worker", ["images", "process that opens the set", "forked worker"], rows, note)
