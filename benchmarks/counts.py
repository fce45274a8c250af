"""Instructions of small fixed jobs, as valgrind counts them: the same on a busy machine as on an idle one.

valgrind shows programs a processor of its own, with AVX2 and no AVX-512, whatever the machine has, so that
libraries take the same way everywhere. `python -m benchmarks.counts` writes the counts down anew.
"""

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
from srdata.compiled.library import library

RECORD = Path(__file__).with_name("instruction_counts.json")
TOLERANCE = 1.15
_LONGEST_S = 900
_JOBS, _COUNTING = (Path(__file__).with_name(name) for name in ("counted_jobs.py", "counting.c"))
_VALGRIND = ("valgrind", "-q", "--tool=callgrind", "--instr-atstart=no")
_ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}


def run(folder: Path, peers: Path | None) -> Table:
    """Millions of instructions of each job, now and as written down."""
    missing = what_is_missing()
    found, record = {} if missing else counted(folder), json.loads(RECORD.read_text())
    rows = [
        [
            (JOBS[name].__doc__ or "").rstrip("."),
            f"{count / 1e6:,.0f}",
            f"{record['counts'][name] / 1e6:,.0f}",
        ]
        for name, count in found.items()
    ]
    made = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
    note = missing or (
        f"Of the second run of each job in one process, one thread, by {_valgrind()}; written with {made}. "
        f"`pytest -m slow tests/test_counts.py` fails where one takes {TOLERANCE} times what is written."
    )
    return Table("Instructions", ["", "millions", "written"], rows, note)


def what_is_missing() -> str:
    """What has to be installed before instructions can be counted; empty where nothing is."""
    if platform.machine() != "x86_64" or sys.platform != "linux":
        return "Instructions are counted on Linux on x86-64."
    absent = [tool for tool in ("valgrind", "cc") if shutil.which(tool) is None]
    if absent:
        return f"Install {' and '.join(absent)} to count instructions."
    return "" if library() else "Make the compiled library first: python -m srdata.compiled.build_library"


def counted(folder: Path) -> dict[str, int]:
    """How many instructions each job takes."""
    library, work = folder / "counting.so", folder / "jobs"
    work.mkdir()
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, _COUNTING], check=True)
    subprocess.run(
        [*_VALGRIND, f"--callgrind-out-file={folder / 'out'}", sys.executable, _JOBS, library, work],
        env={**os.environ, **_ONE_THREAD, "PYTHONHASHSEED": "0", "PYTHONPATH": str(_JOBS.parents[1])},
        check=True,
        capture_output=True,
        timeout=_LONGEST_S,
    )
    return {name: _total(folder / f"out.{number}") for number, name in enumerate(JOBS, 1)}


def _total(file: Path) -> int:
    found = re.search(r"^totals: (\d+)", file.read_text(), re.MULTILINE)
    if found is None:
        raise ValueError(f"{file} has no total")
    return int(found[1])


def versions() -> dict[str, str]:
    """What else the counts depend on; torch for CUDA would take valgrind minutes to load."""
    libraries = {name: metadata.version(name) for name in LIBRARIES if name != "srdata"}
    return {"Python": ".".join(platform.python_version_tuple()[:2]), **libraries}


def _valgrind() -> str:
    return subprocess.run(
        ["valgrind", "--version"], check=True, capture_output=True, text=True
    ).stdout.strip()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        record = {"versions": versions(), "counts": counted(Path(folder))}
    RECORD.write_text(json.dumps(record, indent=2) + "\n")
