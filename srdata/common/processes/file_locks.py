"""Locks on open files, for politeness where the file system has them."""

from __future__ import annotations

import os
from pathlib import Path


def lock(handle: int, *, exclusive: bool = True, wait: bool = True) -> bool:
    """Lock an open file until it is closed; False where another process has it and this one is not to wait.

    Where there are no locks (some network file systems, Windows) every file counts as free.
    """
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(handle, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


def is_at(handle: int, path: Path) -> bool:
    """Whether an open file is the one that has the name `path` now."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False
