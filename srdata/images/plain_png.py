"""PNG files that are nothing but pixels of 8 bits, grey or RGB: kornia-rs takes 2/5 of OpenCV's time.

Which files these are their chunks alone tell, so that a file is read the same way everywhere. kornia-rs
compares the checksums of the chunks up to the last with pixels, and the rest is done here: a damaged file is
refused as by OpenCV. One checksum is not looked at, that within the packed pixels, whose chunks have
checksums themselves.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from struct import Struct

import cv2
import numpy as np

from srdata.images.pixels import Pixels

_SIGNATURE, _START, _HEADER = b"\x89PNG\r\n\x1a\n", 8, b"\0\0\0\rIHDR"
_PLAIN = {b"\x08\0\0\0\0": "mono", b"\x08\2\0\0\0": "rgb"}  # bits, colours, packing, filters, interlacing
_CRITICAL = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND"})
_ASKED_ABOUT = frozenset({b"tRNS", b"acTL", b"fcTL", b"fdAT"})  # transparency and animation
_ANCILLARY = 0x20  # the bit of the first letter of a chunk that may be skipped
_CHUNK, _SIDES, _CHECKSUM = Struct(">I4s"), Struct(">II"), Struct(">I")


@dataclass(frozen=True)
class PlainPng:
    """A plain PNG file, by its chunks."""

    data: bytes
    height: int
    width: int
    grey: bool
    bare: bool  # whether it holds nothing but a header and pixels, so that no metadata say anything of it

    def pixels(self) -> Pixels | None:
        """RGB uint8 (height, width, 3); None where it is damaged."""
        import kornia_rs.io  # here, as most runs read no PNG file

        size, mode = (self.height, self.width), "mono" if self.grey else "rgb"
        try:
            pixels = kornia_rs.io.decode_image_png_u8(self.data, size, mode)
        except Exception:  # noqa: BLE001  # it raises nothing narrower, and OpenCV has the last word on such a file
            return None
        return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB) if self.grey else pixels)


def plain_png(data: bytes) -> PlainPng | None:
    """A PNG file that is plain by its chunks; None for any other."""
    mode = _PLAIN.get(data[24:29])
    if mode is None or data[_START:16] != _HEADER or not data.startswith(_SIGNATURE):
        return None
    kinds = _kinds(data)
    several = set(kinds)
    known = _CRITICAL.issuperset(kind for kind in several if not kind[0] & _ANCILLARY)
    if kinds[-1:] != [b"IEND"] or not known or not _ASKED_ABOUT.isdisjoint(several):
        return None
    width, height = _SIDES.unpack_from(data, 16)
    bare = several == {b"IHDR", b"IDAT", b"IEND"} and min(height, width) > 0
    return PlainPng(data, height, width, mode == "mono", bare)


def decode_plain_png(data: bytes) -> Pixels | None:
    """RGB uint8 (height, width, 3) of a plain PNG file; None for any other, and where one is damaged."""
    found = plain_png(data)
    return None if found is None else found.pixels()


def _kinds(data: bytes) -> list[bytes]:
    """The kinds of chunks up to the end of the image, or to the first that is cut or damaged."""
    kinds, place = list[bytes](), _START
    while place + 12 <= len(data):
        length, kind = _CHUNK.unpack_from(data, place)
        end = place + 8 + length
        if end + 4 > len(data):
            break
        if kind != b"IDAT" and zlib.crc32(data[place + 4 : end]) != _CHECKSUM.unpack_from(data, end)[0]:
            break
        kinds.append(kind)
        if kind == b"IEND":
            break
        place = end + 4
    return kinds
