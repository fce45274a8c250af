"""srdata as on Windows: `windows_like/sitecustomize.py` says what of it is modelled."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.linux

HERE = Path(__file__).parent / "windows_like"

EVERY_MODULE = """
import importlib, pkgutil, srdata
for module in pkgutil.walk_packages(srdata.__path__, "srdata."):
    if not module.name.endswith("__main__"):
        try:
            importlib.import_module(module.name)
        except ModuleNotFoundError as error:
            assert error.name == "triton", "which is for Linux alone"
"""

REFUSED = """
import mmap, os, signal
from pathlib import Path
THERE = {"__name__": "srdata.x"}
def refused(call, *given):
    try:
        call(*given)
    except OSError:
        return True
    return False
path = Path("file")
path.write_bytes(b"1")
Path("folder").mkdir()
Path("folder/inside").touch()
with path.open("rb") as opened:
    assert refused(os.unlink, path) and refused(path.rename, "other") and refused(os.fsync, opened.fileno())
with Path("folder/inside").open("rb"):
    assert refused(Path("folder").rename, "other")
with path.open("rb") as opened:
    mapped = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
assert refused(path.replace, "other"), "mapped"
mapped.close()
assert refused(os.open, ".", os.O_RDONLY)
Path("other").touch()
assert refused(path.rename, "other") and not refused(path.replace, "other")
Path("lines").write_text("a\\n")
assert Path("lines").read_bytes() == b"a\\r\\n"
exec("import os, signal; assert not hasattr(os, 'fork') and not hasattr(signal, 'SIGHUP')", THERE)
try:
    exec("import fcntl", THERE)
except ModuleNotFoundError:
    print("refused")
"""


def python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Python in a folder of its own, as on Windows."""
    paths = os.pathsep.join([str(HERE), str(HERE.parent.parent), os.environ.get("PYTHONPATH", "")])
    named = {"PYTHONPATH": paths, "COLUMNS": "200", "PYTHONIOENCODING": "cp1252"}
    folder.mkdir()
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, **named},
        capture_output=True,
        encoding="cp1252",
        timeout=240,
        start_new_session=True,
    )


def test_the_model_refuses_what_windows_refuses(tmp_path: Path) -> None:
    done = python(tmp_path / "there", "-c", REFUSED)
    assert done.stdout == "refused\n", done.stderr


def test_every_module_can_be_imported(tmp_path: Path) -> None:
    done = python(tmp_path / "there", "-c", EVERY_MODULE)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Path]:
    """The folders in which the main jobs ran, as on Windows (True) and as they are here."""
    folders = {there: tmp_path_factory.mktemp("both") / str(there) for there in (True, False)}
    done = python(folders[True], str(HERE / "everyday.py"), "2")
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    folders[False].mkdir()
    with contextlib.chdir(folders[False]):  # and in this process, which saves the time of imports
        runpy.run_path(str(HERE / "everyday.py"))["main"]("1")
    return folders


def test_the_main_jobs_make_the_same_files(both: dict[bool, Path]) -> None:
    there, here = (_files(both[where]) for where in (True, False))
    assert there == here
    assert len(there) > 200
    assert not [name for name in there if ".part-" in name or "unfinished" in name]


def test_the_main_jobs_end_well(both: dict[bool, Path]) -> None:
    found: dict[str, Any] = json.loads((both[True] / "found.json").read_text())
    assert {name for name, status in found["statuses"].items() if status} == {"damaged"}
    assert found["thread"] == found["process"]


def _files(folder: Path) -> dict[str, str]:
    """The hash of each file by its name."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock")
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files
    }
