"""From image files to RGB uint8 (height, width, 3), the right way up.

Large images are converted a stripe at a time: besides the samples of the file and the result, little is held.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from srdata.errors import ImageError
from srdata.images.file_header import ImageInfo, admit, opened
from srdata.images.image_policy import ImagePolicy
from srdata.images.orientation import as_stored, upright
from srdata.images.pixels import Pixels
from srdata.images.plain_png import decode_plain_png
from srdata.images.stripes import Rows, by_opencv, rows_of
from srdata.images.to_rgb import ToRgb

_STRIPE = 1 << 20  # pixels


def read_image(path: Path, policy: ImagePolicy | None = None) -> Pixels:
    """Decode the image file at `path` to RGB uint8 (height, width, 3); raises ImageError."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ImageError(f"{path}: cannot be read: {error.strerror}") from error
    return decode_image(data, str(path), policy)


def decode_image(data: bytes, name: str, policy: ImagePolicy | None = None) -> Pixels:
    """Decode the bytes of an image file to RGB uint8 (height, width, 3).

    `name` stands in the text of the ImageError that a bad image raises.
    """
    policy = policy or ImagePolicy()
    with opened(data, name) as (image, info):
        admit(info, policy, name)
        if _is_ordinary(info) and not (info.icc and policy.icc == "srgb"):
            plain = decode_plain_png(data) if info.format == "PNG" else None
            pixels = by_opencv(data, cv2.IMREAD_COLOR_RGB, name) if plain is None else plain
            return np.ascontiguousarray(upright(pixels, info.orientation))
        to_rgb = ToRgb(policy, name, image.info.get("icc_profile"))
        return _by_stripes(rows_of(image, info, data, name), to_rgb, info)


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
