"""Each layout's way from items to the files of a set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from importlib import metadata
from itertools import accumulate
from pathlib import Path

from srdata.common.files import Guard
from srdata.common.processes.engines import Workers, workers
from srdata.common.processes.parallel import results
from srdata.common.processes.run_claims import Claim
from srdata.common.progress import Advance, progress
from srdata.common.wording.amounts import how_many
from srdata.errors import ImageError, StoreError
from srdata.preparation.beforehand.item_sizes import sample_bytes, size_of_item
from srdata.preparation.layout_folder import (
    FolderTask,
    finished,
    folder_tasks,
    names_of,
    note,
    note_earlier,
    noted,
    write_images,
)
from srdata.preparation.layout_lmdb import layout_of, shard_tasks
from srdata.preparation.planned.grown_sets import Keys, grouped
from srdata.preparation.planned.shard_records import ShardRecord, read_records, recorded_rows
from srdata.preparation.source_items import Bad, Item
from srdata.preparation.spread_shards import images_in_piece, pieces, write_shards
from srdata.preparation.standing_sets import Standing
from srdata.recipes.fitting_sizes import Size
from srdata.recipes.set_recipe import Recipe
from srdata.store.index import join_rows, write_rows
from srdata.store.set_json import ADDED, Quarantined, SetFile
from srdata.store.tables.set_files import INDEX_FILE, FileEntry, file_entry, shard_name
from srdata.store.tables.shard_table import SHARDS_FILE
from srdata.vocabulary import Backend

_PIXEL_LIBRARIES = ("numpy", "opencv-python-headless", "pillow", "lmdb", "torch")
_SHOWN = 10  # bad images named in an error
_WORTH_THREADS = 4_000_000  # HR pixels: fewer are done at once
_WORTH_PROCESSES = 100_000_000  # fewer are done by threads before other processes are ready to begin
_LARGE = 250_000  # pixels of an image


@dataclass(frozen=True)
class Job:
    """All that a layout needs to build a set."""

    items: Sequence[Item]
    recipe: Recipe
    target: Path
    claim: Claim
    sizes: Sequence[Size] = ()  # of the HR images as they are stored, where they are to be put in groups
    skip_bad: bool = False
    workers: int = -1
    backend: Backend = "loky"
    earlier: Standing | None = None  # the same set as it was finished before, and damaged since
    before: Keys = ()  # which image was in which shard, where images come to those of a set

    @cached_property
    def groups(self) -> list[Sequence[Item]]:
        """The images of each shard, as many to a group as `images_in_group` says."""
        many = images_in_group(Counter(self.sizes), self.recipe)
        return grouped(self.items, many, self.before)

    def make_shards(self, groups: Mapping[int, Sequence[Item]]) -> None:
        """A shard for each group of images, by number, and its record; raises ImageError for bad images."""
        tasks = shard_tasks(groups, self.recipe, self.target, self.skip_bad, self.claim, self.earlier_files)
        in_group = max(map(len, groups.values()), default=1)
        with self.at_work(in_group) as (pool, size, advance):
            self.refuse(write_shards(tasks, size, pool, advance))

    @contextmanager
    def at_work(self, in_group: int) -> Iterator[tuple[Workers, int, Advance]]:
        """Workers, how many images of groups of `in_group` a call of theirs makes, and progress."""
        total = len(self.items)
        jobs, backend = self.engine
        with workers(jobs, backend, most=total) as pool:
            size = images_in_piece(in_group, total, pool)
            name = self.target.name.lstrip(".")  # which a set within the target begins with
            with progress(name, total, "images") as advance:
                yield pool, size, advance

    @cached_property
    def engine(self) -> tuple[int, Backend]:
        """How many workers, and of which kind, unless their number or kind was given.

        For little work this process alone, and for a little more its threads, if images are large and LR is
        resized or read: their work is done outside of Python.
        """
        if self.workers != -1 or self.backend != "loky":
            return self.workers, self.backend
        few = len(self.items) * _LARGE <= _WORTH_PROCESSES and _draws_nothing(self.recipe)
        most, pixels = _WORTH_PROCESSES if few else _WORTH_THREADS, 0
        areas = (height * width for height, width in filter(None, map(size_of_item, self.items)))
        for pixels in accumulate(areas):
            if pixels >= most:  # no more headers are read
                return -1, "loky"
        if pixels < _WORTH_THREADS:
            return 1, "loky"
        return -1, "threading" if pixels >= len(self.items) * _LARGE else "loky"

    def refuse(self, bad: Sequence[Bad]) -> None:
        """Raise ImageError if there are bad images, and none may be."""
        if not self.skip_bad:
            refuse(bad, len(self.items))

    @property
    def earlier_files(self) -> Mapping[str, FileEntry]:
        """The files of the set when it was finished before."""
        return {} if self.earlier is None else self.earlier.files

    def scores_of(self, built: Built) -> dict[str, FileEntry]:
        """The scores and columns that the set had, if its images are the same again."""
        files = self.earlier_files
        if INDEX_FILE not in files or files[INDEX_FILE] != built.files.get(INDEX_FILE):
            return {}
        return {name: entry for name, entry in files.items() if name.startswith(ADDED)}

    def content(self, built: Built) -> SetFile:
        """What set.json says of the set."""
        before = {name: entry for name, entry in self.earlier_files.items() if name != SHARDS_FILE}
        if self.earlier and self.earlier.content and before == built.files:
            return self.earlier.content
        return content_of(self.recipe, self.target.name, built)


def _draws_nothing(recipe: Recipe) -> bool:
    """Whether LR images are resized or read, which libraries do, and not degraded at random."""
    chains = recipe.chains.values()
    return not any(op.draws for chain in chains for op in (*chain.hr, *chain.steps, *chain.target))


@dataclass(frozen=True)
class Built:
    """The files of a set but for set.json, and the images that were left out."""

    files: dict[str, FileEntry]
    bad: tuple[Quarantined, ...]
    counts: dict[str, int]  # split → images
    templates: dict[str, dict[str, str]] = field(default_factory=dict)
    codec: str | None = None
    block: int | None = None


def content_of(recipe: Recipe, name: str, built: Built) -> SetFile:
    """What set.json says of a set with this name that a recipe made."""
    return SetFile(
        name=name,
        layout=recipe.store.layout,
        recipe=recipe.resolved(),
        digest=recipe.digest,
        scales=tuple(map(str, recipe.scales)),
        codec=built.codec,
        block=built.block,
        windows=recipe.windows,
        templates=built.templates,
        seed=recipe.seed,
        versions=pixel_versions(),
        counts=built.counts,
        files=built.files,
        quarantine=built.bad,
    )


@cache
def pixel_versions() -> dict[str, str]:
    """The versions of srdata and of the libraries that make pixels."""
    return {name: metadata.version(name) for name in ("srdata", *_PIXEL_LIBRARIES)}


def images_in_group(sizes: Counter[tuple[int, int]], recipe: Recipe) -> int:
    """So many images that their samples come to about `shard_bytes`, of counted stored sizes.

    The number is a power of two that follows from the mean size, so that the groups stay the same when a bad
    image is mended.
    """
    total = sum(count * sample_bytes(*size, recipe) for size, count in sizes.items())
    mean = max(1, total // max(1, sizes.total()))
    return 1 << max(0, (recipe.store.shard_bytes // mean).bit_length() - 1)


def build_lmdb(job: Job) -> Built:
    """Shards and index."""
    job.make_shards(dict(enumerate(job.groups)))
    records = read_records(job.target, range(len(job.groups)), job.recipe.digest)
    if None in records:
        raise StoreError(f"{job.target} was changed while it was made: run the same command again")
    return declare_shards(job.target, [one for one in records if one], job.recipe, job.claim.held)


def declare_shards(target: Path, records: Sequence[ShardRecord], recipe: Recipe, guard: Guard) -> Built:
    """The index of finished shards, and what they are, by their records alone."""
    counts = join_rows(target / INDEX_FILE, recorded_rows(target, len(records)), guard)
    files = {INDEX_FILE: file_entry(target / INDEX_FILE)}
    files |= {shard_name(number): record.file for number, record in enumerate(records)}
    bad = tuple(bad for record in records for bad in record.bad)
    return Built(files, bad, counts, codec=recipe.store.codec, block=layout_of(recipe).block)


def build_folder(job: Job) -> Built:
    """PNG files and index."""
    tasks = folder_tasks(job.groups, job.recipe, job.target, job.claim)
    note_earlier(job.target, tasks, job.earlier_files)
    bad: list[Bad] = []
    with job.at_work(max(map(len, job.groups), default=1)) as (pool, size, advance):
        parts = [part for task in tasks for part in _parts(task, size)]
        for part, done in zip(parts, results(pool, write_images, parts), strict=True):
            note(part, done.written)
            bad += done.bad
            advance(len(part.items))
    job.refuse(bad)
    done_rows = (one.row for task in tasks for one in finished(task))
    write_rows(job.target / INDEX_FILE, done_rows, job.claim.held)
    files = {INDEX_FILE: file_entry(job.target / INDEX_FILE)}
    for task in tasks:
        for one in finished(task):
            files |= {path: FileEntry.model_validate(facts) for path, facts in one.files.items()}
    named: dict[str, dict[str, str]] = {}
    for item in job.items:
        named.setdefault(item.split, names_of(job.recipe).templates(item.split, job.recipe.scales))
    left_out = tuple(Quarantined(key=one.key, reason=one.reason) for one in bad)
    return Built(files, left_out, counts_of(job.items, left_out), named)


def counts_of(items: Sequence[Item], bad: Sequence[Quarantined]) -> dict[str, int]:
    """How many images of each split are not left out."""
    left_out = {one.key for one in bad}
    return dict(Counter(item.split for item in items if item.key not in left_out))


def _parts(task: FolderTask, size: int) -> Iterator[FolderTask]:
    """A task in pieces of `size` images, each with what its journal says of them."""
    known = noted(task)
    for some in pieces(task.items, size):
        earlier = {item.key: known[item.key] for item in some if item.key in known}
        yield replace(task, items=some, earlier=earlier)


def refuse(bad: Sequence[Bad], total: int) -> None:
    """Raise ImageError if there are bad images, naming the first few and the two ways on."""
    if bad:
        named = "".join(f"\n  {one.reason}" for one in bad[:_SHOWN])
        more = f"\n  and {len(bad) - _SHOWN} more" if len(bad) > _SHOWN else ""
        raise ImageError(
            f"{len(bad)} of {how_many(total, 'image')} cannot be used; the others are done and kept. "
            f"Mend them and run the same command again, or leave them out with --skip-bad:{named}{more}"
        )
