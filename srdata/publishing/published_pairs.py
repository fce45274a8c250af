"""What is published of a set: a pair of PNG files for each image, or for each window of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq

from srdata.common.parallel import in_order
from srdata.common.progress import Advance
from srdata.errors import CorruptRecordError
from srdata.images import Pixels, encode_png
from srdata.prepared.set_images import PreparedImages
from srdata.scale import Scale
from srdata.store.blocks import HR
from srdata.store.records import pixel_hash
from srdata.store.set_json import INDEX_FILE
from srdata.store.windows import Windows, window_name

_TOGETHER = 8  # images that one process encodes before it hands them on


class Picture(NamedTuple):
    """A row of the index, as far as publishing needs it."""

    row: int
    key: str
    split: str
    params: str  # JSON: layer → δ, or empty
    pixels: str  # JSON: layer → hash

    @property
    def hashes(self) -> dict[str, str]:
        """The hash of each layer."""
        return dict(json.loads(self.pixels))

    def delta(self, scale: Scale) -> str:
        """The δ of the LR image at a scale as JSON."""
        found = json.loads(self.params).get(scale.label) if self.params else None
        return json.dumps(found, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True)
class Entry:
    """One pair as it is published: two PNG files, and the δ that made LR as JSON (`null` where none did)."""

    key: str
    lr: bytes
    hr: bytes
    params: str

    @property
    def bytes(self) -> int:
        """The size of both files."""
        return len(self.lr) + len(self.hr)


@dataclass(frozen=True)
class EntryTask:
    """Some images of a set that one process encodes, whole or cut at `windows`."""

    folder: Path
    pictures: tuple[Picture, ...]
    scale: Scale
    windows: Windows | None = None


def pictures_of(folder: Path) -> list[Picture]:
    """Every image of a set, in its order."""
    columns = ["key", "split", "params", "pixels"]
    table = pq.read_table(folder / INDEX_FILE, columns=columns)
    rows = zip(*(table[name].to_pylist() for name in columns), strict=True)
    return [Picture(number, *row) for number, row in enumerate(rows)]


def entries_of(
    folder: Path,
    pictures: Sequence[Picture],
    scale: Scale,
    windows: Windows | None = None,
    jobs: int = 1,
    advance: Advance = lambda images: None,
) -> Iterator[Entry]:
    """The pairs of these images at a scale, in order, for any number of `jobs`; raises CorruptRecordError."""
    starts = range(0, len(pictures), _TOGETHER)
    tasks = [EntryTask(folder, tuple(pictures[i : i + _TOGETHER]), scale, windows) for i in starts]
    for task, entries in zip(tasks, in_order(encode, tasks, jobs=jobs), strict=True):
        yield from entries
        advance(len(task.pictures))


def encode(task: EntryTask) -> list[Entry]:
    """The pairs of a task's images."""
    images = PreparedImages(task.folder)
    return [entry for picture in task.pictures for entry in _entries(images, picture, task)]


def _entries(images: PreparedImages, picture: Picture, task: EntryTask) -> Iterator[Entry]:
    scale, label = task.scale, task.scale.label
    lr, hr = (_read(images, picture, layer) for layer in (label, HR))
    height, width = map(scale.crop, hr.shape[:2])
    params = picture.delta(scale)
    if task.windows is None:
        whole = hr[:height, :width]
        kept = _kept(images, picture, HR) if whole.shape == hr.shape else None
        yield Entry(picture.key, _png(lr, _kept(images, picture, label)), _png(whole, kept), params)
        return
    for order, box in enumerate(task.windows.boxes(height, width, scale).tolist()):
        high, low = (
            side[top : top + tall, left : left + wide]
            for side, (top, left, tall, wide) in ((hr, box), (lr, map(scale.lr, box)))
        )
        yield Entry(window_name(picture.key, order), _png(low), _png(high), params)


def _kept(images: PreparedImages, picture: Picture, layer: str) -> Path | None:
    """The file that the set holds of a layer, if it does; what is published is RGB, so that batches stack."""
    return None if images.index.channels(picture.row) == 1 else images.file(picture.row, layer)


def _png(image: Pixels, stored: Path | None = None) -> bytes:
    """The PNG file of an image: the one that the set holds, if it does."""
    return stored.read_bytes() if stored else encode_png(np.ascontiguousarray(image))


def _read(images: PreparedImages, picture: Picture, layer: str) -> Pixels:
    pixels = images.read(picture.row, layer)
    if pixel_hash(pixels) != picture.hashes.get(layer):
        raise CorruptRecordError(
            f"{images.folder}: image {picture.key!r}, layer {layer}, is not what was stored: "
            "prepare the set again"
        )
    return pixels
