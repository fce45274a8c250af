"""Whether the HR and the LR image of a pair lie the same way, where a file says that it is to be turned."""

from __future__ import annotations

from itertools import product

import cv2
import numpy as np
from numpy.typing import NDArray

from srdata.errors import ImageError
from srdata.images.orientation import as_stored
from srdata.images.pixels import Pixels

_SIDE = 32  # pixels of the sketches that are compared
_CLEARLY, _MARGIN = 0.75, 0.5  # another way is better by this share of the difference, and by these levels


def check_same_way(hr: Pixels, lr: Pixels, turns: tuple[int, int], names: tuple[object, object]) -> None:
    """Raise ImageError if HR and LR fit clearly better when one or both are not turned.

    `turns` are the EXIF orientations that were applied, and `names` what the two are called, HR first.
    """
    if turns == (1, 1):
        return
    ways = product((hr, as_stored(hr, turns[0])), (lr, as_stored(lr, turns[1])))
    as_read, *others = (_difference(high, low) for high, low in ways)
    if min(others) < _CLEARLY * as_read - _MARGIN:
        raise ImageError(
            f"{names[1]}: lies another way than {names[0]}: their EXIF orientations are {turns[1]} and "
            f"{turns[0]}, and what they show fits without: turn the pixels of both, or take both tags away"
        )


def _difference(one: Pixels, other: Pixels) -> float:
    """The mean difference of two images in levels, whatever their sizes."""
    return float(np.abs(_sketch(one) - _sketch(other)).mean())


def _sketch(image: Pixels) -> NDArray[np.float32]:
    small = cv2.resize(np.ascontiguousarray(image), (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    return np.atleast_3d(np.asarray(small, np.float32))  # cv2 drops the one channel of grey
