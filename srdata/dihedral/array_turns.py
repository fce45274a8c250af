"""The eight ways to flip and turn an image, and the fastest way found to do so in place.

A turn is a number from 0 to 7 made of three bits, applied in this order: 4 transposes (rows become columns),
2 flips top and bottom, 1 flips left and right. An HR crop and its LR crop that are turned alike stay aligned.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from srdata.images import TRANSPOSES, Pixels, turned

TURNS = 8
MIRRORED = 2  # the turns below this flip left and right at most
_FLIP = {1: 1, 2: 0, 3: -1}  # OpenCV's code for the two lower bits


def turn_all(images: Pixels, turns: list[int]) -> Pixels:
    """Turn each of `images` (count, height, width, 3): square ones in place, others in new memory.

    Unless the images are square, either all turns transpose or none does.
    """
    if not images.size:
        return images
    if images.shape[1] != images.shape[2]:
        return np.stack([turned(image, turn) for image, turn in zip(images, turns, strict=True)])
    if images.shape[1] == 1:  # nothing to turn, and OpenCV refuses to flip one pixel in place
        return images
    spare = np.empty_like(images[0])
    for image, turn in zip(images, turns, strict=True):
        _turn_in_place(image, turn, spare)
    return images


def turned_places(
    rows: NDArray[np.int64], columns: NDArray[np.int64], turns: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where the pixels of turned images are found, which lie at rows + columns (count, height or width).

    Unless the images are square, either all turns transpose or none does.
    """
    downs, rights = [], []
    for down, right, turn in zip(rows, columns, turns.tolist(), strict=True):
        first, second = (right, down) if turn & TRANSPOSES else (down, right)
        downs.append(first[::-1] if turn & 2 else first)
        rights.append(second[::-1] if turn & 1 else second)
    return np.stack(downs), np.stack(rights)


def _turn_in_place(image: Pixels, turn: int, spare: Pixels) -> None:
    """OpenCV takes a tenth of the time of numpy, whose strided copies go sample by sample."""
    flip = _FLIP.get(turn & 3)
    if turn & TRANSPOSES:
        cv2.transpose(image, spare)
        if flip is None:
            np.copyto(image, spare)
        else:
            cv2.flip(spare, flip, image)
    elif flip is not None:
        cv2.flip(image, flip, image)
