"""PNG files that are nothing but pixels of 8 bits, grey or RGB: kornia-rs takes 2/5 of OpenCV's time.

Which files these are their chunks alone tell, so that a file is read the same way everywhere. kornia-rs
compares the checksums of the chunks up to the last with pixels, and the rest is done here: a damaged file is
refused as by OpenCV. One checksum is not looked at, that within the packed pixels, whose chunks have
checksums themselves.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import cv2
import numpy as np

from srdata.images.pixels import Pixels

_START, _HEADER = 8, b"\0\0\0\rIHDR"
_PLAIN = {b"\x08\0\0\0\0": "mono", b"\x08\2\0\0\0": "rgb"}  # bits, colours, packing, filters, interlacing
_CRITICAL = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND"})
_ASKED_ABOUT = frozenset({b"tRNS", b"acTL", b"fcTL", b"fdAT"})  # transparency and animation
_ANCILLARY = 0x20  # the bit of the first letter of a chunk that may be skipped


def decode_plain_png(data: bytes) -> Pixels | None:
    """RGB uint8 (height, width, 3) of a plain PNG file; None for any other, and where one is damaged."""
    mode = _PLAIN.get(data[24:29])
    if mode is None or data[_START:16] != _HEADER or not _holds_together(data):
        return None
    import kornia_rs.io  # here, as most runs read no PNG file

    size = int.from_bytes(data[20:24], "big"), int.from_bytes(data[16:20], "big")
    try:
        pixels = kornia_rs.io.decode_image_png_u8(data, size, mode)
    except Exception:  # noqa: BLE001  # it raises nothing narrower, and OpenCV has the last word on such a file
        return None
    return np.asarray(pixels if mode == "rgb" else cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB))


def _holds_together(data: bytes) -> bool:
    """Whether the chunks are those of a plain file from its header to its end."""
    kinds = list(_chunks(data))
    known = _CRITICAL.issuperset(kind for kind in set(kinds) if not kind[0] & _ANCILLARY)
    return kinds[-1:] == [b"IEND"] and known and _ASKED_ABOUT.isdisjoint(kinds)


def _chunks(data: bytes) -> Iterator[bytes]:
    """The kinds of chunks up to the end of the image, or to the first that is cut or damaged."""
    place, kind = _START, b""
    while kind != b"IEND":
        head = data[place : place + 8]
        kind, end = head[4:], place + 8 + int.from_bytes(head[:4], "big")
        if end + 4 > len(data):
            return
        if kind != b"IDAT" and zlib.crc32(data[place + 4 : end]) != int.from_bytes(
            data[end : end + 4], "big"
        ):
            return
        yield kind
        place = end + 4
