"""Enlarge a crop whose image is too small for it, so that HR and LR stay aligned.

Both are padded at the bottom and right, by a whole number of LR pixels and the HR pixels that face them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from srdata.errors import UnknownNameError
from srdata.images import Pixels

# The name that users give, and numpy's. The mirror repeats the border pixel: without that the mirrored HR
# image would lie scale - 1 pixels off the mirrored LR image. "constant" is black.
PADS: dict[str, Any] = {"reflect": "symmetric", "edge": "edge", "constant": "constant"}


def check_pad(pad: str) -> str:
    """`pad` if it is one of `PADS`; raises UnknownNameError."""
    if pad not in PADS:
        raise UnknownNameError.among("pad", pad, PADS)
    return pad


def padded(image: Pixels, height: int, width: int, pad: str) -> Pixels:
    """`image` (h, w, c) enlarged at the bottom and right to `height` by `width`, in the way called `pad`.

    >>> padded(np.arange(3, dtype=np.uint8).reshape(1, 3, 1), 1, 8, "reflect")[0, :, 0].tolist()
    [0, 1, 2, 2, 1, 0, 0, 1]
    """
    more = (height - image.shape[0], width - image.shape[1])
    return np.pad(image, ((0, more[0]), (0, more[1]), (0, 0)), mode=PADS[pad])
