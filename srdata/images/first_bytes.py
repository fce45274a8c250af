"""Height and width of an image file by its first bytes, where these tell them: a tenth of the time of Pillow.

A plan looks at a million files. What is not plain at once (another format, metadata that may turn the image,
a header that is longer) is left to `probe`, which asks Pillow.
"""

from __future__ import annotations

import os
from pathlib import Path
from struct import Struct, unpack_from
from typing import BinaryIO
from zlib import crc32

from srdata.errors import ImageError
from srdata.images.image_info import ImageInfo

_READ = 4096  # bytes
_PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
_PNG_METADATA = frozenset({b"eXIf", b"tEXt", b"zTXt", b"iTXt"})  # may say which way up the image is
_LAST = frozenset({b"IDAT", b"IEND"})  # where a head ends with another, metadata may follow
_END = 12  # bytes of the chunk that ends a PNG
_CHUNK = Struct(">I4s")  # how long a chunk of a PNG is, and its kind
_START = Struct(">16x2I9xI4s")  # width and height of a PNG; the same of the chunk behind its header
_OPEN = os.O_RDONLY | getattr(os, "O_BINARY", 0)
_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})  # the markers of JPEG that sizes follow
_APP1, _PIXELS = 0xE1, 0xDA  # EXIF or XMP; where the pixels begin
_USUAL_FRAMES, _TABLES, _QUANTIZATION = frozenset({0xC0, 0xC1, 0xC2}), frozenset({0xC4, 0xDD, 0xFE}), 0xDB
_ORDINARY = frozenset({b"\x08\0\0\0\0", b"\x08\2\0\0\0"})  # of PNG: bits, colours, ways to pack
_HARMLESS = {
    b"IHDR": 13,
    b"gAMA": 4,
    b"sRGB": 1,
    b"cHRM": 32,
    b"pHYs": 9,
    b"tIME": 7,
}  # chunks, and their bytes


def image_size(path: str) -> tuple[int, int]:
    """Height and width of an image file, the right way up; raises ImageError."""
    try:
        _, size = _first_look(path)
    except FileNotFoundError as error:
        raise ImageError(f"{path}: no such file") from error
    except OSError as error:
        raise ImageError(f"{path}: cannot be read: {error.strerror}") from error
    return probe(Path(path)).size if size is None else size


def ordinary_size(path: str) -> tuple[int, int] | None:
    """Height and width of a file of one upright image in 8-bit grey or RGB, in whose header nothing is wrong.

    None of any other, and of some such files: `probe` knows more.
    """
    try:
        head, size = _first_look(path)
    except OSError:
        return None
    return size if size is not None and is_ordinary(head) else None


def _first_look(path: str) -> tuple[bytes, tuple[int, int] | None]:
    """The first bytes of a file, and the size that they tell."""
    handle = os.open(path, _OPEN)
    try:
        head = os.read(handle, _READ)
        return head, told_size(head, handle)
    finally:
        os.close(handle)


def probe(source: Path | bytes | BinaryIO, name: str | None = None) -> ImageInfo:
    """Read the header of an image file, not its pixels; raises ImageError if it is none."""
    from srdata.images.file_header import opened  # Pillow takes long, and most files need it not

    with opened(source, _name_of(source, name)) as (_, info):
        return info


def _name_of(source: Path | bytes | BinaryIO, name: str | None) -> str:
    if name is not None:
        return name
    return str(source) if isinstance(source, Path) else "image"


def told_size(head: bytes, handle: int | None = None) -> tuple[int, int] | None:
    """Height and width by the first bytes of an image file, the right way up; None where they do not tell.

    In the file open as `handle` is looked for what may follow the pixels.
    """
    if not head.startswith(_PNG) or len(head) < _START.size:
        return _jpeg_size(head) if head.startswith(b"\xff\xd8") else None
    width, height, length, kind = _START.unpack_from(head)
    last, rest = (33, length, kind), len(head) - (33 + 12 + length + _END)
    alone = rest == 0 and len(head) < _READ  # no other chunk but the end is in the file
    if handle is None or rest > 0 or kind != b"IDAT":
        last, alone = _last_chunk(head), False
    if last[2] not in _LAST or not (alone or handle is None or _nothing_follows(handle, head, *last)):
        return None
    return (height, width) if height and width else None


def _last_chunk(head: bytes) -> tuple[int, int, bytes]:
    """Place, length and kind of the last chunk that the head of a PNG shows, or of the first metadata."""
    place = end = 33
    length, kind = 0, b""
    while end + 8 <= len(head) and kind not in _PNG_METADATA:
        place = end
        length, kind = _CHUNK.unpack_from(head, place)
        end = place + 12 + length
    return place, length, kind


def _nothing_follows(handle: int, head: bytes, place: int, length: int, kind: bytes) -> bool:
    """Whether no metadata can follow the pixels of a PNG, whose head shows this chunk as its last.

    The chunks of pixels are of one length but for the last. Where that one is where it has to be, and all but
    the end of the file, there are only pixels between.
    """
    if kind != b"IDAT":
        return True
    whole = len(head) < _READ
    end, step = (len(head) if whole else os.fstat(handle).st_size) - _END, length + 12
    last = place + max(end - 1 - place, 0) // step * step
    if whole:
        found = head[last : last + 8]
    else:
        os.lseek(handle, last, os.SEEK_SET)
        found = os.read(handle, 8)
    return len(found) == 8 and _CHUNK.unpack(found) == (end - last - 12, b"IDAT")


def is_ordinary(head: bytes) -> bool:
    """Whether the first bytes of a PNG or JPEG show one image of 8-bit grey or RGB, and a whole header."""
    return _is_ordinary_png(head) if head.startswith(_PNG) else _is_ordinary_jpeg(head)


def _is_ordinary_png(head: bytes) -> bool:
    """Whether a PNG has 8-bit grey or RGB, and before its pixels only chunks that are whole and harmless."""
    place, known = 8, head[24:29] in _ORDINARY
    while known and place + 8 <= len(head):
        length, kind = _CHUNK.unpack_from(head, place)
        if kind == b"IDAT":
            return True
        end = place + 8 + length
        sum_of = crc32(head[place + 4 : end]).to_bytes(4, "big")
        known = _HARMLESS.get(kind) == length and head[end : end + 4] == sum_of
        place = end + 4
    return False


def _is_ordinary_jpeg(head: bytes) -> bool:
    """Whether a JPEG has 8-bit grey or colours, and before its pixels only what is whole and harmless."""
    place, framed = 2, False
    while place + 4 <= len(head) and head[place] == 0xFF:
        marker, end = head[place + 1], place + 2 + int.from_bytes(head[place + 2 : place + 4], "big")
        body = head[place + 4 : end]
        if marker == _PIXELS:
            return framed and end <= len(head)
        if marker in _USUAL_FRAMES:
            framed = body[:1] == b"\x08" and (len(body), body[5:6]) in ((9, b"\1"), (15, b"\3"))
        elif not (marker in _TABLES or _is_usual(marker, body)):
            return False
        place = end
    return False


def _is_usual(marker: int, body: bytes) -> bool:
    """Whether a segment of a JPEG holds quantization tables of 8 bits, or says JFIF or Adobe in full."""
    if marker == _QUANTIZATION:
        return len(body) % 65 == 0 and max(body[::65], default=16) < 4
    return (marker, len(body), body[:5]) in ((0xE0, 14, b"JFIF\0"), (0xEE, 12, b"Adobe"))


def _jpeg_size(head: bytes) -> tuple[int, int] | None:
    place, size = 2, None
    while place + 9 <= len(head) and head[place] == 0xFF and (marker := head[place + 1]) != _APP1:
        if marker == _PIXELS:  # until then EXIF may come
            return size if size is not None and min(size) else None
        if marker in _FRAMES:
            height, width = unpack_from(">HH", head, place + 5)
            size = height, width
        place += 2 + int.from_bytes(head[place + 2 : place + 4], "big")
    return None
