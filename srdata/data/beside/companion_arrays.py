"""Arrays that were computed of each image before: latents, embeddings, depth, masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from srdata.common.array_files.tensor_file import NO_TENSOR, SUFFIXES, tensor_in
from srdata.data.crops.regions import Crops
from srdata.dihedral.tensor_turns import turned
from srdata.discovery.pairing import SHOWN, listed
from srdata.errors import CorruptRecordError, UsageError

_LARGEST = 1 << 30  # bytes of an array


@dataclass(frozen=True)
class Companions:
    """A folder of arrays, one for each image, called after it: 0001.npy, .pt or .safetensors.

    By default whole arrays come. With `pixels`, the HR pixels that a sample of the last two axes stands for
    (1 for a mask, 8 for latents of Stable Diffusion), they are cropped and turned with their images: corners
    of crops then lie on multiples of it.
    """

    folder: str | Path
    pixels: int | None = None

    def __post_init__(self) -> None:
        if self.pixels is not None and self.pixels < 1:
            raise UsageError(f"pixels={self.pixels} of arrays must be at least 1: HR pixels of a sample")


class CompanionArrays:
    """The arrays of the images of a data set, in its order; raises UsageError where some lack one."""

    def __init__(self, name: str, given: Companions, keys: Sequence[str]) -> None:
        folder = Path(given.folder)
        files = {
            file.relative_to(folder).with_suffix("").as_posix(): file
            for file in sorted(folder.rglob("*"))
            if file.suffix in SUFFIXES
        }
        if missing := [key for key in keys if key not in files]:
            raise UsageError(
                f"{folder} has no {name} of {listed(missing[:SHOWN], len(missing))}: call arrays after "
                f"images, as {missing[0]}.npy, .pt or .safetensors"
            )
        self.pixels = given.pixels
        self._files = [files[key] for key in keys]
        self._name = name

    def of(self, crops: Crops, cell: int) -> Tensor:
        """Those of crops, whose cells have `cell` HR pixels; raises UsageError, CorruptRecordError."""
        found = [self._load(self._files[image]) for image in crops.inside.images.tolist()]
        if self.pixels is not None:
            boxes = crops.inside.boxes(cell) // self.pixels
            turns = np.zeros(len(found), int) if crops.turns is None else crops.turns
            found = [self._cropped(*one) for one in zip(found, boxes.tolist(), turns.tolist(), strict=True)]
        if len({(one.shape, one.dtype) for one in found}) > 1:
            shapes = ", ".join(sorted({str(tuple(one.shape)) for one in found})[:SHOWN])
            raise UsageError(
                f"{self._name} of {shapes} make no batch: compute them of one size, or give pixels= to "
                "Companions, which crops them with their images"
            )
        return torch.stack(found)

    def _load(self, file: Path) -> Tensor:
        try:
            return torch.from_numpy(np.array(tensor_in(file, _LARGEST)))
        except NO_TENSOR as error:
            why = str(error).partition("\n")[0][:160]
            raise CorruptRecordError(f"{file} holds no plain array ({why}): compute it again") from error

    def _cropped(self, array: Tensor, box: Sequence[int], turn: int) -> Tensor:
        top, left, height, width = box
        part = array[..., top : top + height, left : left + width] if array.ndim > 1 else array
        if part.shape[-2:] != (height, width):
            raise UsageError(
                f"{self._name} of shape {tuple(array.shape)} has no {height}x{width} samples at ({left}, "
                f"{top}): compute them of whole images, one for {self.pixels} HR pixels, or give no pixels="
            )
        return turned(part, turn).contiguous()
