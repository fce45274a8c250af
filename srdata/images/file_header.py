"""What the header of an image file says, before any of its pixels are read.

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
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

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
from srdata.images.image_policy import MOST_PIXELS, ImagePolicy, remedy
from srdata.images.orientation import SIDEWAYS, TAG, exif_orientation, known, png_orientation, xmp_orientation

Channels = Literal[1, 3]  # of a file: grey or colours, where alpha does not count

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


@dataclass(frozen=True)
class ImageInfo:
    """What the header of an image file says; height and width are those after orientation."""

    format: str
    mode: str
    height: int
    width: int
    frames: int
    maxval: int | None  # the largest sample; None where samples are not whole numbers from 0 on
    grey: bool
    alpha: bool
    orientation: int  # EXIF: 1 is upright
    icc: bool
    unread: str | None = None  # why no setting lets it be read

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.height, self.width

    @property
    def channels(self) -> Channels:
        """1 for grey, of any depth; else 3, for a palette of greys too."""
        return 1 if self.grey else 3

    @property
    def deep(self) -> bool:
        """Whether it has more than 8 bits a sample."""
        return self.maxval is None or self.maxval > 255


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


def probe(source: Path | bytes | BinaryIO, name: str | None = None) -> ImageInfo:
    """Read the header of an image file, not its pixels; raises ImageError if it is none."""
    with opened(source, _name_of(source, name)) as (_, info):
        return info


def _name_of(source: Path | bytes | BinaryIO, name: str | None) -> str:
    if name is not None:
        return name
    return str(source) if isinstance(source, Path) else "image"


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


def damaged(name: str, why: object) -> ImageError:
    """The error for an image file that cannot be read."""
    return ImageError(f"{name}: damaged image ({why}): get the file again, or leave it out")


def admit(info: ImageInfo, policy: ImagePolicy, name: str) -> None:
    """Raise ImageError for what the header already shows to be inadmissible."""
    size, pixels = f"{info.width}x{info.height}", info.height * info.width
    if pixels < 1:
        raise ImageError(f"{name}: an image of {size} pixels")
    if pixels > MOST_PIXELS:
        raise ImageError(f"{name}: {size} is more than the {MOST_PIXELS} pixels that can be read: cut it up")
    if pixels > policy.max_pixels:
        raise ImageError(
            f"{name}: {size} is more than {policy.max_pixels} pixels: "
            f"read it by {remedy('max_pixels', pixels)}"
        )
    if info.frames > 1 and policy.frames == "error":
        raise ImageError(f"{name}: has {info.frames} frames: take one by {remedy('frames', 'first')}")
    if info.unread is not None:
        raise ImageError(f"{name}: {info.unread}: convert it to 8-bit RGB yourself")
    if info.deep and policy.depth16 == "error":
        bits = (info.maxval or 0).bit_length()
        raise ImageError(f"{name}: has {bits} bits a sample: take 8 of them by {remedy('depth16', 'round')}")
    if info.mode == "CMYK" and policy.cmyk == "error":
        raise ImageError(f"{name}: is CMYK: read it by {remedy('cmyk', 'convert')}, or convert it yourself")


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
