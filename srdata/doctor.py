"""What this machine has and lacks for preparing and reading sets."""

from __future__ import annotations

import multiprocessing
import os
import platform
import shlex
import shutil
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import lmdb
from tqdm import tqdm

from srdata.common.processes.file_systems import NETWORK, file_system, lock_problem, place_of
from srdata.common.processes.limits import limit
from srdata.common.wording.finding import Finding
from srdata.compiled.build_library import HERE, library_name, library_path
from srdata.compiled.library import SWITCH, library

_LIBRARIES = (
    "numpy",
    "opencv-python-headless",
    "pillow",
    "kornia-rs",
    "lmdb",
    "torch",
    "joblib",
    "click",
    "datasets",
    "pydantic",
)
_EXTRAS = {
    "jxl": "imagecodecs",
    "dask": "distributed",
    "ray": "ray",
    "video": "av",
    "hdf5": "h5py",
    "metrics": "scipy",
    "spandrel": "spandrel",
}
_LEAST_FREE_BYTES = 20 << 30  # DIV2K at x4 as raw blocks, and the archives it comes from
_LEAST_OPEN_FILES = 1024


def examine(root: Path) -> list[Finding]:
    """Versions, codecs, start method, limits, and the disk and file system of `root`."""
    return [*_versions(), *_codecs(), *_processes(), *_storage(root)]


def _versions() -> Iterator[Finding]:
    yield Finding("ok", "python", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    for name in ("srdata", *_LIBRARIES):
        yield Finding("ok", name, metadata.version(name))
    engine = ".".join(map(str, lmdb.version()))
    yield Finding("ok", "LMDB engine", engine)
    yield _compiled()


def _compiled() -> Finding:
    if library() is not None:
        return Finding("ok", "compiled code", library_name())
    # by its path, as -m would take the srdata of the folder that one is in, if there is one
    command = shlex.join([sys.executable, str(HERE / "build_library.py")])
    if os.environ.get(SWITCH) == "0":
        why = f"it is turned off by {SWITCH}=0"
    elif library_path().exists():
        why = f"it does not run here: on x86 it needs SSSE3; if it is of another machine, run {command}"
    else:
        why = f"there is none: install a C compiler, then run {command}"
    return Finding("note", "compiled code", f"numpy, torch and OpenCV do its work, as {why}")


def _codecs() -> Iterator[Finding]:
    yield Finding("ok", "codecs raw, zstd, png, keep", "built in")
    for extra, module in _EXTRAS.items():
        try:  # whether it was installed: any folder of this name could be imported
            yield Finding("ok", f"extra {extra}", f"{module} {metadata.version(module)}")
        except metadata.PackageNotFoundError:
            yield Finding("note", f"extra {extra}", f"not installed: pip install {module}")


def _processes() -> Iterator[Finding]:
    yield Finding("ok", "cores", str(os.cpu_count()))
    yield Finding("ok", "start method", multiprocessing.get_start_method())
    if (allowed := limit("RLIMIT_NOFILE")) is not None:
        few = allowed < _LEAST_OPEN_FILES
        detail = f"{allowed}" + (f": raise it with ulimit -n {_LEAST_OPEN_FILES}" if few else "")
        yield Finding("warning" if few else "ok", "open files", detail)


def _storage(root: Path) -> Iterator[Finding]:
    folder = place_of(root)
    free = shutil.disk_usage(folder).free
    detail = f"{tqdm.format_sizeof(free, 'B', 1024)} free at {folder}"
    if free < _LEAST_FREE_BYTES:
        yield Finding("warning", "disk", f"{detail}: DIV2K needs about 20 GiB; choose another --root")
    else:
        yield Finding("ok", "disk", detail)
    if not os.access(folder, os.W_OK):
        yield Finding("warning", "target", f"{folder} cannot be written: choose another --root")
    yield _file_system(folder)
    if problem := lock_problem(folder):
        yield Finding("warning", "file locks", problem)


def _file_system(folder: Path) -> Finding:
    kind = file_system(folder)
    if kind in NETWORK:
        advice = "LMDB is not safe to write there: prepare on a local disk, then copy the finished set"
        return Finding("warning", "file system", f"{kind}: {advice}")
    return Finding("ok", "file system", kind or "unknown")
