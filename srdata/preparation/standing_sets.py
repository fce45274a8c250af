"""What stands where a set is to be made: nothing yet, that set, whole or damaged, or another one."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from srdata.common.processes.parallel import in_order
from srdata.degrade.whole_images import EPOCH
from srdata.errors import CorruptRecordError, DamagedSetError, ImageError, UsageError
from srdata.preparation.layout_lmdb import plan_of
from srdata.preparation.make_layers import make_layers, read_source
from srdata.preparation.source_items import Item, find_items
from srdata.recipes.set_recipe import Recipe
from srdata.store.index import Index
from srdata.store.resume import made_by
from srdata.store.set_json import SET_FILE, UNFINISHED, SetFile, check_files, read_set
from srdata.store.tables.set_files import INDEX_FILE, FileEntry, trusted_files, with_shards

_ENTRY = re.compile(rb'"([^"\n]+)": \{\s*"bytes": (\d{1,18}),\s*"sha256": "([0-9a-f]{64})"\s*\}')


@dataclass(frozen=True)
class Standing:
    """A set that this recipe made, and what is wrong with it; nothing has to be done where nothing is."""

    damage: tuple[str, ...]
    files: Mapping[str, FileEntry]  # what set.json says of them, as far as it can be read
    content: SetFile | None  # None where set.json is damaged or missing
    stale: frozenset[str] = frozenset()  # images of the source that are new, gone or others since

    @property
    def line(self) -> str:
        """The damage in short."""
        more = f" and {len(self.damage) - 1} more" if len(self.damage) > 1 else ""
        return f"{self.damage[0]}{more}"


def standing(target: Path, recipe: Recipe, *, thorough: bool = False) -> Standing | None:
    """The set that a recipe has made in `target`, if it has, and in which images its source has changed.

    Files are compared with set.json by their sizes, or, if `thorough`, by their hashes. Of layouts without an
    index (basicsr) it is not known of which files they were made; they count as unchanged. Raises UsageError
    if another recipe made the set.
    """
    try:
        content = read_set(target) if (target / SET_FILE).exists() else None
    except DamagedSetError:
        content = None
        if not _made_by(target, recipe):
            raise
    if content is None:
        return _without_set_file(target, recipe)
    refuse_other(target, content, recipe)
    checks = check_files(target, content, full=thorough)
    damage = tuple(f"{one.path} {one.problem}" for one in checks if one.problem)
    stale = frozenset[str]()
    if not damage:
        try:
            stale = stale_keys(target, content, recipe)
        except CorruptRecordError as error:
            damage = (str(error),)
    return Standing(damage, trusted_files(target, content.files), content, stale)


def refuse_other(target: object, content: SetFile, recipe: Recipe) -> None:
    """Raise UsageError if another recipe made a set, with the settings in which they differ."""
    if "from" in content.recipe:
        raise UsageError(
            f"{target} holds a set made of other sets: give this one another --name or --root, or delete "
            "that folder"
        )
    if content.digest != recipe.digest:
        changes = differences(content.recipe, recipe.resolved())
        raise UsageError(
            f"{target} holds a set made by another recipe ({changes}): "
            "give this one another --name or --root, or delete that folder"
        )


def differences(old: dict[str, object], new: dict[str, object]) -> str:
    """The settings in which two resolved recipes differ.

    >>> differences({"seed": 0, "scales": ["4"]}, {"seed": 1, "scales": ["4"]})
    'seed: 0 there, 1 here'
    """
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    return "; ".join(f"{name}: {old.get(name)} there, {new.get(name)} here" for name in names)


def _without_set_file(target: Path, recipe: Recipe) -> Standing | None:
    """A finished set whose set.json cannot be read; None where it is not one, or not known to be ours."""
    if (target / UNFINISHED).exists() or not _made_by(target, recipe):
        return None
    path = target / SET_FILE
    found = _ENTRY.findall(path.read_bytes()) if path.exists() else []
    files = {
        name.decode(errors="replace"): FileEntry(bytes=int(size), sha256=hash_.decode())
        for name, size, hash_ in found
    }
    known = trusted_files(target, with_shards(target, files))
    return Standing((f"{SET_FILE} is {'damaged' if path.exists() else 'missing'}",), known, None)


def _made_by(target: Path, recipe: Recipe) -> bool:
    """Whether a recipe made what stands in a folder: by the digest in set.json or shards, or by a draw."""
    path = target / SET_FILE
    if path.exists() and recipe.digest.encode() in path.read_bytes():
        return True
    if recipe.store.layout == "lmdb":
        return any(made_by(shard, plan_of(recipe)) for shard in sorted(target.glob("shards/*.lmdb")))
    return recipe.store.layout == "folder" and _drew(target / INDEX_FILE, recipe)


def _drew(index_path: Path, recipe: Recipe) -> bool:
    """Whether the first image of an index was degraded as a recipe would do it."""
    try:
        index = Index(index_path)
        if not len(index) or not recipe.chains:
            return False
        key, found = index.key(0), index.params(0)
    except CorruptRecordError:
        return False
    made = {scale.label: chain.sample(recipe.seed, EPOCH, key) for scale, chain in recipe.chains.items()}
    return all(found.get(label) == json.loads(json.dumps(draw)) for label, draw in made.items())


def stale_keys(folder: Path, content: SetFile, recipe: Recipe) -> frozenset[str]:
    """The images that are new, gone or others since a set was made of them; `folder` has its index.

    One that was left out as bad is new once it has been mended.
    """
    if recipe.folder is None or INDEX_FILE not in content.named:
        return frozenset()
    index = Index.of_set(folder, content)
    known = {index.key(row): index.source_sha256(row) for row in range(len(index))}
    now = {item.key: item for item in find_items(recipe, folder)}
    left_out = [now.pop(bad.key) for bad in content.quarantine if bad.key in now]
    usable = in_order(partial(_can_be_made, recipe=recipe), left_out, backend="threading")
    mended = {item.key for item, good in zip(left_out, usable, strict=True) if good}
    both = [item for key, item in now.items() if key in known]
    hashes = in_order(_source_hash, both, backend="threading")
    changed = {item.key for item, found in zip(both, hashes, strict=True) if found != known[item.key]}
    return frozenset(changed | mended | (set(now) ^ set(known)))


def _source_hash(item: Item) -> str:
    return read_source(item).sha256


def _can_be_made(item: Item, recipe: Recipe) -> bool:
    try:
        make_layers(read_source(item), recipe)
    except ImageError:
        return False
    return True
