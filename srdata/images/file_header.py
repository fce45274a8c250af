"""Image files opened by Pillow, and what their headers say, before any of their pixels are read.

Files are opened here alone. A file is judged by its first bytes, never by its name, and every way in which it
can be bad ends in ImageError.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import BinaryIO

import cv2
from PIL import Image, ImageCms, ImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import jpeg_factory
from PIL.PngImagePlugin import PngImageFile
from PIL.PpmImagePlugin import PpmImageFile
from PIL.TiffImagePlugin import COMPRESSION_INFO, TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from srdata.errors import ImageError
from srdata.images.file_kinds import FORMATS, HEAD_BYTES, format_of, what_it_is
from srdata.images.image_info import ImageInfo, damaged
from srdata.images.orientation import SIDEWAYS, TAG, exif_orientation, known, png_orientation, xmp_orientation

_COMPRESSION, _BITS, _PHOTOMETRIC, _PLANAR, _SAMPLE_FORMAT = 259, 258, 262, 284, 339  # tags of TIFF
_UNSIGNED = frozenset({1, 4})  # sample formats of TIFF: whole numbers, and what is not told
_ALPHA_MODES = frozenset({"RGBA", "LA", "PA", "La", "RGBa"})
_GREY_MODES = frozenset({"1", "L", "LA", "La", "F", "I", "I;16", "I;16B", "I;16L", "I;16N"})
# What Pillow and OpenCV raise for files that are damaged or made to harm.
_DAMAGE = (
    *(ArithmeticError, AssertionError, AttributeError, BufferError, EOFError, LookupError, OSError),
    *(RuntimeError, SyntaxError, TypeError, ValueError, struct.error, zlib.error, cv2.error),
    ImageCms.PyCMSError,
)


class _StoredTiff(TiffImageFile):
    """A TIFF file with its pixels as they are stored, where Pillow would turn them, but not its header."""

    def _setup(self) -> None:
        if (compression := self.tag_v2.get(_COMPRESSION, 1)) not in COMPRESSION_INFO:
            raise ValueError(f"TIFF compression {compression} is not read: save it with LZW")
        super()._setup()
        self._size = self._tile_size

    def load_end(self) -> None:
        pass


_OPENERS = dict(
    zip(
        FORMATS,
        (PngImageFile, jpeg_factory, WebPImageFile, BmpImageFile, _StoredTiff, PpmImageFile, GifImageFile),
        strict=True,
    )
)


@contextmanager
def opened(source: Path | bytes | BinaryIO, name: str) -> Iterator[tuple[ImageFile.ImageFile, ImageInfo]]:
    """An image file opened by Pillow, and its header; whatever is wrong with it becomes ImageError."""
    try:
        with warnings.catch_warnings(), _stream(source) as stream:
            warnings.simplefilter("ignore")
            head = stream.read(HEAD_BYTES)
            form = format_of(head)
            if form is None:
                raise ImageError(f"{name}: {what_it_is(head)}; known formats: {', '.join(FORMATS)}")
            stream.seek(0)
            with _OPENERS[form](stream) as image:
                yield image, _info(image, stream)
    except FileNotFoundError as error:
        raise ImageError(f"{name}: no such file") from error
    except _DAMAGE as error:
        raise damaged(name, error) from error
    except Image.DecompressionBombError as error:
        raise ImageError(f"{name}: {error}") from error


def _stream(source: Path | bytes | BinaryIO) -> AbstractContextManager[BinaryIO]:
    if isinstance(source, Path):
        return source.open("rb")
    if isinstance(source, bytes):
        return nullcontext(io.BytesIO(source))
    source.seek(0)
    return nullcontext(source)


def _info(image: ImageFile.ImageFile, stream: BinaryIO) -> ImageInfo:
    maxval, turn = _maxval(image), _orientation(image, stream)
    width, height = reversed(image.size) if turn in SIDEWAYS else image.size
    return ImageInfo(
        format=image.format or "",
        mode=image.mode,
        height=height,
        width=width,
        frames=getattr(image, "n_frames", 1),
        maxval=maxval,
        grey=image.mode in _GREY_MODES or raw_mode(image).startswith("LA;"),  # 16 bits
        alpha=image.mode in _ALPHA_MODES or "transparency" in image.info,
        orientation=turn,
        icc="icc_profile" in image.info,
        unread=_unread(image, maxval),
    )


def raw_mode(image: ImageFile.ImageFile) -> str:
    """How Pillow calls the samples of the file, where the mode does not tell: LA;16B of 16-bit RGBA."""
    args = image.tile[0].args if image.tile else ""
    return str(args if isinstance(args, str) else (args or ("",))[0])


def _maxval(image: ImageFile.ImageFile) -> int | None:
    """The largest sample that the file may hold; None for floating-point, negative and 32-bit samples."""
    if isinstance(image, TiffImageFile):
        bits = max(image.tag_v2.get(_BITS, (1,)))
        formats = image.tag_v2.get(_SAMPLE_FORMAT, (1,))
        return (1 << bits) - 1 if bits <= 16 and _UNSIGNED.issuperset(formats) else None
    if isinstance(image, PpmImageFile) and isinstance(args := image.tile[0].args, tuple):
        return None if image.mode == "F" else int(args[1])
    return 65535 if "16" in raw_mode(image) and not isinstance(image, BmpImageFile) else 255


def _unread(image: ImageFile.ImageFile, maxval: int | None) -> str | None:
    if maxval is None:
        return "has samples that are no whole numbers of 1 to 16 bits"
    if image.mode in ("LAB", "HSV"):
        return f"has the colours of {image.mode.capitalize()}"
    if isinstance(image, TiffImageFile) and maxval > 255 and image.mode not in ("I;16", "I;16B"):
        if image.mode not in ("RGB", "RGBA"):
            return f"is {image.mode} of 16 bits"
        if image.tag_v2.get(_PLANAR, 1) != 1:
            return "has 16 bits a sample, and each colour in a plane of its own"
    return None


def white_is_zero(image: ImageFile.ImageFile) -> bool:
    """Whether a grey TIFF counts from white; Pillow minds that up to 8 bits."""
    return isinstance(image, TiffImageFile) and image.tag_v2.get(_PHOTOMETRIC) == 0


def _orientation(image: ImageFile.ImageFile, stream: BinaryIO) -> int:
    """The orientation by the header alone (Pillow would decode a whole PNG to look for it)."""
    if isinstance(image, PngImageFile):
        place = stream.tell()
        found = png_orientation(stream)
        stream.seek(place)
    elif isinstance(image, TiffImageFile):
        found = known(image.tag_v2.get(TAG))
    else:
        found = exif_orientation(image.info.get("exif", b""))
    if found is None and isinstance(packet := image.info.get("xmp"), bytes):
        found = xmp_orientation(packet)
    return found or 1
