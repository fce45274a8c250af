"""Pillow's resize, which many data sets were made with."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from srdata.degrade.model.op import BytesOp, Params
from srdata.degrade.numerics.backend import Array, Image, is_torch
from srdata.resize.pillow_weights import levels_of, matrix

Kernel = Literal["bicubic", "bilinear", "lanczos", "box", "hamming", "nearest"]


class PillowResize(BytesOp):
    """`Image.resize` of Pillow to the LR size: antialiased, columns first, each pass rounded to 8 bits.

    Its bicubic is MATLAB's kernel (a = -0.5), but leaves out what lies off the border; MATLAB mirrors.
    Source: Pillow itself does it; on CUDA its sums, which are whole numbers, are made in float64.
    """

    op: Literal["pillow_resize"] = "pillow_resize"
    kernel: Kernel = "bicubic"

    @property
    def sets_size(self) -> bool:
        return True

    def sample(self, rng: np.random.Generator) -> Params:
        return {}

    def apply(self, x: Array, params: Sequence[Params]) -> Any:
        if not is_torch(x) or x.device.type in ("cpu", "mps"):  # Apple's device has no float64
            return super().apply(x, params)
        from srdata.common.tensors.device_copies import sent_together

        size, target = tuple(x.shape[2:]), tuple(params[0]["lr_size"])
        axes = zip(size, target, strict=True)
        rows, columns = sent_together(x.device, *(matrix(*axis, self.kernel) for axis in axes))
        levels = (x * 255).round().clamp(0, 255).double()
        if _rows_first(size, target, self.kernel):
            levels = levels_of(levels_of(rows @ levels) @ columns.T)
        else:
            levels = levels_of(rows @ levels_of(levels @ columns.T))
        return levels.float() * (1 / 255)

    def on_bytes(self, image: Image, params: Params) -> Image:
        planes = np.moveaxis(image, 2, 0)
        return np.stack([_resized(plane, params["lr_size"], self.kernel) for plane in planes], axis=2)


def _resized(plane: NDArray[np.uint8], size: Sequence[int], kernel: Kernel) -> NDArray[np.uint8]:
    from PIL import Image as Pillow  # takes long, and other ops need it not

    height, width = size
    return np.asarray(Pillow.fromarray(plane).resize((width, height), Pillow.Resampling[kernel.upper()]))


@lru_cache(maxsize=256)
def _rows_first(size: tuple[int, int], target: tuple[int, int], kernel: Kernel) -> bool:
    """Whether Pillow brings an image to its height before its width; versions choose in different ways."""
    planes = np.random.Generator(np.random.SFC64(0)).integers(0, 256, (8, *size), np.uint8)
    lower = [_resized(plane, (target[0], size[1]), kernel) for plane in planes]
    return all(
        np.array_equal(_resized(plane, target, kernel), _resized(half, target, kernel))
        for plane, half in zip(planes, lower, strict=True)
    )
