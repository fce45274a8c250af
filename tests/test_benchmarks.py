"""The benchmarks run, and their README lists them; what they measure needs an otherwise idle machine."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import checkout

from benchmarks.__main__ import main
from benchmarks.tables import machine

REPOSITORY = Path(__file__).parents[1]


def benchmark(*arguments: str) -> str:
    """What it prints; run in this process, which saves the time of imports."""
    result = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.stderr
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
    assert "`python -m benchmarks imresize`" in written


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_the_commits_of_peers_are_told(tmp_path: Path) -> None:
    """A checkout without a commit is named too."""
    one, other = tmp_path / "One", tmp_path / "Other"
    author = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    git(tmp_path, "init", "-q", str(one))
    git(tmp_path, "init", "-q", str(other))
    git(one, *author, "commit", "-q", "--allow-empty", "-m", "first")
    commit = git(one, "rev-parse", "--short", "HEAD").strip()
    assert f"Peers, by commit: One {commit} of 20" in machine(tmp_path)
    assert "Other of which git tells none" in machine(tmp_path)


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.mark.slow  # a dozen processes start
def test_the_size_of_a_large_set_is_an_argument() -> None:
    printed = benchmark("scale", "--images", "40")
    assert "## A set of 40 tiny images" in printed
    assert [line.split("|")[1].strip() for line in printed.splitlines() if "MiB" in line][1:3] == [
        "plan",
        "8 parts, one after another",
    ]


def test_a_device_is_measured_section_by_section(tmp_path: Path) -> None:
    """What finds no time is said; see below for all of it."""
    file = tmp_path / "found.json"
    printed = benchmark("--device", "cpu", "--minutes", "0", "--json", str(file))
    found = json.loads(file.read_text())
    assert found["device"] == "CPU"
    rows = [f"| {name} |  | left out, the time was over |" for name in found["sections"]]
    assert [row for row in rows if row not in printed] == []
    assert {"races", "waits", "chains", "loader", "training step", "memory"} <= set(found["sections"])


@pytest.mark.slow
@pytest.mark.parametrize("device", ["cpu", "emulated"])
def test_all_that_is_measured_on_a_device_runs(tmp_path: Path, device: str) -> None:
    file = tmp_path / "found.json"
    command = [sys.executable, "-m", "benchmarks", "--device", device, "--minutes", "1", "--json", str(file)]
    subprocess.run(command, cwd=REPOSITORY, check=True)  # apart: the emulated device changes torch for good
    found = json.loads(file.read_text())["sections"]
    assert set(found["races"].values()) <= {"0 of 3 wrong", "0 of 12 wrong"}
    results = [result for section in found.values() for result in section.values()]
    assert [result for result in results if result.startswith(("failed", "left"))] == []


@pytest.mark.peers
def test_imresize_is_faster_than_that_of_basicsr():
    printed = benchmark("imresize", "--peers", str(checkout("BasicSR").parent))
    ratios = re.findall(r"\| BasicSR.*?\| (?:[\d.]+) ms \| ([\d.]+)×", printed)
    assert len(ratios) == 2
    assert min(map(float, ratios)) > 1.8
