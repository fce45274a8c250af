"""Height and width of an image file by its first bytes, where these tell them: a tenth of the time of Pillow.

A plan looks at a million files. What is not plain at once (another format, metadata that may turn the image,
a header that is longer) is left to `probe`, which asks Pillow.
"""

from __future__ import annotations

import os
from pathlib import Path
from struct import Struct, unpack_from
from typing import BinaryIO

from srdata.errors import ImageError
from srdata.images.image_info import ImageInfo

_READ = 4096  # bytes
_PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
_PNG_METADATA = frozenset({b"eXIf", b"tEXt", b"zTXt", b"iTXt"})  # may say which way up the image is
_END = 12  # bytes of the chunk that ends a PNG
_CHUNK = Struct(">I4s")  # how long a chunk of PNG is, and its kind
_OPEN = os.O_RDONLY | getattr(os, "O_BINARY", 0)
_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})  # the markers of JPEG that sizes follow
_APP1, _PIXELS = 0xE1, 0xDA  # EXIF or XMP; where the pixels begin


def image_size(path: str) -> tuple[int, int]:
    """Height and width of an image file, the right way up; raises ImageError."""
    try:
        handle = os.open(path, _OPEN)
        try:
            head = os.read(handle, _READ)
            size = told_size(head) if _nothing_follows(handle, head) else None
        finally:
            os.close(handle)
    except FileNotFoundError as error:
        raise ImageError(f"{path}: no such file") from error
    except OSError as error:
        raise ImageError(f"{path}: cannot be read: {error.strerror}") from error
    return probe(Path(path)).size if size is None else size


def probe(source: Path | bytes | BinaryIO, name: str | None = None) -> ImageInfo:
    """Read the header of an image file, not its pixels; raises ImageError if it is none."""
    from srdata.images.file_header import opened  # Pillow takes long, and most files need it not

    with opened(source, _name_of(source, name)) as (_, info):
        return info


def _name_of(source: Path | bytes | BinaryIO, name: str | None) -> str:
    if name is not None:
        return name
    return str(source) if isinstance(source, Path) else "image"


def told_size(head: bytes) -> tuple[int, int] | None:
    """Height and width by the first bytes of an image file, the right way up; None where they do not tell."""
    size = None
    if head.startswith(_PNG):
        size = _png_size(head)
    elif head.startswith(b"\xff\xd8"):
        size = _jpeg_size(head)
    return None if size is None or min(size) == 0 else size


def _png_size(head: bytes) -> tuple[int, int] | None:
    _, _, kind = _last_chunk(head)
    if kind not in (b"IDAT", b"IEND"):  # what says which way up it is may come later
        return None
    width, height = unpack_from(">II", head, 16)
    return height, width


def _last_chunk(head: bytes) -> tuple[int, int, bytes]:
    """Place, length and kind of the last chunk that the head of a PNG shows, or of the first metadata."""
    place = end = 33
    length, kind = 0, b""
    while end + 8 <= len(head) and kind not in _PNG_METADATA:
        place = end
        length, kind = _CHUNK.unpack_from(head, place)
        end = place + 12 + length
    return place, length, kind


def _nothing_follows(handle: int, head: bytes) -> bool:
    """Whether no metadata can follow the pixels of a PNG; True of other files, which have theirs before.

    The chunks of pixels are of one length but for the last. Where that one is where it has to be, and all but
    the end of the file, there are only pixels between.
    """
    place, length, kind = _last_chunk(head) if head.startswith(_PNG) else (0, 0, b"")
    if kind != b"IDAT":
        return True
    end, step = os.fstat(handle).st_size - _END, length + 12
    last = place + max(end - 1 - place, 0) // step * step
    os.lseek(handle, last, os.SEEK_SET)
    found = os.read(handle, 8)
    return len(found) == 8 and _CHUNK.unpack(found) == (end - last - 12, b"IDAT")


def _jpeg_size(head: bytes) -> tuple[int, int] | None:
    place, size = 2, None
    while place + 9 <= len(head) and head[place] == 0xFF and (marker := head[place + 1]) != _APP1:
        if marker == _PIXELS:  # until then EXIF may come
            return size
        if marker in _FRAMES:
            height, width = unpack_from(">HH", head, place + 5)
            size = height, width
        place += 2 + int.from_bytes(head[place + 2 : place + 4], "big")
    return None
