"""Keeping whole images in memory: decoded on the host, or all of them on the device.

On the device the images of a side lie one after another in one tensor of pixels, and the crops of a batch are
gathered by one indexed copy: by whoever finishes the batch, on its stream. Reading only picks their places.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from srdata.common.device_copies import sent_together
from srdata.data.crops.drawn_crops import Drawn
from srdata.data.crops.read_crops import Sides, shapes
from srdata.data.pair_sources.sources import PairSource
from srdata.errors import StorageFullError, UsageError
from srdata.images import Pixels
from srdata.resize.taps import reach
from srdata.store.blocks import copy_rows
from srdata.store.windows import Integers
from srdata.vocabulary import Only


class HostSource:
    """The pairs of another source, kept as whole images from the first time that one is read."""

    decodes = False

    def __init__(self, source: PairSource, only: Only | None) -> None:
        self.scale = source.scale
        self.sizes = source.sizes
        self.channels = source.channels
        self._source = source
        self._only = only
        self._kept: dict[int, Sides] = {}

    def keys(self, images: Integers) -> list[str]:
        return self._source.keys(images)

    def read_pairs(self, images: Integers, corners: Integers, lr: Pixels, hr: Pixels) -> None:
        p, q = self.scale.as_integer_ratio()
        for i, (image, (top, left)) in enumerate(zip(images.tolist(), corners.tolist(), strict=True)):
            for out, whole, cell in zip((lr, hr), self._whole(image), (q, p), strict=True):
                if out.size:
                    rows, columns = out.shape[1:3]
                    part = whole[top * cell : top * cell + rows, left * cell : left * cell + columns]
                    copy_rows(part, out[i])

    def _whole(self, image: int) -> Sides:
        if image not in self._kept:
            self._kept[image] = whole_pair(self._source, image, self._only)
        return self._kept[image]


class Picks(NamedTuple):
    """Which pixels of a side are the crops of a batch: those at rows + columns (count, height or width)."""

    side: ResidentSide
    rows: Integers
    columns: Integers


class DeviceSource:
    """The pairs of another source in the memory of a device, brought there on the stream of now.

    Raises StorageFullError where they do not fit.
    """

    decodes = False

    def __init__(self, source: PairSource, only: Only | None, device: torch.device) -> None:
        self.scale = source.scale
        self.sizes = source.sizes
        self.channels = source.channels
        self._source = source
        cells = source.sizes // source.scale.numerator
        p, q = source.scale.as_integer_ratio()
        self._sides = tuple(
            ResidentSide(cells * cell, source.channels, device, wanted)
            for cell, wanted in ((q, only != "hr"), (p, only != "lr"))
        )  # fmt: skip
        for image in range(len(cells)):
            for side, pixels in zip(self._sides, whole_pair(source, image, only), strict=True):
                side.put(image, pixels)

    def keys(self, images: Integers) -> list[str]:
        return self._source.keys(images)

    def read_pairs(self, images: Integers, corners: Integers, lr: Pixels, hr: Pixels) -> None:
        self._source.read_pairs(images, corners, lr, hr)

    def pick(self, drawn: Drawn) -> tuple[Picks, Picks]:
        """LR and HR of a batch, unturned; raises UsageError for padded images."""
        inside, (p, q) = drawn.crops.inside, self.scale.as_integer_ratio()
        if drawn.patch is not None and (inside.sizes != drawn.patch).any():
            raise UsageError("images that are padded cannot live on the device: take residency='host'")
        lr, hr = (
            side.pick(inside.images, (inside.corners - drawn.around) * cell, shape)
            for side, cell, shape in zip(self._sides, (q, p), drawn.shapes(), strict=True)
        )
        return lr, hr


class ResidentSide:
    """The images of one side, one after another, on a device."""

    def __init__(self, sizes: Integers, channels: int, device: torch.device, wanted: bool) -> None:
        areas = sizes.prod(axis=1) * wanted
        self._starts = np.cumsum(areas) - areas
        self._sizes = sizes
        try:
            self._pixels = torch.empty(int(areas.sum()), channels, dtype=torch.uint8, device=device)
        except torch.OutOfMemoryError as error:
            raise StorageFullError(
                f"{int(areas.sum()) * channels / 1e9:.1f} GB of images do not fit into the memory of "
                f"{device}: take residency='host'"
            ) from error

    def put(self, image: int, pixels: Pixels) -> None:
        start = int(self._starts[image])
        flat = torch.from_numpy(pixels.reshape(-1, pixels.shape[-1]))
        self._pixels[start : start + len(flat)].copy_(flat)

    def pick(self, images: Integers, corners: Integers, shape: tuple[int, ...]) -> Picks:
        """Crops of this shape, mirrored where they lie beyond their images."""
        sizes = self._sizes[images]
        rows, columns = (
            reach(corners[:, axis, None] + np.arange(shape[1 + axis]), sizes[:, axis, None], "symmetric")
            for axis in (0, 1)
        )
        return Picks(self, self._starts[images, None] + rows * sizes[:, 1:], columns)

    def gather(self, rows: Tensor, columns: Tensor) -> Tensor:
        """The pixels at these places, uint8 (count, height, width, channels)."""
        return self._pixels[rows[:, :, None] + columns[:, None]]


def gathered(sides: Sequence[Sequence[Picks]], device: torch.device) -> list[Tensor]:
    """Each side of a batch, of what was picked of one data set after another; one copy goes to the device."""
    picks = [one for side in sides for one in side]
    places = sent_together(device, *(numbers for one in picks for numbers in one[1:]))
    pairs = iter(zip(places[::2], places[1::2], strict=True))
    found = [[one.side.gather(*next(pairs)) for one in side] for side in sides]
    return [parts[0] if len(parts) == 1 else torch.cat(parts) for parts in found]


def whole_pair(source: PairSource, image: int, only: Only | None) -> Sides:
    """LR and HR of one image, whole; a side that is not wanted has no pixels."""
    height, width = (source.sizes[image] // source.scale.numerator).tolist()
    lr, hr = (np.empty(shape, np.uint8) for shape in shapes(source, 1, height, width, only))
    source.read_pairs(np.array([image]), np.zeros((1, 2), np.int64), lr, hr)
    return lr[0], hr[0]


def bytes_of(source: PairSource, only: Only | None) -> int:
    """The bytes that all images of a source take, uncompressed."""
    p, q = source.scale.as_integer_ratio()
    cells = int((source.sizes // p).prod(axis=1).sum())
    return cells * source.channels * ((q * q if only != "hr" else 0) + (p * p if only != "lr" else 0))
