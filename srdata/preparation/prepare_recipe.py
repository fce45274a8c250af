"""`prepare`: from a recipe to a finished set, in a folder or at an address.

At an address shards are made by a plan of one part; other layouts are made in a folder here, and sent.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Unpack

from srdata.common.processes.engines import check_jobs
from srdata.common.processes.one_at_a_time import only_one_at
from srdata.common.wording.amounts import how_many
from srdata.discovery.found_parts import Found
from srdata.errors import given_path
from srdata.fetch.remote_files import place_at
from srdata.preparation.beforehand.given_settings import GivenSettings, looked_up, settled
from srdata.preparation.beforehand.plan import licence_text, plan_text
from srdata.preparation.planned.plan_file import TOKEN
from srdata.preparation.planned_parts import finish_plan, make_part, plan_set
from srdata.preparation.prepare_set import (
    Log,
    Prepared,
    Request,
    downloads_below,
    make,
    reached_from,
    target_of,
    whole_set,
)
from srdata.preparation.set_targets import RemoteTarget
from srdata.prepared.remote_claims import working_folder
from srdata.recipes.set_recipe import Recipe
from srdata.vocabulary import Backend


def prepare(
    recipe: str | Path | Recipe,
    *,
    root: str | Path = "data",
    name: str | None = None,
    from_dir: str | Path | None = None,
    jobs: int = -1,
    backend: Backend = "loky",
    skip_bad: bool = False,
    log: Log = lambda line: None,
    **settings: Unpack[GivenSettings],
) -> Prepared:
    """Prepare the set of a recipe below `root`, or go on with it; each may be an address, as s3://lab/set.

    The recipe is a name, a YAML file, a path to images, or hf://ORG/NAME for a data set of the Hugging Face
    Hub, which is downloaded into the cache of `datasets`. A path is a folder of images, or pairs in any form
    that `srdata.discovery` knows: EDSR's or KAIR's folders, LMDBs, tars, HDF5. LR images that are there
    are taken as they are, unless `degradation` is given.

    `name` is that of the set's folder; `from_dir` holds archives or images that need not be downloaded; for
    `settings`, such as scale=4 and lmdb=True, see `GivenSettings`. The same recipe and seed give the same
    bytes for any number of `jobs`, however often the work was interrupted. A set that is already there is
    left as it is; where the folder of images has grown, or others are in it, those shards alone are made
    again that have to be. What is downloaded for a set at an address goes to data/. `log` is called with a
    line on each stage, the licence first.

    Raises UsageError for a wrong request, SourceError for bad files (see `skip_bad`) and StoreError for a
    disk that is full or cannot be written; what is finished is kept, and the same call goes on from there.
    """
    check_jobs(jobs)
    chosen, found = looked_up(recipe, settings)
    chosen = settled(chosen)
    place = place_at(root)
    target = target_of(chosen, place, name)
    log(licence_text(chosen))
    backend = reached_from(backend, root, chosen.folder)
    how = Request(downloads_below(place), given_path(from_dir) if from_dir else None, jobs, backend, skip_bad)
    if isinstance(target, str):
        return _prepare_at(chosen, target, how, log, found)
    return make(chosen, target, how, log, found)


def plan(
    recipe: str | Path | Recipe,
    *,
    root: str | Path = "data",
    name: str | None = None,
    from_dir: str | Path | None = None,
    **settings: Unpack[GivenSettings],
) -> str:
    """What `prepare` would do with the same arguments: terms, downloads, images, windows, bytes on disk."""
    chosen, found = looked_up(recipe, settings)
    chosen = settled(chosen)
    place = place_at(root)
    target = target_of(chosen, place, name)
    return plan_text(
        chosen, downloads_below(place), target, given_path(from_dir) if from_dir else None, found
    )


def _prepare_at(recipe: Recipe, address: str, how: Request, log: Log, found: Found | None) -> Prepared:
    """The set of a recipe at an address: left as it is, made, or gone on with.

    All runs of one recipe share a claim; that of another is refused. Raises what `prepare` raises.
    """
    token = TOKEN + recipe.digest[:32]
    if recipe.store.layout != "lmdb":
        return _made_here(recipe, address, replace(how, backend="loky"), log, found, token)
    file = working_folder(address).parent / "plan.parquet"
    planned = plan_set(recipe, address, how, log, found, file, token)
    if isinstance(planned, Prepared):
        return planned
    make_part(file, (1, 1), jobs=how.jobs, backend=how.backend, log=log)
    return finish_plan(file, log=log)


def _made_here(
    recipe: Recipe, address: str, how: Request, log: Log, found: Found | None, token: str
) -> Prepared:
    """A set of files that are many and small: made here as ever, then sent."""
    target = RemoteTarget(address)
    there = target.standing(recipe)
    if done := whole_set(there, address, log):
        return done
    claim = target.take(token)
    here = target.here
    made = make(recipe, here, how, log, found)
    with only_one_at(here):
        log(f"sending {how_many(len(made.content.files), 'file')} to {address}")
        return target.send(made.content, claim)
