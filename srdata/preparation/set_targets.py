"""Where a set is to stand: a folder here, or an address, for which its files are made in a folder and sent.

At an address there are no locks. Whose set it is says a file of it, `.unfinished`, which the first that comes
writes and nobody overwrites; what is finished say the records beside the shards. A part checks the former
before it writes one of the latter. So two plans do not mix, and what is done twice has the same bytes.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Protocol

from srdata.common.files import storage_errors
from srdata.common.processes.parallel import in_order
from srdata.common.processes.run_claims import Claim
from srdata.common.wording.amounts import how_many
from srdata.errors import StoreError, UsageError
from srdata.fetch.remote_files import RemoteFile, bring_file
from srdata.fetch.remote_folders import RemoteFolder
from srdata.fetch.shard_cache import ShardCache
from srdata.preparation.layout_lmdb import is_of
from srdata.preparation.planned.grown_sets import GROWN_FILE, Keys, note_shards, shards_before
from srdata.preparation.planned.sent_files import SentClaim
from srdata.preparation.planned.shard_records import ShardRecord, read_records, record_path
from srdata.preparation.prepare_set import Log, Prepared, begin, claim_folder, declare, tell_growth
from srdata.preparation.source_items import Item
from srdata.preparation.standing_sets import Standing, refuse_other, stale_keys, standing
from srdata.prepared.image_columns import COLUMNS_FOLDER
from srdata.prepared.remote_claims import RemoteClaim, working_folder
from srdata.prepared.remote_sets import described_here
from srdata.recipes.set_recipe import Recipe
from srdata.store.set_json import SET_FILE, UNFINISHED, SetFile, read_set
from srdata.store.tables.set_files import BEFORE, RECORDS, shard_name

_AT_ONCE = 16  # files that are brought


class Target(Protocol):
    """Where a set is to stand."""

    @property
    def here(self) -> Path:
        """The folder of this machine in which its files are made."""

    def standing(self, recipe: Recipe) -> Standing | None:
        """What is there: that set, whole or not; raises UsageError where it is another one."""

    def before(self, there: Standing | None, recipe: Recipe) -> Keys:
        """Which image is in which shard there."""

    def take(self, token: str) -> Claim:
        """Claim it for a plan; raises UsageError where another one has it, or something else is there."""

    def begin(
        self, there: Standing | None, before: Keys, groups: Sequence[Sequence[Item]], recipe: Recipe, log: Log
    ) -> None:
        """Undeclare the set, of which what is to change is kept."""

    def claimed(self, token: str, plan: object) -> Claim:
        """What lets the parts of a plan write; raises UsageError where it is not claimed for it."""

    def finished(self, digest: str) -> Prepared | None:
        """The set of the recipe with this digest, where it is finished."""

    def undone(self, groups: Mapping[int, Sequence[Item]], recipe: Recipe) -> Mapping[int, Sequence[Item]]:
        """Those shards of which nobody can say yet that they are done."""

    def note(self, name: str) -> None:
        """Keep a file of `here` for whoever declares the set finished, on any machine."""

    def bring(self, name: str) -> None:
        """Have a file in `here` that was noted."""

    def records(self, shards: int, digest: str) -> list[ShardRecord | None]:
        """The record of every shard, in `here`; None where it is not finished."""

    def declare(self, content: SetFile, claim: Claim) -> Prepared:
        """Declare the set finished, whose index is in `here`."""


def target_at(place: Path | str) -> Target:
    """The target at a path or an address."""
    return FolderTarget(place) if isinstance(place, Path) else RemoteTarget(place)


@dataclass(frozen=True)
class FolderTarget:
    """A folder of this machine, or one that all machines see."""

    here: Path

    def standing(self, recipe: Recipe) -> Standing | None:
        return standing(self.here, recipe)

    def before(self, there: Standing | None, recipe: Recipe) -> Keys:
        return shards_before(self.here, there.content if there else None, recipe)

    def take(self, token: str) -> Claim:
        return claim_folder(self.here, ours=False, token=token)

    def begin(
        self, there: Standing | None, before: Keys, groups: Sequence[Sequence[Item]], recipe: Recipe, log: Log
    ) -> None:
        begin(self.here, there, before, groups, recipe, log)

    def claimed(self, token: str, plan: object) -> Claim:
        claim = Claim(self.here / UNFINISHED, token)
        if not claim.file.exists():
            raise UsageError(
                f"{self.here} is not here as {plan} left it: parts run where that folder is mounted "
                "at this path; make the plan again if it was deleted"
            )
        try:
            with storage_errors(self.here), claim.held():
                return claim
        except StoreError as error:
            raise _of_another(self.here, plan) from error

    def finished(self, digest: str) -> Prepared | None:
        if not (self.here / SET_FILE).exists():
            return None
        content = read_set(self.here)
        return Prepared(self.here, content) if content.digest == digest else None

    def undone(self, groups: Mapping[int, Sequence[Item]], recipe: Recipe) -> Mapping[int, Sequence[Item]]:
        return groups  # each worker looks for itself

    def note(self, name: str) -> None:
        pass  # it is there

    def bring(self, name: str) -> None:
        pass

    def records(self, shards: int, digest: str) -> list[ShardRecord | None]:
        return read_records(self.here, range(shards), digest)

    def declare(self, content: SetFile, claim: Claim) -> Prepared:
        return declare(self.here, content, claim)


@dataclass(frozen=True)
class RemoteTarget:
    """An address."""

    address: str

    @property
    def here(self) -> Path:
        return working_folder(self.address)

    @cached_property
    def _folder(self) -> RemoteFolder:
        return RemoteFolder(self.address)

    def standing(self, recipe: Recipe) -> Standing | None:
        if not self._folder.has(SET_FILE):
            return None
        described = described_here(self.address, ShardCache())
        content = read_set(described)
        refuse_other(self._folder, content, recipe)
        there = self._folder.files()
        sizes = {name: there[name].size if name in there else None for name in content.files}
        damage = tuple(
            f"{name} is missing" if size is None else f"{name} has {how_many(size, 'byte')}"
            for name, size in sizes.items()
            if size != content.size_of(name)
        )
        return Standing(damage, content.files, content, stale_keys(described, content, recipe))

    def before(self, there: Standing | None, recipe: Recipe) -> Keys:
        if there is not None:
            return shards_before(described_here(self.address, ShardCache()), there.content, recipe)
        if recipe.store.layout == "lmdb" and self._folder.has(GROWN_FILE):
            self.here.mkdir(parents=True, exist_ok=True)
            bring_file(RemoteFile(self._folder.at(GROWN_FILE)), self.here / GROWN_FILE)
        return shards_before(self.here, None, recipe)

    def take(self, token: str) -> Claim:
        RemoteClaim(self.address, token).take()
        return SentClaim(self.here / UNFINISHED, token, self.address)

    def begin(
        self, there: Standing | None, before: Keys, groups: Sequence[Sequence[Item]], recipe: Recipe, log: Log
    ) -> None:
        content = there.content if there else None
        if there and content and before and there.stale:
            note_shards(self.here / GROWN_FILE, before, recipe.digest)
            self._folder.put(self.here / GROWN_FILE, GROWN_FILE)
            changed = tell_growth(self._folder, there, before, groups, log)
            records = self._folder.files(RECORDS)
            for number in changed:
                sha256 = content.files[shard_name(number)].sha256
                self._folder.take(self._folder.at(shard_name(number)), f"{BEFORE}/{sha256}.lmdb")
                if (record := _record_name(number)) in records:
                    self._folder.remove(record)
        if there:
            self._folder.remove(SET_FILE)

    def claimed(self, token: str, plan: object) -> Claim:
        there = self._folder.read(UNFINISHED)
        if there is None:
            raise UsageError(
                f"{self._folder} is not as {plan} left it: make the plan again if it was deleted"
            )
        if there != token.encode():
            raise _of_another(self._folder, plan)
        return SentClaim(self.here / UNFINISHED, token, self.address)

    def finished(self, digest: str) -> Prepared | None:
        if not self._folder.has(SET_FILE):
            return None
        content = read_set(described_here(self.address, ShardCache()))
        return Prepared(self.address, content) if content.digest == digest else None

    def undone(self, groups: Mapping[int, Sequence[Item]], recipe: Recipe) -> Mapping[int, Sequence[Item]]:
        sizes = self._bring_records(groups)
        there = read_records(self.here, groups, recipe.digest, sizes)
        known = {number: record for number, record in zip(groups, there, strict=True) if record is not None}
        check = partial(is_of, self.here, groups)
        same = in_order(check, list(known.items()), jobs=_AT_ONCE, backend="threading")
        done = {number for number, right in zip(known, same, strict=True) if right}
        return {number: group for number, group in groups.items() if number not in done}

    def note(self, name: str) -> None:
        self._folder.put(self.here / name, name)

    def bring(self, name: str) -> None:
        bring_file(RemoteFile(self._folder.at(name)), self.here / name)

    def records(self, shards: int, digest: str) -> list[ShardRecord | None]:
        sizes = self._bring_records(range(shards))
        return read_records(self.here, range(shards), digest, sizes)

    def _bring_records(self, shards: Sequence[int] | Mapping[int, object]) -> dict[int, int]:
        """Bring the records of these shards to `here`; gives the size of each shard that is there."""
        found, records = self._folder.files("shards"), self._folder.files(RECORDS)
        wanted = [records[name] for number in shards if (name := _record_name(number)) in records]
        (self.here / RECORDS).mkdir(parents=True, exist_ok=True)
        bring = partial(_bring_below, self.here / RECORDS)
        for _ in in_order(bring, wanted, jobs=_AT_ONCE, backend="threading"):
            pass
        return {number: found[name].size or 0 for number in shards if (name := shard_name(number)) in found}

    def declare(self, content: SetFile, claim: Claim) -> Prepared:
        if self._folder.has(GROWN_FILE):  # perhaps noted on another machine
            (self.here / GROWN_FILE).touch()
            for file in self._folder.files(COLUMNS_FOLDER).values():
                (self.here / COLUMNS_FOLDER).mkdir(exist_ok=True)
                _bring_below(self.here / COLUMNS_FOLDER, file)
        return self.send(declare(self.here, content, claim).content, claim)

    def send(self, content: SetFile, claim: Claim) -> Prepared:
        """Declare the set finished of which `here` has what is not there yet."""
        declared = RemoteClaim(self.address, claim.token).declare(self.here, content, [GROWN_FILE])
        shutil.rmtree(self.here.parent)
        return Prepared(self.address, declared)


def _record_name(number: int) -> str:
    return record_path(Path(), number).as_posix()


def _bring_below(folder: Path, file: RemoteFile) -> None:
    bring_file(file, folder / file.address.rpartition("/")[2])


def _of_another(target: object, plan: object) -> UsageError:
    return UsageError(
        f"{target} is being made by another plan or run than {plan}: "
        "go on with that one, or make this plan with another --name"
    )
