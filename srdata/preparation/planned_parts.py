"""A set made in parts, anywhere: a plan is written, its parts are made, and the set is declared finished.

A part needs the plan and the storage alone: that of the images and of the set, under the same paths or
at addresses. What is done stands in records beside the shards, so parts may be made twice, die, and be made
again, in any number and order; nothing is decided by the time of a file. The set has the bytes that `prepare`
gives it.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Unpack

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from srdata.common.processes.engines import check_jobs
from srdata.common.processes.one_at_a_time import only_one_at
from srdata.common.processes.parallel import in_order
from srdata.common.progress import progress
from srdata.common.wording.amounts import how_many
from srdata.discovery.found_parts import Found
from srdata.discovery.image_addresses import image_at
from srdata.errors import UsageError, given_path
from srdata.fetch.remote_files import look_at, place_at
from srdata.fetch.remote_folders import RemoteFolder
from srdata.preparation.beforehand.given_settings import GivenSettings, looked_up, settled
from srdata.preparation.beforehand.item_sizes import source_size
from srdata.preparation.beforehand.plan import licence_text
from srdata.preparation.layouts import Job, content_of, declare_shards, images_in_group, pixel_versions
from srdata.preparation.planned.grown_sets import Keys, grouped
from srdata.preparation.planned.plan_file import (
    PlanFile,
    PlanHeader,
    chunks_of,
    items_of,
    token_of,
    write_plan_file,
)
from srdata.preparation.planned.shard_records import ShardRecord
from srdata.preparation.prepare_set import (
    Log,
    Prepared,
    Request,
    choice_files,
    downloads_below,
    items_to_prepare,
    reached_from,
    target_of,
    whole_set,
    write_choice,
)
from srdata.preparation.set_targets import Target, target_at
from srdata.preparation.source_items import Item
from srdata.recipes.set_recipe import Recipe
from srdata.store.set_json import UNFINISHED
from srdata.store.tables.choice_table import CHOICE_FILE
from srdata.store.tables.set_files import repair_command
from srdata.vocabulary import Backend

_SHOWN = 8  # shards named in an error
_WORTH_PROCESSES_S = 4.0  # of work: in less, another process has hardly begun


def write_plan(
    recipe: str | Path | Recipe,
    plan: str | Path,
    *,
    root: str | Path = "data",
    name: str | None = None,
    from_dir: str | Path | None = None,
    jobs: int = -1,
    backend: Backend = "loky",
    skip_bad: bool = False,
    log: Log = lambda line: None,
    **settings: Unpack[GivenSettings],
) -> PlanFile | Prepared:
    """Write to the file `plan` what `srdata.prepare` would do with the same arguments, and claim the folder.

    Gives the plan, or the set where it is finished already. The images are looked at on `jobs` workers.
    Raises what `prepare` raises before it makes an image, and UsageError where another plan has the folder.
    """
    check_jobs(jobs)
    chosen, in_folder = looked_up(recipe, settings)
    chosen = settled(chosen)
    if chosen.store.layout != "lmdb":
        raise UsageError(f"a plan is for shards, not for the layout {chosen.store.layout}: add --lmdb")
    place, file = place_at(root), place_at(plan)
    target = target_of(chosen, place, name)
    target = target.absolute() if isinstance(target, Path) else target
    if _is_there(file):  # before the images are looked at
        there = PlanFile.read(file).header
        _refuse_overwriting(file, (there.target, there.digest) == (str(target), chosen.digest))
    log(licence_text(chosen))
    backend = reached_from(backend, root, chosen.folder)
    how = Request(downloads_below(place), given_path(from_dir) if from_dir else None, jobs, backend, skip_bad)
    written = plan_set(chosen, target, how, log, in_folder, file)
    if isinstance(written, PlanFile):
        images, shards = how_many(written.header.images, "image"), how_many(written.header.shards, "shard")
        log(f"{plan}: {images} in {shards} for {target}")
    return written


def plan_set(
    recipe: Recipe,
    target: Path | str,
    how: Request,
    log: Log,
    in_folder: Found | None,
    file: Path | str,
    token: str | None = None,
) -> PlanFile | Prepared:
    """Write the plan of a set to `file` and claim the target, by `token` or by what the plan itself gives.

    Gives the plan, or the set where it is finished already.
    """
    goal = target_at(target)
    with only_one_at(goal.here):
        there = goal.standing(recipe)
        if done := whole_set(there, target, log):
            return done
        if there is not None and there.damage and isinstance(target, Path):
            raise UsageError(f"{target} is damaged ({there.line}): {repair_command(target)}")
        found, taken = items_to_prepare(recipe, how, log, in_folder)
        before = goal.before(there, recipe)
        planned, groups = _laid_out(recipe, str(target), found, how, before, token)
        if token is None:
            _refuse_overwriting(file, not _is_there(file) or PlanFile.read(file).header == planned.header)
        claim = goal.take(planned.header.token)
        goal.begin(there, before, groups, recipe, log)
        if taken is not None:
            claim.check_here()
            write_choice(goal.here, taken, claim)
            goal.note(CHOICE_FILE)
        return planned.written(file)


@dataclass(frozen=True)
class _Layout:
    """A plan that is not written yet."""

    header: PlanHeader
    chunks: Sequence[pa.RecordBatch]
    sizes: Sequence[NDArray[np.int32]]
    shards: NDArray[np.int32]

    def written(self, place: Path | str) -> PlanFile:
        """The plan as a file at a path or an address."""
        if isinstance(place, Path):
            write_plan_file(place, self.chunks, self.sizes, self.shards, self.header)
            return PlanFile(place, self.header, place)
        folder, _, name = place.rpartition("/")
        with tempfile.TemporaryDirectory() as here:
            write_plan_file(Path(here) / name, self.chunks, self.sizes, self.shards, self.header)
            RemoteFolder(folder).put(Path(here) / name, name)
        return PlanFile.read(place)


def _laid_out(
    recipe: Recipe, target: str, found: Iterable[Item], how: Request, before: Keys, token: str | None
) -> tuple[_Layout, Sequence[Sequence[Item]]]:
    """The plan, and the images of each shard where a set grows: of a new one no list is made."""
    chunks = list(chunks_of(found, recipe))
    sizes = _measured(chunks, recipe, how)
    versions = pixel_versions()
    plain = recipe.resolved() | ({"folder": recipe.folder} if recipe.folder else {})
    facts = {"target": target, "digest": recipe.digest, "skip_bad": how.skip_bad, "versions": versions}
    token = token or token_of(chunks, facts)
    in_group = images_in_group(_counted(sizes, recipe), recipe)
    images = sum(map(len, chunks))
    groups: Sequence[Sequence[Item]] = ()
    shards = np.arange(images, dtype=np.int32) // np.int32(in_group)
    if before:
        items = [item for chunk in chunks for item in items_of(chunk, recipe)]
        groups = grouped(items, in_group, before)
        shards = np.repeat(np.arange(len(groups), dtype=np.int32), [len(group) for group in groups])
        by_key = dict(zip((item.key for item in items), np.concatenate(sizes), strict=True))
        chunks = list(chunks_of((item for group in groups for item in group), recipe))
        sizes = [np.stack([by_key[key] for key in chunk["key"].to_pylist()]) for chunk in chunks]
    header = PlanHeader(
        token=token,
        target=target,
        recipe=plain,
        digest=recipe.digest,
        shards=int(shards[-1]) + 1 if images else 0,
        images=images,
        skip_bad=how.skip_bad,
        versions=versions,
    )
    return _Layout(header, chunks, sizes, shards), groups


def _measured(chunks: Sequence[pa.RecordBatch], recipe: Recipe, how: Request) -> list[NDArray[np.int32]]:
    """What `_sizes` gives of all chunks: here, unless the first shows that other processes are worth it."""
    work, begun = partial(_sizes, recipe=recipe), time.perf_counter()
    found = [work(chunk) for chunk in chunks[:1]]
    left = (time.perf_counter() - begun) * len(chunks[1:])
    here = how.jobs == -1 and how.backend == "loky" and left < _WORTH_PROCESSES_S
    with progress("sizes", sum(map(len, chunks)), "images") as advance:
        advance(sum(map(len, found)))
        for some in in_order(work, chunks[1:], jobs=1 if here else how.jobs, backend=how.backend):
            found.append(some)
            advance(len(some))
    return found


def _is_there(place: Path | str) -> bool:
    return place.exists() if isinstance(place, Path) else look_at(place) is not None


def _refuse_overwriting(path: object, same: bool) -> None:
    """Raise UsageError where a file is another plan than the one that is to be written."""
    if not same:
        raise UsageError(f"{path} is another plan already: give another name, or delete it")


def _sizes(chunk: pa.RecordBatch, recipe: Recipe) -> NDArray[np.int32]:
    """Height and width of each image by its header, (n, 2); 0 where it is not known."""
    copies = [*(recipe.copies or ()), None]  # -1 is none
    columns = (chunk[name].to_pylist() for name in ("hr", "copy", "tile"))
    found = [
        (json.loads(tile)["size"],) * 2
        if tile
        else source_size(image_at(address) if address.startswith("{") else address, copies[copy]) or (0, 0)
        for address, copy, tile in zip(*columns, strict=True)
    ]
    return np.fromiter(chain.from_iterable(found), np.int32, 2 * len(found)).reshape(-1, 2)


def _counted(sizes: Sequence[NDArray[np.int32]], recipe: Recipe) -> Counter[tuple[int, int]]:
    """How many images there are of each stored size."""
    every = np.concatenate([np.zeros((0, 2), np.int32), *sizes])
    known = every[every.all(axis=1)].astype(np.int64)
    found, counts = np.unique(known[:, 0] << 32 | known[:, 1], return_counts=True)
    counted: Counter[tuple[int, int]] = Counter()
    for both, count in zip(found.tolist(), counts.tolist(), strict=True):
        height, width = both >> 32, both & 0xFFFFFFFF
        counted[recipe.stored(height), recipe.stored(width)] += count
    return counted


def make_part(
    plan: str | Path,
    part: tuple[int, int],
    *,
    jobs: int = -1,
    backend: Backend = "loky",
    log: Log = lambda line: None,
) -> None:
    """Make part `number` of `count` (1 to `count`) of a plan: a run of its shards, with their records.

    Raises ImageError for bad images, unless the plan skips them, and UsageError for what is no such part,
    for storage that is not the one of the plan, and for libraries of other versions.
    """
    number, count = part
    if not 1 <= number <= count:
        raise UsageError(f"there is no part {number} of {count}: give 1/{count} to {count}/{count}")
    check_jobs(jobs)
    planned = PlanFile.read(place_at(plan))
    header, recipe, goal = planned.header, planned.recipe, target_at(planned.target)
    if goal.finished(header.digest) is not None:
        log(f"{planned.target} is finished already")
        return
    claim = goal.claimed(header.token, planned.place)
    _check_versions(header)
    first, last = ((at * header.shards) // count for at in (number - 1, number))
    groups = planned.groups(first, last)
    shards = f"shard {first}" if last - first == 1 else f"shards {first} to {last - 1}"
    images = how_many(sum(map(len, groups.values())), "image")
    log(f"part {number}/{count}: {f'{shards}, {images}' if groups else 'no shards'}")
    todo = goal.undone(groups, recipe)
    items = [item for group in todo.values() for item in group]
    backend = reached_from(backend, planned.target, recipe.folder)
    Job(items, recipe, goal.here, claim, (), header.skip_bad, jobs, backend).make_shards(todo)


def finish_plan(plan: str | Path, *, log: Log = lambda line: None) -> Prepared:
    """Declare the set of a plan finished, by the records of its shards alone; no shard is opened.

    Raises UsageError where parts are missing, or the storage is not the one of the plan.
    """
    planned = PlanFile.read(place_at(plan))
    header, recipe, goal = planned.header, planned.recipe, target_at(planned.target)
    with only_one_at(goal.here):
        if (done := goal.finished(header.digest)) is not None:
            log(f"{planned.target} is finished already")
            if (goal.here / UNFINISHED).exists():  # an end that was killed when all else was done
                goal.claimed(header.token, planned.place).release()
            return done
        claim = goal.claimed(header.token, planned.place)
        claim.check_here()
        if recipe.choice:
            goal.bring(CHOICE_FILE)
        built = declare_shards(goal.here, _all_records(planned, goal), recipe, claim.held)
        built = replace(built, files=built.files | choice_files(recipe, goal.here))
        return goal.declare(content_of(recipe, goal.here.name, built), claim)


def _all_records(planned: PlanFile, goal: Target) -> list[ShardRecord]:
    """The record of every shard; raises UsageError where some have none."""
    header = planned.header
    records = goal.records(header.shards, header.digest)
    if undone := [str(number) for number, record in enumerate(records) if record is None]:
        names = ", ".join(undone[:_SHOWN]) + (" …" if len(undone) > _SHOWN else "")
        shards = how_many(header.shards, "shard")
        raise UsageError(
            f"{planned.target} still lacks {len(undone)} of {shards} ({names}): run the parts that are "
            "missing, or all that is by "
            f"`srdata prepare --plan {planned.place} --part 1/1`"
        )
    return [record for record in records if record is not None]


def _check_versions(header: PlanHeader) -> None:
    """Raise UsageError where the pixels could become others than those of the other parts."""
    here = pixel_versions()
    if other := [f"{name} {version}" for name, version in header.versions.items() if here[name] != version]:
        raise UsageError(
            f"the plan was made with {', '.join(other)}, and here are other versions: "
            "install the same on all machines"
        )
