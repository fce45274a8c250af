"""A folder of image files out of a prepared set: there as a whole, or not at all."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from srdata.benchmarks.styles import Folder
from srdata.errors import UsageError
from srdata.exchange.export import new_folder
from srdata.exchange.samples import opened, stamp_of
from srdata.files import only_one_at, write_file
from srdata.images import Pixels, encode_png
from srdata.parallel import Backend, in_order
from srdata.prepared import PreparedImages
from srdata.scale import Scale
from srdata.store.blocks import HR


@dataclass(frozen=True)
class Task:
    """One layer of one image of a prepared set."""

    images: Path
    stamp: str  # changes with the set
    row: int
    layer: str
    crop: Scale | None


def write_folder(
    folder: Folder, images: PreparedImages, root: Path, jobs: int = -1, backend: Backend = "loky"
) -> bool:
    """Write the files of a folder of a style; gives False where they are there already.

    What they hold stands in a hidden file beside the folder: code that lists a folder takes all of its files
    for images. Raises UsageError where the folder holds something else, StoreError, CorruptRecordError.
    """
    target = root / folder.path
    note = target.with_name(f".{target.name}.json")
    files = {folder.file.replace("{key}", key): row for row, key in enumerate(images.index.keys.to_pylist())}
    content = {file: _content(folder, images, row) for file, row in files.items()}
    with only_one_at(target):
        if target.exists():
            if _holds(target, note, content):
                return False
            raise UsageError(
                f"{target} is there and holds other files than {images.folder} gives: "
                "delete it, or give another --root"
            )
        write_file(note, json.dumps(content, indent=1).encode() + b"\n")
        tasks = [
            Task(images.folder.resolve(), stamp_of(images), row, folder.layer, folder.crop)
            for row in files.values()
        ]
        with new_folder(target) as part:
            for file, png in zip(files, in_order(encoded, tasks, jobs=jobs, backend=backend), strict=True):
                (part / file).write_bytes(png)
            os.sync()  # all at once: a sync for each of many small files takes far longer
    return True


def encoded(task: Task) -> bytes:
    """The PNG file of a layer, cut where it has to be."""
    pixels: Pixels = opened(task.images, task.stamp).read(task.row, task.layer)
    if task.crop is not None:
        height, width = map(task.crop.crop, pixels.shape[:2])
        pixels = pixels[:height, :width]
    return encode_png(pixels)


def _content(folder: Folder, images: PreparedImages, row: int) -> str:
    """A text that is the same where the file is: sets at other scales hold the same images."""
    if folder.layer != HR:
        return images.index.pixels(row)[folder.layer]
    sides = [int(images.index.heights[row]), int(images.index.widths[row])]
    height, width = map(folder.crop.crop, sides) if folder.crop is not None else sides
    return f"{images.index.source_sha256(row)} {width}x{height}"


def _holds(target: Path, note: Path, content: dict[str, str]) -> bool:
    try:
        noted = json.loads(note.read_text())
        return bool(noted == content and {path.name for path in target.iterdir()} == set(content))
    except (OSError, ValueError):
        return False
