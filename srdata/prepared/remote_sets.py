"""Prepared sets at addresses: what describes one is brought here, and each shard at its first use."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from srdata.common.files import write_file
from srdata.common.processes.parallel import in_order
from srdata.errors import DamagedSetError, DownloadError, HashMismatchError, SetError, UsageError
from srdata.fetch.remote_files import RemoteFile, bring_file, joined, look_at, place_at, sha256_at, shown
from srdata.fetch.remote_folders import RemoteFolder
from srdata.fetch.shard_cache import ShardCache, entry_name
from srdata.store.reader import SetReader
from srdata.store.set_json import SET_FILE, UNFINISHED, FileCheck, SetFile, read_set
from srdata.store.tables.set_files import BEFORE, RECORDS, FileEntry, shard_name

_AT_ONCE = 8  # files that are read to be checked


class RemoteReader(SetReader):
    """Reads a set at an address, whose shards are brought to the cache when they are needed.

    It pickles as the folder that describes the set, so that a set which grows meanwhile stays what it was.
    """

    def __init__(self, address: str, folder: Path, cache: ShardCache, *, verify: bool = True) -> None:
        refuse_other_layouts(shown(address), read_set(folder))
        super().__init__(folder, verify=verify)
        self._address = address
        self._cache = cache

    def shard_file(self, shard: int) -> tuple[Path, int]:
        """The shard here, brought again where it went; raises DownloadError, HashMismatchError."""
        if shard not in self._shards or not self._shards[shard][0].exists():
            name = shard_name(shard)
            if name not in self.set.files:
                return super().shard_file(shard)  # raises
            entry = self.set.files[name]
            path = self._cache.get(entry_name(".lmdb", entry.sha256), partial(self._bring, name, entry))
            self._shards[shard] = path, entry.bytes
        return self._shards[shard]

    def _bring(self, name: str, entry: FileEntry, path: Path) -> None:
        """Bring a shard, or, where it is another now, the one that was kept for readers of before."""
        kept = RemoteFile(joined(self._address, f"{BEFORE}/{entry.sha256}.lmdb"), entry.bytes, entry.sha256)
        try:
            bring_file(RemoteFile(joined(self._address, name), entry.bytes, entry.sha256), path)
        except (HashMismatchError, DownloadError):
            if look_at(kept.address) is None:
                raise
            bring_file(kept, path)

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopen, (self._address, self.path, self._cache, self.verify)


def _reopen(address: str, folder: Path, cache: ShardCache, verify: bool) -> RemoteReader:
    return RemoteReader(address, folder, cache, verify=verify)


def set_reader(place: Path | str, *, verify: bool = True) -> SetReader:
    """What reads the shards of a set at a path or an address; raises SetError, DownloadError."""
    if isinstance(place, Path):
        return SetReader(place, verify=verify)
    cache = ShardCache()
    return RemoteReader(place, described_here(place, cache), cache, verify=verify)


def folder_of(given: str | Path) -> tuple[Path, str | None]:
    """The folder that describes a set, and the address of the set where that is another place."""
    place = place_at(given)
    return (place, None) if isinstance(place, Path) else (described_here(place, ShardCache()), place)


def described_here(address: str, cache: ShardCache) -> Path:
    """A folder with what describes a set at an address: set.json, index, table of shards, what was added.

    Raises SetError where there is no finished set or its set.json is damaged, DownloadError.
    """
    text = set_text(address)
    folder = cache.folder / "sets" / entry_name("", text)
    if not (folder / SET_FILE).is_file():
        write_file(folder / SET_FILE, text)
    try:
        named = read_set(folder).named
    except DamagedSetError as error:
        raise DamagedSetError(
            f"{joined(shown(address), SET_FILE)} is damaged: delete it there, and run the same `srdata "
            f"prepare` again; of a set that has no {RECORDS}/ delete all, and make it again"
        ) from error
    for name, entry in named.items():
        if name.endswith(".parquet") and not (folder / name).is_file():
            _bring_small(name, entry, address, folder, cache)
    return folder


def refuse_other_layouts(place: object, content: SetFile) -> None:
    """Raise UsageError for a set at an address whose images cannot be read from there."""
    if content.layout != "lmdb":
        raise UsageError(f"{place} keeps {content.layout} files, no shards: bring it here and give its path")


def set_text(address: str) -> bytes:
    """The set.json at an address; raises SetError where there is none, DownloadError."""
    folder = RemoteFolder(address)
    if (text := folder.read(SET_FILE)) is not None:
        return text
    if folder.has(UNFINISHED):
        raise SetError(f"{folder} is not finished: run the same `srdata prepare` again, it goes on")
    raise SetError(f"{folder} is no prepared set (it has no {SET_FILE}): check the address, or prepare it")


def _bring_small(name: str, entry: FileEntry, address: str, folder: Path, cache: ShardCache) -> None:
    """Put one of the small files of a set at an address into a folder."""
    file = RemoteFile(joined(address, name), entry.bytes, entry.sha256)
    path = cache.get(entry_name(".index", entry.sha256), lambda path: bring_file(file, path))
    write_file(folder / name, path.read_bytes())


def check_files_at(address: str, content: SetFile) -> Iterator[FileCheck]:
    """Compare every file of a set at an address with set.json; each is read once, and none is kept here."""
    there = RemoteFolder(address).files()
    check = partial(_check_file, there, content)
    yield from in_order(check, list(content.files), jobs=_AT_ONCE, backend="threading")


def _check_file(there: dict[str, RemoteFile], content: SetFile, name: str) -> FileCheck:
    found, entry = there.get(name), content.files[name]
    if found is None:
        return FileCheck(name, "is missing")
    if found.size != entry.bytes:
        return FileCheck(name, f"has {found.size} bytes, not {entry.bytes}")
    sha256 = sha256_at(found.address)
    return FileCheck(name, None if sha256 == entry.sha256 else f"has SHA-256 {sha256}, not {entry.sha256}")
