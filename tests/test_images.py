"""Every kind of image file ends as RGB uint8 (height, width, 3), or as an error that says what to do."""

from __future__ import annotations

import io
import random
import re
import struct
import zlib
from pathlib import Path, PurePosixPath

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageOps

from srdata.errors import ImageError
from srdata.images import ImagePolicy, decode_image, encode_png, list_images, probe, read_image, write_png
from srdata.images.folder_listing import natural, without_suffix
from tests.foreign_images import saved


@pytest.fixture(scope="module")
def cat(photographs: Path) -> Image.Image:
    return Image.open(photographs / "chelsea.png").convert("RGB").crop((60, 20, 181, 97))


@pytest.mark.parametrize("form", ["PNG", "BMP", "TIFF", "PPM"])
def test_lossless_formats_keep_every_sample(cat: Image.Image, form: str) -> None:
    assert np.array_equal(decode_image(saved(cat, form), "cat"), np.asarray(cat))


@pytest.mark.parametrize(
    ("form", "options"), [("JPEG", {"quality": 90}), ("WEBP", {"lossless": True}), ("GIF", {})]
)
def test_other_formats_decode_as_pillow_does(cat: Image.Image, form: str, options: dict[str, object]) -> None:
    data = saved(cat, form, **options)
    assert np.array_equal(decode_image(data, "cat"), np.asarray(Image.open(io.BytesIO(data)).convert("RGB")))


def test_photographs_decode_as_pillow_does(photographs: Path) -> None:
    for path in list_images(photographs):
        assert np.array_equal(read_image(path), np.asarray(Image.open(path).convert("RGB"))), path.name


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_exif_orientation_is_applied_once(cat: Image.Image, form: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = saved(cat, form, exif=exif)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    assert np.array_equal(decode_image(data, "cat"), np.asarray(upright.convert("RGB")))
    info = probe(data)
    assert (info.width, info.height) == upright.size


@pytest.mark.parametrize("mode", ["L", "1", "P"])
def test_grey_one_bit_and_palette_become_rgb(cat: Image.Image, mode: str) -> None:
    image = cat.convert(mode)
    assert np.array_equal(decode_image(saved(image, "PNG"), "cat"), np.asarray(image.convert("RGB")))


def test_opaque_alpha_is_dropped(cat: Image.Image) -> None:
    assert np.array_equal(decode_image(saved(cat.convert("RGBA"), "PNG"), "cat"), np.asarray(cat))


@pytest.mark.parametrize(
    ("policy", "expected"), [("drop", 200), ("white", 200 * 128 / 255 + 127), ("black", 200 * 128 / 255)]
)
def test_transparency_follows_the_policy(policy: str, expected: float) -> None:
    image = Image.new("RGBA", (4, 3), (200, 200, 200, 128))
    pixels = decode_image(saved(image, "PNG"), "x", ImagePolicy(alpha=policy))  # type: ignore[arg-type]  # parametrised
    assert abs(int(pixels[0, 0, 0]) - expected) <= 1


def test_transparency_is_an_error_by_default() -> None:
    with pytest.raises(ImageError, match=r"veil\.png: has a transparent part: .* by --images alpha="):
        decode_image(saved(Image.new("RGBA", (4, 3), (9, 9, 9, 0)), "PNG"), "veil.png")


def test_palette_with_a_transparent_colour_is_transparent() -> None:
    image = Image.new("P", (4, 3), 1)
    image.putpalette([0, 0, 0, 9, 9, 9])
    with pytest.raises(ImageError, match="transparent part"):
        decode_image(saved(image, "PNG", transparency=1), "x")


@pytest.mark.parametrize("channels", [1, 3])
def test_sixteen_bits_are_refused_or_rounded_never_cut(channels: int) -> None:
    samples = np.array([[0, 128, 129, 255, 256, 257 * 3 - 129], [65535, 65407, 65406, 32767, 32768, 257]])
    deep = np.repeat(samples[..., None], channels, axis=2).astype(np.uint16)
    data = cv2.imencode(".png", deep)[1].tobytes()
    with pytest.raises(ImageError, match=r"16 bits a sample: .* by --images depth16="):
        decode_image(data, "deep")
    expected = np.floor(samples / 257 + 0.5).astype(np.uint8)
    pixels = decode_image(data, "deep", ImagePolicy(depth16="round"))
    assert np.array_equal(pixels, np.repeat(expected[..., None], 3, axis=2))


def test_sixteen_bit_colours_keep_their_order() -> None:
    deep = np.zeros((2, 2, 3), np.uint16)
    deep[..., 2] = 65535  # red, in OpenCV's order
    pixels = decode_image(cv2.imencode(".png", deep)[1].tobytes(), "red", ImagePolicy(depth16="round"))
    assert pixels[0, 0].tolist() == [255, 0, 0]


def test_cmyk_is_refused_or_converted(cat: Image.Image) -> None:
    data = saved(cat.convert("CMYK"), "JPEG", quality=95)
    with pytest.raises(ImageError, match=r"is CMYK: .* by --images cmyk="):
        decode_image(data, "print")
    expected = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    assert np.array_equal(decode_image(data, "print", ImagePolicy(cmyk="convert")), expected)


def test_icc_profile_is_kept_out_or_converted(cat: Image.Image) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    data = saved(cat, "PNG", icc_profile=profile.tobytes())
    assert np.array_equal(decode_image(data, "cat"), np.asarray(cat))
    managed = decode_image(data, "cat", ImagePolicy(icc="srgb")).astype(int)
    assert abs(managed - np.asarray(cat).astype(int)).max() <= 1, "sRGB to sRGB changes nothing"


def test_several_frames_are_refused_or_the_first_is_taken(cat: Image.Image) -> None:
    data = saved(cat, "TIFF", save_all=True, append_images=[cat.rotate(180)])
    with pytest.raises(ImageError, match=r"has 2 frames: .* by --images frames="):
        decode_image(data, "film")
    assert np.array_equal(decode_image(data, "film", ImagePolicy(frames="first")), np.asarray(cat))


@pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF", "WEBP"])
@pytest.mark.parametrize("kept", [0.3, 0.9])
def test_a_cut_file_is_an_error(cat: Image.Image, form: str, kept: float) -> None:
    data = saved(cat, form)
    with pytest.raises(ImageError, match="photo"):
        decode_image(data[: int(len(data) * kept)], "photo")


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "an empty file"),
        (b"<!DOCTYPE html><p>Sign in", "an HTML page, not an image"),
        (b"%PDF-1.7 whatever", "a PDF document, not an image"),
        (b"\0\0\0\x20ftypavif\0\0\0\0", "an AVIF image, which is not read"),
        (b"version https://git-lfs.github.com/spec/v1", "a pointer of Git LFS, to be had by `git lfs pull`"),
        (b"plain text", "not an image of a known format"),
    ],
)
def test_what_is_no_image_is_named(data: bytes, text: str) -> None:
    with pytest.raises(ImageError, match=f"a.png: {text}"):
        decode_image(data, "a.png")


def test_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="cannot be read: No such file"):
        read_image(tmp_path / "gone.png")
    with pytest.raises(ImageError, match="no such file"):
        probe(tmp_path / "gone.png")


def png_header(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b""))
        + chunk(b"IEND", b"")
    )


def test_a_bomb_is_refused_from_its_header() -> None:
    with pytest.raises(ImageError, match="bomb"):
        decode_image(png_header(60_000, 60_000), "bomb")
    with pytest.raises(ImageError, match=r"200x300 is more than 50000 pixels: .* max_pixels=60000"):
        decode_image(png_header(200, 300), "large", ImagePolicy(max_pixels=50_000))


def test_zero_width_is_an_error() -> None:
    with pytest.raises(ImageError, match="flat"):
        decode_image(png_header(0, 7), "flat")


def test_the_name_of_a_file_does_not_decide_its_format(cat: Image.Image, tmp_path: Path) -> None:
    path = tmp_path / "cat.png"
    path.write_bytes(saved(cat, "TIFF"))
    assert probe(path).format == "TIFF"
    assert np.array_equal(read_image(path), np.asarray(cat))


@pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF", "WEBP", "GIF", "BMP"])
def test_mutated_files_give_an_image_or_an_image_error(cat: Image.Image, form: str) -> None:
    chance = random.Random(f"mutation of {form}")
    data = saved(cat, form)
    for _ in range(150):
        mutant = bytearray(data)
        for _ in range(chance.choice((1, 3, 20))):
            mutant[chance.randrange(min(len(mutant), 600))] = chance.randrange(256)
        try:
            pixels = decode_image(bytes(mutant), "mutant", ImagePolicy(max_pixels=10_000_000))
        except ImageError:
            continue
        assert pixels.dtype == np.uint8
        assert pixels.shape[2] == 3


def test_png_round_trip(cat: Image.Image, tmp_path: Path) -> None:
    pixels = np.asarray(cat)
    write_png(tmp_path / "cat.png", pixels)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "cat.png")), pixels)
    grey = decode_image(encode_png(pixels[..., 0]), "grey")
    assert np.array_equal(grey, np.repeat(pixels[..., :1], 3, axis=2))
    assert [p.name for p in tmp_path.iterdir()] == ["cat.png"], "no part file stays behind"


def test_images_are_listed_in_natural_order(tmp_path: Path) -> None:
    for name in ["img10.png", "img2.JPG", "b/1.tif", "notes.txt", ".hidden.png", ".cache/x.png"]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    names = [path.relative_to(tmp_path).as_posix() for path in list_images(tmp_path)]
    assert names == ["b/1.tif", "img2.JPG", "img10.png"]


@given(st.lists(st.text("aZ019-_/. ٣é", max_size=9), max_size=12))
def test_natural_order_is_that_of_texts_and_numbers_in_turn(names: list[str]) -> None:
    def parts(text: str) -> list[tuple[bool, int, str]]:
        found = re.split(r"(\d+)", text)
        return [
            (True, int(one), one) if one.isascii() and one.isdigit() else (False, 0, one) for one in found
        ]

    assert sorted(names, key=natural) == sorted(names, key=parts)


@given(st.text("a.b/ ", max_size=9))
def test_a_name_without_its_suffix_is_that_of_its_path(name: str) -> None:
    if not name.endswith(("/", ".")):  # of these, releases of Python differ
        assert without_suffix(name) == name.removesuffix(PurePosixPath(name).suffix)
