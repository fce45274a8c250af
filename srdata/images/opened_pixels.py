"""The pixels of files that Pillow opens first, as their metadata or modes may change what they are.

Large images are converted a stripe at a time: besides the samples of the file and the result, little is held.
"""

from __future__ import annotations

import cv2
import numpy as np

from srdata.images.file_header import opened
from srdata.images.image_info import ImageInfo, admit
from srdata.images.image_policy import ImagePolicy
from srdata.images.orientation import as_stored, upright
from srdata.images.pixels import Pixels
from srdata.images.plain_png import PlainPng
from srdata.images.stripes import Rows, by_opencv, rows_of
from srdata.images.to_rgb import ToRgb

_STRIPE = 1 << 20  # pixels


def decode_opened(
    data: bytes, name: str, policy: ImagePolicy, plain: PlainPng | None
) -> tuple[Pixels, ImageInfo]:
    """RGB and header of a file; `plain` is what it is as a plain PNG file. Raises ImageError."""
    with opened(data, name) as (image, info):
        admit(info, policy, name)
        if _is_ordinary(info) and not (info.icc and policy.icc == "srgb"):
            found = plain.pixels() if plain is not None else None
            pixels = by_opencv(data, cv2.IMREAD_COLOR_RGB, name) if found is None else found
            return np.ascontiguousarray(upright(pixels, info.orientation)), info
        to_rgb = ToRgb(policy, name, image.info.get("icc_profile"))
        return _by_stripes(rows_of(image, info, data, name), to_rgb, info), info


def _is_ordinary(info: ImageInfo) -> bool:
    """Whether the file needs no rule but that of orientation."""
    plain = info.format in ("PNG", "JPEG") and info.mode in ("RGB", "L")
    return plain and not info.alpha and not info.deep and info.frames == 1


def _by_stripes(rows: Rows, to_rgb: ToRgb, info: ImageInfo) -> Pixels:
    pixels = np.empty((*info.size, 3), np.uint8)
    stored = as_stored(pixels, info.orientation)
    height, width = stored.shape[:2]
    step = max(1, _STRIPE // width)
    for top in range(0, height, step):
        bottom = min(top + step, height)
        stored[top:bottom] = to_rgb(rows(top, bottom))
    return pixels
