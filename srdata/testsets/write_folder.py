"""A folder of image files out of a prepared set: there as a whole, or not at all."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from srdata.common.files import sync_all, write_file
from srdata.common.processes.one_at_a_time import only_one_at
from srdata.common.processes.parallel import in_order
from srdata.common.progress import Advance
from srdata.errors import UsageError
from srdata.exporting.export_set import new_folder
from srdata.exporting.samples import opened, stamp_of
from srdata.images import encode_png
from srdata.prepared.set_images import PreparedImages
from srdata.scale import Scale
from srdata.store.blocks import HR
from srdata.testsets.styles import Folder
from srdata.vocabulary import Backend

Content = dict[str, tuple[str, int, int]]  # of each file what it shows, and height and width of that


@dataclass(frozen=True)
class FileTask:
    """One layer of one image of a prepared set."""

    images: Path
    stamp: str  # changes with the set
    row: int
    layer: str
    coloured: bool  # the file is RGB, be the source file grey or not
    crop: Scale | None


def write_folder(
    folder: Folder,
    images: PreparedImages,
    root: Path,
    jobs: int = -1,
    backend: Backend = "loky",
    advance: Advance = lambda files: None,
) -> bool:
    """Write the files of a folder of a style; gives False where they are there already.

    What they hold stands in a hidden file beside the folder: code that lists a folder takes all of its files
    for images. HR that a set at other scales has more of is there as well; what has less is written anew.
    Raises UsageError where the folder holds something else, StoreError, CorruptRecordError.
    """
    target = root / folder.path
    note = target.with_name(f".{target.name}.json")
    rows = {folder.file.replace("{key}", key): row for row, key in enumerate(images.index.keys.to_pylist())}
    content = {file: _shown(folder, images, row) for file, row in rows.items()}
    with only_one_at(target):
        if target.exists():
            there = _noted(target, note)
            if _covers(there, content):
                return False
            if not _covers(content, there):
                raise UsageError(
                    f"{target} is there and holds other files than {images.folder} gives: "
                    "delete it, or give another --root"
                )
            shutil.rmtree(target)
        write_file(note, json.dumps(content, indent=1).encode() + b"\n")
        with new_folder(target) as part:
            for file, png in _files(folder, images, rows, jobs, backend):
                (part / file).write_bytes(png)
                advance(1)
            sync_all()
    return True


def _files(
    folder: Folder, images: PreparedImages, rows: Mapping[str, int], jobs: int, backend: Backend
) -> Iterator[tuple[str, bytes]]:
    where, stamp = images.folder.resolve(), stamp_of(images)
    tasks = [FileTask(where, stamp, row, folder.layer, folder.coloured, folder.crop) for row in rows.values()]
    return zip(rows, in_order(encoded, tasks, jobs=jobs, backend=backend), strict=True)


def encoded(task: FileTask) -> bytes:
    """The PNG file of a layer, cut where it has to be."""
    with opened(task.images, task.stamp) as images:
        pixels = (images.read if task.coloured else images.read_as_source)(task.row, task.layer)
    if task.crop is not None:
        height, width = map(task.crop.crop, pixels.shape[:2])
        pixels = pixels[:height, :width]
    return encode_png(pixels)


def _shown(folder: Folder, images: PreparedImages, row: int) -> tuple[str, int, int]:
    """What a file shows, the same for sets at other scales: the samples of LR, or part of a source file."""
    if folder.layer != HR:
        return images.index.pixels(row)[folder.layer], 0, 0
    height, width = int(images.index.heights[row]), int(images.index.widths[row])
    if folder.crop is not None:
        height, width = folder.crop.crop(height), folder.crop.crop(width)
    return images.index.source_sha256(row), height, width


def _noted(target: Path, note: Path) -> Content:
    """What a folder holds by the note on it; nothing where it has other files."""
    try:
        noted: Content = json.loads(note.read_text("utf-8"))
        return noted if {path.name for path in target.iterdir()} == set(noted) else {}
    except (OSError, ValueError):
        return {}


def _covers(one: Content, other: Content) -> bool:
    """Whether the files of one show all that those of the other do."""
    if set(one) != set(other):
        return False
    pairs = [(one[file], other[file]) for file in other]
    return all(a[0] == b[0] and a[1] >= b[1] and a[2] >= b[2] for a, b in pairs)
