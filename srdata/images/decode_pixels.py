"""From image files to RGB uint8 (height, width, 3), the right way up."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from srdata.errors import ImageError
from srdata.images.image_info import ImageInfo, admit
from srdata.images.image_policy import ImagePolicy
from srdata.images.pixels import Pixels
from srdata.images.plain_png import PlainPng, plain_png


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
    from srdata.images.opened_pixels import decode_opened  # Pillow takes long, and such files need it not

    return decode_opened(data, name, policy, plain)


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
