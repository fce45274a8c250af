"""Making shards on many workers: within a machine the last images are shared out, on a cluster shards are."""

from __future__ import annotations

import os
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path
from typing import Any

from srdata.common.files import PART
from srdata.common.processes.engines import Workers
from srdata.common.processes.parallel import results
from srdata.common.progress import Advance
from srdata.preparation.layout_lmdb import (
    ShardDone,
    ShardTask,
    Told,
    UnsealedShard,
    finished_shard,
    keep_shard,
    write_part,
    write_shard,
)
from srdata.preparation.source_items import Bad, Item
from srdata.store.records import Record

_PER_GROUP, _PER_WORKER = 16, 16  # pieces at least, of the images of a shard and of those of a set
_POLL_S = 0.1


def images_in_piece(group: int, total: int, pool: Workers) -> int:
    """How many images one call makes, of groups of `group` images and `total` in all."""
    return max(1, min(group // _PER_GROUP, total // (_PER_WORKER * pool.many())))


def pieces(items: Sequence[Item], size: int) -> Iterator[tuple[Item, ...]]:
    """Some images after another, `size` or fewer."""
    return (tuple(items[start : start + size]) for start in range(0, len(items), size))


@dataclass(eq=False)
class _Open:
    """A shard that is being made."""

    task: ShardTask
    parts: int = 0  # still to be made
    made: list[Path] = field(default_factory=list)  # the files of those that are
    bad: list[Bad] = field(default_factory=list)


@dataclass(frozen=True)
class _Call:
    """One call of a worker for a shard, and how many images are told to be done after it."""

    shard: _Open
    arguments: tuple[Any, ...]
    images: int = 0


def write_shards(tasks: Sequence[ShardTask], size: int, pool: Workers, advance: Advance) -> list[Bad]:
    """Make all shards; gives the bad images in their order.

    Where as many shards are left as there are workers, each makes one; the images of the others are made by
    all of them, `size` in a call. So nothing is written twice but what would leave workers idle. Threads
    hand over what they make, and nothing is written twice.
    """
    if pool.threads:
        return _by_threads(tasks, pool, advance)
    ready: deque[_Call] = deque()
    under_way: dict[Future[ShardDone], _Call] = {}
    bad: dict[int, list[Bad]] = {}
    with _told(pool, advance) as (told, tell):
        todo = _first_calls(tasks, size, pool, told)
        while True:
            for call in islice(_queue(ready, todo), max(0, pool.ahead() - len(under_way))):
                under_way[pool.submit(*call.arguments)] = call
            if not under_way:
                return [one for number in sorted(bad) for one in bad[number]]
            for future in wait(under_way, _POLL_S, FIRST_COMPLETED).done:
                call = under_way.pop(future)
                ready.extendleft(_then(call, future.result(), size, told))
                advance(call.images)
                bad[call.shard.task.number] = call.shard.bad
            tell()


def _by_threads(tasks: Sequence[ShardTask], pool: Workers, advance: Advance) -> list[Bad]:
    """Threads make the images of one shard after another, and seal those that are filled."""
    with ExitStack() as unsealed:
        filled = _filled(_images(tasks, pool, advance, unsealed), pool, advance)
        return [bad for done in results(pool, UnsealedShard.seal, filled) for bad in done.bad]


def _images(
    tasks: Sequence[ShardTask], pool: Workers, advance: Advance, unsealed: ExitStack
) -> Iterator[tuple[UnsealedShard, Item]]:
    """What is to be made."""
    for task, info in zip(tasks, results(pool, finished_shard, tasks), strict=True):
        if info is None:
            shard = unsealed.enter_context(UnsealedShard(task))
            yield from ((shard, item) for item in task.items)
        else:
            keep_shard(task, info, advance)


def _filled(
    images: Iterable[tuple[UnsealedShard, Item]], pool: Workers, advance: Advance
) -> Iterator[UnsealedShard]:
    """Shards with all of their images, of which a few are made ahead."""
    for shard, made in groupby(results(pool, _make, images), itemgetter(0)):
        for _, image in made:
            shard.add(image)
            advance(1)
        yield shard


def _make(image: tuple[UnsealedShard, Item]) -> tuple[UnsealedShard, Record | Bad]:
    shard, item = image
    return shard, shard.make(item)


def _queue(ready: deque[_Call], todo: Iterator[_Call]) -> Iterator[_Call]:
    """What is to be called next: that for which others were waited for comes first."""
    while True:
        if ready:
            yield ready.popleft()
        elif (call := next(todo, None)) is not None:
            yield call
        else:
            return


@contextmanager
def _told(pool: Workers, advance: Advance) -> Iterator[tuple[Told | None, Callable[[], None]]]:
    """What workers call for the images that are done, and what tells of them here."""
    if pool.here or pool.cluster:
        yield advance if pool.here else None, lambda: None
        return
    with tempfile.TemporaryDirectory() as folder:
        tally = Tally(Path(folder) / "images")
        tally.file.touch()
        shown = 0

        def tell() -> None:
            nonlocal shown
            done = tally.file.stat().st_size
            advance(done - shown)
            shown = done

        yield tally, tell


@dataclass(frozen=True)
class Tally:
    """Counts what many processes do: a byte in a file for each."""

    file: Path

    def __call__(self, images: int) -> None:
        handle = os.open(
            self.file, os.O_WRONLY | os.O_APPEND
        )  # makes none: it is gone where a run has failed
        try:
            os.write(handle, b"." * images)
        finally:
            os.close(handle)


def _first_calls(tasks: Sequence[ShardTask], size: int, pool: Workers, told: Told | None) -> Iterator[_Call]:
    """How each shard is begun."""
    if pool.cluster:
        yield from (_Call(_Open(task), (write_shard, task), len(task.items)) for task in tasks)
        return
    shared = len(tasks) % pool.many()
    begun = _begun(tasks)
    for place, task in enumerate(tasks):
        shard = _Open(task)
        if place < len(tasks) - shared or len(task.items) <= size:
            yield _Call(shard, (write_shard, task, None, told))
        elif task.path in begun:
            yield _Call(shard, (write_shard, task, size, told))
        else:
            yield from _in_parts(shard, task.items, size, told)


def _begun(tasks: Sequence[ShardTask]) -> set[Path]:
    """The shards of which there is something already."""
    folders = {task.path.parent for task in tasks}
    there = (path for folder in folders if folder.is_dir() for path in folder.iterdir())
    return {path.with_name(path.name.partition(PART)[0]) for path in there}


def _in_parts(shard: _Open, items: Sequence[Item], size: int, told: Told | None) -> list[_Call]:
    parts = [replace(shard.task, items=some) for some in pieces(items, size)]
    shard.parts = len(parts)
    return [_Call(shard, (write_part, part, told)) for part in parts]


def _then(call: _Call, done: ShardDone, size: int, told: Told | None) -> list[_Call]:
    """What is to be done after a call; what it told of bad images is noted."""
    shard = call.shard
    if done.missing:
        return _in_parts(shard, done.missing, size, told)
    order = {item.key: place for place, item in enumerate(shard.task.items)}
    shard.bad = sorted({*shard.bad, *done.bad}, key=lambda bad: order[bad.key])
    if call.arguments[0] is not write_part:
        return []
    shard.parts -= 1
    shard.made += [done.part] if done.part else []
    unusable = shard.bad and not shard.task.skip_bad
    return (
        [] if shard.parts or unusable else [_Call(shard, (write_shard, shard.task, None, None, shard.made))]
    )
