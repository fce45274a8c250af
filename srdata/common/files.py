"""Files that are right when they have their name: written beside it, synced, then renamed."""

from __future__ import annotations

import errno
import hashlib
import mmap
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path

from srdata.errors import SrdataError, StorageFullError, StoreError, UsageError

PART = ".part-"
Guard = Callable[[], AbstractContextManager[None]]  # is entered for a rename, which it may refuse
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def part_name(path: Path) -> Path:
    """A name beside `path` that no other process uses."""
    return path.with_name(f"{path.name}{PART}{uuid.uuid4().hex[:12]}")


def publish(part: Path, path: Path, guard: Guard = nullcontext) -> None:
    """Give the finished file `part` its name: after this returns it survives a loss of power."""
    sync_file(part)
    with guard():
        part.replace(path)
    sync_folder(path.parent)


def sync_file(path: Path) -> None:
    """Make the content of a file durable."""
    with path.open("r+b") as file:  # Windows syncs none that is open for reading alone
        os.fsync(file.fileno())


def sync_and_hash(path: Path) -> str:
    """Make the content of a file durable, and give its SHA-256: the disk is waited for beside the hashing.

    The file is mapped, not read: it is hashed in one go, in which other threads of Python go on. So it must
    be this process's own, which nobody cuts meanwhile.
    """
    from concurrent.futures import ThreadPoolExecutor  # here, as most commands seal nothing

    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        with ThreadPoolExecutor(1) as beside:
            synced = beside.submit(sync_file, path)
            digest = hashlib.sha256(content)
        synced.result()
        return digest.hexdigest()


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable, where the system opens folders: Windows does not."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except PermissionError:
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_all() -> None:
    """Make all that was written durable, at once: a sync for each of many small files takes far longer."""
    if hasattr(os, "sync"):  # Windows has none
        os.sync()


def publish_folder(part: Path, folder: Path) -> None:
    """Give a finished folder, whose files are durable, its name; one that is there and not empty stays."""
    for found, _, _ in os.walk(part):
        sync_folder(Path(found))
    with suppress(OSError):
        folder.rmdir()  # an empty one, which Windows would not replace
    try:
        part.rename(folder)
    except OSError:
        if not folder.is_dir():  # else another process was faster, with the same bytes
            raise
    sync_folder(folder.parent)


def write_file(path: Path, data: bytes, guard: Guard = nullcontext) -> None:
    """Write `data` under the name `path`, whole or not at all; its folder is made where it is missing.

    Raises StorageFullError or StoreError.
    """
    part = part_name(path)
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            part.write_bytes(data)
            publish(part, path, guard)
        finally:
            part.unlink(missing_ok=True)


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn an error of the operating system about writing `path` into one that says what to do."""
    try:
        yield
    except OSError as error:
        raise storage_error(path, error) from error


def storage_error(path: Path, error: OSError) -> SrdataError:
    """What an error of the operating system about writing `path` means to a user."""
    if error.errno in _FULL:
        return StorageFullError(
            f"no room to write {path}: free some space and run the same command again; "
            "what is finished is kept"
        )
    if error.errno in {errno.EROFS, errno.EACCES, errno.EPERM}:
        return StoreError(f"{path.parent} cannot be written: choose another folder, or make it writable")
    return StoreError(f"cannot write {path}: {error.strerror or error}")


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def inside(root: Path, relative: str | Path) -> Path:
    """The path `relative` below `root`, with links followed; raises UsageError if it leads out of `root`."""
    try:
        path = (root / relative).resolve()
        within = path.is_relative_to(root.resolve())
    except (ValueError, OSError):  # a NUL, a loop of links
        within = False
    if not within:
        raise UsageError(f"{str(relative)!r} leads out of {root}: give a path inside that folder")
    return path


PUBLISHED_FILE = "srdata.json"  # says of a folder that it is a published data set, of whomsoever


def named_beside(folder: Path, name: str) -> Path:
    """The path that a file in `folder` names: anywhere on this machine, as its owner wrote it.

    In a folder that was published, which may be anyone's, only what lies in it; raises UsageError.
    """
    return inside(folder, name) if (folder / PUBLISHED_FILE).is_file() else folder / name
