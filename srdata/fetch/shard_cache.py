"""A bounded cache of files in a folder of this machine, which all its processes share.

A file at its name is a right file: it is written beside it, synced and renamed, by one process while others
that want it wait. When all of them together become larger than they may, those go that were not used for the
longest time; who has one open reads on in it. The caches of fsspec have no bound.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import xxhash

from srdata.common.files import PART, part_name, publish, storage_errors, sync_file
from srdata.errors import UsageError

if TYPE_CHECKING:
    from filelock import FileLock

FOLDER_VARIABLE = "SRDATA_CACHE"
USUAL_BYTES = 20 * 10**9
_LOCKS = 64
_LEFT_OVER_S = 24 * 3600  # after which what an ended process was writing goes
_SUM = ".sum"


class ShardCache:
    """Files by name, `limit` bytes of them at most; but what is needed now is always kept.

    Raises UsageError for a limit below 0.
    """

    def __init__(self, folder: Path | None = None, limit: int = USUAL_BYTES) -> None:
        if limit < 0:
            raise UsageError(f"cache_bytes {limit} must be 0, which keeps what is in use alone, or more")
        self.folder = (folder or usual_folder()).absolute()
        self.limit = limit

    def found(self, name: str) -> Path | None:
        """The file `name` where it is there, as it was written."""
        path = self.folder / name
        return path if self._whole(path) else None

    def get(self, name: str, write: Callable[[Path], None]) -> Path:
        """The file `name`, which `write` makes where it is not there or not as it was written.

        Raises what that raises, StorageFullError and StoreError.
        """
        if (found := self.found(name)) is not None:
            return found
        path = self.folder / name
        with storage_errors(path):
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = self._lock(f"{int(_digest(name), 16) % _LOCKS:02d}")
        with lock:
            if not self._whole(path):
                self._make(path, write)
        return path

    def place(self, name: str, size: int) -> int:
        """An open file of so many bytes, zeros at first, that its users fill: they tell what is right in it.

        Raises StorageFullError and StoreError.
        """
        path = self.folder / name
        with storage_errors(path):
            self.folder.mkdir(parents=True, exist_ok=True)
            with self._lock("place"):
                return self._placed(path, size)

    def _lock(self, name: str) -> FileLock:
        from filelock import FileLock  # with asyncio, which sets that are here need not

        return FileLock(self.folder / f"lock-{name}")

    def _placed(self, path: Path, size: int) -> int:
        with suppress(FileNotFoundError):
            handle = os.open(path, os.O_RDWR)
            if os.fstat(handle).st_size == size:
                os.utime(handle)
                return handle
            os.close(handle)
        part = part_name(path)
        handle = os.open(part, os.O_RDWR | os.O_CREAT)
        os.ftruncate(handle, size)
        part.replace(path)
        self.shrink(keep=path)
        return handle

    def shrink(self, keep: Path) -> None:
        """Remove what was not used for the longest time, until the rest is no larger than it may be."""
        now = time.time()
        with self._lock("shrink"):
            files = sorted((one for one in map(_entry, self.folder.iterdir()) if one), reverse=True)
            total = 0
            for used, size, path in files:
                if PART in path.name:
                    if now - used > _LEFT_OVER_S:
                        path.unlink(missing_ok=True)
                    continue
                total += size
                if total > self.limit and path != keep:
                    total -= size
                    path.unlink(missing_ok=True)
                    path.with_name(path.name + _SUM).unlink(missing_ok=True)

    def _make(self, path: Path, write: Callable[[Path], None]) -> None:
        part, total = part_name(path), path.with_name(path.name + _SUM)
        try:
            write(part)
            with storage_errors(path):
                total.write_text(_sum_of(part))
                sync_file(total)
                publish(part, path)
                self.shrink(keep=path)
        finally:
            part.unlink(missing_ok=True)

    def _whole(self, path: Path) -> bool:
        """Whether a file is there and is what was written, which is noted as its use."""
        try:
            wanted = path.with_name(path.name + _SUM).read_text()
            os.utime(path)
            return _sum_of(path) == wanted
        except OSError:
            return False


def usual_folder() -> Path:
    """Where shards are kept unless another folder is given."""
    if given := os.environ.get(FOLDER_VARIABLE):
        return Path(given)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "srdata" / "shards"


def entry_name(suffix: str, *identity: object) -> str:
    """The name of what has this identity."""
    return _digest("\n".join(map(str, identity))) + suffix


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(errors="surrogateescape"), digest_size=16).hexdigest()


def _sum_of(path: Path) -> str:
    found = xxhash.xxh3_64()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            found.update(piece)
    return f"{found.hexdigest()} {path.stat().st_size}"


def _entry(path: Path) -> tuple[float, int, Path] | None:
    """When a file was last used, its bytes on disk, and itself; None for what belongs to the cache."""
    if path.name.startswith("lock-") or path.name.endswith(_SUM):
        return None
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_mtime, found.st_size, path) if path.is_file() else None
