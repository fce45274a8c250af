"""Whose a set at an address is while it is made, and its end: set.json is the last that is written.

A store has no locks. The first that comes writes `.unfinished`, which nobody overwrites, with a token of its
own; before a file says that others are whole, the token is looked at.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

from srdata.common.processes.parallel import in_order
from srdata.errors import StoreError, UsageError
from srdata.fetch.remote_folders import RemoteFolder
from srdata.fetch.shard_cache import ShardCache, entry_name, usual_folder
from srdata.hub.address import is_hub_name
from srdata.prepared.remote_sets import described_here
from srdata.store.set_json import SET_FILE, UNFINISHED, SetFile, read_set
from srdata.store.tables.set_files import RECORDS

_AT_ONCE = 16  # files that are sent


@dataclass(frozen=True)
class RemoteClaim:
    """A set at an address, made by all who have this token; every method raises DownloadError."""

    address: str
    token: str

    @cached_property
    def folder(self) -> RemoteFolder:
        """The files at the address."""
        return RemoteFolder(self.address)

    def take(self) -> None:
        """Claim it; raises UsageError where another has it, or something else is there."""
        there = self.folder.names()
        if there and not there & {SET_FILE, UNFINISHED, RECORDS}:
            raise UsageError(f"{self.folder} is not empty and no prepared set: give another --name or --root")
        if self.folder.put_first(self.token.encode(), UNFINISHED) != self.token.encode():
            raise UsageError(
                f"{self.folder} is being made by another plan or run: go on with that one, give another "
                f"--name, or delete {self.folder}/{UNFINISHED} once nothing of it runs"
            )

    def check(self) -> None:
        """Raise StoreError where another has it by now."""
        if self.folder.read(UNFINISHED) != self.token.encode():
            raise StoreError(f"another run took {self.folder} over: this one leaves it alone")

    def declare(self, here: Path, content: SetFile, leftovers: Iterable[str] = ()) -> SetFile:
        """Send what the folder `here` has of the set, set.json last, and delete what else is there.

        The rest of it is there already.
        """
        names = [name for name in content.named if (here / name).exists()]
        for _ in in_order(partial(_send, self.folder, here), names, jobs=_AT_ONCE, backend="threading"):
            pass
        self.check()
        self.folder.put(here / SET_FILE, SET_FILE)
        for name in self.folder.files("shards"):
            if name not in content.files:
                self.folder.remove(name)
        for name in self.folder.names() & {UNFINISHED, *leftovers}:
            self.folder.remove(name)
        return read_set(described_here(self.address, ShardCache()))


def _send(folder: RemoteFolder, here: Path, name: str) -> None:
    folder.put(here / name, name)


def working_folder(address: str) -> Path:
    """Where the files of a set at an address are made; it has the name of the set."""
    return usual_folder() / "making" / entry_name("", address) / address.rpartition("/")[2]


def refuse_hub(root: Path | str) -> None:
    """Raise UsageError for an address of the Hub as the root of sets."""
    if is_hub_name(root):
        raise UsageError(
            f"{root} is no --root: prepare the set in a folder, and put it there by `srdata publish`"
        )
