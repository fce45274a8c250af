"""Folders that are filled beside the place where they will stand; those of killed runs are deleted."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

from srdata.common.files import PART, part_name
from srdata.common.processes.file_locks import lock_part


def new_part_folder(path: Path, mark: str) -> tuple[Path, int]:
    """A new folder beside `path`, and the handle that marks it as in use, of the file `mark` in it."""
    while True:
        part = part_name(path)
        part.mkdir()
        with suppress(FileNotFoundError):  # another run took it for a leftover
            (part / mark).touch()
            if (handle := lock_part(part / mark)) is not None:
                return part, handle


def remove_left_folders(path: Path, mark: str) -> None:
    """Delete the folders beside `path` that no process writes in."""
    for part in path.parent.glob(f"{path.name}{PART}*"):
        if (handle := lock_part(part / mark)) is not None:
            os.close(handle)  # Windows deletes no open file
            shutil.rmtree(part, ignore_errors=True)
        else:
            with suppress(OSError):
                part.rmdir()  # of a run that was killed before it made the mark
