"""Work on many processes: each keeps to one core, and what they give comes in order."""

from __future__ import annotations

import os
import signal
import time
from io import StringIO
from pathlib import Path

import cv2
import joblib
import pytest
from joblib.externals.loky.backend import context

from srdata.common.processes import limits
from srdata.common.processes.parallel import Backend, in_order
from srdata.errors import SrdataError, UsageError


def late_number(task: int) -> int:
    """The task, the later the smaller it is."""
    time.sleep((3 - task) * 0.03)
    return task


def threads_of_opencv(_: int) -> int:
    return int(cv2.getNumThreads())


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_results_come_in_the_order_of_the_tasks(backend: Backend) -> None:
    assert list(in_order(late_number, range(4), jobs=4, backend=backend)) == [0, 1, 2, 3]


def test_a_process_of_many_takes_one_core() -> None:
    """Or OpenCV would take all cores in each."""
    code_by_default = cv2.getNumThreads()
    assert list(in_order(threads_of_opencv, range(4), jobs=2)) == [1, 1, 1, 1]
    assert cv2.getNumThreads() == code_by_default


def take_all_memory(folder: Path) -> int:
    """A second one at a time is ended, as a machine does that has no memory for two."""
    try:
        (folder / "taken").mkdir()
    except FileExistsError:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.5)
    (folder / "taken").rmdir()
    return 1


@pytest.mark.linux
def test_a_worker_that_is_ended_asks_for_fewer_which_works(tmp_path: Path) -> None:
    with pytest.raises(SrdataError, match=r"ended from outside.* again with fewer --jobs"):
        list(in_order(take_all_memory, [tmp_path] * 3, jobs=2))
    if (tmp_path / "taken").exists():
        (tmp_path / "taken").rmdir()
    assert list(in_order(take_all_memory, [tmp_path] * 3, jobs=1)) == [1, 1, 1]


@pytest.mark.linux
@pytest.mark.parametrize("told", [None, "1", "5", "1000", "0"])
@pytest.mark.parametrize("bound", [1, 3, 200])
@pytest.mark.parametrize("machine", [4, None])
def test_cores_are_counted_as_joblib_counts_them(
    told: str | None, bound: int, machine: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: machine)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: range(bound))
    if told is not None:
        monkeypatch.setenv("LOKY_MAX_CPU_COUNT", told)
    assert limits.cores() == joblib.cpu_count()


@pytest.mark.parametrize("backend", ["loky", "threading"])
@pytest.mark.parametrize("told", ["", "all", "1.5"])
def test_a_number_of_cores_that_is_none_is_refused(
    told: str, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", told)
    with pytest.raises(UsageError, match=f"^LOKY_MAX_CPU_COUNT is '{told}': set it"):
        list(in_order(abs, [1, 2], backend=backend))


@pytest.mark.linux
@pytest.mark.parametrize(
    "files",
    [
        {},
        {"cpu.max": "max 100000\n"},
        {"cpu.max": "150000 100000\n"},
        {"cpu.max": "100000\n", "cpu/cpu.cfs_quota_us": "300000\n", "cpu/cpu.cfs_period_us": "100000\n"},
        {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"},
        {"cpu/cpu.cfs_quota_us": "50000\n"},
    ],
    ids=str,
)
def test_the_quota_of_a_control_group_bounds_the_cores(
    files: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)

    def here(path: str) -> str:
        return path.replace("/sys/fs/cgroup", str(tmp_path))

    exists = os.path.exists
    monkeypatch.setattr(context.os.path, "exists", lambda path: exists(here(str(path))))
    monkeypatch.setattr(context, "open", lambda path: StringIO(Path(here(path)).read_text()), raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: range(64))
    monkeypatch.setattr(limits, "_CONTROL_GROUP", tmp_path)
    assert limits.cores() == joblib.cpu_count()


def test_a_quota_that_cannot_be_read_bounds_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = limits.cores()
    (tmp_path / "cpu.max").mkdir()  # which is refused as a file of others is, to the administrator as well
    monkeypatch.setattr(limits, "_CONTROL_GROUP", tmp_path)
    assert limits.cores() >= before
