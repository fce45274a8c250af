"""What leaves a set: its images with their layers, whole or cut into sub-images, encoded and in order."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from srdata.common.processes.parallel import in_order
from srdata.common.progress import progress
from srdata.errors import CorruptRecordError
from srdata.images import Pixels, encode_png, grey_plane, packed_share
from srdata.prepared.set_images import PreparedImages
from srdata.scale import Scale
from srdata.store.blocks import CHANNELS, HR
from srdata.store.records import pixel_hash
from srdata.store.windows import Integers, Items, Windows, items_of, window_name
from srdata.vocabulary import Backend

Layers = Mapping[str, Pixels]
_LOOKED_AT = 4  # images that are encoded to tell how small all of them will be


class EncodedLayer(NamedTuple):
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
    layers: Mapping[str, EncodedLayer]
    source_sha256: str
    params: dict[str, Any]  # by layer: the δ of the whole image
    told: dict[str, Any] = field(default_factory=dict)  # of the whole image, by column

    @property
    def bytes(self) -> int:
        """The size of all layers."""
        return sum(len(picture.data) for picture in self.layers.values())


@dataclass(frozen=True)
class Cut:
    """What is taken of each image, and how it is encoded."""

    scales: tuple[Scale, ...]
    windows: Windows | None = None  # the same at all of these scales; an image smaller than one is whole
    covered: bool = False  # whole HR images end where LR does
    png: bool = True
    grey: bool = False  # images whose source file is grey are grey


@dataclass(frozen=True)
class SampleTask:
    """One image of a prepared set, to be cut and encoded."""

    place: Path | str  # of the set
    stamp: str  # changes with the set
    row: int
    cut: Cut


def samples(
    images: PreparedImages,
    rows: Sequence[int],
    cut: Cut,
    label: str,
    *,
    first: int = 0,
    jobs: int = -1,
    backend: Backend = "loky",
) -> Iterator[Sample]:
    """The samples of these images from number `first` on, in order, with progress under a label.

    Raises CorruptRecordError.
    """
    place = images.place.resolve() if isinstance(images.place, Path) else images.place
    stamp = stamp_of(images)
    tasks = [SampleTask(place, stamp, row, cut) for row in rows]
    with progress(label, len(tasks), "images") as advance:
        skipped, within = _place(images, rows, cut, first)
        advance(skipped)
        for parts in in_order(cut_samples, tasks[skipped:], jobs=jobs, backend=backend):
            yield from parts[within:]
            within = 0
            advance(1)


def _place(images: PreparedImages, rows: Sequence[int], cut: Cut, number: int) -> tuple[int, int]:
    """The images before a sample, and the samples of its own image before it."""
    items = _items(images, rows, cut)
    if number >= len(items):
        return len(rows), 0
    at = items.regions(np.array([number]))
    return int(at.images[0]), 0 if at.orders is None else int(at.orders[0])


def _items(images: PreparedImages, rows: Integers | Sequence[int], cut: Cut) -> Items:
    sizes = np.stack([images.index.heights[rows], images.index.widths[rows]], axis=-1).astype(np.int64)
    return items_of(sizes, cut.scales[0], cut.windows)


def raw_bytes(images: PreparedImages, rows: Integers, cut: Cut) -> int:
    """The bytes of the samples of these images, not encoded."""
    items = _items(images, rows, cut)
    boxes = items.regions(np.arange(len(items))).boxes(cut.scales[0].numerator)
    pixels = [boxes[:, 2:].prod(axis=-1).sum() / float(scale) ** 2 for scale in (Scale(1), *cut.scales)]
    return CHANNELS * int(sum(pixels))


def png_share(images: PreparedImages) -> float:
    """What PNG leaves of the samples of a set, by some of its images."""
    rows = range(0, len(images.index), max(1, len(images.index) // _LOOKED_AT))
    return packed_share(images.read(row, HR) for row in rows)


def stamp_of(images: PreparedImages) -> str:
    """A text that changes with the content of a set."""
    hashes = "".join(sorted(entry.sha256 for entry in images.content.files.values()))
    return hashlib.sha256(hashes.encode()).hexdigest()


def cut_samples(task: SampleTask) -> list[Sample]:
    """What a task asks for."""
    with opened(task.place, task.stamp) as images:
        return samples_of(images, task.row, task.cut)


def samples_of(images: PreparedImages, row: int, cut: Cut) -> list[Sample]:
    """One image, cut and encoded; raises CorruptRecordError."""
    index, names = images.index, (HR, *(scale.label for scale in cut.scales))
    layers = {name: _read(images, row, name) for name in names}
    params = {name: delta for name, delta in index.params(row).items() if name in names}
    encoded = _encoder(images, row, layers, cut)
    return [
        Sample(
            key,
            index.key(row),
            images.splits[row],
            {name: encoded(name, part) for name, part in parts.items()},
            index.source_sha256(row),
            params,
            images.told(row),
        )
        for key, parts in _parts(index.key(row), layers, cut)
    ]


def _encoder(
    images: PreparedImages, row: int, layers: Layers, cut: Cut
) -> Callable[[str, Pixels], EncodedLayer]:
    """What encodes part of a layer; all of it is the PNG file that the set has, if it has one in RGB."""
    grey = images.index.channels(row) == 1

    def encoded(name: str, part: Pixels) -> EncodedLayer:
        height, width = part.shape[:2]
        if not cut.png:
            return EncodedLayer(part.tobytes(), height, width)
        stored = None if grey or part.shape != layers[name].shape else images.file(row, name)
        if stored is not None:
            return EncodedLayer(stored.read_bytes(), height, width)
        plane = grey_plane(part) if grey and cut.grey else part
        return EncodedLayer(encode_png(np.ascontiguousarray(plane)), height, width)

    return encoded


def _parts(key: str, layers: Layers, cut: Cut) -> Iterator[tuple[str, Layers]]:
    """What an image is cut into, with its name."""
    height, width = layers[HR].shape[:2]
    scale = cut.scales[0]
    if cut.windows is not None:
        for order, box in enumerate(cut.windows.boxes(height, width, scale).tolist()):
            yield window_name(key, order), {name: _region(name, layers[name], box) for name in layers}
    elif cut.covered:
        yield key, {**layers, HR: layers[HR][: scale.crop(height), : scale.crop(width)]}
    else:
        yield key, layers


def _region(layer: str, image: Pixels, box: list[int]) -> Pixels:
    """A region given in HR pixels (top, left, height, width) of a layer."""
    scale = Scale(1) if layer == HR else Scale(layer)
    top, left, height, width = map(scale.lr, box)
    return image[top : top + height, left : left + width]


def _read(images: PreparedImages, row: int, layer: str) -> Pixels:
    pixels = images.read(row, layer)
    if pixel_hash(pixels) != images.index.pixels(row).get(layer):
        raise CorruptRecordError(
            f"{images.place}: image {images.index.key(row)!r}, layer {layer}, is not what was stored: "
            "prepare the set again"
        )
    return pixels


@contextmanager
def opened(place: Path | str, stamp: str) -> Iterator[PreparedImages]:
    """A set that is opened once for the many tasks of a process; between them its shards are closed."""
    images = _opened(place, stamp)
    try:
        yield images
    finally:
        images.close()


@functools.lru_cache(maxsize=1)
def _opened(place: Path | str, stamp: str) -> PreparedImages:
    return PreparedImages(place)
