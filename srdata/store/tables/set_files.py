"""The files of a set: those that set.json names, and the shards, which the table of it has.

Each has a size and a hash, by which it is checked.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path

from pydantic import Field

from srdata.common.files import sha256_of
from srdata.common.strict_model import StrictModel
from srdata.common.wording.amounts import how_many
from srdata.errors import DamagedSetError
from srdata.store.tables.shard_table import SHARDS_FILE, ShardTable

INDEX_FILE = "index.parquet"
RECORDS = ".records"  # has what is told of each shard that is finished
BEFORE = ".before"  # has what was in the set before it grew, for those who read that
_MOST_DIGITS = 18  # of the number of a shard


class FileEntry(StrictModel):
    """The size and SHA-256 of one file of a set."""

    bytes: int = Field(ge=0)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


class Files(Mapping[str, FileEntry]):
    """The files of a set with a table of shards: those that set.json names, and then the shards.

    The table is read when a shard is asked for, once it has the hash that it must have.
    Raises DamagedSetError.
    """

    def __init__(self, folder: Path, named: Mapping[str, FileEntry]) -> None:
        self.named = named
        self._folder = folder

    @property
    def _path(self) -> Path:
        """The table of this version of the set."""
        index = self.named.get(INDEX_FILE)
        return (kept_version(self._folder, index.sha256) if index else self._folder) / SHARDS_FILE

    @cached_property
    def _table(self) -> ShardTable:
        path = self._path
        table = ShardTable(path)
        try:
            if problem := problem_of(path, self.named[SHARDS_FILE]):
                raise ValueError(f"it {problem}")
            len(table)
        except ValueError as error:
            raise self._damaged(error) from error
        return table

    def bytes_of(self, name: str) -> int:
        """The size of a file, for which no hash is read; raises KeyError."""
        number = shard_number(name)
        if name in self.named or number is None:
            return self.named[name].bytes
        if number >= len(self._table):
            raise KeyError(name)
        return int(self._table.sizes[number])

    @property
    def bytes(self) -> int:
        """The size of all files together."""
        return sum(entry.bytes for entry in self.named.values()) + int(self._table.sizes.sum())

    def __getitem__(self, name: str) -> FileEntry:
        size = self.bytes_of(name)
        if name in self.named:
            return self.named[name]
        try:
            if not self._table.stands:  # the set has grown since
                del self.__dict__["_table"]
            return FileEntry(bytes=size, sha256=self._table.sha256(int(shard_number(name) or 0)))
        except ValueError as error:
            raise self._damaged(error) from error

    def __iter__(self) -> Iterator[str]:
        yield from self.named
        yield from map(shard_name, range(len(self._table)))

    def __len__(self) -> int:
        return len(self.named) + len(self._table)

    def __or__(self, changed: Mapping[str, FileEntry]) -> dict[str, FileEntry]:
        """These files, some of them changed, without the table, which follows from them."""
        return {name: entry for name, entry in {**self, **changed}.items() if name != SHARDS_FILE}

    def _damaged(self, error: ValueError) -> DamagedSetError:
        folder = self._path.parent
        return DamagedSetError(f"{self._path} is damaged ({error}): {repair_command(folder)}")


def with_shards(folder: Path, named: Mapping[str, FileEntry]) -> Mapping[str, FileEntry]:
    """The files that set.json names, with the shards of the table among them."""
    return Files(folder, named) if SHARDS_FILE in named else named


def trusted_files(folder: Path, files: Mapping[str, FileEntry]) -> Mapping[str, FileEntry]:
    """The files of a set, without its shards where the table that says what they must be is damaged."""
    if isinstance(files, Files) and problem_of(folder / SHARDS_FILE, files.named[SHARDS_FILE]):
        return files.named
    return files


def shard_name(number: int) -> str:
    """The path of a shard in a set's folder.

    >>> shard_name(7)
    'shards/00007.lmdb'
    """
    return f"shards/{number:05d}.lmdb"


def shard_number(name: str) -> int | None:
    """The number of the shard with this path, None of another file."""
    digits = name.removeprefix("shards/").removesuffix(".lmdb")
    number = int(digits) if digits.isascii() and digits.isdigit() and len(digits) < _MOST_DIGITS else None
    return number if number is not None and shard_name(number) == name else None


def file_entry(path: Path) -> FileEntry:
    """The size and hash of a file as it is now."""
    return FileEntry(bytes=path.stat().st_size, sha256=sha256_of(path))


def problem_of(path: Path, entry: FileEntry, *, full: bool = True) -> str | None:
    """What is wrong with a file, None where nothing is: with its size, or with `full` its hash too."""
    try:
        size = path.stat().st_size
        if size != entry.bytes:
            return f"has {how_many(size, 'byte')}, not {entry.bytes}"
        if full and (found := sha256_of(path)) != entry.sha256:
            return f"has SHA-256 {found}, not {entry.sha256}"
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return None


def kept_version(folder: Path, version: str, *, must: bool = True) -> Path:
    """Where a version of a set that has grown since is described; the set's own folder if it has not."""
    kept = folder / BEFORE / version
    return kept if kept.is_dir() or not must else folder


def repair_command(folder: Path) -> str:
    """What to do about damage in the set in `folder`, for errors."""
    return f"run `srdata verify {shlex.quote(str(folder))} --repair`"
