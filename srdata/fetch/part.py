"""A download on its way: what has come so far, with enough beside it to go on in another process."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from srdata.errors import DownloadError
from srdata.files import publish, storage_errors, write_file

CHUNK_BYTES = 1 << 20


class Mark(BaseModel):
    """Which file the bytes are of; `validator` is the ETag or date, `total_bytes` None if not said."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    url: str
    validator: str | None = None
    total_bytes: int | None = None


class Part:
    """The bytes of `target` that have come, in `target.part`, hashed as they come.

    A file is never cut back: starting over makes a new one, so that a process that still writes to the old
    one can do no harm.
    """

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path = target.with_name(f"{target.name}.part")
        self._mark_path = target.with_name(f"{target.name}.part.json")
        self._forget()
        self._resume()

    def _forget(self) -> None:
        self.mark: Mark | None = None
        self.size = 0
        self.stitched = False  # from more than one request, so perhaps of two versions of the file
        self._sha256, self._md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)

    def _resume(self) -> None:
        """Take up what an earlier process left."""
        try:
            mark = Mark.model_validate_json(self._mark_path.read_bytes())
            with self.path.open("rb") as file:
                self._inode = os.fstat(file.fileno()).st_ino
                while chunk := file.read(CHUNK_BYTES):
                    self._count(chunk)
        except (OSError, ValidationError):
            self._forget()
            return
        self.mark = mark

    def _count(self, chunk: bytes) -> None:
        self.size += len(chunk)
        self._sha256.update(chunk)
        self._md5.update(chunk)

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()

    @property
    def md5(self) -> str:
        return self._md5.hexdigest()

    @contextmanager
    def growing(self, mark: Mark) -> Iterator[Part]:
        """Go on with what is here if its mark still holds, else start over; `add` works inside."""
        if self.mark is None or self.size == 0:
            self.drop()
            with storage_errors(self.target):
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self.path.touch()
        self.stitched = self.size > 0
        self.mark = mark
        write_file(self._mark_path, mark.model_dump_json().encode())
        with storage_errors(self.target), self.path.open("r+b") as self._file:
            self._inode = os.fstat(self._file.fileno()).st_ino
            self._file.seek(self.size)
            yield self

    def add(self, chunk: bytes) -> None:
        with storage_errors(self.target):
            self._file.write(chunk)
        self._count(chunk)

    def drop(self) -> None:
        """Forget everything that has come."""
        with storage_errors(self.target):
            self.path.unlink(missing_ok=True)
            self._mark_path.unlink(missing_ok=True)
        self._forget()

    def publish(self) -> None:
        """Give the file its name."""
        with storage_errors(self.target):
            if self._is_ours():
                publish(self.path, self.target)
            elif not self.target.exists():  # else another process was faster, with the same bytes
                raise DownloadError(
                    f"{self.path} was replaced by another process: run the same command again"
                )
            self._mark_path.unlink(missing_ok=True)

    def _is_ours(self) -> bool:
        try:
            return self.path.stat().st_ino == self._inode
        except FileNotFoundError:
            return False
