"""Salvage: what an earlier run left of a shard, taken over where every hash is right."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path

from srdata.common.files import PART, Guard, sha256_of
from srdata.common.processes.file_locks import lock_part
from srdata.errors import CorruptRecordError
from srdata.store.blocks import BlockLayout
from srdata.store.lmdb_files.lmdb_pool import Lease, LmdbReading
from srdata.store.records import Record, Row, block_keys, damaged_blocks, row_key, unpack_row
from srdata.store.shards import HEADER_KEY, ShardInfo, ShardPlan

_Name = tuple[str, str]  # key and source SHA-256


class Salvage(AbstractContextManager["Salvage"]):
    """The good records in what earlier runs left of the shard `path`: unfinished part files, a damaged shard.

    A record is good when it was made by the same plan from a source file of the same bytes, and the hash of
    each of its blocks is right. Part files that another process is writing are left alone; those that hold
    nothing of use are deleted at once. Those that are `fresh`, made by this run, are not walked through.
    """

    def __init__(
        self, path: Path, plan: ShardPlan, guard: Guard = nullcontext, fresh: Collection[Path] = ()
    ) -> None:
        self._plan = plan
        self._guard = guard
        self._fresh = frozenset(fresh)
        self._lease = Lease()
        self._leftovers: dict[Path, int] = {}  # path → the handle of its lock
        self._places: dict[_Name, tuple[Path, int]] = {}  # → file and number in it
        for part in path.parent.glob(f"{path.name}{PART}*"):
            if (handle := lock_part(part)) is not None:
                self._leftovers[part] = handle
        surveys = [(self._survey(file), file) for file in [*sorted(self._leftovers), path]]
        self.stop_reading()
        for names, file in sorted(surveys, key=lambda survey: -len(survey[0])):
            new = {name: (file, number) for name, number in names.items() if name not in self._places}
            self._places |= new
            if not new and file in self._leftovers:
                self._delete(file)
        self._made = {key: sha256 for (key, sha256), (file, _) in self._places.items() if file in self._fresh}

    def __len__(self) -> int:
        return len(self._places)

    @property
    def keys(self) -> set[str]:
        """The keys of the images that there are records of."""
        return {key for key, _ in self._places}

    def get(self, key: str, source_sha256: str) -> Record | None:
        """The record of the image `key` made from a source file with this hash, or None."""
        if (key, source_sha256) not in self._places:
            return None
        path, number = self._places[key, source_sha256]
        with self._reading(path) as shard:
            return read_record(shard, number, self._plan.layout)

    def fresh(self, key: str) -> Record | None:
        """The record of an image that this run made, whatever its source file is by now, or None."""
        sha256 = self._made.get(key)
        return None if sha256 is None else self.get(key, sha256)

    def stop_reading(self) -> None:
        """Close the files, which Windows would neither replace nor delete; `get` opens them again."""
        self._lease.close()

    def discard(self) -> None:
        """Delete the leftovers: call it when the shard is sealed."""
        self.stop_reading()
        for path in list(self._leftovers):
            self._delete(path)

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the files."""
        self.stop_reading()
        while self._leftovers:
            os.close(self._leftovers.popitem()[1])

    def _reading(self, file: Path) -> AbstractContextManager[LmdbReading]:
        return self._lease.reading(file, sound=file in self._fresh)

    def _survey(self, file: Path) -> dict[_Name, int]:
        """The number of every record of `file` that this plan made and whose row is whole."""
        names: dict[_Name, int] = {}
        with suppress(CorruptRecordError), self._reading(file) as shard:
            if _made_by(shard, self._plan):
                for number, data in _packed_rows(shard):
                    with suppress(CorruptRecordError):
                        row = unpack_row(data)
                        names[row.key, row.source_sha256] = number
        return names

    def _delete(self, leftover: Path) -> None:
        os.close(self._leftovers.pop(leftover))  # Windows deletes no open file
        with self._guard():  # where locks do not work, it may be a part that a later run writes
            leftover.unlink(missing_ok=True)


def sealed_shard(path: Path, plan: ShardPlan) -> ShardInfo | None:
    """The shard at `path` if it is there, was made by `plan`, and its blocks have the right hashes."""
    lease = Lease()
    try:
        with lease.reading(path) as shard:
            if not _made_by(shard, plan):
                return None
            images = 0
            for number, _ in _packed_rows(shard):
                if read_record(shard, number, plan.layout) is None:
                    return None
                images += 1
    except CorruptRecordError:
        return None
    finally:
        lease.close()
    return ShardInfo(path, images, path.stat().st_size, sha256_of(path))


def made_by(path: Path, plan: ShardPlan) -> bool:
    """Whether there is a whole shard at `path` that was made by `plan`."""
    lease = Lease()
    try:
        with lease.reading(path) as shard:
            return _made_by(shard, plan)
    except CorruptRecordError:
        return False
    finally:
        lease.close()


def shard_rows(path: Path) -> list[Row]:
    """The row of every image of a sealed shard, in order; raises CorruptRecordError."""
    lease = Lease()
    try:
        with lease.reading(path) as shard:
            return [unpack_row(data) for _, data in _packed_rows(shard)]
    finally:
        lease.close()


def _made_by(shard: LmdbReading, plan: ShardPlan) -> bool:
    return bytes(shard.get(HEADER_KEY, b"")) == plan.header


def _packed_rows(shard: LmdbReading) -> Iterator[tuple[int, memoryview]]:
    number = 0
    while (data := shard.get(row_key(number))) is not None:
        yield number, data
        number += 1


def read_record(shard: LmdbReading, number: int, layout: BlockLayout) -> Record | None:
    """The record with this number, or None if its row or one of its blocks is missing or damaged."""
    try:
        row = unpack_row(shard.get(row_key(number)))
    except CorruptRecordError:
        return None
    keys = block_keys(number, layout, row.height, row.width)
    values = [shard.get(key) for key in keys]
    if damaged_blocks(row, values):
        return None
    return Record(row, tuple(map(bytes, values)))
