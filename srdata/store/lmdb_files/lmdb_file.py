"""LMDB files: writing a new one that grows as needed, checking one that was found, errors in words.

A new file is not synced before `sync`, so a loss of power may damage it and a killed process may not: what is
committed stays, by LMDB's copy-on-write.
"""

from __future__ import annotations

import errno
import os
import shutil
import struct
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import lmdb
import lmdb.verify

from srdata.common.files import storage_error
from srdata.common.processes.limits import limit
from srdata.common.wording.amounts import how_many
from srdata.errors import CorruptRecordError, SrdataError, StoreError

SMALLEST_MAP_BYTES = 1 << 20
# Of a meta page of LMDB 0.9 (MDB_meta in mdb.c): bytes in a page, number of the last page, transaction.
_META = struct.Struct("=40xI92xQQ")
_FSCTL_SET_SPARSE = 0x000900C4  # of Windows' winioctl.h
_SPARE_BYTES = 1 << 20  # less free space than a transaction and this: the device is full


class LmdbWriter:
    """A new LMDB file at `path` (with `subdir`: in the folder `path`), written by this process only.

    `map_bytes` is the size that the map has at first; it doubles when it is full. Given the same
    transactions and the same `map_bytes` the bytes of the file are the same. Raises StorageFullError or
    StoreError.
    """

    def __init__(self, path: Path, map_bytes: int, *, subdir: bool = False) -> None:
        self._path = path
        self._data = path / "data.mdb" if subdir else path
        _make_sparse(self._data)
        self._map_bytes = max(map_bytes, SMALLEST_MAP_BYTES)
        try:
            self._environment: Any = lmdb.open(
                str(path), map_size=self._map_bytes, subdir=subdir, lock=False, sync=False, readahead=False
            )
        except lmdb.Error as error:
            raise lmdb_error(path, error) from error

    def put(self, items: Sequence[tuple[bytes, bytes]], *, append: bool = False) -> None:
        """Store all `items` (key, value) in one transaction; with `append` the keys must ascend."""
        while True:
            try:
                with self._environment.begin(write=True) as transaction:
                    for key, value in items:
                        transaction.put(key, value, append=append)
                return
            except lmdb.MapFullError:
                self._map_bytes *= 2
                self._environment.set_mapsize(self._map_bytes)
            except lmdb.Error as error:
                raise lmdb_error(self._path, error, sum(len(value) for _, value in items)) from error

    def sync(self) -> None:
        """Make everything that is stored durable."""
        try:
            self._environment.sync(True)
        except lmdb.Error as error:
            raise lmdb_error(self._path, error) from error

    def close(self) -> None:
        """Close the file; what is stored stays."""
        self._environment.close()
        with suppress(OSError, struct.error):  # Windows gives it the size of its map
            os.truncate(self._data, _needed_bytes(self._data))


def _make_sparse(file: Path) -> None:
    """Let the empty file take no room that is not written to: on NTFS it would take that of the whole map."""
    if sys.platform == "win32" and file.exists():
        import ctypes
        import msvcrt

        with file.open("r+b") as opened:
            handle = ctypes.c_void_p(msvcrt.get_osfhandle(opened.fileno()))
            given = ctypes.byref(ctypes.c_ulong())
            ctypes.windll.kernel32.DeviceIoControl(handle, _FSCTL_SET_SPARSE, None, 0, None, 0, given, None)


def check_structure(path: Path) -> None:
    """Raise CorruptRecordError unless `path` is a whole LMDB file; LMDB itself would crash over a cut one."""
    try:
        findings = lmdb.verify.verify(str(path))
    except (lmdb.verify.VerifyError, OSError, ValueError, struct.error) as error:
        raise CorruptRecordError(f"{path} is no LMDB file: {error}") from error
    if findings:
        raise CorruptRecordError(f"{path} is damaged: {findings[0]}")
    if path.stat().st_size < (needed := _needed_bytes(path)):  # which lmdb.verify does not see in every case
        raise CorruptRecordError(f"{path} is cut: it has {how_many(path.stat().st_size, 'byte')} of {needed}")


def _needed_bytes(path: Path) -> int:
    """How long a file with the header of a whole LMDB file must be, by the newer of its two meta pages."""
    with path.open("rb") as file:
        first = _META.unpack(file.read(_META.size))
        page_bytes: int = first[0]
        file.seek(page_bytes)
        second = _META.unpack(file.read(_META.size))
    last_page: int = max(first, second, key=lambda meta: meta[2])[1]
    return (last_page + 1) * page_bytes


def lmdb_error(path: Path, error: Exception, written: int = 0) -> SrdataError:
    """What an error of LMDB means to a user, after `written` bytes were to be written to `path`."""
    code = getattr(error, "code", 0) or 0
    if code == errno.EIO and _is_full(path, written):  # LMDB's word for a write that was cut short
        code = errno.ENOSPC
    if code > 0:  # an error of the operating system; LMDB's own are negative
        return storage_error(path, OSError(code, os.strerror(code)))
    return StoreError(f"{path}: {error}")


def _is_full(path: Path, written: int) -> bool:
    file = path / "data.mdb" if path.is_dir() else path
    largest = limit("RLIMIT_FSIZE")
    if largest is not None and file.stat().st_size + written + _SPARE_BYTES > largest:
        return True
    return shutil.disk_usage(path.parent).free < written + _SPARE_BYTES
