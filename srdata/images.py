"""Image files in and out: the only place that decodes, and so the only one that knows of colour order,
orientation, alpha, bit depth and the like. What comes out is RGB, uint8, (height, width, 3).

A file is judged by its first bytes, never by its name, and its header is read before its pixels: format,
size, mode and number of frames are checked against an `ImagePolicy` while nothing large is in memory yet.
"""

from __future__ import annotations

import io
import re
import struct
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError
from PIL.TiffImagePlugin import TiffImageFile
from pydantic import Field

from srdata.common.files import write_file
from srdata.common.strict_model import StrictModel
from srdata.errors import ImageError

Pixels = NDArray[np.uint8]
Channels = Literal[1, 3]  # of a file: grey or colours, where alpha does not count

IMAGE_SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".pgm", ".gif"}
)
_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "PPM", "GIF")
_BY_OPENCV = frozenset((form, mode) for form in ("PNG", "JPEG", "BMP", "PPM") for mode in ("RGB", "L"))
PILLOW_LIMIT = 178_956_970  # pixels; beyond it Pillow refuses to read even a header
_ORIENTATION = 0x0112
_DAMAGE = (OSError, SyntaxError, ValueError, TypeError, KeyError, EOFError, struct.error, ImageCms.PyCMSError)
_DEEP_MODES = frozenset({"I", "F", "I;16", "I;16B", "I;16L", "I;16N"})
_ALPHA_MODES = frozenset({"RGBA", "LA", "PA", "La", "RGBa"})
TRANSPOSES = 4  # the bit of a turn that swaps height and width
_GREY_MODES = frozenset({"1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "I;16N"})


class ImagePolicy(StrictModel):
    """What to do with images that are not plain 8-bit RGB. EXIF orientation is always applied, once.

    Grey, 1-bit and palette images become RGB without loss. A bad image raises ImageError with the remedy.
    """

    alpha: Literal["error", "drop", "white", "black"] = "error"  # an opaque alpha channel is always dropped
    depth16: Literal["error", "round"] = "error"  # round: to the nearest of 256 levels
    cmyk: Literal["error", "convert"] = "error"  # convert: Pillow's formula, no colour profile
    frames: Literal["error", "first"] = "error"
    icc: Literal["ignore", "srgb"] = "ignore"  # srgb: convert from the embedded profile
    max_pixels: Annotated[int, Field(ge=1, le=PILLOW_LIMIT)] = PILLOW_LIMIT


@dataclass(frozen=True)
class ImageInfo:
    """What the header of an image file says; height and width are those after orientation."""

    format: str
    mode: str
    height: int
    width: int
    frames: int
    deep: bool  # more than 8 bits a sample
    alpha: bool
    orientation: int  # EXIF: 1 is upright
    icc: bool

    @property
    def channels(self) -> Channels:
        """1 for grey, of any depth; else 3, for a palette of greys too."""
        return 1 if self.mode in _GREY_MODES else 3


def probe(source: Path | bytes | BinaryIO, name: str | None = None) -> ImageInfo:
    """Read the header of an image file, not its pixels; raises ImageError if it is none."""
    with _opened(source, _name_of(source, name)) as image:
        return _info(image)


def read_image(path: Path, policy: ImagePolicy | None = None) -> Pixels:
    """Decode the image file at `path` to RGB uint8 (height, width, 3); raises ImageError."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ImageError(f"{path}: cannot be read: {error.strerror}") from error
    return decode_image(data, str(path), policy)


def decode_image(data: bytes, name: str, policy: ImagePolicy | None = None) -> Pixels:
    """Decode the bytes of an image file to RGB uint8 (height, width, 3).

    `name` stands in the text of the ImageError that a bad image raises.
    """
    policy = policy or ImagePolicy()
    with _opened(data, name) as image:
        info = _info(image)
        _admit(info, policy, name)
        if info.deep:
            return _upright(_decode_deep(data, name), info)
        plain = (info.format, info.mode) in _BY_OPENCV and not info.alpha
        if plain and not (info.icc and policy.icc == "srgb"):
            pixels = _decode_by_opencv(data, cv2.IMREAD_COLOR, name)
            return _upright(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB, dst=pixels), info)
        return _decode_by_pillow(image, policy, name)


def turned(image: Pixels, turn: int) -> Pixels:
    """A view of an image (height, width, …), flipped and turned in one of eight ways.

    The three bits of `turn` act in this order: 4 transposes (rows become columns), 2 flips top and bottom,
    1 flips left and right.
    """
    image = image.swapaxes(0, 1) if turn & TRANSPOSES else image
    return image[:: -1 if turn & 2 else 1, :: -1 if turn & 1 else 1]


def grey_plane(image: Pixels) -> Pixels:
    """RGB whose channels are equal as (height, width, 1); an image with colours as it is."""
    plane = image[..., :1]
    return np.ascontiguousarray(plane) if (image == plane).all() else image


def encode_png(image: Pixels, level: int = 1) -> bytes:
    """The PNG file of an RGB (height, width, 3) or grey (height, width[, 1]) uint8 image."""
    if image.ndim == 3 and image.shape[2] == 3:
        image = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, level])
    return data.tobytes()


def write_png(path: Path, image: Pixels, level: int = 1) -> None:
    """Write an image as a PNG file, whole or not at all; raises StoreError."""
    write_file(path, encode_png(image, level))


def list_images(folder: Path) -> list[Path]:
    """Every image file below `folder`, by its suffix, in natural order (2 before 10)."""
    found = (path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file())
    visible = (path for path in found if not any(p.startswith(".") for p in path.relative_to(folder).parts))
    return sorted(visible, key=lambda path: natural(path.relative_to(folder).as_posix()))


def natural(text: str) -> tuple[tuple[int, int, str], ...]:
    """A sorting key that orders the numbers in a text by value."""
    return tuple(
        (1, int(part), part) if part.isascii() and part.isdigit() else (0, 0, part)
        for part in re.split(r"(\d+)", text)
    )


def _name_of(source: Path | bytes | BinaryIO, name: str | None) -> str:
    if name is not None:
        return name
    return str(source) if isinstance(source, Path) else "image"


@contextmanager
def _opened(source: Path | bytes | BinaryIO, name: str) -> Iterator[Image.Image]:
    """An image file opened by Pillow, every way in which it can be bad turned into ImageError."""
    stream = io.BytesIO(source) if isinstance(source, bytes) else source
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(stream, formats=_FORMATS) as image:
                yield image
    except UnidentifiedImageError as error:
        raise ImageError(f"{name}: {_what_it_is(source)}; known formats: {', '.join(_FORMATS)}") from error
    except FileNotFoundError as error:
        raise ImageError(f"{name}: no such file") from error
    except _DAMAGE as error:
        raise ImageError(_damaged(name, error)) from error
    except Image.DecompressionBombError as error:
        raise ImageError(f"{name}: {error}") from error


def _what_it_is(source: Path | bytes | BinaryIO) -> str:
    head = _head(source)
    if not head:
        return "an empty file"
    if head.lstrip().lower().startswith((b"<!doctype", b"<html")):
        return "an HTML page, not an image"
    return f"not an image of a known format (starts with {head[:8]!r})"


def _head(source: Path | bytes | BinaryIO) -> bytes:
    if isinstance(source, bytes):
        return source[:64]
    if isinstance(source, Path):
        return source.read_bytes()[:64]
    source.seek(0)
    return source.read(64)


def _info(image: Image.Image) -> ImageInfo:
    orientation = _orientation(image)
    width, height = image.size
    if orientation in (5, 6, 7, 8) and image.format != "TIFF":  # Pillow swaps the sides of a TIFF itself
        width, height = height, width
    return ImageInfo(
        format=image.format or "",
        mode=image.mode,
        height=height,
        width=width,
        frames=getattr(image, "n_frames", 1),
        deep=_is_deep(image),
        alpha=image.mode in _ALPHA_MODES or "transparency" in image.info,
        orientation=orientation,
        icc="icc_profile" in image.info,
    )


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation by the header alone (Pillow's getexif would decode a whole PNG to look for it)."""
    if isinstance(image, TiffImageFile):
        found = image.tag_v2.get(_ORIENTATION, 1)
    else:
        exif = Image.Exif()
        exif.load(image.info.get("exif", b""))
        found = exif.get(_ORIENTATION, 1)
    return found if found in _UPRIGHT else 1


def _is_deep(image: Image.Image) -> bool:
    """Whether the file has more than 8 bits a sample, which Pillow hides for RGB PNG."""
    if image.mode in _DEEP_MODES:
        return True
    tiles = getattr(image, "tile", ())
    raw_modes = (tile.args if isinstance(tile.args, str) else (tile.args or ("",))[0] for tile in tiles)
    return any("16" in str(mode) for mode in raw_modes)


def _admit(info: ImageInfo, policy: ImagePolicy, name: str) -> None:
    """Raise ImageError for what the header already shows to be inadmissible."""
    size = f"{info.width}x{info.height}"
    if info.height < 1 or info.width < 1:
        raise ImageError(f"{name}: an image of {size} pixels")
    if info.height * info.width > policy.max_pixels:
        raise ImageError(f"{name}: {size} is more than {policy.max_pixels} pixels: raise images.max_pixels")
    if info.frames > 1 and policy.frames == "error":
        raise ImageError(f"{name}: has {info.frames} frames: set images.frames to 'first', or split it")
    if info.deep and policy.depth16 == "error":
        raise ImageError(f"{name}: has 16 bits a sample: set images.depth16 to 'round' to take 8 of them")
    if info.mode in {"CMYK", "YCCK"} and policy.cmyk == "error":
        raise ImageError(f"{name}: is CMYK: set images.cmyk to 'convert', or convert it to sRGB yourself")


def _decode_by_opencv(data: bytes, flags: int, name: str) -> NDArray[Any]:
    """The samples as OpenCV reads them, colours in its order (BGR), not turned."""
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error as error:
        raise ImageError(_damaged(name, error.err)) from error
    if image is None:
        raise ImageError(_damaged(name, "cut or corrupt"))
    return np.asarray(image)


def _damaged(name: str, why: object) -> str:
    return f"{name}: damaged image ({why}): get the file again, or leave it out"


def _decode_by_pillow(image: Image.Image, policy: ImagePolicy, name: str) -> Pixels:
    image = ImageOps.exif_transpose(image)
    if "icc_profile" in image.info and policy.icc == "srgb":
        image = _to_srgb(image)
    if image.has_transparency_data:
        image = _without_alpha(image, policy, name)
    return np.array(image.convert("RGB"))


def _decode_deep(data: bytes, name: str) -> Pixels:
    """16 bits to 8 by rounding, where Pillow would cut the low byte off or clip."""
    samples = _decode_by_opencv(data, cv2.IMREAD_UNCHANGED, name)
    if samples.dtype != np.uint16:
        raise ImageError(f"{name}: has samples of type {samples.dtype}: convert it to 8 or 16 bits yourself")
    if samples.ndim == 3 and samples.shape[2] not in (1, 3):
        raise ImageError(f"{name}: has 16 bits and alpha: convert it to 8-bit RGB yourself")
    rounded = ((samples.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)
    return np.asarray(cv2.cvtColor(rounded, cv2.COLOR_BGR2RGB if samples.ndim == 3 else cv2.COLOR_GRAY2RGB))


def _upright(pixels: NDArray[Any], info: ImageInfo) -> Pixels:
    return np.ascontiguousarray(_UPRIGHT[info.orientation](pixels))


# What undoes each EXIF orientation.
_UPRIGHT: dict[int, Callable[[NDArray[Any]], NDArray[Any]]] = {
    1: lambda x: x,
    2: lambda x: x[:, ::-1],
    3: lambda x: x[::-1, ::-1],
    4: lambda x: x[::-1],
    5: lambda x: x.transpose(1, 0, 2),
    6: lambda x: np.rot90(x, -1),
    7: lambda x: x[::-1, ::-1].transpose(1, 0, 2),
    8: lambda x: np.rot90(x),
}


def _to_srgb(image: Image.Image) -> Image.Image:
    profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
    mode = "RGB" if image.mode in {"RGB", "P", "L"} else image.mode
    converted = ImageCms.profileToProfile(
        image.convert(mode), profile, ImageCms.createProfile("sRGB"), outputMode="RGB"
    )
    if converted is None:
        raise ImageError("the colour profile cannot be converted")
    return converted


def _without_alpha(image: Image.Image, policy: ImagePolicy, name: str) -> Image.Image:
    rgba = image.convert("RGBA")
    if rgba.getchannel("A").getextrema() == (255, 255) or policy.alpha == "drop":
        return rgba.convert("RGB")
    if policy.alpha == "error":
        raise ImageError(f"{name}: has a transparent part: set images.alpha to 'white', 'black' or 'drop'")
    ground = Image.new("RGBA", rgba.size, policy.alpha)
    return Image.alpha_composite(ground, rgba).convert("RGB")
