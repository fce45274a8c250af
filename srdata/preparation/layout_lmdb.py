"""The `lmdb` layout: a shard is sealed by one process, and its images are made by as many as there are.

What one process makes of a shard stands in a part file beside it, as what an interrupted run leaves; the one
that seals the shard takes all of that over, in the order of the images.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from srdata.common.processes.run_claims import Claim
from srdata.errors import ImageError, StoreError
from srdata.preparation.make_layers import Source, make_layers, read_source
from srdata.preparation.planned.sent_files import SentClaim
from srdata.preparation.planned.shard_records import ShardRecord, record_path, recorded_sources, write_record
from srdata.preparation.source_items import Bad, Item
from srdata.recipes.set_recipe import Recipe
from srdata.store.blocks import BlockLayout
from srdata.store.codecs import find_codec
from srdata.store.records import Record, Row, make_record
from srdata.store.resume import Salvage, sealed_shard, shard_rows
from srdata.store.set_json import Quarantined
from srdata.store.shards import ShardInfo, ShardPlan, ShardWriter
from srdata.store.tables.set_files import FileEntry, shard_name


@dataclass(frozen=True)
class ShardTask:
    """The images of one shard."""

    target: Path
    number: int
    items: tuple[Item, ...]
    recipe: Recipe
    plan: ShardPlan
    skip_bad: bool
    claim: Claim
    expected: FileEntry | None  # what the shard was when the set was finished before

    @property
    def path(self) -> Path:
        """The file of the shard."""
        return self.target / shard_name(self.number)


@dataclass(frozen=True)
class ShardDone:
    """What became of some images of a shard: those that are bad, and those that are still to be made."""

    bad: tuple[Bad, ...] = ()
    missing: tuple[Item, ...] = ()
    part: Path | None = None  # the file that holds the others until the shard is sealed


def layout_of(recipe: Recipe) -> BlockLayout:
    """The layers and blocks of the shards that a recipe asks for."""
    codec = find_codec(recipe.store.codec)
    return BlockLayout(recipe.scales, recipe.store.block_size or codec.block)


def plan_of(recipe: Recipe) -> ShardPlan:
    """What the shards that a recipe asks for have in common."""
    return ShardPlan(layout_of(recipe), recipe.store.codec, recipe.digest)


def shard_tasks(
    groups: Mapping[int, Sequence[Item]],
    recipe: Recipe,
    target: Path,
    skip_bad: bool,
    claim: Claim,
    earlier: Mapping[str, FileEntry],
) -> list[ShardTask]:
    """A shard for each group of images, by number; `earlier` are the files of a set that was finished."""
    plan = plan_of(recipe)
    return [
        ShardTask(
            target, number, tuple(group), recipe, plan, skip_bad, claim, earlier.get(shard_name(number))
        )
        for number, group in groups.items()
    ]


Told = Callable[[int], None]  # is called with the number of images just done


def write_part(task: ShardTask, told: Told | None = None) -> ShardDone:
    """Make some images of a shard, for the one that seals it."""
    _check_here(task)
    bad: list[Bad] = []
    with ShardWriter(task.path, task.plan, task.claim.held) as part:
        for item in task.items:
            try:
                part.add(_made(read_source(item), task))
            except ImageError as error:
                bad.append(Bad(item.key, str(error)))
            _tell(told, 1)
    return ShardDone(tuple(bad), part=part.part)


def write_shard(
    task: ShardTask, most: int | None = None, told: Told | None = None, fresh: Collection[Path] = ()
) -> ShardDone:
    """Seal a shard, of what earlier runs left and of images that are made now; then write its record.

    Where more than `most` are to be made, nothing is done, and they are named. What `write_part` made in this
    run is `fresh`.
    """
    _check_here(task)
    if (info := _finished(task)) is not None:
        _record(task, info, shard_rows(task.path), ())
        _tell(told, len(task.items))
        return ShardDone()
    bad: list[Bad] = []
    rows: list[Row] = []
    guard = task.claim.held
    with Salvage(task.path, task.plan, guard, fresh) as earlier:
        missing = tuple(item for item in task.items if item.key not in earlier.keys)
        if most is not None and len(missing) > most:
            _tell(told, len(task.items) - len(missing))
            return ShardDone(missing=missing)
        with ShardWriter(task.path, task.plan, guard) as shard:
            for item in task.items:
                try:
                    record = _record_of(item, task, earlier)
                    shard.add(record)
                    rows.append(record.row)
                except ImageError as error:
                    bad.append(Bad(item.key, str(error)))
                _tell(told, 1)
            if bad and not task.skip_bad:
                return ShardDone(tuple(bad))
            record_path(task.target, task.number).unlink(missing_ok=True)
            earlier.stop_reading()
            info = shard.seal()
            earlier.discard()
    _record(task, info, rows, bad)
    return ShardDone(tuple(bad))


def _check_here(task: ShardTask) -> None:
    """Raise StoreError on a machine that does not see the storage of a set, or that of its images."""
    task.claim.check_here()
    folders = {item.hr.parent for item in task.items if isinstance(item.hr, Path)}
    if gone := sorted(folder for folder in folders if not folder.is_dir()):
        raise StoreError(
            f"{gone[0]} is not on {socket.gethostname()}: all machines must see the images there"
        )


def _tell(told: Told | None, images: int) -> None:
    if told is not None:
        told(images)


def _record(task: ShardTask, info: ShardInfo, rows: Sequence[Row], bad: Sequence[Bad]) -> None:
    record = ShardRecord(
        digest=task.plan.digest,
        images=len(task.items),
        file=FileEntry(bytes=info.bytes, sha256=info.sha256),
        bad=tuple(Quarantined(key=one.key, reason=one.reason) for one in bad),
    )
    write_record(task.target, task.number, record, rows, task.claim.held)
    if isinstance(task.claim, SentClaim):
        task.claim.send(shard_name(task.number), record_path(Path(), task.number).as_posix())


def is_of(target: Path, groups: Mapping[int, Sequence[Item]], recorded: tuple[int, ShardRecord]) -> bool:
    """Whether a shard, by its record, holds just these images made of just these files."""
    number, record = recorded
    made = {(item.key, read_source(item).sha256) for item in groups[number]} if not record.bad else None
    return made == set(recorded_sources(target, number)) and record.images == len(groups[number])


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


def _record_of(item: Item, task: ShardTask, earlier: Salvage) -> Record:
    if (made := earlier.fresh(item.key)) is not None:
        return made
    source = read_source(item)
    kept = earlier.get(item.key, source.sha256)
    return kept if kept is not None else _made(source, task)


def _made(source: Source, task: ShardTask) -> Record:
    made = make_layers(source, task.recipe)
    codec = find_codec(task.plan.codec)
    return make_record(made.facts, made.layers, task.plan.layout, codec, source.data)
