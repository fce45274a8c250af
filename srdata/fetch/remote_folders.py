"""Folders at addresses to which files are written: what the store has is compared with what was sent.

A store has no locks, no renames and no links. A file appears there whole or not at all, the last that is
written under a name stays, and the first alone where that is asked for (`put_first`), which S3, Google's
store and `memory://` see to themselves. fsspec sends, copies and lists; that what came is what was sent is
compared here, as it does not.
"""

from __future__ import annotations

import base64
import hashlib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from srdata.errors import DownloadError, HashMismatchError
from srdata.fetch.remote_files import (
    RemoteFile,
    again,
    files_below,
    joined,
    look_at,
    opened_at,
    read_small,
    remote_errors,
    shown,
    system_of,
)

_BUCKETS = {"s3", "s3a", "gs", "gcs", "az", "abfs", "oss"}
_PART = 50 << 20  # bytes of a part, where s3fs sends a file in parts
_PIECE = 8 << 20


class _Sums(NamedTuple):
    """The MD5 of a file, and what S3 calls the MD5 of the MD5s of its parts."""

    whole: str
    of_parts: str


@dataclass(frozen=True)
class RemoteFolder:
    """The files below an address; every method raises DownloadError for a store that does not do it."""

    address: str

    def __str__(self) -> str:
        return shown(self.address)

    def at(self, name: str) -> str:
        """The address of a file."""
        return joined(self.address, name)

    def read(self, name: str) -> bytes | None:
        """All bytes of a file; None where there is none."""
        address = self.at(name)
        system, path = system_of(address)

        def get() -> bytes | None:
            try:
                data: bytes = system.cat_file(path)
            except FileNotFoundError:
                return None
            return data

        return again(address, get)

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        return look_at(self.at(name)) is not None

    def files(self, below: str = "") -> dict[str, RemoteFile]:
        """The files in a folder of it, or in all, by their names from here."""
        found = files_below(self.at(below) if below else self.address)
        start = len(system_of(self.address)[1].rstrip("/")) + 1
        return {system_of(one.address)[1][start:]: one for one in found if not one.address.endswith("/")}

    def names(self) -> set[str]:
        """What is in it, without what is in its folders."""
        system, path = system_of(self.address)

        def read() -> set[str]:
            system.invalidate_cache(path)
            try:
                found: list[str] = system.ls(path, detail=False)
            except FileNotFoundError:
                return set()
            return {name.rstrip("/").rpartition("/")[2] for name in found}

        return again(self.address, read)

    def put(self, path: Path, name: str) -> None:
        """Write a file there, and compare what the store has then with it; raises HashMismatchError."""
        address = self.at(name)
        system, target = system_of(address)

        def send() -> None:
            _make_room(system, target)
            system.put_file(str(path), target)

        again(address, send, "written")
        _check(address, path)

    def put_bytes(self, data: bytes, name: str) -> None:
        """Write a small file there."""
        address = self.at(name)
        system, target = system_of(address)

        def send() -> None:
            _make_room(system, target)
            system.pipe_file(target, data)

        again(address, send, "written")

    def put_first(self, data: bytes, name: str) -> bytes:
        """Write a small file unless there is one; gives the bytes of the one that is there then."""
        address = self.at(name)
        system, target = system_of(address)

        def send() -> None:
            _make_room(system, target)
            try:
                system.pipe_file(target, data, mode="create")
            except (NotImplementedError, OSError) as error:
                if "NotImplemented" not in f"{error!r} {error.__cause__!r}":
                    raise
                system.pipe_file(target, data)  # the store knows no condition: the last that writes stays

        try:
            if not self.has(name):  # for stores that overlook the condition
                again(address, send, "written")
        except DownloadError:
            if not self.has(name):  # else another was faster
                raise
        return read_small(address)

    def take(self, address: str, name: str) -> None:
        """Copy a file of the same storage to here, which the store does without bringing it here."""
        system, source = system_of(address)
        target = system_of(self.at(name))[1]

        def copy() -> None:
            _make_room(system, target)
            with remote_errors(address, (Exception,)):  # a file that is not there is that one
                system.cp_file(source, target)

        again(self.at(name), copy, "written")

    def remove(self, name: str) -> None:
        """Delete a file that is there."""
        system, target = system_of(self.at(name))
        again(self.at(name), lambda: system.rm_file(target), "written")


def same_storage(one: str, other: str) -> bool:
    """Whether a store can copy files from one address to the other by itself."""
    return bool(system_of(one)[0] == system_of(other)[0])


def _make_room(system: Any, target: str) -> None:
    """Make the folder of a file; in a bucket there are none."""
    if _BUCKETS.isdisjoint([system.protocol] if isinstance(system.protocol, str) else system.protocol):
        system.makedirs(system._parent(target), exist_ok=True)


def _check(address: str, path: Path) -> None:
    """Compare a file with what the store says of it, or, where it says no sum, with what it gives back."""
    system, target = system_of(address)
    system.invalidate_cache(system._parent(target))
    info = again(address, lambda: system.info(target))
    if info["size"] != path.stat().st_size:
        raise _other_bytes(address)
    sums = _sums_of(path)
    told = str(info.get("ETag") or "").strip('"')
    if told in sums or info.get("md5Hash") == base64.b64encode(bytes.fromhex(sums.whole)).decode():
        return
    with opened_at(address) as file:
        back = hashlib.md5(usedforsecurity=False)
        while piece := file.read(_PIECE):
            back.update(piece)
    if back.hexdigest() != sums.whole:
        raise _other_bytes(address)


def _other_bytes(address: str) -> HashMismatchError:
    return HashMismatchError(
        f"{shown(address)} has not the bytes that were sent: another run writes there, or the store is "
        "damaged: run the same command again"
    )


def _sums_of(path: Path) -> _Sums:
    whole, parts = hashlib.md5(usedforsecurity=False), b""
    with path.open("rb") as file:
        while piece := file.read(_PART):
            whole.update(piece)
            parts += hashlib.md5(piece, usedforsecurity=False).digest()
    count = max(1, math.ceil(path.stat().st_size / _PART))
    return _Sums(whole.hexdigest(), f"{hashlib.md5(parts, usedforsecurity=False).hexdigest()}-{count}")
