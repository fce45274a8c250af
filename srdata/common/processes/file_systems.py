"""What a file system is called, and whether locks keep the runs apart that write there."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from srdata.common.processes.file_locks import lock

NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "lustre", "gpfs", "ceph", "9p", "fuse.sshfs"})


def place_of(path: Path) -> Path:
    """The folder that is there already, of `path` and those above it."""
    return next(one for one in (path.absolute(), *path.absolute().parents) if one.is_dir())


def file_system(folder: Path) -> str | None:
    """The type of the file system that holds `folder`; None where the system does not tell."""
    mounts = Path("/proc/self/mounts")
    if not mounts.exists():
        return None
    best: tuple[str, str | None] = ("", None)
    for line in mounts.read_text("utf-8").splitlines():
        _, point, kind, *_ = line.split(" ")
        point = point.encode().decode("unicode_escape")
        if folder.resolve().is_relative_to(point) and len(point) >= len(best[0]):
            best = (point, kind)
    return best[1]


def lock_problem(path: Path) -> str | None:
    """Why two runs that write at `path` could not see each other, and what to do; None where they can."""
    folder = place_of(path)
    kind = file_system(folder)
    if not _locks_work(folder):
        why = f"{folder} has no working file locks ({kind or 'unknown file system'})"
    elif kind in NETWORK:
        why = f"{folder} is on {kind}, where a run on another machine may not see the locks of this one"
    else:
        return None
    return f"{why}: let one run at a time write there"


def _locks_work(folder: Path) -> bool:
    """Whether a file that is locked cannot be locked again; where nothing can be written nobody asks."""
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".lock-") as first:
            second = os.open(first.name, os.O_RDWR)
            try:
                return lock(first.fileno(), wait=False) and not lock(second, wait=False)
            finally:
                os.close(second)
    except OSError:
        return True
