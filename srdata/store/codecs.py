"""Codecs: how the pixels of one block become bytes and come back, without loss.

raw   the samples themselves, row by row: nothing to decode, a crop is a memory copy
zstd  what is left of each sample after its neighbour above and green, as a Zstandard frame
png   a PNG file, compression level 1
jxl   a JPEG XL file, lossless, effort 1: the smallest; needs the extra "jxl"
keep  a whole image: the JPEG file that it comes from where that decodes to it, else as zstd
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pyarrow as pa

from srdata.common.wording.amounts import how_many
from srdata.errors import CorruptRecordError, ImageError, MissingExtraError, UnknownNameError
from srdata.images import MOST_PIXELS, ImagePolicy, decode_image, encode_png
from srdata.images.file_kinds import HEAD_BYTES, format_of
from srdata.store.blocks import CHANNELS, LARGEST_BLOCK, Pixels

Buffer = bytes | memoryview
Part = tuple[slice, slice]  # rows and columns


@dataclass(frozen=True)
class Codec:
    """A pair of functions that are each other's inverse for every RGB uint8 block (h, w, 3).

    `decode(data, height, width)` raises CorruptRecordError when `data` is no block of that size.
    """

    name: str
    encode: Callable[[Pixels], bytes]
    decode: Callable[[Buffer, int, int], Pixels]
    block: int  # the side of a block that suits it, in pixels
    decode_part: Callable[[Buffer, int, int, Part], Pixels] | None = None  # where that costs less
    view: bool = False  # whether what `decode` returns is a view of the data
    keeps: bool = False  # whether a block is a whole image, and a JPEG file may stand for it


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
        raise CorruptRecordError(f"holds {how_many(len(data), 'byte')}, not {height * width * CHANNELS}")
    return np.ndarray((height, width, CHANNELS), np.uint8, data)


def _zstd_encode(block: Pixels) -> bytes:
    planes = block.transpose(2, 0, 1).copy()
    planes[::2] -= planes[1]
    planes[:, 1:] -= planes[:, :-1]
    return bytes(_zstd().compress(planes, asbytes=True))


def _zstd_decode(data: Buffer, height: int, width: int) -> Pixels:
    return _zstd_decode_part(data, height, width, (slice(0, height), slice(0, width)))


def _zstd_decode_part(data: Buffer, height: int, width: int, part: Part) -> Pixels:
    """Rows below and columns beside a part need not be summed up."""
    try:
        samples = _zstd().decompress(data, CHANNELS * height * width)
    except OSError as error:
        raise CorruptRecordError(f"is no Zstandard frame of {width}x{height} pixels: {error}") from error
    rows, columns = part
    planes = np.ndarray((CHANNELS, height, width), np.uint8, samples)[:, : rows.stop, columns]
    red, green, blue = np.add.accumulate(planes, axis=1, dtype=np.uint8)[:, rows]
    block: Pixels = cv2.merge((red + green, green, blue + green))
    return block


def kept_file(data: bytes, image: Pixels) -> bytes | None:
    """The bytes of an image file where the codec "keep" decodes them to just this image, else None."""
    if not is_kept_file(data):
        return None
    try:
        same = np.array_equal(_kept_decode(data, *image.shape[:2]), image)
    except CorruptRecordError:  # it takes another policy than the usual one to read it
        return None
    return data if same else None


def is_kept_file(data: Buffer) -> bool:
    """Whether a stored block is a JPEG file as it came."""
    return format_of(bytes(data[:HEAD_BYTES])) == "JPEG"


def _kept_decode(data: Buffer, height: int, width: int) -> Pixels:
    """The upper left part of a JPEG file, to which an image was cut that LR images fit."""
    if not is_kept_file(data):
        return _zstd_decode(data, height, width)
    try:
        image = decode_image(bytes(data), "block", ImagePolicy(max_pixels=MOST_PIXELS))
    except ImageError as error:
        raise CorruptRecordError(f"is a JPEG file that cannot be read: {error}") from error
    if image.shape[0] < height or image.shape[1] < width:
        raise CorruptRecordError(f"is a JPEG file of {image.shape[1]}x{image.shape[0]}, not {width}x{height}")
    return image[:height, :width]


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
    block = np.ascontiguousarray(block)
    data = _jxl_encode_with(1, block)
    if _has_few_colours(block) and not np.array_equal(_jxl_decode(data, *block.shape[:2]), block):
        data = _jxl_encode_with(2, block)
    return data


def _jxl_encode_with(effort: int, block: Pixels) -> bytes:
    return bytes(_imagecodecs().jpegxl_encode(block, lossless=True, effort=effort, numthreads=1))


def _has_few_colours(block: Pixels) -> bool:
    """Whether, by a sample, a block has so few colours that effort 1 could use a palette, of 512 at most."""
    pixels = block.reshape(-1, CHANNELS)
    sample = pixels[:: -(-len(pixels) // 1536)].astype(np.int32)
    colours = np.sort(sample[:, 0] << 16 | sample[:, 1] << 8 | sample[:, 2])
    return int(np.count_nonzero(np.diff(colours))) < 768  # np.unique takes 20 times as long


def _jxl_decode(data: Buffer, height: int, width: int) -> Pixels:
    library = _imagecodecs()
    block = np.empty((height, width, CHANNELS), np.uint8)
    try:
        library.jpegxl_decode(data, numthreads=1, out=block)
    except (ValueError, RuntimeError) as error:  # RuntimeError is the base of imagecodecs.JpegxlError
        raise CorruptRecordError(f"is no JPEG XL image of {width}x{height}: {error}") from error
    return block


def _zstd() -> Any:
    return pa.Codec("zstd", 1)


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
        Codec("zstd", _zstd_encode, _zstd_decode, block=120, decode_part=_zstd_decode_part),
        Codec("png", encode_png, _png_decode, block=240),
        Codec("jxl", _jxl_encode, _jxl_decode, block=480),
        Codec("keep", _zstd_encode, _kept_decode, block=LARGEST_BLOCK, keeps=True),
    )
}
