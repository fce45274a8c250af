"""What the first commands take as whole processes, beside `import torch`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.tables import Table

ROUNDS = 6
TORCH = "`import torch`"
BATCH = """
from srdata import Loader, PairedDataset
next(iter(Loader(PairedDataset("data/sample-x4", patch_size=192), batch_size=4, augment=["dihedral"])))
"""


def run(folder: Path, peers: Path | None) -> Table:
    """The least CPU time of each, in turns."""
    python, srdata = [sys.executable, "-c"], [sys.executable, "-m", "srdata"]
    prepare = [*srdata, "prepare", "sample"]
    commands = {
        "`srdata --help`": [*srdata, "--help"],
        "`srdata prepare sample`": [*prepare, "--name", "folders"],
        "`srdata prepare sample --scale 4 --lmdb`": [*prepare, "--scale", "4", "--lmdb"],
        TORCH: [*python, "import torch"],
        "importing `Loader` from srdata, and the first batch": [*python, BATCH],
    }
    taken: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(ROUNDS + 1):  # the first compiles modules
        place = folder / str(number)
        place.mkdir()
        for name, command in commands.items():
            taken[name].append(_cpu_time(command, place))
    least = {name: min(seconds[1:]) for name, seconds in taken.items()}
    rows = [[name, f"{value:.2f} s", f"{value / least[TORCH]:.2f}"] for name, value in least.items()]
    note = f"Whole processes, their modules compiled and in the page cache; the least of {ROUNDS}, in turns."
    return Table("Starting up", ["", "time of the processor", "of `import torch`"], rows, note)


def _cpu_time(command: Sequence[str], place: Path) -> float:
    before = os.times()
    subprocess.run(command, cwd=place, check=True, capture_output=True)
    after = os.times()
    return sum(after[2:4]) - sum(before[2:4])  # of the processes that were waited for
