"""Small fixed jobs take no more instructions than when they were counted last; seconds are never compared.

Where a change is worth more instructions, or takes fewer, count anew: `python -m benchmarks.counts`.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.counted_jobs import JOBS
from benchmarks.counts import RECORD, TOLERANCE, counted, versions, what_is_missing


@pytest.mark.slow  # three quarters of a minute
def test_no_job_takes_many_more_instructions(tmp_path: Path) -> None:
    record = json.loads(RECORD.read_text())
    if missing := what_is_missing():
        pytest.skip(missing)
    if record["versions"] != versions():
        pytest.skip(f"counted with {record['versions']}, here are {versions()}")
    assert slower(record["counts"], counted(tmp_path)) == {}


def slower(before: dict[str, int], now: dict[str, int]) -> dict[str, str]:
    """The jobs that take more than is tolerated, and how much."""
    return {
        name: f"{now[name] / count:.2f} times"
        for name, count in before.items()
        if now[name] > TOLERANCE * count
    }


def test_the_bar_can_fail() -> None:
    assert slower({"load": 100}, {"load": 114}) == {}
    assert slower({"load": 100}, {"load": 116}) == {"load": "1.16 times"}


def test_every_job_is_written_down() -> None:
    counts = json.loads(RECORD.read_text())["counts"]
    assert list(counts) == list(JOBS)
    assert min(counts.values()) > 1e7  # what nothing was counted of is no count
