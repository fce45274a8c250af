"""What leaves a set: its images with all their layers, whole or cut into sub-images, encoded and in order."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from srdata.common.parallel import in_order
from srdata.images import Pixels, encode_png
from srdata.prepared.set_images import PreparedImages
from srdata.scale import Scale
from srdata.store.blocks import HR
from srdata.store.windows import Windows, window_name
from srdata.vocabulary import Backend


class Picture(NamedTuple):
    """One layer of a sample: a PNG file, RGB or grey, or the samples as they are (height, width, RGB)."""

    data: bytes
    height: int
    width: int


@dataclass(frozen=True)
class Sample:
    """An image or sub-image, in all layers."""

    key: str
    image: str  # the key of the whole image
    split: str
    layers: Mapping[str, Picture]
    source_sha256: str
    params: dict[str, Any]  # by layer: the δ of the whole image


@dataclass(frozen=True)
class Task:
    """One image of a prepared set, to be cut and encoded."""

    folder: Path
    stamp: str  # changes with the set
    row: int
    windows: Windows | None
    png: bool
    grey: bool  # images whose source file is grey are grey


def samples(
    images: PreparedImages,
    rows: Sequence[int],
    windows: Windows | None,
    *,
    png: bool = True,
    grey: bool = False,
    jobs: int = -1,
    backend: Backend = "loky",
) -> Iterator[list[Sample]]:
    """The samples of each image, in order; without `windows` one an image. Raises CorruptRecordError.

    With `grey` an image whose source file is grey becomes a grey PNG file.
    """
    tasks = [Task(images.folder.resolve(), stamp_of(images), row, windows, png, grey) for row in rows]
    return in_order(cut_samples, tasks, jobs=jobs, backend=backend)


def stamp_of(images: PreparedImages) -> str:
    """A text that changes with the content of a set."""
    return "".join(sorted(entry.sha256 for entry in images.content.files.values()))


def cut_samples(task: Task) -> list[Sample]:
    """One image, cut at its windows and encoded.

    An image smaller than a window is one sub-image of its own size (BasicSR's script would drop it). HR and
    all LR lie on the grid that is common to all scales of the set, so that they show the same.
    """
    images = opened(task.folder, task.stamp)
    row, index = task.row, images.index
    read = images.read_as_source if task.grey else images.read
    layers = {layer: read(row, layer) for layer in images.layers}
    facts = index.key(row), images.splits[row], index.source_sha256(row), index.params(row)
    if task.windows is None:
        return [_sample(facts[0], layers, facts, task.png)]
    grid = Scale(math.lcm(*(scale.numerator for scale in images.scales)))
    height, width = (grid.crop(size) for size in layers[HR].shape[:2])
    regions = task.windows.boxes(height, width, grid).tolist()
    return [
        _sample(window_name(facts[0], order), _region(layers, region), facts, task.png)
        for order, region in enumerate(regions)
    ]


def _region(layers: Mapping[str, Pixels], region: tuple[int, int, int, int]) -> dict[str, Pixels]:
    """A region given in HR pixels (top, left, height, width) of every layer."""
    parts = {}
    for layer, image in layers.items():
        scale = Scale(1) if layer == HR else Scale(layer)
        top, left, height, width = map(scale.lr, region)
        parts[layer] = image[top : top + height, left : left + width]
    return parts


def _sample(
    key: str, layers: Mapping[str, Pixels], facts: tuple[str, str, str, dict[str, Any]], png: bool
) -> Sample:
    image, split, sha256, params = facts
    return Sample(
        key, image, split, {name: _picture(one, png) for name, one in layers.items()}, sha256, params
    )


def _picture(image: Pixels, png: bool) -> Picture:
    image = np.ascontiguousarray(image)
    return Picture(encode_png(image) if png else image.tobytes(), *image.shape[:2])


@functools.lru_cache(maxsize=1)
def opened(folder: Path, stamp: str) -> PreparedImages:
    """One opening of a set serves the many tasks of a process."""
    return PreparedImages(folder)
