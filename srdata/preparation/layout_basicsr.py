"""The `basicsr` layout: the LMDB folders of overlapping sub-images that BasicSR trains from.

    DIV2K_train_HR_sub.lmdb            0001_s001 …, PNG, windows of 480 pixels
    DIV2K_train_LR_bicubic_X4_sub.lmdb the same keys, the same windows on the LR grid
    DIV2K_valid_HR.lmdb                whole images, for splits that are not trained on

The images are prepared as shards first, so that an interrupted run goes on; the folders are exported from
those and moved into the set, and the shards deleted.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from srdata import exporting
from srdata.common.files import part_name, storage_errors, sync_folder
from srdata.preparation.beforehand.item_sizes import stored_sizes
from srdata.preparation.layout_folder import names_of
from srdata.preparation.layouts import Built, Job, build_lmdb
from srdata.preparation.source_items import Item
from srdata.recipes.set_recipe import Recipe, Store
from srdata.store.set_json import write_set
from srdata.store.tables.set_files import FileEntry, file_entry

STAGE = ".shards"
_STAGED = Store(layout="lmdb", codec="raw")


def check_scales(items: Sequence[Item], recipe: Recipe) -> None:
    """Raise UsageError for scales that cannot be in one set, if the recipe asks for this layout."""
    if recipe.store.layout == "basicsr" and recipe.windows is not None and len(recipe.scales) > 1:
        train = [item for item in items if item.split == "train"]
        sizes = np.array(stored_sizes(train, recipe), np.int64).reshape(-1, 2)
        remedy = f"prepare one, as --scale {recipe.scales[-1]}, or shards, with --lmdb in place of --layout"
        exporting.check_same_windows(recipe.windows, sizes, recipe.scales, remedy)


def build_basicsr(job: Job) -> Built:
    """LMDB folders of sub-images, by way of a set of shards within the target."""
    stage = job.target / STAGE
    staged = replace(job, target=stage, recipe=job.recipe.changed(store=_STAGED), earlier=None)
    from srdata.prepared.set_images import PreparedImages  # with what reads sets, which making them needs not

    built = build_lmdb(staged)
    write_set(stage, staged.content(built), job.claim.held)
    images = PreparedImages(stage)
    jobs, backend = job.engine
    export = exporting.Export(
        images,
        exporting.FORMS["basicsr"],
        names_of(job.recipe),
        job.recipe.scales,
        job.recipe.windows,
        jobs=jobs,
        backend=backend,
    )
    export.check()
    part = part_name(stage / "folders")
    export.write(part)
    images.close()
    _move(part, job)
    shutil.rmtree(stage)
    return Built(_files(job), built.bad, built.counts)


def _move(part: Path, job: Job) -> None:
    """Put the finished folders in the place of those that earlier runs left."""
    with storage_errors(job.target), job.claim.held():
        for old in job.target.glob("*.lmdb"):
            shutil.rmtree(old)
        for folder in part.glob("*.lmdb"):
            folder.rename(job.target / folder.name)
        sync_folder(job.target)


def _files(job: Job) -> dict[str, FileEntry]:
    """The size and hash of every file of the LMDB folders."""
    paths = sorted(job.target.glob("*.lmdb/*"))
    return {path.relative_to(job.target).as_posix(): file_entry(path) for path in paths}
