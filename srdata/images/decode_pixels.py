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
from srdata.images.plain_png import PlainPng, plain_png
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
    return decode_with_header(data, name, policy)[0]


def decode_with_header(data: bytes, name: str, policy: ImagePolicy | None = None) -> tuple[Pixels, ImageInfo]:
    """The same, and what the header says."""
    policy = policy or ImagePolicy()
    plain = plain_png(data)
    if plain is not None and plain.bare:  # Pillow has nothing to tell of it
        info = _header_of(plain)
        admit(info, policy, name)
        if (pixels := plain.pixels()) is not None:
            return np.ascontiguousarray(pixels), info
    with opened(data, name) as (image, info):
        admit(info, policy, name)
        if _is_ordinary(info) and not (info.icc and policy.icc == "srgb"):
            found = plain.pixels() if plain is not None else None
            pixels = by_opencv(data, cv2.IMREAD_COLOR_RGB, name) if found is None else found
            return np.ascontiguousarray(upright(pixels, info.orientation)), info
        to_rgb = ToRgb(policy, name, image.info.get("icc_profile"))
        return _by_stripes(rows_of(image, info, data, name), to_rgb, info), info


def _header_of(plain: PlainPng) -> ImageInfo:
    """What `probe` says of a PNG file that holds nothing but a header and pixels."""
    return ImageInfo(
        format="PNG",
        mode="L" if plain.grey else "RGB",
        height=plain.height,
        width=plain.width,
        frames=1,
        maxval=255,
        grey=plain.grey,
        alpha=False,
        orientation=1,
        icc=False,
    )


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
