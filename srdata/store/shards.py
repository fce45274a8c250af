"""Shards: one LMDB file each, written by one process, sealed by a rename, and never changed afterwards.

    with Salvage(path, plan) as old, ShardWriter(path, plan) as shard:
        for facts in images:
            shard.add(old.get(facts.key, facts.source_sha256) or make_record(facts, ...))
        info = shard.seal()
        old.discard()

What is at the final name is a whole shard. Until then the records stand in a part file beside it, one
transaction an image; a run that is killed leaves that file, and `Salvage` finds in it every record that is
still good. The bytes of a sealed shard follow from its records and its plan alone, whether or not it was
interrupted.
"""

from __future__ import annotations

import json
import os
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from srdata.common.files import Guard, part_name, publish, storage_errors, sync_and_hash
from srdata.common.processes.file_locks import lock_part
from srdata.errors import SrdataError, StoreError
from srdata.store.blocks import BlockLayout
from srdata.store.lmdb_files.lmdb_file import LmdbWriter
from srdata.store.records import Record, block_keys, pack_row, row_key

FORMAT = 1
HEADER_KEY = b"\0"  # sorts before every record


@dataclass(frozen=True)
class ShardPlan:
    """What all shards of a set have in common; each holds it in its header."""

    layout: BlockLayout
    codec: str
    digest: str  # of the resolved recipe: no record is taken over from a shard that has another
    map_bytes: int = 1 << 30  # the size of the LMDB map at first

    @cached_property
    def header(self) -> bytes:
        """The plan as JSON, but for `map_bytes`, which follows from the rest."""
        fields = {
            "format": FORMAT,
            "digest": self.digest,
            "codec": self.codec,
            "block": self.layout.block,
            "layers": self.layout.layers,
        }
        return json.dumps(fields, sort_keys=True).encode()


@dataclass(frozen=True)
class ShardInfo:
    """A sealed shard."""

    path: Path
    images: int
    bytes: int
    sha256: str


class ShardWriter(AbstractContextManager["ShardWriter"]):
    """Writes the shard `path`: add every record, then seal. Left without sealing, the part file stays for
    `Salvage`.

    Raises StorageFullError when the device is full and StoreError when the folder cannot be written.
    """

    def __init__(self, path: Path, plan: ShardPlan, guard: Guard = nullcontext) -> None:
        self._path = path
        self._guard = guard
        self._plan = plan
        self._images = 0
        with storage_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._part, self._lock = _new_part(path)
        self._file = LmdbWriter(self._part, plan.map_bytes)
        try:
            self._file.put([(HEADER_KEY, plan.header)], append=True)
        except SrdataError:
            self.close()
            raise

    @property
    def part(self) -> Path:
        """The file that is written until the shard is sealed."""
        return self._part

    def add(self, record: Record) -> None:
        """Store one image, all of it or nothing; it gets the next number."""
        row = record.row
        keys = block_keys(self._images, self._plan.layout, row.height, row.width)
        items = list(zip(keys, record.values, strict=True))
        self._file.put([*items, (row_key(self._images), pack_row(row))], append=True)
        self._images += 1

    def seal(self) -> ShardInfo:
        """Make the shard durable and give it its name."""
        self._file.close()
        with storage_errors(self._path):
            sha256 = self._publish()
        return ShardInfo(self._path, self._images, self._path.stat().st_size, sha256)

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the files; without `seal` before it, the part file stays for `Salvage`."""
        self._file.close()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _publish(self) -> str:
        try:
            sha256 = sync_and_hash(self._part)
            self.close()  # Windows renames no open file
            publish(self._part, self._path, self._guard)
        except FileNotFoundError as error:
            raise StoreError(
                f"{self._part} is gone, another run took it over: run the same command again"
            ) from error
        return sha256


def _new_part(path: Path) -> tuple[Path, int]:
    """A new, empty part file for `path`, and the handle that holds its lock."""
    while True:
        part = part_name(path)
        part.touch(exist_ok=False)
        if (handle := lock_part(part)) is not None:  # None: another run took it for a leftover
            return part, handle
