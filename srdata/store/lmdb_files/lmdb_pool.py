"""Sealed LMDB files open for reading: each at most once in a process, shared by all who read it.

LMDB may not have one file open twice in a process, nor carry an open file over a fork, and it crashes the
process over a file that is shorter than it was, or whose pages point elsewhere. So everything that reads
goes through here: files are opened on first use, compared with the size they must have, walked once by this
process without LMDB, found by (device, inode), closed before a fork (and opened again on the next read, on
either side) and closed when nobody needs them or when too many are open.

Threads may read at the same time: each `reading` has a transaction of its own. What it yields, and every
view into it, is valid only inside the `with`. A `reading` must not be opened inside another, nor held over a
fork.
"""

from __future__ import annotations

import itertools
import os
import threading
import weakref
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import lmdb

from srdata.common.processes.limits import limit
from srdata.common.wording.amounts import how_many
from srdata.errors import CorruptRecordError
from srdata.store.lmdb_files.lmdb_file import check_structure

_MOST_OPEN = 4096  # files
_MOST_KEPT = 65_536  # views of blocks, about 400 bytes each
_REMEDY = "run the command that prepared the set again"


Kept = dict[int, list[Any]]  # what readers keep of a mapped file, for as long as it is open


class LmdbReading(NamedTuple):
    """One LMDB file while it is read."""

    get: Callable[..., Any]  # of a transaction of this thread: key → memoryview of the mapped file, or None
    cursor: Callable[..., Any]  # of the same transaction, to be closed before the reading ends
    kept: Kept
    keep: Callable[[int, list[Any]], None]  # put something there


class WantedFile(NamedTuple):
    """A file to be read, see `Lease.reading`."""

    path: Path
    size: int | None = None
    sound: bool = False
    place: Callable[[], Path] | None = None


class Lease:
    """What one reader has open; closing or forgetting it closes the files that no other reader uses."""

    def __init__(self) -> None:
        self._number = next(_numbers)
        self._entries: dict[Path, _Entry] = {}
        weakref.finalize(self, _pool.release, self._number).atexit = False

    @contextmanager
    def reading(
        self,
        path: Path,
        size: int | None = None,
        *,
        sound: bool = False,
        place: Callable[[], Path] | None = None,
    ) -> Iterator[LmdbReading]:
        """Read the LMDB file `path`, or `path`/data.mdb where `path` is a folder.

        Where it has to be opened, and `place` is given, that says where it is by now. One that is
        known to be `sound`, as this run wrote it, is not walked through first. Raises
        CorruptRecordError when the file is missing, is no LMDB file, or has not `size` bytes.
        """
        with self.reading_all([WantedFile(path, size, sound, place)]) as (reading,):
            yield reading

    @contextmanager
    def reading_all(self, files: Sequence[WantedFile]) -> Iterator[list[LmdbReading]]:
        """Read several files at once, see `reading`."""
        with self.held(files) as held:
            transactions = [entry.transaction() for entry in held]
            try:
                yield [
                    LmdbReading(transaction.get, transaction.cursor, entry.kept, entry.keep)
                    for entry, transaction in zip(held, transactions, strict=True)
                ]
            finally:
                for entry, transaction in zip(held, transactions, strict=True):
                    entry.idle.append(transaction)

    @contextmanager
    def held(self, files: Sequence[WantedFile]) -> Iterator[list[_Entry]]:
        """Several files open and mapped; `kept` of each is another object whenever it was opened anew."""
        entries = [self._entries.get(file.path) for file in files]
        held = [entry for entry in entries if entry is not None]
        if len(held) < len(entries) or not _pool.hold(held):
            held = _pool.take(files, self._number)
            self._entries.update(zip((file.path for file in files), held, strict=True))
        try:
            yield held
        finally:
            _pool.give_back(held)

    def close(self) -> None:
        """Close the files that no other reader uses; the next reading opens them again."""
        self._entries.clear()
        _pool.release(self._number)


@dataclass(eq=False)
class _Entry:
    environment: Any
    users: int = 0
    closed: bool = False
    idle: list[Any] = field(default_factory=list)  # transactions that no thread uses at the moment
    kept: Kept = field(default_factory=dict)
    leases: set[int] = field(default_factory=set)

    def transaction(self) -> Any:
        """A read transaction that no other thread uses."""
        try:
            return self.idle.pop()
        except IndexError:
            return self.environment.begin(buffers=True)

    def keep(self, name: int, views: list[Any]) -> None:
        """Remember views of the mapped file under a name."""
        _pool.keep(self, name, views)


class _Pool:
    def __init__(self) -> None:
        self._entries: OrderedDict[tuple[int, int], _Entry] = OrderedDict()  # the least recently opened first
        self._released: deque[int] = deque()
        self._walked: set[tuple[int, int, int, int]] = set()  # what tells a file and its state from others
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._forking = False
        self._kept = 0  # views

    def hold(self, entries: Sequence[_Entry]) -> bool:
        """Count one more user of each of these open files; False, and none is, where one was closed."""
        with self._lock:
            if self._forking or any(entry.closed for entry in entries):
                return False
            for entry in entries:
                entry.users += 1
        return True

    def take(self, files: Sequence[WantedFile], lease: int) -> list[_Entry]:
        """Open the files that are not open already, and count one more user of each."""
        paths = [file.place() if file.place else file.path for file in files]
        places = [path / "data.mdb" if path.is_dir() else path for path in paths]
        found = [_stat(place, file.size) for place, file in zip(places, files, strict=True)]
        for place, state, file in zip(places, found, files, strict=True):
            if not file.sound:
                self._walk(place, state)
        with self._changed:
            self._changed.wait_for(lambda: not self._forking)
            opened: list[_Entry] = []
            try:
                for place, state in zip(places, found, strict=True):
                    opened.append(self._opened(place, state, lease))
            except CorruptRecordError:
                for entry in opened:
                    entry.users -= 1
                raise
        return opened

    def _opened(self, file: Path, found: os.stat_result, lease: int) -> _Entry:
        """The entry of a file, which is opened unless it is open, with one more user."""
        identity = (found.st_dev, found.st_ino)
        if identity not in self._entries:
            self._make_room()
            self._entries[identity] = _Entry(_open(file, found.st_size))
        entry = self._entries[identity]
        entry.leases.add(lease)
        entry.users += 1
        return entry

    def _walk(self, file: Path, found: os.stat_result) -> None:
        """Make sure that LMDB can read a file, unless it is as it was when that was made sure of."""
        state = found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
        if state not in self._walked:
            check_structure(file)
            self._walked.add(state)

    def give_back(self, entries: Sequence[_Entry]) -> None:
        with self._lock:
            for entry in entries:
                entry.users -= 1
            if self._forking:
                self._changed.notify_all()

    def keep(self, entry: _Entry, name: int, views: list[Any]) -> None:
        """Remember views of an open file; when all files keep too much together, all of it is forgotten."""
        with self._lock:
            if self._kept > _MOST_KEPT:
                for other in self._entries.values():
                    other.kept.clear()
                self._kept = 0
            entry.kept[name] = views
            self._kept += len(views)

    def release(self, lease: int) -> None:
        """May be called by the garbage collector in the midst of anything, so it never waits for the lock."""
        self._released.append(lease)
        if self._changed.acquire(blocking=False):
            try:
                self._sweep()
            finally:
                self._changed.release()

    def before_fork(self) -> None:
        self._changed.acquire()
        self._forking = True
        self._changed.wait_for(lambda: not any(entry.users for entry in self._entries.values()))
        for identity in list(self._entries):
            self._close(identity)

    def after_fork_in_parent(self) -> None:
        self._forking = False
        self._changed.notify_all()
        self._changed.release()

    def after_fork_in_child(self) -> None:
        self._forking = False
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)  # the threads that waited are not in the child

    def _make_room(self) -> None:
        self._sweep()
        for identity, entry in list(self._entries.items()):
            if len(self._entries) < most_open():
                return
            if not entry.users:
                self._close(identity)

    def _sweep(self) -> None:
        while self._released:
            lease = self._released.popleft()
            for entry in self._entries.values():
                entry.leases.discard(lease)
        for identity, entry in list(self._entries.items()):
            if not entry.leases and not entry.users:
                self._close(identity)

    def _close(self, identity: tuple[int, int]) -> None:
        entry = self._entries.pop(identity)
        entry.closed = True
        self._kept -= sum(map(len, entry.kept.values()))
        entry.kept.clear()
        for transaction in entry.idle:
            transaction.abort()
        entry.environment.close()


def _stat(file: Path, size: int | None) -> os.stat_result:
    try:
        found = file.stat()
    except OSError as error:
        raise CorruptRecordError(f"{file} cannot be read ({error.strerror}): {_REMEDY}") from error
    if size is not None and found.st_size != size:
        raise CorruptRecordError(f"{file} has {how_many(found.st_size, 'byte')}, not {size}: {_REMEDY}")
    return found


def _open(file: Path, size: int) -> Any:
    try:
        return lmdb.open(
            str(file), map_size=size, subdir=False, readonly=True, lock=False, readahead=False, max_dbs=0
        )
    except lmdb.Error as error:
        raise CorruptRecordError(f"{file} cannot be opened ({error}): {_REMEDY}") from error


def most_open() -> int:
    """How many files may be open: half of what the process may have, and no more than `_MOST_OPEN`."""
    allowed = limit("RLIMIT_NOFILE")
    return _MOST_OPEN if allowed is None else min(_MOST_OPEN, max(1, allowed // 2))


_numbers = itertools.count()
_pool = _Pool()
if hasattr(os, "register_at_fork"):  # not on Windows, which has no forks
    os.register_at_fork(
        before=_pool.before_fork,
        after_in_parent=_pool.after_fork_in_parent,
        after_in_child=_pool.after_fork_in_child,
    )
