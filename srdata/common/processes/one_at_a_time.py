"""Runs that wait for each other, by a lock on a file beside what they change."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from srdata.common.files import storage_errors
from srdata.common.processes.file_locks import delete_locked, is_at, lock


@contextmanager
def only_one_at(folder: Path) -> Iterator[None]:
    """Make other processes that would change `folder` wait."""
    with locked(folder.with_name(f".{folder.name}.lock")):
        yield


@contextmanager
def locked(path: Path, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold the lock of a file, which is deleted after that; calls `waiting` where another process has it.

    Where there are no locks nobody waits. Not by `filelock`, which makes one there of a file that stays when
    a run is killed.
    """
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = _locked_handle(path, waiting)
    try:
        yield
    finally:
        delete_locked(path, handle)


def _locked_handle(path: Path, waiting: Callable[[], None]) -> int:
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            if not lock(handle, wait=False):
                waiting()
                lock(handle)
        except BaseException:
            os.close(handle)
            raise
        if is_at(handle, path):
            return handle
        os.close(handle)  # whoever had it has just deleted it
