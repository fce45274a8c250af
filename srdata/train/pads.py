"""Fill a patch for which its image is too small, so that HR and LR stay aligned.

Mirrors, edges and black are added at the bottom and right, by a whole number of LR pixels and the HR pixels
that face them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from srdata.errors import UnknownNameError
from srdata.images import Pixels

# The name that users give, and numpy's. The mirror repeats the border pixel: without that the mirrored HR
# image would lie scale - 1 pixels off the mirrored LR image. "constant" is black.
_MODES: dict[str, Any] = {"reflect": "symmetric", "edge": "edge", "constant": "constant"}
PADS = (*_MODES, "stretch", "flat")


def check_pad(pad: str) -> str:
    """`pad` if it is one of `PADS`; raises UnknownNameError."""
    if pad not in PADS:
        raise UnknownNameError.among("pad", pad, PADS)
    return pad


def padded(image: Pixels, height: int, width: int, pad: str, colour: int) -> Pixels:
    """`image` (h, w, 3) as `height` by `width` pixels, in the way called `pad`; as it is if it has that size.

    "stretch" enlarges it by Pillow's bilinear, "flat" leaves nothing of it but `colour`, RGB as 24 bits.

    >>> row = np.arange(9, dtype=np.uint8).reshape(1, 3, 3)
    >>> padded(row, 1, 8, "reflect", 0)[0, :, 0].tolist()
    [0, 3, 6, 6, 3, 0, 0, 3]
    >>> padded(row, 1, 4, "flat", 0x0102FF)[0, 3].tolist()
    [1, 2, 255]
    """
    if image.shape[:2] == (height, width):
        return image
    if pad == "stretch":
        return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))
    if pad == "flat":
        return np.broadcast_to(np.frombuffer(colour.to_bytes(3), np.uint8), (height, width, 3))
    more = (height - image.shape[0], width - image.shape[1])
    return np.pad(image, ((0, more[0]), (0, more[1]), (0, 0)), mode=_MODES[pad])
