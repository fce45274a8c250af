"""The quality that a JPEG file was saved with, by its quantisation tables."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from srdata.images.file_kinds import HEAD_BYTES, format_of

LOSSLESS = 100.0  # of what is no JPEG file

# Luminance, ITU-T T.81 table K.1, row by row, which libjpeg scales by the quality.
_LUMINANCE = np.array(
    [
        *(16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55),
        *(14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62),
        *(18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92),
        *(49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99),
    ]
)


def jpeg_quality(data: bytes) -> float:
    """The quality, 1 to 100, whose table of libjpeg is nearest to that of the file; 100 where it is no JPEG.

    An image that was saved as PNG after it had been a JPEG has 100 too: `blockiness` tells more of that.
    """
    if format_of(data[:HEAD_BYTES]) != "JPEG":
        return LOSSLESS
    try:
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
            tables = getattr(image, "quantization", {})
    except (UnidentifiedImageError, OSError, SyntaxError):
        return LOSSLESS
    luminance = np.array(tables.get(0, ()))
    if luminance.shape != (64,):
        return LOSSLESS
    return float(1 + np.abs(_tables() - luminance).sum(1).argmin())


def _tables() -> NDArray[np.int64]:
    """The table of luminance of each quality from 1 to 100, (100, 64)."""
    quality = np.arange(1, 101)[:, None]
    scale = np.where(quality < 50, 5000 // quality, 200 - 2 * quality)
    found: NDArray[np.int64] = np.clip((_LUMINANCE * scale + 50) // 100, 1, 255)
    return found
