"""The benchmarks run, and their README lists them; what they measure needs an otherwise idle machine."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]


def benchmark(*arguments: str) -> str:
    command = [sys.executable, "-m", "benchmarks", *arguments]
    result = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_every_benchmark_is_described():
    choice = re.search(r"\[([a-z|]+)\]\.\.\.", "".join(benchmark("--help").split()))
    assert choice is not None
    names = choice[1].split("|")
    assert {"imresize", "pipeline", "crops", "growth", "index"} <= set(names)
    readme = (REPOSITORY / "benchmarks" / "README.md").read_text()
    assert [name for name in names if f"| `{name}` |" not in readme] == []


def test_a_table_is_printed_and_written(tmp_path):
    printed = benchmark("imresize", "--write", str(tmp_path / "results.md"))
    assert "| srdata |" in printed
    written = (tmp_path / "results.md").read_text()
    assert written.startswith("# Results")
    assert "| srdata |" in written


@pytest.mark.peers
def test_imresize_is_faster_than_that_of_basicsr():
    peers = os.environ.get("SRDATA_PEERS")
    if not peers or not (Path(peers) / "BasicSR").is_dir():
        pytest.skip("SRDATA_PEERS names no folder that holds a checkout BasicSR")
    printed = benchmark("imresize", "--peers", peers)
    ratios = re.findall(r"\| BasicSR.*?\| (?:[\d.]+) ms \| ([\d.]+)×", printed)
    assert len(ratios) == 2
    assert min(map(float, ratios)) > 1.8
