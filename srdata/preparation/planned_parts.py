"""A set made in parts, anywhere: a plan is written, its parts are made, and the set is declared finished.

A part needs the plan and the storage alone: that of the images and of the set, under the same paths. What is
done stands in records beside the shards, so parts may be made twice, die, and be made again, in any number
and order; nothing is decided by the time of a file. The set has the bytes that `prepare` gives it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Unpack

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from srdata.common.files import storage_errors
from srdata.common.processes.engines import check_jobs
from srdata.common.processes.one_at_a_time import only_one_at
from srdata.common.processes.parallel import in_order
from srdata.common.processes.run_claims import Claim
from srdata.common.progress import progress
from srdata.discovery.image_addresses import image_at
from srdata.errors import StoreError, UsageError
from srdata.preparation.layouts import Job, content_of, declare_shards, images_in_group, pixel_versions
from srdata.preparation.plan import licence_text
from srdata.preparation.planned.plan_file import (
    PlanFile,
    PlanHeader,
    chunks_of,
    token_of,
    write_plan_file,
)
from srdata.preparation.planned.shard_records import ShardRecord, read_records
from srdata.preparation.prepare_set import (
    Log,
    Prepared,
    Request,
    Settings,
    claim_folder,
    declare,
    items_to_prepare,
    looked_up,
    target_of,
    whole_set,
)
from srdata.preparation.source_items import Item, source_size
from srdata.preparation.standing_sets import standing
from srdata.recipes.hub_commit import pinned
from srdata.recipes.set_recipe import Recipe
from srdata.store.set_json import SET_FILE, UNFINISHED, read_set, repair_command
from srdata.vocabulary import Backend

_SHOWN = 8  # shards named in an error


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
    **settings: Unpack[Settings],
) -> PlanFile | Prepared:
    """Write to the file `plan` what `srdata.prepare` would do with the same arguments, and claim the folder.

    Gives the plan, or the set where it is finished already. The images are looked at on `jobs` workers.
    Raises what `prepare` raises before it makes an image, and UsageError where another plan has the folder.
    """
    check_jobs(jobs)
    chosen, in_folder = looked_up(recipe, settings)
    chosen = pinned(chosen)
    if chosen.store.layout != "lmdb":
        raise UsageError(f"a plan is for shards, not for the layout {chosen.store.layout}: add --lmdb")
    target = target_of(chosen, Path(root), name).absolute()
    if (path := Path(plan)).exists():  # before the images are looked at
        there = PlanFile.read(path).header
        _refuse_overwriting(path, (there.target, there.digest) == (target, chosen.digest))
    log(licence_text(chosen))
    with only_one_at(target):
        stands = standing(target, chosen)
        if done := whole_set(stands, target, log):
            return done
        if stands is not None:
            raise UsageError(f"{target} is damaged ({stands.line}): {repair_command(target)}")
        how = Request(Path(root), Path(from_dir) if from_dir else None, jobs, backend, skip_bad)
        written = _written(chosen, target, items_to_prepare(chosen, how, log, in_folder), how, path)
    header = written.header
    log(f"{plan}: {header.images} images in {header.shards} shards for {target}")
    return written


def _written(recipe: Recipe, target: Path, found: Iterable[Item], how: Request, path: Path) -> PlanFile:
    chunks = list(chunks_of(found, recipe))
    images = sum(map(len, chunks))
    measured = in_order(partial(_sizes, recipe=recipe), chunks, jobs=how.jobs, backend=how.backend)
    with progress("sizes", images, "images") as advance:
        sizes = []
        for some in measured:
            sizes.append(some)
            advance(len(some))
    in_group = images_in_group(_counted(sizes, recipe), recipe)
    versions = pixel_versions()
    plain = recipe.resolved() | ({"folder": recipe.folder} if recipe.folder else {})
    facts = {"target": str(target), "digest": recipe.digest, "skip_bad": how.skip_bad, "versions": versions}
    header = PlanHeader(
        token=token_of(chunks, facts),
        target=target,
        recipe=plain,
        digest=recipe.digest,
        shards=-(-images // in_group),
        images=images,
        skip_bad=how.skip_bad,
        versions=versions,
    )
    _refuse_overwriting(path, not path.exists() or PlanFile.read(path).header == header)
    claim_folder(target, ours=False, token=header.token)
    write_plan_file(path, chunks, sizes, in_group, header)
    return PlanFile(path, header)


def _refuse_overwriting(path: Path, same: bool) -> None:
    """Raise UsageError where a file is another plan than the one that is to be written."""
    if not same:
        raise UsageError(f"{path} is another plan already: give another name, or delete it")


def _sizes(chunk: pa.RecordBatch, recipe: Recipe) -> NDArray[np.int32]:
    """Height and width of each image by its header, (n, 2); 0 where it is not known."""
    copies = [*(recipe.copies or ()), None]  # -1 is none
    found = [
        source_size(image_at(address) if address.startswith("{") else address, copies[copy]) or (0, 0)
        for address, copy in zip(chunk["hr"].to_pylist(), chunk["copy"].to_pylist(), strict=True)
    ]
    return np.array(found, np.int32).reshape(-1, 2)


def _counted(sizes: Sequence[NDArray[np.int32]], recipe: Recipe) -> Counter[tuple[int, int]]:
    """How many images there are of each stored size."""
    every = np.concatenate([np.zeros((0, 2), np.int32), *sizes])
    found, counts = np.unique(every[every.all(axis=1)], axis=0, return_counts=True)
    counted: Counter[tuple[int, int]] = Counter()
    for (height, width), count in zip(found.tolist(), counts.tolist(), strict=True):
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
    planned = PlanFile.read(Path(plan))
    header, recipe = planned.header, planned.recipe
    if _finished(planned) is not None:
        log(f"{header.target} is finished already")
        return
    claim = _claim(planned)
    _check_versions(header)
    first, last = ((at * header.shards) // count for at in (number - 1, number))
    groups = planned.groups(first, last)
    items = [item for group in groups.values() for item in group]
    log(
        f"part {number}/{count}: shards {first} to {last - 1}, {len(items)} images" if groups else "no shards"
    )
    job = Job(items, recipe, header.target, claim, (), header.skip_bad, jobs, backend)
    job.make_shards(groups)


def finish_plan(plan: str | Path, *, log: Log = lambda line: None) -> Prepared:
    """Declare the set of a plan finished, by the records of its shards alone; no shard is opened.

    Raises UsageError where parts are missing, or the storage is not the one of the plan.
    """
    planned = PlanFile.read(Path(plan))
    header, recipe = planned.header, planned.recipe
    with only_one_at(header.target):
        if (done := _finished(planned)) is not None:
            log(f"{header.target} is finished already")
            if (header.target / UNFINISHED).exists():  # an end that was killed when all else was done
                _claim(planned).release()
            return done
        claim = _claim(planned)
        built = declare_shards(header.target, _all_records(planned), recipe, claim.held)
        return declare(header.target, content_of(recipe, header.target.name, built), claim)


def _all_records(planned: PlanFile) -> list[ShardRecord]:
    """The record of every shard; raises UsageError where some have none."""
    header = planned.header
    records = read_records(header.target, header.shards, header.digest)
    if undone := [str(number) for number, record in enumerate(records) if record is None]:
        names = ", ".join(undone[:_SHOWN]) + (" …" if len(undone) > _SHOWN else "")
        raise UsageError(
            f"{len(undone)} of {header.shards} shards of {header.target} are not made yet ({names}): run the "
            f"parts that are missing, or all that is by `srdata prepare --plan {planned.path} --part 1/1`"
        )
    return [record for record in records if record is not None]


def _finished(planned: PlanFile) -> Prepared | None:
    """The set of a plan where it is finished."""
    target = planned.header.target
    if not (target / SET_FILE).exists():
        return None
    content = read_set(target)
    return Prepared(target, content) if content.digest == planned.header.digest else None


def _claim(planned: PlanFile) -> Claim:
    """What lets the parts of a plan write; raises UsageError where the folder is not claimed for it."""
    header = planned.header
    claim = Claim(header.target / UNFINISHED, header.token)
    if not claim.file.exists():
        raise UsageError(
            f"{header.target} is not here as {planned.path} left it: parts run where that folder is mounted "
            "at this path; make the plan again if it was deleted"
        )
    try:
        with storage_errors(header.target), claim.held():
            return claim
    except StoreError as error:
        raise UsageError(
            f"{header.target} is being made by another plan or run than {planned.path}: "
            "go on with that one, or make this plan with another --name"
        ) from error


def _check_versions(header: PlanHeader) -> None:
    """Raise UsageError where the pixels could become others than those of the other parts."""
    here = pixel_versions()
    if other := [f"{name} {version}" for name, version in header.versions.items() if here[name] != version]:
        raise UsageError(
            f"the plan was made with {', '.join(other)}, and here are other versions: "
            "install the same on all machines"
        )
