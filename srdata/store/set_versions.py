"""What a set was before it grew, for those who read that: kept in a folder of it, and found from there.

    .before/VERSION/set.json, index.parquet, …    the set as it was; VERSION is its index's SHA-256
    .before/SHA-256.lmdb                          a shard that became another one

These are links to the files that were there, so they take room for those alone that changed.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from srdata.common.files import part_name, storage_errors
from srdata.store.set_json import SET_FILE, SetFile
from srdata.store.tables.set_files import BEFORE, INDEX_FILE, kept_version, shard_name


def version_of(content: SetFile) -> str | None:
    """What tells the images of a set from those that it had before."""
    entry = content.named.get(INDEX_FILE)
    return None if entry is None else entry.sha256


def kept_shard(folder: Path, content: SetFile, shard: int) -> Path | None:
    """Where a shard is kept that has become another one since; None for one that has not."""
    if not (folder / BEFORE).is_dir():
        return None
    path = kept_path(folder, content, shard)
    return path if path.is_file() else None


def kept_path(folder: Path, content: SetFile, shard: int) -> Path:
    """Where a shard is kept once it becomes another one."""
    return folder / BEFORE / f"{content.files[shard_name(shard)].sha256}.lmdb"


def keep_version(folder: Path, content: SetFile, shards: Iterable[int]) -> Path:
    """Keep what a set is, and those shards that are to become others; gives the folder of it."""
    kept = kept_version(folder, str(version_of(content)), must=False)
    with storage_errors(kept):
        kept.mkdir(parents=True, exist_ok=True)
        for name in (*content.named, SET_FILE):
            (kept / name).parent.mkdir(exist_ok=True)
            _link(folder / name, kept / name)
        for shard in shards:
            _link(folder / shard_name(shard), kept_path(folder, content, shard))
    return kept


def _link(path: Path, kept: Path) -> None:
    """Give a file a second name, or make a copy of it where the file system has no links."""
    if kept.exists() or not path.exists():
        return
    try:
        os.link(path, kept)
    except OSError:
        part = part_name(kept)
        shutil.copyfile(path, part)
        part.replace(kept)
