"""Each layout's way from items to the files of a set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Protocol, TypeVar

from srdata.common.processes.parallel import in_order
from srdata.common.processes.run_claims import Claim
from srdata.common.progress import progress
from srdata.errors import ImageError
from srdata.preparation.layout_folder import (
    finished,
    folder_tasks,
    names_of,
    note_earlier,
    write_images,
)
from srdata.preparation.layout_lmdb import layout_of, shard_tasks, write_shard
from srdata.preparation.source_items import Bad, Item, sample_bytes, stored_sizes
from srdata.preparation.standing_sets import Standing
from srdata.recipes.set_recipe import Recipe
from srdata.store.index import write_index, write_rows
from srdata.store.set_json import INDEX_FILE, FileEntry, Quarantined, SetFile, file_entry
from srdata.store.window_scores import SCORES_FOLDER
from srdata.vocabulary import Backend

_PIXEL_LIBRARIES = ("numpy", "opencv-python-headless", "pillow", "lmdb", "torch")
_SHOWN = 10  # bad images named in an error


class _Done(Protocol):
    """What became of a task."""

    @property
    def items(self) -> int: ...
    @property
    def bad(self) -> tuple[Bad, ...]: ...


T = TypeVar("T")
D = TypeVar("D", bound=_Done)


@dataclass(frozen=True)
class Job:
    """All that a layout needs to build a set."""

    items: Sequence[Item]
    recipe: Recipe
    target: Path
    claim: Claim
    skip_bad: bool = False
    workers: int = -1
    backend: Backend = "loky"
    earlier: Standing | None = None  # the same set as it was finished before, and damaged since

    def groups(self) -> list[Sequence[Item]]:
        """The images in order, so many to a group that their samples come to about `shard_bytes`.

        The number is a power of two that follows from the mean size, so that the groups stay the same when a
        bad image is mended.
        """
        sizes = [sample_bytes(*size, self.recipe) for size in stored_sizes(self.items, self.recipe)]
        mean = max(1, sum(sizes) // max(1, len(sizes)))
        many = 1 << max(0, (self.recipe.store.shard_bytes // mean).bit_length() - 1)
        return [self.items[start : start + many] for start in range(0, len(self.items), many)]

    def run(self, work: Callable[[T], D], tasks: Sequence[T]) -> list[D]:
        """All tasks, with progress; raises ImageError after the last if an image is bad and none may be."""
        done = []
        with progress(self.recipe.set_name, len(self.items), "images") as advance:
            for one in in_order(work, tasks, jobs=self.workers, backend=self.backend):
                done.append(one)
                advance(one.items)
        if not self.skip_bad:
            refuse([bad for one in done for bad in one.bad], len(self.items))
        return done

    @property
    def earlier_files(self) -> Mapping[str, FileEntry]:
        """The files of the set when it was finished before."""
        return {} if self.earlier is None else self.earlier.files

    def scores_of(self, built: Built) -> dict[str, FileEntry]:
        """The scores that the set had, if its images are the same again."""
        files = self.earlier_files
        if INDEX_FILE not in files or files[INDEX_FILE] != built.files.get(INDEX_FILE):
            return {}
        return {name: entry for name, entry in files.items() if name.startswith(f"{SCORES_FOLDER}/")}

    def content(self, built: Built) -> SetFile:
        """What set.json says of the set."""
        if self.earlier and self.earlier.content and self.earlier.content.files == built.files:
            return self.earlier.content
        left_out = {bad.key for bad in built.bad}
        counts: Counter[str] = Counter(item.split for item in self.items if item.key not in left_out)
        return SetFile(
            name=self.target.name,
            layout=self.recipe.store.layout,
            recipe=self.recipe.resolved(),
            digest=self.recipe.digest,
            scales=tuple(map(str, self.recipe.scales)),
            codec=built.codec,
            block=built.block,
            windows=self.recipe.windows,
            templates=built.templates,
            seed=self.recipe.seed,
            versions={name: metadata.version(name) for name in ("srdata", *_PIXEL_LIBRARIES)},
            counts=dict(counts),
            files=built.files,
            quarantine=tuple(Quarantined(key=bad.key, reason=bad.reason) for bad in built.bad),
        )


@dataclass(frozen=True)
class Built:
    """The files of a set but for set.json, and the images that were left out."""

    files: dict[str, FileEntry]
    bad: tuple[Bad, ...]
    templates: dict[str, dict[str, str]] = field(default_factory=dict)
    codec: str | None = None
    block: int | None = None


def build_lmdb(job: Job) -> Built:
    """Shards and index."""
    tasks = shard_tasks(job.groups(), job.recipe, job.target, job.skip_bad, job.claim, job.earlier_files)
    done = job.run(write_shard, tasks)
    write_index(job.target / INDEX_FILE, [task.path for task in tasks], job.claim.held)
    files = {INDEX_FILE: file_entry(job.target / INDEX_FILE)}
    for task, one in zip(tasks, done, strict=True):
        if one.info is not None:
            name = task.path.relative_to(job.target).as_posix()
            files[name] = FileEntry(bytes=one.info.bytes, sha256=one.info.sha256)
    bad = tuple(bad for one in done for bad in one.bad)
    return Built(files, bad, codec=job.recipe.store.codec, block=layout_of(job.recipe).block)


def build_folder(job: Job) -> Built:
    """PNG files and index."""
    tasks = folder_tasks(job.groups(), job.recipe, job.target, job.claim)
    note_earlier(job.target, tasks, job.earlier_files)
    done = job.run(write_images, tasks)
    rows = (one.row for task in tasks for one in finished(task))
    write_rows(job.target / INDEX_FILE, rows, job.claim.held)
    files = {INDEX_FILE: file_entry(job.target / INDEX_FILE)}
    for task in tasks:
        for one in finished(task):
            files |= {path: FileEntry.model_validate(facts) for path, facts in one.files.items()}
    named: dict[str, dict[str, str]] = {}
    for item in job.items:
        named.setdefault(item.split, names_of(job.recipe).templates(item.split, job.recipe.scales))
    return Built(files, tuple(bad for one in done for bad in one.bad), named)


def refuse(bad: Sequence[Bad], total: int) -> None:
    """Raise ImageError if there are bad images, naming the first few and the two ways on."""
    if bad:
        named = "".join(f"\n  {one.reason}" for one in bad[:_SHOWN])
        more = f"\n  and {len(bad) - _SHOWN} more" if len(bad) > _SHOWN else ""
        raise ImageError(
            f"{len(bad)} of {total} images cannot be used; the others are done and kept. "
            f"Mend them and run the same command again, or leave them out with --skip-bad:{named}{more}"
        )
