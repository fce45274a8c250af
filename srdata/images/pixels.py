"""Decoded images as arrays, and the PNG files that are written of them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from srdata.common.files import write_file

Pixels = NDArray[np.uint8]
TRANSPOSES = 4  # the bit of a turn that swaps height and width


def turned(image: Pixels, turn: int) -> Pixels:
    """A view of an image (height, width, …), flipped and turned in one of eight ways.

    The three bits of `turn` act in this order: 4 transposes (rows become columns), 2 flips top and bottom,
    1 flips left and right.
    """
    image = image.swapaxes(0, 1) if turn & TRANSPOSES else image
    return image[:: -1 if turn & 2 else 1, :: -1 if turn & 1 else 1]


def grey_plane(image: Pixels) -> Pixels:
    """RGB whose channels are equal as (height, width, 1); an image with colours as it is."""
    plane = image[..., :1]
    return np.ascontiguousarray(plane) if (image == plane).all() else image


def encode_png(image: Pixels, level: int = 1) -> bytes:
    """The PNG file of an RGB (height, width, 3) or grey (height, width[, 1]) uint8 image."""
    if image.ndim == 3 and image.shape[2] == 3:
        image = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, level])
    return data.tobytes()


def packed_share(images: Iterable[Pixels]) -> float:
    """What PNG leaves of the samples of these images, from 0 to 1; 1 where there are none."""
    sizes = [(len(encode_png(image)), image.nbytes) for image in images]
    return sum(packed for packed, _ in sizes) / sum(raw for _, raw in sizes) if sizes else 1.0


def write_png(path: Path, image: Pixels, level: int = 1) -> None:
    """Write an image as a PNG file, whole or not at all; raises StoreError."""
    write_file(path, encode_png(image, level))
