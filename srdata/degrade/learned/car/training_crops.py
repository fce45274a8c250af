"""Training crops of the photographs in a folder, and the parts of them that training never sees."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from srdata.errors import UsageError
from srdata.images import Pixels, list_images, probe, read_image
from srdata.rng import key, uniforms

KEPT_BYTES = 4 << 30  # of decoded images held in memory; those beyond it are decoded each time
LARGEST_PART = 512  # pixels along a side of a held-out part
_GRID = 16  # held-out parts are cropped to multiples of it


class Photographs:
    """The images of a folder; of each the right-hand share `held_out` of its columns is kept from training.

    Raises UsageError where an image leaves no room for a crop of `patch` pixels a side.
    """

    def __init__(self, folder: Path, patch: int, held_out: float) -> None:
        self.patch, self.held_out = patch, held_out
        self.paths = list_images(folder)
        if not self.paths:
            raise UsageError(f"{folder} holds no images to train on: name a folder of photographs")
        self._sizes = [self._size(path) for path in self.paths]
        held = np.cumsum([3 * height * width for height, width in self._sizes])
        self._fitting = int(np.searchsorted(held, KEPT_BYTES, side="right"))
        self._kept: dict[int, Pixels] = {}
        names = "\n".join(f"{path.relative_to(folder)} {path.stat().st_size}" for path in self.paths)
        self.digest = hashlib.sha256(names.encode()).hexdigest()

    def batch(self, seed: int, step: int, count: int) -> Tensor:
        """The crops of one training step, (count, 3, patch, patch) in 0–1, turned and mirrored at random.

        They depend on (seed, step, place in the batch) alone.
        """
        draws = uniforms(key(seed, "train-resampler", "crops") % 2**63, step, np.arange(count), draws=4)
        return _batch([self._crop(*(float(draw) for draw in row)) for row in draws])

    def held_out_parts(self, most: int = 32) -> Iterator[Tensor]:
        """What training never sees of the first `most` images, (1, 3, height, width) in 0–1."""
        for number in range(min(most, len(self.paths))):
            part = self._image(number)[:LARGEST_PART, self._trained(number) :][:, -LARGEST_PART:]
            height, width = (side // _GRID * _GRID for side in part.shape[:2])
            if height and width:
                yield _batch([part[:height, :width]])

    def _size(self, path: Path) -> tuple[int, int]:
        info = probe(path)
        if min(info.height, int(info.width * (1 - self.held_out))) < self.patch:
            raise UsageError(
                f"{path} of {info.width}x{info.height} is too small for crops of {self.patch} pixels a side "
                f"when {self.held_out:.0%} of its width is held out: choose a smaller patch_size, "
                "or move it away"
            )
        return info.size

    def _trained(self, number: int) -> int:
        return int(self._sizes[number][1] * (1 - self.held_out))

    def _crop(self, which: float, down: float, across: float, turn: float) -> Pixels:
        number = int(which * len(self.paths))
        top = int(down * (self._sizes[number][0] - self.patch + 1))
        left = int(across * (self._trained(number) - self.patch + 1))
        crop = np.rot90(self._image(number)[top : top + self.patch, left : left + self.patch], int(turn * 4))
        return crop[:, ::-1] if int(turn * 8) % 2 else crop

    def _image(self, number: int) -> Pixels:
        if number >= self._fitting:
            return read_image(self.paths[number])
        if number not in self._kept:
            self._kept[number] = read_image(self.paths[number])
        return self._kept[number]


def _batch(crops: list[Pixels]) -> Tensor:
    return torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).contiguous() / 255
