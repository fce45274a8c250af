"""Codecs: how the pixels of one block become bytes and come back, without loss.

raw   the samples themselves, row by row: nothing to decode, a crop is a memory copy
png   a PNG file, compression level 1
jxl   a JPEG XL file, lossless, effort 1: the smallest; needs the extra "jxl"
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType

import numpy as np

from srdata.errors import CorruptRecordError, ImageError, MissingExtraError, UnknownNameError
from srdata.images import ImagePolicy, decode_image, encode_png
from srdata.store.blocks import CHANNELS, Pixels

Buffer = bytes | memoryview


@dataclass(frozen=True)
class Codec:
    """A pair of functions that are each other's inverse for every RGB uint8 block (h, w, 3).

    `decode(data, height, width)` raises CorruptRecordError when `data` is no block of that size.
    """

    name: str
    encode: Callable[[Pixels], bytes]
    decode: Callable[[Buffer, int, int], Pixels]
    block: int  # the side of a block that suits it, in pixels
    view: bool = False  # whether what `decode` returns is a view of the data


def find_codec(name: str) -> Codec:
    """The codec called `name`; raises UnknownNameError, or MissingExtraError if its library is missing."""
    if name not in CODECS:
        raise UnknownNameError.among("codec", name, CODECS)
    if name == "jxl":
        _imagecodecs()
    return CODECS[name]


def _raw_encode(block: Pixels) -> bytes:
    return block.tobytes()


def _raw_decode(data: Buffer, height: int, width: int) -> Pixels:
    if len(data) != height * width * CHANNELS:
        raise CorruptRecordError(f"holds {len(data)} bytes, not {height * width * CHANNELS}")
    return np.ndarray((height, width, CHANNELS), np.uint8, data)


def _png_decode(data: Buffer, height: int, width: int) -> Pixels:
    try:
        block = decode_image(bytes(data), "block", ImagePolicy(max_pixels=height * width))
    except ImageError as error:
        raise CorruptRecordError(f"is no PNG image of {width}x{height}: {error}") from error
    if block.shape != (height, width, CHANNELS):
        raise CorruptRecordError(f"is a PNG image of {block.shape[1]}x{block.shape[0]}, not {width}x{height}")
    return block


def _jxl_encode(block: Pixels) -> bytes:
    """Effort 1; where few colours make it use a palette, only if that came out right.

    libjxl before 0.12 takes two colours of a small palette for one where their hashes collide within 8 pixels
    (https://github.com/libjxl/libjxl/pull/4291); other efforts do not.
    """
    data = _jxl_encode_with(1, block)
    if _has_few_colours(block) and not np.array_equal(_jxl_decode(data, *block.shape[:2]), block):
        data = _jxl_encode_with(2, block)
    return data


def _jxl_encode_with(effort: int, block: Pixels) -> bytes:
    samples = np.ascontiguousarray(block)
    return bytes(_imagecodecs().jpegxl_encode(samples, lossless=True, effort=effort, numthreads=1))


def _has_few_colours(block: Pixels) -> bool:
    """Whether, by a sample, a block has so few colours that effort 1 could use a palette, of 512 at most."""
    pixels = block.reshape(-1, CHANNELS)
    sample = pixels[:: -(-len(pixels) // 1536)].astype(np.int32)
    return np.unique(sample[:, 0] << 16 | sample[:, 1] << 8 | sample[:, 2]).size <= 768


def _jxl_decode(data: Buffer, height: int, width: int) -> Pixels:
    library = _imagecodecs()
    block = np.empty((height, width, CHANNELS), np.uint8)
    try:
        library.jpegxl_decode(data, numthreads=1, out=block)
    except (ValueError, RuntimeError) as error:  # RuntimeError is the base of imagecodecs.JpegxlError
        raise CorruptRecordError(f"is no JPEG XL image of {width}x{height}: {error}") from error
    return block


def _imagecodecs() -> ModuleType:
    try:
        import imagecodecs
    except ImportError as error:
        raise MissingExtraError.of("imagecodecs") from error
    return imagecodecs


CODECS = {
    codec.name: codec
    for codec in (
        Codec("raw", _raw_encode, _raw_decode, block=480, view=True),
        Codec("png", encode_png, _png_decode, block=240),
        Codec("jxl", _jxl_encode, _jxl_decode, block=480),
    )
}
