"""Small fixed jobs take no more instructions than when they were counted last; seconds are never compared.

The counts stand in benchmarks/instruction_counts.json, with the versions that they hold for. Where a change
is worth more instructions, write them anew: `python -m benchmarks.counts`, which takes minutes.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from benchmarks.counts import RECORD, counted, versions

TOLERANCE = 1.10


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind is not installed")
def test_no_job_takes_a_tenth_more(tmp_path: Path) -> None:
    record = json.loads(RECORD.read_text())
    if record["versions"] != versions():
        pytest.skip(f"counted with {record['versions']}, here are {versions()}")
    found = counted(tmp_path)
    assert slower(record["counts"], found) == {}


def slower(before: dict[str, int], now: dict[str, int]) -> dict[str, str]:
    """The jobs that take more than is tolerated, and how much."""
    return {
        name: f"{now[name] / count:.2f} times"
        for name, count in before.items()
        if now[name] > TOLERANCE * count
    }


def test_the_bar_can_fail() -> None:
    assert slower({"load": 100}, {"load": 109}) == {}
    assert slower({"load": 100}, {"load": 112}) == {"load": "1.12 times"}
