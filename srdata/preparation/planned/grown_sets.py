"""A set whose source has grown: images stay in their shards, so that those alone change which have to.

Images that are new come last, into the last shard until it is full and then into others. What the set was is
kept for those who read it; which image was where is kept until the set is finished, as a run may be killed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import groupby
from pathlib import Path

import pyarrow as pa

from srdata.errors import CorruptRecordError
from srdata.preparation.source_items import Item
from srdata.recipes.set_recipe import Recipe
from srdata.store.index import Index
from srdata.store.set_json import SetFile
from srdata.store.tables.parquet_file import rows_of, write_tables

GROWN_FILE = ".grown.parquet"
_SCHEMA = pa.schema([("shard", pa.int32()), ("key", pa.string())])
_DIGEST = b"digest"

Keys = Sequence[Sequence[str]]  # of the images of each shard, in order


def grouped(items: Sequence[Item], in_group: int, before: Keys = ()) -> list[Sequence[Item]]:
    """The images of each shard, `in_group` of them where no earlier set has them in other numbers."""
    if not before:
        return [items[start : start + in_group] for start in range(0, len(items), in_group)]
    now = {item.key: item for item in items}
    groups = [[now.pop(key) for key in keys if key in now] for keys in before]
    for place, group in enumerate(groups):
        while groups and not groups[-1]:
            groups.pop()
        if not group and place < len(groups):
            groups[place] = groups.pop()
    new = list(now.values())  # in their order
    room = max(0, in_group - len(groups[-1])) if groups else 0
    if room and new:
        groups[-1] += new[:room]
    rest = new[room:]
    return [*groups, *(rest[start : start + in_group] for start in range(0, len(rest), in_group))]


def keys_by_shard(index: Index) -> Keys:
    """The keys of the images in each shard of a set."""
    shards, keys = index.shards.tolist(), index.keys.to_pylist()
    return [
        [key for _, key in some] for _, some in groupby(zip(shards, keys, strict=True), lambda one: one[0])
    ]


def changed_shards(before: Keys, now: Iterable[Sequence[Item]], stale: frozenset[str]) -> list[int]:
    """The numbers of the shards of before that become others, or none."""
    after = [[item.key for item in group] for group in now]
    return [
        number
        for number, keys in enumerate(before)
        if number >= len(after) or after[number] != list(keys) or not stale.isdisjoint(keys)
    ]


def note_shards(path: Path, before: Keys, digest: str) -> None:
    """Write which image was in which shard of the set of a recipe with this digest."""
    rows = [(number, key) for number, keys in enumerate(before) for key in keys]
    shards, keys = zip(*rows, strict=True) if rows else ((), ())
    schema = _SCHEMA.with_metadata({_DIGEST: digest.encode()})
    write_tables(
        path, [pa.table([pa.array(shards, pa.int32()), pa.array(keys, pa.string())], schema)], schema
    )


def noted_shards(path: Path, digest: str) -> Keys:
    """What `note_shards` wrote; nothing where that was of another recipe, or nothing was."""
    with suppress(OSError, pa.ArrowException):
        table = rows_of(path)
        if (table.schema.metadata or {}).get(_DIGEST) == digest.encode():
            pairs = zip(table["shard"].to_pylist(), table["key"].to_pylist(), strict=True)
            return [[key for _, key in some] for _, some in groupby(pairs, lambda one: one[0])]
    return ()


def shards_before(folder: Path, content: SetFile | None, recipe: Recipe) -> Keys:
    """Which image is in which shard of the set that a folder describes, or was when it began to grow."""
    if recipe.store.layout != "lmdb":
        return ()
    if content is None:
        return noted_shards(folder / GROWN_FILE, recipe.digest)
    try:
        return keys_by_shard(Index.of_set(folder, content))
    except CorruptRecordError:
        return ()
