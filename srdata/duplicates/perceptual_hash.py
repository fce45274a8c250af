"""Perceptual hashes: 64 bits that stay nearly the same when an image is resized or compressed again.

Copies that were mirrored or turned are looked for in all eight ways to lie. Those that were cropped have
other hashes: of 252 images that lost 1, 2, 3 and 5 % at each side, 100, 98, 86 and 42 % are found.

The bits are those of imagehash, which gives no sketch: that is made once for all eight ways, and compared.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import NamedTuple, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from srdata.images import Pixels, turned

Sketch = NDArray[np.uint8]  # the grey image of 32x32 pixels that a hash is made of
Hashes = NDArray[np.uint64]
Groups = NDArray[np.int64]
Signs = NDArray[np.uint8]  # 256 bits in 32 bytes: what a hash alone leaves open, where there is no sketch

NEAR = 12  # bits; two images that have nothing in common differ in about 32
ALIKE = 0.8  # the least correlation of the sketches of copies
ALIKE_SIGNS = 64  # of 256 bits that differ at most: 54 in 1095 altered copies, about 128 in other images
TURNS = (
    "",
    "flipped left to right",
    "flipped top to bottom",
    "turned by 180°",
    "transposed",
    "turned clockwise",
    "turned anticlockwise",
    "transposed along the other diagonal",
)
_SIDE, _KEPT = 32, 8  # of the sketch, and of the low frequencies that are looked at
_CHUNK = 1 << 22  # comparisons at a time


class Sketches(Protocol):
    """Sketches of many images, of which not all have to be in memory; an array (n, 32, 32) is one too."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Sketch]: ...

    def __getitem__(self, numbers: list[int], /) -> Sketch:
        """Those of these numbers, (len(numbers), 32, 32)."""


class Near(NamedTuple):
    """Two hashes that hardly differ: their places, in how many bits, and what was done to the other."""

    one: int
    other: int
    bits: int
    turn: int = 0  # number in TURNS: the other image, turned so, lies as the one


def sketch(image: Pixels) -> Sketch:
    """The grey image of 32x32 pixels of an RGB image (height, width, 3), uint8."""
    grey = Image.fromarray(image).convert("L").resize((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    return np.asarray(grey)


def hash_of(small: Sketch) -> np.uint64:
    """The perceptual hash of the image that has this sketch; the bits of `imagehash.phash`.

    A bit for each of its 8x8 lowest frequencies: whether it is above their median. Source: Zauner,
    Implementation and benchmarking of perceptual image hash functions, 2010.
    """
    low = _frequencies(small)[:_KEPT, :_KEPT].copy()
    low[0] *= np.sqrt(2)  # imagehash does not norm its transform
    low[:, 0] *= np.sqrt(2)
    return np.uint64(int.from_bytes(np.packbits(low > np.median(low)).tobytes(), "big"))


def turned_hashes(sketches: Sketches) -> Hashes:
    """The hash of each image in each of the eight ways in which it may lie, (n, 8); as it is first."""
    ways = range(len(TURNS))
    hashes = (hash_of(turned(one, turn)) for one in sketches for turn in ways)
    return np.fromiter(hashes, np.uint64, len(sketches) * len(ways)).reshape(-1, len(ways))


def signs_of(small: Sketch) -> Signs:
    """Whether each of the 16x16 lowest frequencies of the image that has this sketch is above 0, (32,)."""
    return np.packbits(_frequencies(small)[: 2 * _KEPT, : 2 * _KEPT] > 0)


def _frequencies(small: Sketch) -> NDArray[np.float64]:
    found: NDArray[np.float64] = cv2.dct(small.astype(np.float64))
    return found


def identical(sketches: Sketches) -> Groups:
    """The group of each image, (n,), of which all have the very same sketch; such images are copies."""
    digests = b"".join(hashlib.blake2b(one.tobytes(), digest_size=16).digest() for one in sketches)
    groups: Groups = np.unique(np.frombuffer(digests, np.uint64).reshape(-1, 2), axis=0, return_inverse=True)[
        1
    ]
    return groups.reshape(-1)


def near_pairs(
    hashes: Hashes,
    others: Hashes,
    bits: int = NEAR,
    *,
    among: bool = False,
    apart_from: Groups | None = None,
) -> Iterator[Near]:
    """Every pair of `hashes` (n,) with `others` (m, turns) that differs in at most `bits` bits in any turn.

    The turn is the one in which they differ least. With `among` the others are the same images, so each
    pair comes once, and none of an image with itself, nor of two that `apart_from` has in one group.
    """
    rows = max(1, _CHUNK // max(1, others.size))
    for start in range(0, len(hashes), rows):
        first = start if among else 0
        apart = np.bitwise_count(hashes[start : start + rows, None, None] ^ others[first:])
        least = apart.min(-1)
        near = least <= bits
        if apart_from is not None:
            near &= apart_from[start : start + rows, None] != apart_from[first:]
        for row, column in np.argwhere(near).tolist():
            one, other = start + row, first + column
            if not among or one < other:
                yield Near(one, other, int(least[row, column]), int(apart[row, column].argmin()))


def alike(ones: Sketch, others: Sketch) -> NDArray[np.bool_]:
    """Whether sketches (count, 32, 32) correlate as those of copies: bits alone may agree by chance.

    Images without any structure are alike.
    """
    a, b = (_centred(some) for some in (ones, others))
    dot, norms = (a * b).sum(1), np.sqrt((a * a).sum(1) * (b * b).sum(1))
    found: NDArray[np.bool_] = dot >= ALIKE * norms
    return found


def _centred(sketches: Sketch) -> NDArray[np.float64]:
    flat = sketches.reshape(len(sketches), -1).astype(np.float64)
    centred: NDArray[np.float64] = flat - flat.mean(1, keepdims=True)
    return centred
