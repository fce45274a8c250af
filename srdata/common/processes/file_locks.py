"""Locks on open files, for politeness where the file system has them."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

_FAR = 1 << 40  # the byte that Windows locks, which none can read meanwhile: behind the end of what is locked
_POLL_S = 0.02


def lock(handle: int, *, exclusive: bool = True, wait: bool = True) -> bool:
    """Lock an open file until it is closed; False where another process has it and this one is not to wait.

    Where there are no locks (some network file systems) every file counts as free. Windows has exclusive ones
    alone.
    """
    try:
        import fcntl
    except ImportError:
        return _lock_on_windows(handle, wait)
    try:
        fcntl.flock(handle, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


def _lock_on_windows(handle: int, wait: bool) -> bool:
    import msvcrt

    os.lseek(handle, _FAR, os.SEEK_SET)
    try:
        while True:
            try:
                msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]  # on Windows
                return True
            except PermissionError:
                if not wait:
                    return False
                time.sleep(_POLL_S)
            except OSError:
                return True
    finally:
        os.lseek(handle, 0, os.SEEK_SET)


def delete_locked(path: Path, handle: int) -> None:
    """Delete a file that this process has locked, and close it."""
    try:
        path.unlink(missing_ok=True)  # while it is locked, so that nobody locks what is no file any more
        os.close(handle)
    except PermissionError:  # Windows deletes no open file; one that others have opened stays theirs
        os.close(handle)
        with suppress(OSError):
            path.unlink()


def is_at(handle: int, path: Path) -> bool:
    """Whether an open file is the one that has the name `path` now."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def lock_part(part: Path) -> int | None:
    """A handle that marks the file `part` as in use until it is closed; None when another process uses it.

    Only politeness hangs on the lock (what is right is decided by hashes and renames), so a file system
    without locks will do: there every part counts as unused.
    """
    try:
        handle = os.open(part, os.O_RDWR)
    except FileNotFoundError:
        return None
    if lock(handle, wait=False) and is_at(handle, part):
        return handle
    os.close(handle)
    return None
