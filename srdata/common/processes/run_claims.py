"""Which of several runs may change a folder: the last that claimed it.

The lock that keeps runs apart is its holder's alone: processes that the holder started, or that a file system
without locks let pass, may write on when it is gone. So a run leaves a token of its own in the folder, and
nothing in it gets its name unless the token is that run's still.
"""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from srdata.common.processes.file_locks import is_at, lock
from srdata.errors import StoreError


@dataclass(frozen=True)
class Claim:
    """What a run needs to change the folder in which `file` stands; its processes get it too."""

    file: Path
    token: str

    @classmethod
    def take(cls, file: Path, token: str | None = None) -> Claim:
        """Claim the folder of `file`: all earlier claims are lost, once no rename of theirs is under way.

        Runs that give the same `token` share a claim.
        """
        claim = cls(file, token or uuid.uuid4().hex)
        while True:
            handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o666)
            try:
                lock(handle)
                if is_at(handle, file):  # else the run that had it has just ended
                    os.ftruncate(handle, 0)
                    os.write(handle, claim.token.encode())
                    return claim
            finally:
                os.close(handle)

    def check_here(self) -> None:
        """Raise StoreError where this machine does not see the folder that was claimed."""
        if not self.file.parent.is_dir():
            raise StoreError(
                f"{self.file.parent} is not on {socket.gethostname()}: run the command that began it again "
                "if it was deleted; if machines do not share it, give a --root on storage that they share"
            )

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let no other run claim the folder meanwhile; raises StoreError where one has."""
        try:
            handle = os.open(self.file, os.O_RDONLY)
        except FileNotFoundError as error:
            raise self._lost from error
        try:
            lock(handle, exclusive=False)
            if os.read(handle, len(self.token) + 1) != self.token.encode() or not is_at(handle, self.file):
                raise self._lost
            yield
        finally:
            os.close(handle)

    def release(self) -> None:
        """Unmark the folder, which is finished; raises StoreError where another run has claimed it."""
        with self.held():
            try:
                self.file.unlink()
                return
            except PermissionError:  # Windows deletes no open file
                pass
        self.file.unlink()

    @property
    def _lost(self) -> StoreError:
        return StoreError(f"another run took {self.file.parent} over: this one leaves it alone")
