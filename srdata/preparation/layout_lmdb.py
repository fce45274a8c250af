"""The `lmdb` layout: a shard is sealed by one process, and its images are made by as many as there are.

What one process makes of a shard stands in a part file beside it, as what an interrupted run leaves; the one
that seals the shard takes all of that over, in the order of the images.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from functools import cached_property
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
    if (info := finished_shard(task)) is not None:
        return keep_shard(task, info, told)
    with UnsealedShard(task, fresh) as shard:
        missing = shard.missing
        if most is not None and len(missing) > most:
            _tell(told, len(task.items) - len(missing))
            return ShardDone(missing=missing)
        for item in task.items:
            shard.add(shard.make(item))
            _tell(told, 1)
        return shard.seal()


def keep_shard(task: ShardTask, info: ShardInfo, told: Told | None) -> ShardDone:
    """Leave a finished shard as it is; write its record."""
    _record(task, info, shard_rows(task.path), ())
    _tell(told, len(task.items))
    return ShardDone()


class UnsealedShard(AbstractContextManager["UnsealedShard"]):
    """A shard in the making: make its images, in any number of threads; add them in their order; seal it."""

    def __init__(self, task: ShardTask, fresh: Collection[Path] = ()) -> None:
        self._task = task
        self._earlier = Salvage(task.path, task.plan, task.claim.held, fresh)
        self._bad: list[Bad] = []
        self._rows: list[Row] = []
        self._files = ExitStack()
        self._files.enter_context(self._earlier)

    @cached_property
    def _writer(self) -> ShardWriter:
        writer = ShardWriter(self._task.path, self._task.plan, self._task.claim.held)
        return self._files.enter_context(writer)

    @property
    def missing(self) -> tuple[Item, ...]:
        """The images that no earlier run left."""
        keys = self._earlier.keys
        return tuple(item for item in self._task.items if item.key not in keys)

    def make(self, item: Item) -> Record | Bad:
        """An image: taken over from an earlier run where there is a good one, else made."""
        try:
            if (made := self._earlier.fresh(item.key)) is not None:
                return made
            source = read_source(item)
            kept = self._earlier.get(item.key, source.sha256)
            return kept if kept is not None else _made(source, self._task)
        except ImageError as error:
            return Bad(item.key, str(error))

    def add(self, image: Record | Bad) -> None:
        """Store an image in the part file, or note that it is bad."""
        if isinstance(image, Bad):
            self._bad.append(image)
        else:
            self._writer.add(image)
            self._rows.append(image.row)

    def seal(self) -> ShardDone:
        """Give the shard its name, and write its record; where no image may be bad, and one is, leave it."""
        task, done = self._task, ShardDone(tuple(self._bad))
        with self:
            if done.bad and not task.skip_bad:
                return done
            record_path(task.target, task.number).unlink(missing_ok=True)
            self._earlier.stop_reading()
            info = self._writer.seal()
            self._earlier.discard()
        _record(task, info, self._rows, done.bad)
        return done

    def __exit__(self, *error: object) -> None:
        self._files.close()


def _check_here(task: ShardTask) -> None:
    """Raise StoreError on a machine that does not see the storage of a set, or that of its images."""
    task.claim.check_here()
    folders = {item.hr.parent for item in task.items if isinstance(item.hr, Path)}
    if gone := sorted(folder for folder in folders if not folder.is_dir()):
        raise StoreError(
            f"{gone[0]}, which holds images of this set, is not on {socket.gethostname()}: bring it back, or "
            "mount it there, and run the same command again"
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


def finished_shard(task: ShardTask) -> ShardInfo | None:
    """The shard of an earlier run, if it holds just these images made of just these files."""
    _check_here(task)
    info = sealed_shard(task.path, task.plan)
    if info is None or info.images != len(task.items):
        return None
    if task.expected not in (None, FileEntry(bytes=info.bytes, sha256=info.sha256)):
        return None  # damaged where no block is
    rows = zip(shard_rows(task.path), task.items, strict=True)
    same = all(row.key == item.key and row.source_sha256 == read_source(item).sha256 for row, item in rows)
    return info if same else None


def _made(source: Source, task: ShardTask) -> Record:
    made = make_layers(source, task.recipe)
    codec = find_codec(task.plan.codec)
    return make_record(made.facts, made.layers, task.plan.layout, codec, source.data)
