"""Making a set of a recipe in a folder, once, however often it is interrupted."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from srdata import curation
from srdata.common.files import PART, storage_errors
from srdata.common.output_paths import check_folder
from srdata.common.processes.engines import CLUSTERS
from srdata.common.processes.file_systems import lock_problem
from srdata.common.processes.one_at_a_time import only_one_at
from srdata.common.processes.run_claims import Claim
from srdata.common.wording.amounts import how_many, images_by_split
from srdata.discovery.found_parts import Found
from srdata.errors import UsageError, path_text
from srdata.fetch.remote_files import joined
from srdata.preparation.beforehand.disk_need import check_download_room, check_set_room
from srdata.preparation.beforehand.item_sizes import stored_sizes
from srdata.preparation.beforehand.plan import check_request
from srdata.preparation.existing_pairs import find_pairs, found_lines
from srdata.preparation.layout_basicsr import build_basicsr, check_scales
from srdata.preparation.layout_folder import JOURNAL
from srdata.preparation.layouts import Built, Job, build_folder, build_lmdb
from srdata.preparation.planned.grown_sets import GROWN_FILE, Keys, changed_shards, note_shards, shards_before
from srdata.preparation.planned.plan_file import TOKEN
from srdata.preparation.source_items import Item, SourceItems, choose_items, found_anywhere
from srdata.preparation.standing_sets import Standing, standing
from srdata.prepared.image_columns import carry_columns
from srdata.prepared.remote_claims import refuse_hub
from srdata.recipes.fitting_sizes import Size
from srdata.recipes.set_recipe import NAME, Recipe
from srdata.store.set_json import SET_FILE, UNFINISHED, SetFile, read_set, write_set
from srdata.store.set_versions import keep_version
from srdata.store.tables.choice_table import CHOICE_FILE
from srdata.store.tables.parquet_file import write_tables
from srdata.store.tables.set_files import RECORDS, FileEntry, file_entry
from srdata.store.window_scores import SCORES_FOLDER
from srdata.vocabulary import Backend, Layout

Log = Callable[[str], None]

BUILDERS: dict[Layout, Callable[[Job], Built]] = {
    "lmdb": build_lmdb,
    "folder": build_folder,
    "basicsr": build_basicsr,
}


@dataclass(frozen=True)
class Prepared(os.PathLike[str]):
    """A finished set; wherever a path or address is taken, it stands for its folder."""

    path: Path | str  # or its address
    content: SetFile

    def __fspath__(self) -> str:
        return str(self.path)

    def __repr__(self) -> str:
        return f"Prepared({str(self.path)!r}: {self.summary})"

    @property
    def summary(self) -> str:
        """How many images of which splits, and their bytes."""
        megabytes = self.content.bytes / 1e6
        left_out = f", {len(self.content.left_out)} left out" if self.content.left_out else ""
        return f"{images_by_split(self.content.counts)}{left_out}, {megabytes:.1f} MB"


@dataclass(frozen=True)
class Request:
    """How a set is made."""

    root: Path  # of downloads
    from_dir: Path | None = None
    jobs: int = -1
    backend: Backend = "loky"
    skip_bad: bool = False
    thorough: bool = False  # whether files that are there are compared by their hashes, not by size alone


def reached_from(backend: Backend, *places: object) -> Backend:
    """The backend whose workers reach what is there: no other process sees `memory://`."""
    return "threading" if any(str(place).startswith("memory:") for place in places) else backend


def downloads_below(place: Path | str) -> Path:
    """The folder of this machine below which files are downloaded for sets at a path or address."""
    return place if isinstance(place, Path) else Path("data")


def make(recipe: Recipe, target: Path, how: Request, log: Log, found: Found | None = None) -> Prepared:
    """The set of a recipe at `target`: left as it is, made, gone on with, or mended where it is damaged.

    `found` is what there is in its folder, where that is known.
    """
    unfinished = target / UNFINISHED
    sure = not how.thorough and not unfinished.exists()
    if sure and (done := whole_set(standing(target, recipe), target, log)):
        return done  # before the lock, which a disk that is not to be written has no place for
    with only_one_at(target):
        there = standing(target, recipe, thorough=how.thorough)
        if done := whole_set(there, target, log):
            with storage_errors(target):
                unfinished.unlink(missing_ok=True)  # of a run that was killed when all else was done
            return done
        if there is not None and there.damage:
            log(f"{target} is damaged ({there.line}): what is wrong is made again")
        found_items, chosen = items_to_prepare(recipe, how, log, found)
        items = list(found_items)
        log(f"{target}: {how_many(len(items), 'image')}")
        check_scales(items, recipe)
        sizes = stored_sizes(items, recipe)
        check_set_room(items, sizes, recipe, target)
        if problem := lock_problem(target):
            log(f"warning: {problem}")
        before = shards_before(target, there.content if there else None, recipe)
        claim = claim_folder(target, ours=there is not None)
        job = _job(items, sizes, recipe, claim, how, there, before)
        begin(target, there, before, job.groups if before else (), recipe, log)
        write_choice(target, chosen, claim)
        return _build(job)


def begin(
    target: Path,
    there: Standing | None,
    before: Keys,
    groups: Sequence[Sequence[Item]],
    recipe: Recipe,
    log: Log,
) -> None:
    """Undeclare the set in a folder that is claimed: there is none until all of it is right.

    Of one that grows it is kept what it was, for those who read it.
    """
    content = there.content if there else None
    if there and content and before and there.stale:
        note_shards(target / GROWN_FILE, before, recipe.digest)
        changed = tell_growth(target, there, before, groups, log)
        kept = keep_version(target, content, changed)
        log(
            f"the set as it was is kept in {kept.parent} for what still reads it: delete it when nothing does"
        )
        if any(name.startswith(f"{SCORES_FOLDER}/") for name in content.named):
            log(f"the scores of {target} are of what it was: run `srdata classify` again for those of all")
    with storage_errors(target):
        (target / SET_FILE).unlink(missing_ok=True)


def tell_growth(
    target: object, there: Standing, before: Keys, groups: Sequence[Sequence[Item]], log: Log
) -> list[int]:
    """Say how much of a set is made anew; gives the numbers of its shards that become others."""
    changed = changed_shards(before, groups, there.stale)
    new = len(groups) - len(before)
    log(
        f"{target}: {how_many(len(there.stale), 'image')} new, gone or changed: making {len(changed)} of "
        f"{how_many(len(before), 'shard')} anew{f', and {new} more' if new > 0 else ''}"
    )
    return changed


def items_to_prepare(
    recipe: Recipe, how: Request, log: Log, found: Found | None
) -> tuple[SourceItems, curation.Chosen | None]:
    """The images of the source, downloaded where they have to be; what is taken and what not is logged."""
    if found is None and recipe.folder is not None:
        found = find_pairs(recipe)
    for line in found_lines(recipe, found) if found is not None else ():
        log(line)
    if recipe.source is not None and how.from_dir is None:
        check_download_room(recipe, how.root)
    items, chosen = choose_items(recipe, how.root, how.from_dir, found, how.jobs, how.backend)
    for line in () if chosen is None else chosen.lines:
        log(line)
    return items, chosen


def write_choice(target: Path, chosen: curation.Chosen | None, claim: Claim) -> None:
    """Keep what became of the images that a recipe chooses from."""
    if chosen is not None:
        write_tables(target / CHOICE_FILE, [chosen.table], chosen.table.schema, claim.held)


def choice_files(recipe: Recipe, target: Path) -> dict[str, FileEntry]:
    """The file that `write_choice` wrote."""
    return {CHOICE_FILE: file_entry(target / CHOICE_FILE)} if recipe.choice else {}


def _job(
    items: Sequence[Item],
    sizes: Sequence[Size],
    recipe: Recipe,
    claim: Claim,
    how: Request,
    there: Standing | None,
    before: Keys,
) -> Job:
    """What is to be made; on other machines the working folder is another."""
    if how.backend in CLUSTERS:
        claim = replace(claim, file=claim.file.absolute())
        items = [found_anywhere(item) for item in items]
    earlier = there if there and not there.stale else None
    folder = claim.file.parent
    return Job(items, recipe, folder, claim, sizes, how.skip_bad, how.jobs, how.backend, earlier, before)


def whole_set(there: Standing | None, target: Path | str, log: Log) -> Prepared | None:
    """A set with which nothing is wrong."""
    if there is None or there.damage or there.stale or there.content is None:
        return None
    log(f"{target} is prepared already")
    return Prepared(target, there.content)


def target_of(recipe: Recipe, root: Path | str, name: str | None) -> Path | str:
    """Where the set is to stand; raises UsageError for a request that cannot be met."""
    check_request(recipe)
    if name is not None and re.fullmatch(NAME, path_text(name, "the name of a folder")) is None:
        raise UsageError(f"{name!r} is no name for a folder: take letters, digits, dots, dashes, underscores")
    refuse_hub(root)
    if isinstance(root, str):
        return joined(root, name or recipe.set_name)
    target = root / (name or recipe.set_name)
    earlier = root / recipe.earlier_set_name
    if name is None and not target.exists() and earlier.is_dir():
        target = earlier
    check_folder(root, "--root")
    check_folder(target, "--name")
    return target


def _build(job: Job) -> Prepared:
    built = BUILDERS[job.recipe.store.layout](job)
    files = built.files | job.scores_of(built) | choice_files(job.recipe, job.target)
    return declare(job.target, job.content(replace(built, files=files)), job.claim)


def declare(target: Path, content: SetFile, claim: Claim) -> Prepared:
    """Declare a set finished, all of whose files are there, and delete what else is left of making it."""
    grew = (target / GROWN_FILE).exists()
    _remove_leftovers(target, {target / path for path in content.files})
    write_set(target, content, claim.held)
    if grew:
        carry_columns(target)
    with storage_errors(target):
        claim.release()
    return Prepared(target, read_set(target))


def claim_folder(target: Path, ours: bool, token: str | None = None) -> Claim:
    """Mark the folder as a set in the making, of this run or of the plan with this token.

    Raises UsageError if something else is in it, or if parts of another plan may be at work there.
    """
    with storage_errors(target):
        target.mkdir(exist_ok=True)
        ours = ours or any((target / name).exists() for name in (SET_FILE, UNFINISHED))
        if not ours and any(target.iterdir()):
            raise UsageError(f"{target} is not empty and no prepared set: give another --name or --root")
        file = target / UNFINISHED
        there = file.read_text(errors="replace") if file.exists() else ""
        if there.startswith(TOKEN) and there != token:
            raise UsageError(
                f"{target} is being made by parts of another plan: --finish that one, give another --name, "
                f"or delete {file} once none of its parts runs"
            )
        return Claim.take(file, token)


def _remove_leftovers(target: Path, kept: set[Path]) -> None:
    """Delete what earlier runs left in a set: part files, journals, shards of another recipe, scores."""
    for folder in (JOURNAL, RECORDS):
        shutil.rmtree(target / folder, ignore_errors=True)
    scores = target / SCORES_FOLDER
    (target / GROWN_FILE).unlink(missing_ok=True)
    for path in [*target.rglob(f"*{PART}*"), *target.glob("shards/*.lmdb"), *scores.glob("*")]:
        if path not in kept:
            path.unlink(missing_ok=True)
    with suppress(OSError):
        scores.rmdir()  # unless there are some
