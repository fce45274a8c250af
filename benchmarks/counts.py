"""Instructions of small fixed jobs, as valgrind counts them: the same on a busy machine as on an idle one."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

from benchmarks.counted_jobs import JOBS
from benchmarks.tables import LIBRARIES, Table

LONGEST_S = 1800
RECORD = Path(__file__).with_name("instruction_counts.json")
_JOBS = Path(__file__).with_name("counted_jobs.py")
_ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}
# What runs within lfind is counted, and told each time that it ends.
_VALGRIND = ("valgrind", "--tool=callgrind", "--toggle-collect=lfind", "--dump-after=lfind")


def run(folder: Path, peers: Path | None) -> Table:
    """Millions of instructions of each job."""
    rows = [
        [(JOBS[name].__doc__ or "").rstrip("."), f"{count / 1e6:,.0f}"]
        for name, count in counted(folder).items()
    ]
    note = (
        "By `valgrind --tool=callgrind`, one thread, the second run of each job in a process. "
        "`pytest -m slow tests/test_instruction_counts.py` fails where one takes a tenth more."
    )
    return Table("Instructions", ["", "millions"], rows, note)


def counted(folder: Path) -> dict[str, int]:
    """How many instructions each job takes; none where valgrind is not installed, which apt has."""
    if shutil.which("valgrind") is None:
        return {}
    work = folder / "jobs"
    work.mkdir()
    subprocess.run(
        [*_VALGRIND, f"--callgrind-out-file={folder / 'out'}", sys.executable, str(_JOBS), str(work)],
        env={**os.environ, **_ONE_THREAD, "PYTHONHASHSEED": "0", "PYTHONPATH": str(_JOBS.parents[1])},
        check=True,
        capture_output=True,
        timeout=LONGEST_S,
    )
    return {name: _total(folder / f"out.{number}") for number, name in enumerate(JOBS, 1)}


def _total(file: Path) -> int:
    found = re.search(r"^(?:totals|summary): (\d+)", file.read_text(), re.MULTILINE)
    return int(found[1]) if found else 0


def versions() -> dict[str, str]:
    """What else the counts depend on."""
    libraries = {name: metadata.version(name) for name in LIBRARIES if name != "srdata"}
    return {"python": platform.python_version(), "machine": platform.machine(), **libraries}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        record = {"versions": versions(), "counts": counted(Path(folder))}
    RECORD.write_text(json.dumps(record, indent=2) + "\n")
