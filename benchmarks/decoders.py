"""PNG and JPEG files decoded to RGB by whatever is installed; and the part of it that is inflating."""

from __future__ import annotations

import importlib
import io
import time
from collections.abc import Callable
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import kornia_rs.io
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.comparison import Work, alternate
from benchmarks.pictures import DIV2K_SIZE, mosaic
from benchmarks.tables import Table
from srdata.images import decode_image

ROUNDS = 7
QUALITY = 92
SIZE = f"{DIV2K_SIZE[1]}x{DIV2K_SIZE[0]}"

Decode = Callable[[bytes], Any]


def run(folder: Path, peers: Path | None) -> Table:
    """Every decoder on every file."""
    image = mosaic(1)
    files = {
        "PNG by OpenCV": cv2.imencode(".png", image[..., ::-1])[1].tobytes(),
        "PNG by Pillow": _by_pillow(image),
        "JPEG": cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes(),
    }
    works = _works(files)
    taken = alternate(works, ROUNDS, clock=time.process_time)
    rows = [
        [decoder, *(_cell(works, taken, decoder, file) for file in files)]
        for decoder in dict.fromkeys(decoder for decoder, _ in works)
    ]
    note = (
        f"A mosaic; CPU time, in turn in one process, median of {ROUNDS}. OpenCV writes PNG with the filter "
        f"Sub in all rows, Pillow mostly with Paeth; the JPEG file has quality {QUALITY} and 4:2:0. A star "
        "marks pixels other than OpenCV's. Inflating: the packed samples of the PNG file alone."
    )
    return Table(f"Decoding a file of {SIZE} to RGB", ["", *files], rows, note)


def _works(files: dict[str, bytes]) -> dict[tuple[str, str], Work]:
    works: dict[tuple[str, str], Work] = {}
    for file, data in files.items():
        for decoder, decode in (_of_jpeg() if file == "JPEG" else _of_png()).items():
            works[decoder, file] = lambda decode=decode, data=data: decode(data)
        packed = b"" if file == "JPEG" else _packed(data)
        for library, inflate in _inflaters().items() if packed else ():
            works[f"inflating by {library}", file] = lambda inflate=inflate, packed=packed: inflate(packed)
    return works


def _cell(
    works: dict[tuple[str, str], Work], taken: dict[tuple[str, str], float], decoder: str, file: str
) -> str:
    if (decoder, file) not in works:
        return ""
    result, usual = works[decoder, file](), works[_opencv(), file]()
    other = isinstance(result, np.ndarray) and not np.array_equal(result, usual)
    return f"{taken[decoder, file] * 1e3:.1f} ms" + " *" * other


def _opencv() -> str:
    return f"OpenCV {cv2.__version__}"


def _of_png() -> dict[str, Decode]:
    size = DIV2K_SIZE
    decoders: dict[str, Decode] = {
        **_everywhere(),
        f"kornia-rs {metadata.version('kornia-rs')}": lambda data: np.asarray(
            kornia_rs.io.decode_image_png_u8(data, size, "rgb")
        ),
    }
    if find_spec("imagecodecs"):
        decoders[f"imagecodecs {metadata.version('imagecodecs')}"] = _module("imagecodecs").png_decode
    if find_spec("pyspng"):
        decoders[f"pyspng {metadata.version('pyspng')}"] = _module("pyspng").load
    return decoders


def _of_jpeg() -> dict[str, Decode]:
    decoders: dict[str, Decode] = {
        **_everywhere(),
        f"kornia-rs {metadata.version('kornia-rs')}": lambda data: np.asarray(
            kornia_rs.io.decode_image_jpegturbo(data, "rgb")
        ),
    }
    if find_spec("imagecodecs"):
        decoders[f"imagecodecs {metadata.version('imagecodecs')}"] = _module("imagecodecs").jpeg8_decode
    return decoders


def _everywhere() -> dict[str, Decode]:
    return {
        "srdata": lambda data: decode_image(data, "a file"),
        _opencv(): lambda data: cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB),
        f"Pillow {metadata.version('pillow')}": lambda data: np.asarray(Image.open(io.BytesIO(data))),
    }


def _inflaters() -> dict[str, Decode]:
    """zlib, and those that take its place."""
    modules = {"zlib": "zlib", "zlib-ng": "zlib_ng.zlib_ng", "isal": "isal.isal_zlib"}
    there = {name: path for name, path in modules.items() if find_spec(path.partition(".")[0])}
    return {
        f"{name} {'' if name == 'zlib' else metadata.version(name)}".strip(): _module(path).decompress
        for name, path in there.items()
    }


def _module(name: str) -> Any:
    return importlib.import_module(name)


def _by_pillow(image: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "png")
    return file.getvalue()


def _packed(png: bytes) -> bytes:
    """What the IDAT chunks hold."""
    place, parts = 8, []
    while place < len(png):
        length = int.from_bytes(png[place : place + 4], "big")
        if png[place + 4 : place + 8] == b"IDAT":
            parts.append(png[place + 8 : place + 8 + length])
        place += length + 12
    return b"".join(parts)
