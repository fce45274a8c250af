"""Crops that are larger than the patch, reduced to it: how diffusion models for SR see much of an image.

square         a random square of the shorter side, by OpenCV's areas in floats (ResShift, `rescale_gt`)
centre-square  the middle of the image, halved by boxes as often as can be, then by bicubic to the size,
               both by Pillow in 8 bits (`center_crop_arr` of guided-diffusion, DiffBIR)
"""

from __future__ import annotations

import cv2
import numpy as np

from srdata.data.crops.padding import Levels
from srdata.images import Pixels

REDUCING = ("square", "centre-square")


def reduced(image: Pixels, take: str, side: int) -> Levels:
    """What is taken of `image` (height, width, 3): a square of `side`, or less, which is to be padded.

    >>> reduced(np.zeros((96, 64, 3), np.uint8), "centre-square", 32).shape
    (32, 32, 3)
    """
    if take == "centre-square":
        return _centre_square(image, side)
    if take != "square" or min(image.shape[:2]) <= side:
        return image
    square: Levels = cv2.resize(image.astype(np.float32), (side, side), interpolation=cv2.INTER_AREA)
    return square


def _centre_square(image: Pixels, side: int) -> Levels:
    from PIL import Image  # takes long, and other crops need it not

    picture = Image.fromarray(image)
    if picture.size == (side, side):
        return image
    while min(picture.size) >= 2 * side:
        picture = picture.resize((picture.width // 2, picture.height // 2), Image.Resampling.BOX)
    scale = side / min(picture.size)
    sizes = round(picture.width * scale), round(picture.height * scale)
    levels = np.array(picture.resize(sizes, Image.Resampling.BICUBIC))
    top, left = ((length - side) // 2 for length in levels.shape[:2])
    return levels[top : top + side, left : left + side]
