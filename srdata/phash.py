"""Perceptual hashes: 64 bits that stay nearly the same when an image is resized or compressed again.

Copies that were mirrored, turned or cropped have other hashes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from srdata.images import Pixels

Hashes = NDArray[np.uint64]

NEAR = 8  # bits; two images that have nothing in common differ in about 32
_SIDE, _KEPT = 32, 8  # of the small image, and of the low frequencies that are looked at
_CHUNK = 1 << 22  # comparisons at a time


class Near(NamedTuple):
    """Two hashes that hardly differ: their places, and the number of bits in which they do."""

    one: int
    other: int
    bits: int


def phash(image: Pixels) -> np.uint64:
    """The perceptual hash of an RGB image (height, width, 3), uint8; the bits of `imagehash.phash`.

    A bit for each of the 8x8 lowest frequencies of the grey image of 32x32 pixels: whether it is above their
    median. Source: Zauner, Implementation and benchmarking of perceptual image hash functions, 2010.
    """
    grey = Image.fromarray(image).convert("L").resize((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    low = cv2.dct(np.asarray(grey, np.float64))[:_KEPT, :_KEPT]
    low[0] *= np.sqrt(2)  # imagehash does not norm its transform
    low[:, 0] *= np.sqrt(2)
    return np.uint64(int.from_bytes(np.packbits(low > np.median(low)).tobytes(), "big"))


def near_pairs(hashes: Hashes, others: Hashes | None = None, bits: int = NEAR) -> Iterator[Near]:
    """Every pair that differs in at most `bits` bits: of `hashes` with `others`, or among themselves."""
    among = others is None
    others = hashes if others is None else others
    rows = max(1, _CHUNK // max(1, len(others)))
    for start in range(0, len(hashes), rows):
        apart = np.bitwise_count(hashes[start : start + rows, None] ^ others)
        for row, column in np.argwhere(apart <= bits).tolist():
            if not among or start + row < column:
                yield Near(start + row, column, int(apart[row, column]))
