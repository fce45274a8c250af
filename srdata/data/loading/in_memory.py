"""Keeping all images whole in the memory of a device.

There the images of a side lie one after another in one tensor of pixels, and the crops of a batch are
gathered by whoever finishes it, on its stream. Reading only picks their places.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from srdata.common.tensors.device_copies import sent_together
from srdata.data.crops.drawn_crops import Drawn
from srdata.data.crops.indexed_crops import Indexed, cropped
from srdata.data.crops.whole_pairs import whole_pair
from srdata.data.pair_sources.sources import PairSource
from srdata.dihedral.array_turns import turned_places
from srdata.errors import StorageFullError, UsageError
from srdata.images import Pixels
from srdata.resize.taps import reach
from srdata.store.windows import Integers
from srdata.vocabulary import Only


class Picks(NamedTuple):
    """Which pixels of a side are the crops of a batch: those at rows + columns (count, height or width)."""

    side: ResidentSide
    rows: Integers
    columns: Integers

    def turned(self, turns: Integers) -> Picks:
        """The same crops turned: places are swapped and reversed, which costs nothing on the device."""
        return Picks(self.side, *turned_places(self.rows, self.columns, turns))


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
        """LR and HR of a batch, turned as drawn; raises UsageError for padded and resized images."""
        inside, (p, q) = drawn.crops.inside, self.scale.as_integer_ratio()
        if drawn.patch is not None and (inside.sizes != drawn.patch).any():
            raise UsageError(
                "images that are padded or resized cannot live on the device: take residency='host'"
            )
        lr, hr = (
            side.pick(inside.images, (inside.corners - drawn.around) * cell, shape)
            for side, cell, shape in zip(self._sides, (q, p), drawn.shapes(), strict=True)
        )
        turns = drawn.crops.turns
        return (lr, hr) if turns is None else (lr.turned(turns), hr.turned(turns))


class ResidentSide:
    """The images of one side, one after another, on a device."""

    def __init__(self, sizes: Integers, channels: int, device: torch.device, wanted: bool) -> None:
        areas = sizes.prod(axis=1) * wanted
        self._starts = np.cumsum(areas) - areas
        self._sizes = sizes
        try:
            self.pixels = torch.empty(int(areas.sum()), channels, dtype=torch.uint8, device=device)
        except torch.OutOfMemoryError as error:
            raise StorageFullError(
                f"{int(areas.sum()) * channels / 1e9:.1f} GB of images do not fit into the memory of "
                f"{device}: take residency='host'"
            ) from error

    def put(self, image: int, pixels: Pixels) -> None:
        start = int(self._starts[image])
        flat = torch.from_numpy(pixels.reshape(-1, pixels.shape[-1]))
        self.pixels[start : start + len(flat)].copy_(flat)

    def pick(self, images: Integers, corners: Integers, shape: tuple[int, ...]) -> Picks:
        """Crops of this shape, mirrored where they lie beyond their images."""
        sizes = self._sizes[images]
        rows, columns = (
            reach(corners[:, axis, None] + np.arange(shape[1 + axis]), sizes[:, axis, None], "symmetric")
            for axis in (0, 1)
        )
        return Picks(self, self._starts[images, None] + rows * sizes[:, 1:], columns)


def gathered(
    sides: Sequence[Sequence[Picks]], device: torch.device, dtype: torch.dtype, channels_last: bool
) -> list[Tensor]:
    """Each side of a batch, of what was picked of one data set after another; one copy goes to the device.

    They are what `opened` gives: (count, channels, height, width).
    """
    picks = [one for side in sides for one in side]
    places = sent_together(device, *(numbers for one in picks for numbers in one[1:]))
    pairs = iter(zip(places[::2], places[1::2], strict=True))
    found = [[Indexed(one.side.pixels, *next(pairs)) for one in side] for side in sides]
    return [cropped(parts, dtype, channels_last) for parts in found]
