"""Enlarge a crop whose image is too small for it, or that reaches beyond the border.

HR and LR are padded by a whole number of LR pixels and the HR pixels that face them, so they stay aligned.
"""

from __future__ import annotations

from typing import Any, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from srdata.errors import UnknownNameError
from srdata.images import Pixels
from srdata.store.windows import Integers
from srdata.vocabulary import Pad

# numpy's names of the pads that it has. The mirror repeats the border pixel: without that the mirrored HR
# image would lie scale - 1 pixels off the mirrored LR image. "constant" is black.
PADS: dict[str, Any] = {"reflect": "symmetric", "edge": "edge", "constant": "constant"}

Levels = NDArray[Any]  # 0 to 255: uint8, or float32 where some were enlarged


def check_pad(pad: str) -> str:
    """`pad` if it is the name of one; raises UnknownNameError."""
    if pad not in get_args(Pad):
        raise UnknownNameError.among("pad", pad, get_args(Pad))
    return pad


def padded(image: Pixels, height: int, width: int, pad: str | None, colour: int = 0) -> Levels:
    """`image` (h, w, c) made `height` by `width`, in the way called `pad`; None where it is as large already.

    It is padded at the bottom and right. "enlarge" resizes it instead, bilinearly by OpenCV, along the axes
    that are too short, and gives float32; "flat" puts `colour` in its place, RGB as 24 bits.

    >>> padded(np.arange(3, dtype=np.uint8).reshape(1, 3, 1), 1, 8, "reflect")[0, :, 0].tolist()
    [0, 1, 2, 2, 1, 0, 0, 1]
    """
    more = (height - image.shape[0], width - image.shape[1])
    if pad is None or more == (0, 0):
        return image
    if pad == "enlarge":
        larger: Levels = cv2.resize(image.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
        return larger
    if pad == "flat":
        levels = np.frombuffer(colour.to_bytes(3), np.uint8)
        return np.broadcast_to(np.resize(levels, image.shape[2]), (height, width, image.shape[2]))
    return np.pad(image, ((0, more[0]), (0, more[1]), (0, 0)), mode=PADS[pad])


def mirrored(image: Levels, before: Integers, after: Integers) -> Levels:
    """`image` (h, w, c) with so many rows and columns more at its top and left, bottom and right, mirrored.

    The border pixel is repeated, as MATLAB's imresize does.
    """
    if not (before.any() or after.any()):
        return image
    return np.pad(image, ((before[0], after[0]), (before[1], after[1]), (0, 0)), mode="symmetric")


def filled(out: Levels, image: Levels) -> None:
    """Write `image` into `out`; floats are rounded where that holds bytes."""
    out[:] = np.rint(image) if out.dtype == np.uint8 != image.dtype else image
