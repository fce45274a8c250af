"""Never over what a user has: what is written is new, or was written by srdata for the same purpose."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from srdata.errors import UsageError

_ADDRESS = re.compile(r"(s3a?|gs|gcs|az|abfs|https?|hf|ftp|sftp|hdfs|memory):[/\\\\]", re.IGNORECASE)
FileId = tuple[int, int]  # device and number: one for a file, whatever names and links lead to it


def file_ids(paths: Iterable[Path]) -> frozenset[FileId]:
    """The files that are read, to be given to `check_output`."""
    return frozenset(one for path in paths if (one := _file_id(path)) is not None)


def check_output(
    path: Path,
    inputs: frozenset[FileId] = frozenset(),
    ours: Callable[[Path], bool] | bool = False,
    option: str = "--out",
) -> None:
    """Raise UsageError unless the file `path` may be written: before any work, and for every file.

    It may where nothing is there, or what is `ours` and none of the `inputs`, under whatever name or link.
    """
    refuse_address(path, option)
    if not os.path.lexists(path):
        return
    if _file_id(path) in inputs:
        raise UsageError(f"{path} is read, and would be written over: give another {option}")
    if path.is_dir():
        raise UsageError(f"{path} is a folder: give the name of a file as {option}")
    if path.is_symlink() or not (ours(path) if callable(ours) else ours):
        raise UsageError(
            f"{path} is there already, and this command did not write it: give another {option}, or delete it"
        )


def check_folder(path: Path, option: str = "--out") -> None:
    """Raise UsageError where `path`, to which files are to be written, is no folder."""
    refuse_address(path, option)
    if os.path.lexists(path) and not path.is_dir():
        raise UsageError(f"{path} is a file: give another folder as {option}")


def refuse_address(path: Path, option: str = "--out") -> None:
    """Raise UsageError for an address that was given where files are written to a folder of this machine."""
    if _ADDRESS.match(str(path)):
        raise UsageError(f"{path} is an address: give a folder of this machine as {option}")


def _file_id(path: Path) -> FileId | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def starts_with(mark: bytes, within: int) -> Callable[[Path], bool]:
    """What tells a file that srdata wrote: a mark in its first bytes."""

    def ours(path: Path) -> bool:
        try:
            with path.open("rb") as file:
                return mark in file.read(within)
        except OSError:
            return False

    return ours
