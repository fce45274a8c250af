"""Both passes of a resize over a numpy image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from srdata.errors import UsageError
from srdata.resize import fast_uint8, reference
from srdata.resize.taps import Taps

Array = NDArray[Any]
INTEGERS = (np.uint8, np.uint16)
PLANAR = (3, 4)  # channel counts that OpenCV transposes many times faster than numpy


def check_array(image: object) -> None:
    """Raise UsageError for what is no image: the type, the shape or the kind of sample."""
    if not isinstance(image, np.ndarray):
        kind = type(image).__name__
        raise UsageError(f"imresize takes a numpy array or a torch batch (N, C, H, W), not a {kind}")
    if image.ndim not in (2, 3) or not image.size:
        raise UsageError(
            f"imresize takes an image of shape (H, W) or (H, W, C), not an array of shape {image.shape}"
        )
    if image.dtype not in INTEGERS and image.dtype.kind != "f":
        raise UsageError(f"imresize takes uint8, uint16 or float samples, not {image.dtype}")


def resize(image: Array, passes: Sequence[tuple[int, Taps]], border: str, rounding: str) -> Array:
    """Run the passes, each an axis and its taps; integers are rounded after each of them or at the end."""
    dtype = image.dtype
    each_pass = rounding == "each-pass"
    for axis, taps in passes:
        if dtype == np.uint8 and each_pass:
            image = _along(image, axis, partial(fast_uint8.resample, taps=taps, border=border))
        else:
            image = _along(image, axis, partial(reference.resample, taps=taps, border=border))
            if dtype in INTEGERS and each_pass:
                image = reference.to_levels(image, dtype)
    return reference.to_levels(image, dtype) if dtype in INTEGERS and not each_pass else image


def _along(image: Array, axis: int, resample: Callable[[Array], Array]) -> Array:
    """Resize one axis of an image by a function that resizes the first axis of a table."""
    turned = _transpose(image) if axis else np.ascontiguousarray(image)
    resized = resample(turned.reshape(len(turned), -1)).reshape(-1, *turned.shape[1:])
    return _transpose(resized) if axis else resized


def _transpose(image: Array) -> Array:
    """A copy with rows and columns exchanged."""
    if image.dtype == np.uint8 and (image.ndim == 2 or image.shape[2] in PLANAR):
        return np.asarray(cv2.transpose(np.ascontiguousarray(image)))
    return np.ascontiguousarray(image.swapaxes(0, 1))
