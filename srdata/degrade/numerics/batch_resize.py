"""Resizing batches: without antialiasing as OpenCV and torch do it, with it as MATLAB does.

The edges of input and output coincide: output pixel i lies at (i + 0.5) · in / out - 0.5, with the ratio of
the two sizes as they are, also where a factor gave no whole size. The edge is repeated beyond the border.
"nearest" takes the pixel there, "bilinear" two, "bicubic" four (a = -0.75) along each axis; "area" is the
exact mean over the area that an output pixel covers, both ways; "pixel_area" is torch's, of whole pixels.
"lanczos" is the lanczos3 of `imresize`, and so is every kernel (bicubic: a = -0.5) under `antialias`.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from srdata.degrade.numerics import backend
from srdata.degrade.numerics.backend import Array, Plane, is_torch
from srdata.resize import imresize

if TYPE_CHECKING:
    import torch

Method = Literal["nearest", "area", "pixel_area", "bilinear", "bicubic", "lanczos"]

_CV2: dict[Method, int] = {
    "nearest": cv2.INTER_NEAREST_EXACT,
    "area": cv2.INTER_AREA,
    "bilinear": cv2.INTER_LINEAR,
    "bicubic": cv2.INTER_CUBIC,
}
_MATLAB: dict[Method, str] = {"bilinear": "bilinear", "bicubic": "bicubic", "lanczos": "lanczos3"}


def resize(
    x: Array, size: tuple[int, int], method: Method, antialias: bool = False, factor: float | None = None
) -> Array:
    """A batch at another (height, width); not clipped.

    With a `factor`, pixel i lies at (i + 0.5) / factor - 0.5 instead, as torch's `interpolate` has it for a
    scale_factor: where the size is not whole, what is seen moves right and down.
    """
    if size == tuple(x.shape[2:]) and factor in (None, 1):
        return x
    if method in _MATLAB and (antialias or method == "lanczos"):
        return _as_matlab(x, size, _MATLAB[method], antialias)
    if is_torch(x) or factor or method == "pixel_area":
        return backend.by_torch(x, lambda images: _on_tensor(images, size, method, factor))
    return backend.each(x, [None] * len(x), lambda image, _: _on_image(image, size, method))


def _as_matlab(x: Array, size: tuple[int, int], kernel: str, antialias: bool) -> Array:
    if is_torch(x):
        return imresize(x, size=size, kernel=kernel, antialias=antialias)
    done = [imresize(image, size=size, kernel=kernel, antialias=antialias) for image in backend.images(x)]
    return backend.to_batch([image.astype(np.float32) for image in done])


def _on_image(image: Plane, size: tuple[int, int], method: Method) -> Plane:
    taller, wider = size[0] - image.shape[0], size[1] - image.shape[1]
    if (
        method == "area" and taller * wider < 0
    ):  # OpenCV takes areas only where both axes shrink, or both grow
        image = _by_opencv(image, (size[0], image.shape[1]), method)
    return _by_opencv(image, size, method)


def _by_opencv(image: Plane, size: tuple[int, int], method: Method) -> Plane:
    done: Plane = cv2.resize(image, size[::-1], interpolation=_CV2[method])
    return done.reshape(*size, image.shape[2])


def _on_tensor(x: torch.Tensor, size: tuple[int, int], method: Method, factor: float | None) -> torch.Tensor:
    from torch.nn.functional import interpolate

    if method == "pixel_area":
        return interpolate(x, size, mode="area")
    if factor and method in ("bilinear", "bicubic"):
        return _by_factor(x, size, method, factor)
    if method == "area":
        rows, columns = (
            backend.tensor(partial(_areas, *sides), x) for sides in zip(x.shape[2:], size, strict=True)
        )
        return rows @ (x @ columns.T)
    if method == "nearest":
        return interpolate(x, size, mode="nearest-exact")
    return interpolate(x, size, mode=method, align_corners=False)


def _by_factor(x: torch.Tensor, size: tuple[int, int], method: Method, factor: float) -> torch.Tensor:
    """As `interpolate` with this scale_factor, but at a size that may have been rounded otherwise."""
    from torch import ops

    factors = [factor, factor]
    if method == "bilinear":
        return ops.aten.upsample_bilinear2d(x, size, False, *factors)  # type: ignore[no-any-return]  # a tensor
    return ops.aten.upsample_bicubic2d(x, size, False, *factors)  # type: ignore[no-any-return]  # a tensor


def _areas(before: int, after: int) -> NDArray[np.float64]:
    """How much of each output pixel (row) each input pixel (column) fills."""
    ratio = before / after
    begin = np.arange(after)[:, None] * ratio
    pixel = np.arange(before)[None]
    shared = np.minimum(begin + ratio, pixel + 1) - np.maximum(begin, pixel)
    areas: NDArray[np.float64] = np.maximum(shared, 0) / ratio
    return areas


def moved(x: Array, down: float, right: float) -> Array:
    """A batch moved by parts of a pixel, down and to the right, by bilinear interpolation."""
    rows, columns = int(np.floor(down)), int(np.floor(right))
    wide = backend.pad(x, columns + 1, -columns, rows + 1, -rows, "replicate")
    a, b = down - rows, right - columns
    tall: Any = wide[:, :, 1:] * (1 - a) + wide[:, :, :-1] * a
    across: Array = tall[..., 1:] * (1 - b) + tall[..., :-1] * b
    return across
