"""A download on its way: what has come so far, with enough beside it to go on in another process."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from pydantic import ValidationError

from srdata.common.files import publish, storage_errors, write_file
from srdata.common.strict_model import StrictModel

CHUNK_BYTES = 1 << 20


class Mark(StrictModel):
    """Which file the bytes are of; `validator` is the ETag or date, `total_bytes` None if not said."""

    url: str
    validator: str | None = None
    total_bytes: int | None = None


class PartialFile:
    """The bytes of `target` that have come, in `target.part`, hashed as they come. Close it after use.

    Safe without locks: a file is never cut back, starting over makes a new one, and only the file that this
    object wrote from its first byte to its last is given the name. Processes that go on with one file write
    the same bytes to the same places.
    """

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path = target.with_name(f"{target.name}.part")
        self._mark_path = target.with_name(f"{target.name}.part.json")
        self._file: BinaryIO | None = None
        self._forget()
        self.take_up()

    def _forget(self) -> None:
        self.close()
        self.mark: Mark | None = None
        self.size = 0
        self.stitched = False  # not of one request of this process, so perhaps of two versions of the file
        self._sha256, self._md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)

    def take_up(self) -> None:
        """Go on with what an earlier process, or another one, has left."""
        self._forget()
        try:
            mark = Mark.model_validate_json(self._mark_path.read_bytes())
            self._file = self.path.open("r+b")
            while chunk := self._file.read(CHUNK_BYTES):
                self._count(chunk)
        except (OSError, ValidationError):
            self._forget()
            return
        self.mark = mark
        self.stitched = self.size > 0

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

    def go_on(self, mark: Mark) -> None:
        """Get ready for the bytes after those that are here, of the file that `mark` tells of."""
        self.stitched = self.size > 0
        with storage_errors(self.target):
            if self._file is None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._file = _new_file(self.path)
            self._file.seek(self.size)
        self.mark = mark
        write_file(self._mark_path, mark.model_dump_json().encode())

    def add(self, chunk: bytes) -> None:
        """Append the next bytes."""
        with storage_errors(self.target):
            if self._file is not None:
                self._file.write(chunk)
        self._count(chunk)

    def drop(self) -> None:
        """Forget everything that has come."""
        with storage_errors(self.target), suppress(FileNotFoundError):
            if self._is_ours(self.path):
                self.path.unlink()
                self._mark_path.unlink()
        self._forget()

    def close(self) -> None:
        """Keep what has come for another time."""
        if self._file is not None:
            file, self._file = self._file, None
            with storage_errors(self.target):
                file.close()

    def publish(self) -> bool:
        """Give the file its name; False if another process took the part away and is not done with it."""
        with storage_errors(self.target):
            with suppress(FileNotFoundError):
                if self._is_ours(self.path):
                    publish(self.path, self.target)
                    if not self._is_ours(self.target):  # another process put its beginning there just now
                        self.target.unlink()
            if not self.path.exists():
                self._mark_path.unlink(missing_ok=True)
        self.close()
        return self.target.exists()

    def _is_ours(self, path: Path) -> bool:
        if self._file is None:
            return False
        self._file.flush()
        return os.path.samestat(os.fstat(self._file.fileno()), path.stat())


def _new_file(path: Path) -> BinaryIO:
    while True:
        path.unlink(missing_ok=True)
        with suppress(FileExistsError):  # of another process, since the line before
            return path.open("x+b")
