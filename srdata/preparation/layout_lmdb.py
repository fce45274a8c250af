"""The `lmdb` layout: every task is one shard, written by the process that makes its images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from srdata.common.processes.run_claims import Claim
from srdata.errors import ImageError
from srdata.preparation.make_layers import Source, make_layers, read_source
from srdata.preparation.source_items import Bad, Item
from srdata.recipes.set_recipe import Recipe
from srdata.store.blocks import BlockLayout
from srdata.store.codecs import find_codec
from srdata.store.records import Record, make_record
from srdata.store.resume import Salvage, sealed_shard, shard_rows
from srdata.store.set_json import FileEntry, shard_name
from srdata.store.shards import ShardInfo, ShardPlan, ShardWriter


@dataclass(frozen=True)
class ShardTask:
    """The images of one shard."""

    path: Path
    items: tuple[Item, ...]
    recipe: Recipe
    plan: ShardPlan
    skip_bad: bool
    claim: Claim
    expected: FileEntry | None  # what the shard was when the set was finished before


@dataclass(frozen=True)
class ShardDone:
    """What became of a task: the sealed shard, None where bad images leave it open; and those images."""

    items: int
    info: ShardInfo | None
    bad: tuple[Bad, ...]


def layout_of(recipe: Recipe) -> BlockLayout:
    """The layers and blocks of the shards that a recipe asks for."""
    codec = find_codec(recipe.store.codec)
    return BlockLayout(recipe.scales, recipe.store.block_size or codec.block)


def plan_of(recipe: Recipe) -> ShardPlan:
    """What the shards that a recipe asks for have in common."""
    return ShardPlan(layout_of(recipe), recipe.store.codec, recipe.digest)


def shard_tasks(
    groups: Sequence[Sequence[Item]],
    recipe: Recipe,
    target: Path,
    skip_bad: bool,
    claim: Claim,
    earlier: Mapping[str, FileEntry],
) -> list[ShardTask]:
    """One shard for each group of images; `earlier` are the files of the set if it was finished before."""
    plan = plan_of(recipe)
    names = [shard_name(number) for number in range(len(groups))]
    return [
        ShardTask(target / name, tuple(group), recipe, plan, skip_bad, claim, earlier.get(name))
        for name, group in zip(names, groups, strict=True)
    ]


def write_shard(task: ShardTask) -> ShardDone:
    """Make the images of one shard and seal it; what an earlier run left is taken over."""
    if (info := _finished(task)) is not None:
        return ShardDone(len(task.items), info, ())
    bad: list[Bad] = []
    guard = task.claim.held
    with Salvage(task.path, task.plan, guard) as earlier, ShardWriter(task.path, task.plan, guard) as shard:
        for item in task.items:
            try:
                shard.add(_record(item, task, earlier))
            except ImageError as error:
                bad.append(Bad(item.key, str(error)))
        if bad and not task.skip_bad:
            return ShardDone(len(task.items), None, tuple(bad))
        earlier.stop_reading()
        info = shard.seal()
        earlier.discard()
    return ShardDone(len(task.items), info, tuple(bad))


def _finished(task: ShardTask) -> ShardInfo | None:
    """The shard of an earlier run, if it holds just these images made of just these files."""
    info = sealed_shard(task.path, task.plan)
    if info is None or info.images != len(task.items):
        return None
    if task.expected not in (None, FileEntry(bytes=info.bytes, sha256=info.sha256)):
        return None  # damaged where no block is
    rows = zip(shard_rows(task.path), task.items, strict=True)
    same = all(row.key == item.key and row.source_sha256 == read_source(item).sha256 for row, item in rows)
    return info if same else None


def _record(item: Item, task: ShardTask, earlier: Salvage) -> Record:
    source: Source = read_source(item)
    if (kept := earlier.get(item.key, source.sha256)) is not None:
        return kept
    made = make_layers(source, task.recipe)
    return make_record(made.facts, made.layers, task.plan.layout, find_codec(task.plan.codec))
