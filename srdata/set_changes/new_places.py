"""Where a set that is made of others comes to be: a folder here, or an address, whole or not at all.

At an address the store itself copies the shards of sets that lie on it; those of others are sent.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from srdata.common.files import storage_errors
from srdata.errors import UsageError
from srdata.exporting.export_set import new_folder
from srdata.fetch.remote_files import joined, place_at
from srdata.fetch.remote_folders import RemoteFolder, same_storage
from srdata.fetch.shard_cache import ShardCache
from srdata.prepared.remote_claims import RemoteClaim, refuse_hub, working_folder
from srdata.prepared.remote_sets import described_here
from srdata.store.reader import SetReader
from srdata.store.set_json import SET_FILE, read_set
from srdata.store.tables.set_files import shard_name

_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"


def new_target(root: str | Path, name: str) -> Path | str:
    """The folder or address of a new set; raises UsageError for a name or root that is none."""
    if not re.fullmatch(_NAME, name):
        raise UsageError(f"{name!r} is no name for a folder: take letters, digits, dots, dashes, underscores")
    place = place_at(root)
    refuse_hub(place)
    return place / name if isinstance(place, Path) else joined(place, name)


def described_at(target: Path | str) -> Path | None:
    """A folder that describes the finished set at a target; None where there is none."""
    if isinstance(target, Path):
        return target if (target / SET_FILE).is_file() else None
    return described_here(target, ShardCache()) if RemoteFolder(target).has(SET_FILE) else None


@contextmanager
def made_in(target: Path | str) -> Iterator[Path]:
    """A folder in which the files of a new set are made; it becomes the target if that is a path."""
    if isinstance(target, Path):
        with new_folder(target) as part:
            yield part
        return
    here = working_folder(target)
    shutil.rmtree(here, ignore_errors=True)  # of a run that was killed
    with storage_errors(here):
        here.mkdir(parents=True)
    try:
        yield here
    finally:
        shutil.rmtree(here, ignore_errors=True)


@dataclass(frozen=True)
class Place:
    """Where the shards of a new set go: the folder in which it is made, or an address that is claimed."""

    here: Path
    there: RemoteClaim | None = None

    @classmethod
    def claimed(cls, here: Path, target: Path | str, token: str) -> Place:
        """That of a target; raises UsageError where something else is there, or is made there."""
        if isinstance(target, Path):
            return cls(here)
        claim = RemoteClaim(target, token)
        claim.take()
        return cls(here, claim)

    def take(self, place: Path | str, reader: SetReader, number: int, name: str) -> None:
        """Put a shard of the set at `place`, which `reader` reads, here under a name."""
        if self.there is None:
            _link(reader.shard_file(number)[0], self.here / name)
        elif isinstance(place, str) and same_storage(place, self.there.address):
            self.there.folder.take(joined(place, shard_name(number)), name)
        else:
            self.there.folder.put(reader.shard_file(number)[0], name)

    def send(self, name: str) -> None:
        """Send a shard that was made here, where it is to be elsewhere."""
        if self.there is not None:
            self.there.folder.put(self.here / name, name)
            (self.here / name).unlink()

    def declare(self) -> None:
        """Declare an address a set, of which `here` has what is not there yet."""
        if self.there is not None:
            self.there.declare(self.here, read_set(self.here))


def _link(path: Path, name: Path) -> None:
    with storage_errors(name):
        try:
            os.link(path, name)
        except OSError:  # another disk, or one without links
            shutil.copyfile(path, name)
