"""Which way up an image is: one rule for every format, colour mode and depth, here and nowhere else.

EXIF's orientation counts: tag 274 of a TIFF, the EXIF block of a JPEG or WebP, eXIf of a PNG wherever in it
that stands, else its text "Raw profile type exif". Where EXIF says nothing, tiff:Orientation of XMP counts.
The pixels are turned by it once. A number that EXIF does not know, and a block that cannot be read, are no
orientation: such an image is upright.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

TAG = 0x0112  # 274, of EXIF and TIFF
SIDEWAYS = frozenset({5, 6, 7, 8})  # the orientations that swap height and width
_NUMBERS = {1: "B", 3: "H", 4: "L"}  # the kinds of TIFF fields that hold one
_XMP = re.compile(rb"""tiff:Orientation(?:\s*=\s*["']|>)\s*([1-8])\s*["'<]""")
_MOST_METADATA = 16 << 20  # bytes of a PNG chunk, packed or not

# What undoes each EXIF orientation.
_UPRIGHT: dict[int, Callable[[NDArray[Any]], NDArray[Any]]] = {
    1: lambda x: x,
    2: lambda x: x[:, ::-1],
    3: lambda x: x[::-1, ::-1],
    4: lambda x: x[::-1],
    5: lambda x: x.swapaxes(0, 1),
    6: lambda x: np.rot90(x, -1),
    7: lambda x: x[::-1, ::-1].swapaxes(0, 1),
    8: lambda x: np.rot90(x),
}
_INVERSE = {6: 8, 8: 6}  # of the others, each is its own


def upright(stored: NDArray[Any], orientation: int) -> NDArray[Any]:
    """A view of an image (height, width, …) the right way up, from one as the file has it."""
    return _UPRIGHT[orientation](stored)


def as_stored(image: NDArray[Any], orientation: int) -> NDArray[Any]:
    """A view of an upright image (height, width, …) the way that the file has it."""
    return _UPRIGHT[_INVERSE.get(orientation, orientation)](image)


def known(number: object) -> int | None:
    """An orientation, if it is one."""
    return number if isinstance(number, int) and number in _UPRIGHT else None


def exif_orientation(block: bytes) -> int | None:
    """The orientation in a block of EXIF."""
    field = _field(block.removeprefix(b"Exif\0\0"))
    return known(field.value) if field else None


def xmp_orientation(packet: bytes) -> int | None:
    """The orientation in a packet of XMP."""
    match = _XMP.search(packet)
    return int(match[1]) if match else None


def png_orientation(stream: BinaryIO) -> int | None:
    """The orientation in a PNG file, whose chunks are walked over and whose pixels are not read."""
    metadata = dict(_png_metadata(stream))
    exif = metadata.get(b"eXIf") or _raw_profile(metadata.get(b"Raw profile type exif", b""))
    return exif_orientation(exif) or xmp_orientation(metadata.get(b"XML:com.adobe.xmp", b""))


def without_orientation(tiff: bytes) -> bytes:
    """A TIFF file that says it is upright, with the same pixels."""
    field = _field(tiff)
    if field is None:
        return tiff
    changed = bytearray(tiff)
    struct.pack_into(field.form, changed, field.place, 1)
    return bytes(changed)


class _Field(NamedTuple):
    place: int  # of the value, in bytes
    form: str  # how `struct` reads it
    value: int


def _field(tiff: bytes) -> _Field | None:
    """The orientation in the first directory of a TIFF, which a block of EXIF is too; None if unreadable."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2], "<")
    try:
        big = struct.unpack_from(f"{order}H", tiff, 2)[0] == 43
        (start,) = (
            struct.unpack_from(f"{order}Q", tiff, 8) if big else struct.unpack_from(f"{order}L", tiff, 4)
        )
        (count,) = struct.unpack_from(f"{order}{'Q' if big else 'H'}", tiff, start)
        first, step = start + (8 if big else 2), 20 if big else 12
        for place in range(first, min(first + count * step, len(tiff)), step):
            tag, kind = struct.unpack_from(f"{order}HH", tiff, place)
            if tag == TAG and kind in _NUMBERS:
                form, value = order + _NUMBERS[kind], place + step - (8 if big else 4)
                return _Field(value, form, struct.unpack_from(form, tiff, value)[0])
    except struct.error:
        return None
    return None


def _png_metadata(stream: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """The texts of a PNG by their keywords, and its eXIf."""
    place, end = 8, stream.seek(0, 2)
    while place + 8 <= end:
        stream.seek(place)
        head = stream.read(8)
        length, kind = int.from_bytes(head[:4], "big"), head[4:]
        place += length + 12
        if kind not in (b"eXIf", b"tEXt", b"zTXt", b"iTXt") or length > _MOST_METADATA:
            continue
        body = stream.read(length)
        keyword, _, rest = (kind, b"", body) if kind == b"eXIf" else body.partition(b"\0")
        yield keyword, _text(kind, rest)


def _text(kind: bytes, rest: bytes) -> bytes:
    """The text that follows a keyword; none where it is packed and damaged."""
    packed = kind == b"zTXt"
    if kind == b"iTXt":
        packed = rest[:1] == b"\1"
        rest = rest[1:2] + rest[2:].partition(b"\0")[2].partition(b"\0")[2]
    if packed:
        try:
            return zlib.decompressobj().decompress(rest[1:], _MOST_METADATA)
        except zlib.error:
            return b""
    return rest[1:] if kind == b"iTXt" else rest


def _raw_profile(text: bytes) -> bytes:
    """The block in a text that ImageMagick writes: a line of its kind, a line of its length, then hex."""
    try:
        return bytes.fromhex(b"".join(text.split(b"\n")[3:]).decode("ascii"))
    except ValueError:
        return b""
