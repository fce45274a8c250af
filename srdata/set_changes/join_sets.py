"""`join`: one prepared set of several, of one degradation and scales."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from srdata.errors import UsageError
from srdata.set_changes.new_places import new_target
from srdata.set_changes.new_sets import Member, Shard, Whole, recipe_of, write_new_set


def join(sets: Sequence[str | Path], name: str, *, root: str | Path = "data") -> Path | str:
    """Make the set `name` below `root` of all images of several sets; gives its folder or address.

    The sets are of one degradation, scales, codec, block size and windows. Their shards are linked, or copied
    where they lie on another disk: the new set stays whole when they are deleted. Where two have a key in
    common, the keys of all get the name of their set before them, as `a/0001`. Columns that were added stay.
    Sets and `root` may be addresses, as s3://lab/sets: a store copies shards that lie on it by itself, those
    of others are brought here or sent. The set has the same bytes wherever it and the others are.

    Raises UsageError, SetError, DownloadError, and CorruptRecordError where an index is damaged.
    """
    if len(sets) < 2:
        raise UsageError("give two sets or more to join")
    target = new_target(root, name)
    members = [Member.opened(one) for one in sets]
    for other in members[1:]:
        _refuse_difference(members[0], other)
    members = _told_apart(members)
    shards: list[tuple[Member, Shard]] = [(one, shard) for one in members for shard in _shards_of(one)]
    left_out = [one for member in members for one in member.left_out]
    write_new_set(target, shards, recipe_of(name, members, "joined"), left_out)
    return target


def _refuse_difference(one: Member, other: Member) -> None:
    for what, here in _kind_of(one).items():
        there = _kind_of(other)[what]
        if here != there:
            raise UsageError(
                f"{one.place} and {other.place} differ in {what} ({_short(here)} and {_short(there)}): "
                "prepare them alike to join them"
            )


def _kind_of(member: Member) -> dict[str, Any]:
    """What the sets that are joined have in common."""
    content = member.content
    return {
        "scales": content.scales,
        "degradation": content.recipe.get("degradation"),
        "codec": content.codec,
        "block size": content.block,
        "windows": content.windows,
    }


def _short(value: object) -> str:
    text = ", ".join(value) if isinstance(value, tuple) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _told_apart(members: list[Member]) -> list[Member]:
    """The sets, with their names before their keys where two have a key in common."""
    keys = [set(member.keys) for member in members]
    if len(set().union(*keys)) == sum(map(len, keys)):
        return members
    names = [member.name for member in members]
    if len(set(names)) < len(names):
        raise UsageError(
            f"two sets are called {max(names, key=names.count)} and hold the same keys: rename one"
        )
    return [replace(member, prefix=f"{name}/") for member, name in zip(members, names, strict=True)]


def _shards_of(member: Member) -> list[Shard]:
    shards = member.reader.index.shards
    return [Whole(number, np.flatnonzero(shards == number).tolist()) for number in np.unique(shards).tolist()]
