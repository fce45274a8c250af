"""Plain PNG files by the fast decoder are what OpenCV reads, and refused where OpenCV refuses them."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from foreign_images import chunk, picture, png, saved, with_chunk
from numpy.typing import NDArray
from PIL import Image

from srdata.errors import ImageError
from srdata.images import decode_image, encode_png
from srdata.images.plain_png import decode_plain_png

GREY = picture()[..., 0]
END = chunk(b"IEND", b"")
PLAIN = {
    "RGB by OpenCV": encode_png(picture()),
    "grey by OpenCV": encode_png(GREY),
    "RGB by Pillow": saved(Image.fromarray(picture()), "PNG"),
    "grey by Pillow": saved(Image.fromarray(GREY), "PNG"),
    "RGB byte by byte": png(8, 2, picture().astype(np.uint16)),
}


def by_opencv(data: bytes) -> NDArray[np.uint8] | None:
    """RGB by OpenCV, or None where it refuses."""
    found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    return None if found is None else np.asarray(found[..., ::-1], np.uint8)


def rows_of(data: bytes) -> bytes:
    """The rows of a file whose pixels stand in one chunk: each begins with the number of its filter."""
    place = data.index(b"IDAT")
    return zlib.decompress(data[place + 4 : place + 4 + int.from_bytes(data[place - 4 : place], "big")])


def with_pixels(data: bytes, packed: bytes) -> bytes:
    """A file with other packed pixels."""
    return data[: data.index(b"IDAT") - 4] + chunk(b"IDAT", packed) + END


@pytest.mark.parametrize("name", PLAIN)
def test_plain_files_are_decoded_by_it(name: str) -> None:
    found = decode_plain_png(PLAIN[name])
    assert found is not None
    assert np.array_equal(found, picture() if "RGB" in name else np.repeat(GREY[..., None], 3, 2))


@pytest.mark.parametrize("name", PLAIN)
def test_every_filter(name: str) -> None:
    rows = rows_of(PLAIN[name])
    stride = len(rows) // len(picture())
    for shift in range(5):
        filters = b"".join(
            bytes([(shift + row) % 5]) + rows[row * stride + 1 : (row + 1) * stride] for row in range(11)
        )
        data = with_pixels(PLAIN[name], zlib.compress(filters))
        assert np.array_equal(decode_plain_png(data), by_opencv(data))


OTHER = {
    "16 bits": png(16, 2, picture().astype(np.uint16)),
    "alpha": saved(Image.fromarray(picture()).convert("RGBA"), "PNG"),
    "palette": saved(Image.fromarray(picture()).convert("P"), "PNG"),
    "a clear colour": with_chunk(PLAIN["RGB by Pillow"], chunk(b"tRNS", bytes(6)), after_pixels=False),
    "animation": with_chunk(
        PLAIN["RGB by Pillow"], chunk(b"acTL", struct.pack(">II", 1, 0)), after_pixels=False
    ),
    "a chunk that must be known": with_chunk(PLAIN["RGB by Pillow"], chunk(b"ABCD", b""), after_pixels=True),
    "no end": PLAIN["RGB by Pillow"][:-12],
    "a damaged chunk after the pixels": with_chunk(
        PLAIN["RGB by Pillow"], chunk(b"tEXt", b"a\0b")[:-1] + b"x", after_pixels=True
    ),
    "nothing": b"",
}


@pytest.mark.parametrize("name", OTHER)
def test_all_others_are_left_to_others(name: str) -> None:
    assert decode_plain_png(OTHER[name]) is None


@pytest.mark.parametrize("kind", [b"gAMA", b"pHYs", b"tEXt", b"iCCP", b"eXIf", b"sBIT", b"zzZz"])
@pytest.mark.parametrize("after", [False, True])
def test_chunks_that_change_no_pixel(kind: bytes, after: bool) -> None:
    data = with_chunk(PLAIN["RGB by Pillow"], chunk(kind, struct.pack(">I", 100000)), after_pixels=after)
    assert np.array_equal(decode_plain_png(data), by_opencv(data))


@pytest.mark.parametrize("name", PLAIN)
def test_damage_is_refused_as_before(name: str) -> None:
    data, rng = PLAIN[name], random.Random(0)
    for _ in range(200):
        damaged = bytearray(data)
        damaged[rng.randrange(8, len(data))] ^= 1 << rng.randrange(8)
        for one in (bytes(damaged), data[: rng.randrange(len(data))]):
            found = decode_plain_png(one)
            assert found is None or np.array_equal(found, by_opencv(one))


@pytest.mark.parametrize(
    "packed",
    {
        "half": lambda rows: zlib.compress(rows, 0)[: len(rows) // 2],
        "a row too few": lambda rows: zlib.compress(rows[: -len(rows) // 11]),
        "filter 7": lambda rows: zlib.compress(b"\7" + rows[1:]),
        "no pixels": lambda rows: b"",
    }.items(),
    ids=lambda case: case[0],
)
def test_pixels_that_are_missing_are_an_error(packed: tuple[str, Callable[[bytes], bytes]]) -> None:
    rows = rows_of(PLAIN["RGB by OpenCV"])
    with pytest.raises(ImageError, match="damaged image"):
        decode_image(with_pixels(PLAIN["RGB by OpenCV"], packed[1](rows)), "a.png")


def test_bytes_after_the_end_are_no_part_of_the_image() -> None:
    data = PLAIN["RGB by OpenCV"] + b"GALLERY" * 9
    assert np.array_equal(decode_image(data, "a.png"), by_opencv(data))
