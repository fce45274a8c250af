"""Image files of every kind, written by other libraries or byte by byte."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image

HEIGHT, WIDTH = 11, 14
ORIENTATION = 0x0112


def picture() -> NDArray[np.uint8]:
    """RGB that looks different whichever way it is turned, with every level at its edges."""
    down, across = np.mgrid[0:HEIGHT, 0:WIDTH]
    image = np.stack([across * 19, down * 25, (down * 7 + across * 11) % 256], axis=-1).astype(np.uint8)
    image[0, :3] = (255, 0, 0), (0, 0, 255), (255, 255, 255)
    return image


def ramp() -> NDArray[np.uint8]:
    """Alpha from nothing to everything."""
    return np.tile(np.linspace(0, 255, WIDTH).round().astype(np.uint8), (HEIGHT, 1))


def in_mode(mode: str) -> Image.Image:
    """The picture in a mode of Pillow's; with the ramp as alpha, where the mode has it."""
    image = Image.fromarray(picture())
    if mode not in ("RGBA", "LA", "PA"):
        return image.convert(mode)
    image = image.convert("L" if mode == "LA" else "RGB")
    image.putalpha(Image.fromarray(ramp()))
    return image.convert(mode)


def saved(image: Image.Image, form: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def exif(orientation: int) -> Image.Exif:
    block = Image.Exif()
    block[ORIENTATION] = orientation
    return block


def chunk(kind: bytes, body: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def with_chunk(png: bytes, added: bytes, *, after_pixels: bool) -> bytes:
    """A PNG with one more chunk, before or after those of its pixels."""
    place = png.rindex(b"IEND") - 4 if after_pixels else png.index(b"IDAT") - 4
    return png[:place] + added + png[place:]


def png_carriers(orientation: int) -> Mapping[str, bytes]:
    """The chunks in which programs leave an orientation in a PNG."""
    block = exif(orientation).tobytes().removeprefix(b"Exif\0\0")
    profile = b"\nexif\n" + b"%8d\n" % len(block) + block.hex().encode() + b"\n"
    packet = b'<x:xmpmeta><rdf:Description tiff:Orientation="%d"/></x:xmpmeta>' % orientation
    name = b"Raw profile type exif"
    return {
        "eXIf": chunk(b"eXIf", block),
        "tEXt": chunk(b"tEXt", name + b"\0" + profile),
        "zTXt": chunk(b"zTXt", name + b"\0\0" + zlib.compress(profile)),
        "XMP": chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + packet),
        "packed XMP": chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(packet)),
    }


def png(bits: int, colour_type: int, samples: NDArray[np.uint16], extra: bytes = b"") -> bytes:
    """A PNG of samples (height, width, channels), written byte by byte."""
    kind = ">u2" if bits == 16 else "u1"
    rows = samples.astype(kind).reshape(samples.shape[0], -1)
    body = b"".join(b"\0" + row.tobytes() for row in rows)
    head = struct.pack(">IIBBBBB", samples.shape[1], samples.shape[0], bits, colour_type, 0, 0, 0)
    end = chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra + end


def grey_profile(gamma: float) -> bytes:
    """An ICC profile of greys, as the specification of version 2 has it."""
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256))
    white = b"XYZ " + bytes(4) + struct.pack(">3i", *(round(one * 65536) for one in (0.9642, 1.0, 0.8249)))
    text = b"text" + bytes(4) + b"none\0"
    name = b"desc" + bytes(4) + struct.pack(">I", 5) + b"grey\0" + bytes(8) + bytes(3) + bytes(67)
    tags = {b"kTRC": curve, b"wtpt": white, b"cprt": text, b"desc": name}
    table, body, place = b"", b"", 128 + 4 + 12 * len(tags)
    for tag, data in tags.items():
        data += bytes(-len(data) % 4)
        table += tag + struct.pack(">II", place + len(body), len(data))
        body += data
    rest = struct.pack(">I", len(tags)) + table + body
    head = struct.pack(">I", 128 + len(rest)) + bytes(4) + bytes((2, 0x10, 0, 0)) + b"mntrGRAYXYZ "
    head += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28)
    head += struct.pack(">3i", *(round(one * 65536) for one in (0.9642, 1.0, 0.8249)))
    return head.ljust(128, b"\0") + rest
