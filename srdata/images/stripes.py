"""The pixels of an image file as it stores them, a few rows at a time, in a mode of Pillow's with 8 bits."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from srdata.images.file_header import raw_mode, white_is_zero
from srdata.images.image_info import ImageInfo, damaged
from srdata.images.orientation import without_orientation

Rows = Callable[[int, int], Image.Image]  # the rows from the first to before the last
_TO_RGB = {3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGBA}


def rows_of(image: ImageFile.ImageFile, info: ImageInfo, data: bytes, name: str) -> Rows:
    """What gives the rows of an opened file, whose whole content is `data`; raises ImageError."""
    if re.match(rb"P[56]", data):
        return _rows_of_pnm(image, info, data, name)
    if info.deep and (info.format == "PNG" or (info.format == "TIFF" and image.mode in ("RGB", "RGBA"))):
        return _rows_by_opencv(image, info, data, name)
    image.load()
    width = image.size[0]
    if image.mode.startswith("I"):  # of more than 8 bits
        return lambda top, bottom: _from_deep(image.crop((0, top, width, bottom)), info, white_is_zero(image))
    return lambda top, bottom: image.crop((0, top, width, bottom))


def by_opencv(data: bytes, flags: int, name: str) -> NDArray[Any]:
    """The samples as OpenCV reads them, colours in its order (BGR), not turned; raises ImageError."""
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error as error:
        raise damaged(name, error.err) from error
    if image is None:
        raise damaged(name, "cut or corrupt")
    return np.asarray(image)


def to_8_bits(samples: NDArray[Any], maxval: int) -> NDArray[np.uint8]:
    """The nearest of 256 levels: round(255 · sample / maxval), halves up, as netpbm has it."""
    return np.take(_nearest(maxval), samples)


@cache
def _nearest(maxval: int) -> NDArray[np.uint8]:
    """The level of each sample from 0 to `maxval`."""
    return ((np.arange(maxval + 1) * 255 + maxval // 2) // maxval).astype(np.uint8)


def _rows_of_pnm(image: ImageFile.ImageFile, info: ImageInfo, data: bytes, name: str) -> Rows:
    """P5 and P6, whose samples are shares of a largest one; Pillow takes minutes and OpenCV minds it not."""
    (width, height), maxval = image.size, info.maxval or 255
    kind = np.dtype(">u2" if info.deep else "u1")
    shape = (height, width, info.channels)
    count = height * width * info.channels
    if len(data) - image.tile[0].offset < count * kind.itemsize:
        raise damaged(name, "cut short")
    samples = (
        np.frombuffer(data, kind, count, image.tile[0].offset).reshape(shape).squeeze(-1 if info.grey else ())
    )

    def rows(top: int, bottom: int) -> Image.Image:
        part = samples[top:bottom]
        if part.max() > maxval:
            raise damaged(name, f"a sample of {part.max()} is above its maxval {maxval}")
        return Image.fromarray(part if maxval == 255 else to_8_bits(part, maxval))

    return rows


def _rows_by_opencv(image: ImageFile.ImageFile, info: ImageInfo, data: bytes, name: str) -> Rows:
    """16 bits a sample, where Pillow would cut the low byte off."""
    upright = without_orientation(data) if info.format == "TIFF" else data  # else OpenCV turns it
    samples = by_opencv(upright, cv2.IMREAD_UNCHANGED, name)
    if samples.dtype != np.uint16 or samples.shape[:2] != image.size[::-1]:
        raise damaged(name, f"read as {samples.dtype} of {samples.shape[1]}x{samples.shape[0]}")
    raw, clear = raw_mode(image), image.info.get("transparency")

    def rows(top: int, bottom: int) -> Image.Image:
        part = samples[top:bottom]
        eight = to_8_bits(part, 65535)
        if part.ndim == 2:
            return _with_clear(Image.fromarray(eight), part, clear)
        eight = cv2.cvtColor(eight, _TO_RGB[part.shape[2]])
        if raw.startswith("RGBa"):
            return Image.frombytes("RGBa", eight.shape[1::-1], eight.tobytes())
        return Image.fromarray(eight[..., :3] if raw.startswith("RGBX") else eight)

    return rows


def _with_clear(grey: Image.Image, samples: NDArray[Any], clear: object) -> Image.Image:
    """Grey pixels, with alpha where one of the levels stands for transparency."""
    if clear is not None:
        grey.putalpha(Image.fromarray(np.where(samples == clear, 0, 255).astype(np.uint8)))
    return grey


def _from_deep(part: Image.Image, info: ImageInfo, inverted: bool) -> Image.Image:
    """Grey of more than 8 bits by Pillow, which gives samples of plain PGM as shares of 65535."""
    samples, maxval = np.asarray(part), info.maxval or 65535
    if info.format == "PPM":
        samples = (samples.astype(np.uint32) * maxval + 32767) // 65535
    return Image.fromarray(to_8_bits(maxval - samples if inverted else samples, maxval))
