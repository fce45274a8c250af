"""Sets that are made of prepared sets: their shards are taken as they are, linked on one disk.

Such a set needs nothing of those that it was made of, which may be deleted: a link is another name of a file.
Its recipe says by what it was made, and has the recipes of the sets whose images it holds.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from srdata.common.processes.one_at_a_time import only_one_at
from srdata.common.processes.parallel import in_order
from srdata.common.progress import progress
from srdata.errors import SetError, UsageError
from srdata.fetch.remote_files import place_at
from srdata.prepared.image_columns import COLUMNS_FOLDER, column_names, read_column
from srdata.prepared.remote_claims import working_folder
from srdata.prepared.remote_sets import folder_of, set_reader, set_text
from srdata.set_changes.new_places import Place, described_at, made_in
from srdata.store.index import Index, join_rows
from srdata.store.reader import SetReader
from srdata.store.set_json import SET_FILE, Quarantined, SetFile, digest_of, read_set, write_set
from srdata.store.shards import ShardPlan, ShardWriter
from srdata.store.tables.parquet_file import write_tables
from srdata.store.tables.set_files import INDEX_FILE, FileEntry, file_entry, shard_name

_OF_DERIVED = ("from", "made", "through")
_AT_ONCE = 16  # shards that a store is asked for


@dataclass(frozen=True)
class Whole:
    """A shard that is taken as it is."""

    number: int
    rows: Sequence[int]  # of the index of its set


@dataclass(frozen=True)
class Packed:
    """Images that are taken out of their shards into one."""

    rows: Sequence[int]


Shard = Whole | Packed


@dataclass(frozen=True)
class Member:
    """A set that is taken from, and what is put before the keys of its images."""

    place: Path | str  # or its address
    reader: SetReader
    prefix: str = ""

    @classmethod
    def opened(cls, given: str | Path) -> Member:
        """Raises SetError, UsageError for a set without shards, DownloadError."""
        place = place_at(given)
        content = read_set(folder_of(given)[0])
        if content.layout != "lmdb":
            raise UsageError(f"{place} keeps {content.layout} files, no shards: prepare it with --lmdb")
        return cls(place, set_reader(place))

    @property
    def name(self) -> str:
        """That of its folder."""
        return self.place.rpartition("/")[2] if isinstance(self.place, str) else self.place.resolve().name

    @property
    def content(self) -> SetFile:
        """What the set says of itself."""
        return self.reader.set

    @cached_property
    def table(self) -> pa.Table:
        """Its index, with the keys that images get."""
        with pq.ParquetFile(self.reader.index.path) as file:
            table = file.read()
        if not self.prefix:
            return table
        import pyarrow.compute as pc  # takes long

        keys = pc.binary_join_element_wise(self.prefix, table["key"], "")
        return table.set_column(0, table.schema.field(0), keys)

    @cached_property
    def keys(self) -> list[str]:
        """The keys that images get."""
        keys: list[str] = self.table["key"].to_pylist()
        return keys

    @cached_property
    def columns(self) -> dict[str, pa.Array]:
        """What was added to it, by column."""
        count = len(self.reader)
        names = column_names(self.content)
        return {name: read_column(self.reader.path, self.content, name, count) for name in names}

    def check_unchanged(self) -> None:
        """Raise SetError where a set at an address, whose shards the store copied, is another by now."""
        here = (self.reader.path / SET_FILE).read_bytes()
        if isinstance(self.place, str) and set_text(self.place) != here:
            raise SetError(f"{self.place} was changed meanwhile: run the same command again")

    @property
    def left_out(self) -> list[Quarantined]:
        """The images of its source that are not in it."""
        return [one.model_copy(update={"key": self.prefix + one.key}) for one in self.content.left_out]


def is_made(target: Path | str, shards: Sequence[tuple[Member, Shard]], recipe: Mapping[str, Any]) -> bool:
    """Whether just this set is at the target; raises UsageError where something else is."""
    described = described_at(target)
    if described is None and (isinstance(target, str) or not os.path.lexists(target)):
        return False
    if described is not None and (content := read_set(described)).digest == digest_of(dict(recipe)):
        wanted = pa.concat_tables([member.table.take(pa.array(shard.rows)) for member, shard in shards])
        with pq.ParquetFile(Index.of_set(described, content).path) as file:
            there = file.read(["key", "pixels"])
        if there.equals(wanted.select(["key", "pixels"])):
            return True
    raise UsageError(f"{target} is there already: give another --name or --root, or delete it")


def write_new_set(
    target: Path | str,
    shards: Sequence[tuple[Member, Shard]],
    recipe: Mapping[str, Any],
    left_out: Sequence[Quarantined],
) -> None:
    """Write a set of these shards to a folder or address, whole or not at all; one that is just so stays.

    Raises UsageError where something is there, StoreError, StorageFullError, CorruptRecordError,
    DownloadError.
    """
    here = target if isinstance(target, Path) else working_folder(target)
    with only_one_at(here):
        if is_made(target, shards, recipe):
            return
        with made_in(target) as part:
            counts = join_rows(
                part / INDEX_FILE, [_rows_of(*one, number) for number, one in enumerate(shards)]
            )
            index = file_entry(part / INDEX_FILE)
            place = Place.claimed(part, target, f"made-{digest_of(dict(recipe))[:32]}-{index.sha256[:32]}")
            files = {
                INDEX_FILE: index,
                **_taken_all(place, here.name, shards, recipe),
                **_columns(part, shards),
            }
            content = _content(here.name, shards, recipe, left_out, counts, files)
            write_set(part, content)
            for member in {id(member): member for member, _ in shards}.values():
                member.check_unchanged()
            place.declare()


def _taken_all(
    place: Place, name: str, shards: Sequence[tuple[Member, Shard]], recipe: Mapping[str, Any]
) -> dict[str, FileEntry]:
    """Put all shards in their place; gives their sizes and hashes."""
    first = shards[0][0].content
    plan = ShardPlan(first.store_layout, first.codec or "", digest_of(dict(recipe)))
    (place.here / "shards").mkdir()
    jobs = _AT_ONCE if place.there is not None else 1
    taken = in_order(partial(_taken, place, plan), list(enumerate(shards)), jobs=jobs, backend="threading")
    files = {}
    with progress(name, sum(len(shard.rows) for _, shard in shards), "images") as advance:
        for number, ((_, shard), entry) in enumerate(zip(shards, taken, strict=True)):
            files[shard_name(number)] = entry
            advance(len(shard.rows))
    return files


def _content(
    name: str,
    shards: Sequence[tuple[Member, Shard]],
    recipe: Mapping[str, Any],
    left_out: Sequence[Quarantined],
    counts: dict[str, int],
    files: dict[str, FileEntry],
) -> SetFile:
    """What set.json says of the new set."""
    changed = {
        "name": name,
        "recipe": dict(recipe),
        "digest": digest_of(dict(recipe)),
        "counts": counts,
        "files": files,
        "quarantine": tuple(left_out),
        "versions": _versions(list({id(member): member.content for member, _ in shards}.values())),
    }
    return shards[0][0].content.model_copy(update=changed)


def _versions(members: Sequence[SetFile]) -> dict[str, str]:
    """The versions of what made the pixels; where they are several, all of them."""
    names = dict.fromkeys(name for one in members for name in one.versions)
    return {
        name: ", ".join(dict.fromkeys(one.versions[name] for one in members if name in one.versions))
        for name in names
    }


def _taken(place: Place, plan: ShardPlan, one: tuple[int, tuple[Member, Shard]]) -> FileEntry:
    """Put a shard of the new set in its place."""
    number, (member, shard) = one
    name = shard_name(number)
    if isinstance(shard, Whole):
        place.take(member.place, member.reader, shard.number, name)
        return member.content.files[shard_name(shard.number)]
    with ShardWriter(place.here / name, plan) as writer:
        for row in shard.rows:
            record = member.reader.record(row)
            writer.add(replace(record, row=record.row.model_copy(update={"key": member.keys[row]})))
        info = writer.seal()
    place.send(name)
    return FileEntry(bytes=info.bytes, sha256=info.sha256)


def _rows_of(member: Member, shard: Shard, number: int) -> pa.Table:
    """The rows of the index of a shard, which has this number in the new set."""
    table = member.table.take(pa.array(shard.rows))
    schema = table.schema
    table = table.set_column(
        schema.get_field_index("shard"), schema.field("shard"), pa.array([number] * len(table), pa.int32())
    )
    if isinstance(shard, Packed):
        places = pa.array(range(len(table)), pa.int32())
        table = table.set_column(schema.get_field_index("number"), schema.field("number"), places)
    return table


def _columns(part: Path, shards: Sequence[tuple[Member, Shard]]) -> dict[str, FileEntry]:
    """The columns that were added to the sets; null for the images of a set that has not that one."""
    keys = pa.array([member.keys[row] for member, shard in shards for row in shard.rows], pa.string())
    files = {}
    for name in sorted({name for member, _ in shards for name in member.columns}):
        kinds = {member.columns[name].type for member, _ in shards if name in member.columns}
        if len(kinds) > 1:
            raise UsageError(
                f"column {name} holds {' and '.join(sorted(map(str, kinds)))}: annotate one again"
            )
        (kind,) = kinds
        values = [
            member.columns[name].take(pa.array(shard.rows))
            if name in member.columns
            else pa.nulls(len(shard.rows), kind)
            for member, shard in shards
        ]
        file = f"{COLUMNS_FOLDER}/{name}.parquet"
        table = pa.table({"key": keys, name: pa.concat_arrays(values)})
        write_tables(part / file, [table], table.schema)
        files[file] = file_entry(part / file)
    return files


def recipe_of(name: str, members: Sequence[Member], how: str) -> dict[str, Any]:
    """The recipe of a set that is made of others: what all of theirs say, and these."""
    origins = [
        origin
        for member in members
        for origin in member.content.recipe.get("from")
        or [{"name": member.content.name, "digest": member.content.digest, "recipe": member.content.recipe}]
    ]
    recipes = [member.content.recipe for member in members]
    common = {
        key: value for key, value in recipes[0].items() if all(one.get(key) == value for one in recipes)
    }
    own = {key: value for key, value in common.items() if key not in ("exclude", *_OF_DERIVED)}
    through = {one for recipe in recipes for one in recipe.get("through") or ()}
    through |= {member.content.digest for member in members if "from" in member.content.recipe}
    distinct = list({(origin["digest"], origin["name"]): origin for origin in origins}.values())
    derived = {"name": name, "made": how, "from": distinct}
    return {**own, **derived, **({"through": sorted(through)} if through else {})}
