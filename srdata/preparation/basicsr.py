"""The `basicsr` layout: the LMDB folders of overlapping sub-images that BasicSR trains from.

    DIV2K_train_HR_sub.lmdb            0001_s001 …, PNG, windows of 480 pixels
    DIV2K_train_LR_bicubic_X4_sub.lmdb the same keys, the same windows on the LR grid
    DIV2K_valid_HR.lmdb                whole images, for splits that are not trained on

The images are prepared as shards first, so that an interrupted run goes on; the folders are written from
those, and the shards deleted.
"""

from __future__ import annotations

import math
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from srdata.images import Pixels, encode_png
from srdata.preparation.build import Built, Job, build_lmdb
from srdata.preparation.folders import folder_prefix
from srdata.preparation.parallel import in_order
from srdata.progress import progress
from srdata.recipe import Recipe, Store
from srdata.scale import Scale
from srdata.store.basicsr import BasicsrWriter, check_key
from srdata.store.blocks import HR
from srdata.store.reader import SetReader
from srdata.store.setfile import FileEntry, file_entry, write_set
from srdata.store.windows import Windows, window_name

STAGE = ".shards"
_STAGED = Store(layout="lmdb", codec="raw")


@dataclass(frozen=True)
class SubimagesTask:
    """One layer of one image of a prepared set, to be cut and encoded."""

    staged: Path
    row: int
    layer: str
    windows: Windows | None


SubImage = tuple[str, bytes, int, int]  # key, PNG file, height and width


def build_basicsr(job: Job) -> Built:
    """LMDB folders of sub-images, by way of a set of shards within the target."""
    stage = job.target / STAGE
    staged = replace(job, target=stage, recipe=job.recipe.changed(store=_STAGED))
    built = build_lmdb(staged)
    write_set(stage, staged.content(built))
    files = export_basicsr(stage, job)
    shutil.rmtree(stage)
    return Built(files, built.bad)


def export_basicsr(stage: Path, job: Job) -> dict[str, FileEntry]:
    """Write the LMDB folders of a prepared set; gives the size and hash of every file written.

    Raises UsageError, before any work, if BasicSR could not read one of the keys.
    """
    reader = SetReader(stage)
    for row in range(len(reader)):
        check_key(reader.index.key(row))
    files: dict[str, FileEntry] = {}
    for split in reader.index.splits:
        windows = job.recipe.windows if split == "train" else None
        for layer in reader.layers:
            name = folder_name(job.recipe, split, layer)
            tasks = [SubimagesTask(stage, int(row), layer, windows) for row in reader.index.rows(split)]
            _write(job.target / name, tasks, job)
            for path in sorted((job.target / name).iterdir()):
                files[f"{name}/{path.name}"] = file_entry(path)
    return files


def folder_name(recipe: Recipe, split: str, layer: str) -> str:
    """The LMDB folder of a layer: DIV2K_train_LR_bicubic_X4_sub.lmdb."""
    part = "HR" if layer == HR else f"LR_{recipe.degradation_name}_X{Scale(layer)}"
    sub = "_sub" if split == "train" and recipe.windows else ""
    return f"{folder_prefix(recipe, split)}{part}{sub}.lmdb"


def _write(folder: Path, tasks: list[SubimagesTask], job: Job) -> None:
    with BasicsrWriter(folder) as writer, progress(folder.name, len(tasks), "images") as advance:
        for subimages in in_order(cut_subimages, tasks, jobs=job.workers, backend=job.backend):
            for subimage in subimages:
                writer.add_png(*subimage)
            advance(1)
        writer.seal()


def cut_subimages(task: SubimagesTask) -> list[SubImage]:
    """One layer of an image, cut at its windows and encoded; the whole of it without windows.

    An image smaller than a window is one sub-image of its own size (BasicSR's script would drop it). HR and
    all LR lie on the grid that is common to all scales of the set, so that they show the same.
    """
    reader = SetReader(task.staged)
    grid = Scale(math.lcm(*(scale.numerator for scale in reader.layout.scales)))
    scale = reader.layout.scale(task.layer)
    key = reader.index.key(task.row)
    height, width = (grid.crop(int(sizes[task.row])) for sizes in (reader.index.heights, reader.index.widths))
    image = reader.image(task.row, task.layer)[: scale.lr(height), : scale.lr(width)]
    if task.windows is None:
        return [_encoded(key, image)]
    side = scale.lr(task.windows.size)
    corners = task.windows.positions(height, width, grid)
    if not len(corners):
        return [_encoded(window_name(key, 0), image)]
    return [
        _encoded(window_name(key, order), image[top : top + side, left : left + side])
        for order, (top, left) in enumerate((scale.lr(int(y)), scale.lr(int(x))) for y, x in corners)
    ]


def _encoded(key: str, image: Pixels) -> SubImage:
    return key, encode_png(np.ascontiguousarray(image)), image.shape[0], image.shape[1]
