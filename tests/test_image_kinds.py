"""Header and pixels of every kind of image file agree with each other, and with readers of other people."""

from __future__ import annotations

import io
import itertools
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import cv2
import imagecodecs
import numpy as np
import pytest
import tifffile
from foreign_images import (
    HEIGHT,
    WIDTH,
    chunk,
    exif,
    grey_profile,
    in_mode,
    picture,
    png,
    png_carriers,
    saved,
    with_chunk,
)
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps

from srdata.errors import ImageError
from srdata.images import ImageInfo, ImagePolicy, decode_image, decode_with_header, probe, read_policy
from srdata.images.first_bytes import image_size, is_ordinary, told_size

ANY = ImagePolicy(alpha="white", depth16="round", cmyk="convert", frames="first")
MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr")
FORMS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "PPM", "GIF")
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
TURNS: dict[int, Image.Transpose | None] = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
Samples = NDArray[np.uint16]


def turned(image: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """An image as Pillow turns it."""
    turn = TURNS[orientation]
    return image if turn is None else np.asarray(Image.fromarray(image).transpose(turn))


def by_pillow(data: bytes) -> NDArray[np.uint8]:
    """What Pillow makes of a file: upright, on white, RGB."""
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    if image.has_transparency_data:
        image = image.convert({"La": "LA", "RGBa": "RGBA"}.get(image.mode, image.mode)).convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return np.asarray(image.convert("RGB"))


def agreed(data: bytes, policy: ImagePolicy = ANY) -> tuple[NDArray[np.uint8], ImageInfo]:
    """The pixels of a file, whose header is read from bytes and from a stream, and says the same of them."""
    info, (pixels, header) = probe(data), decode_with_header(data, "file", policy)
    assert header == info
    assert probe(io.BytesIO(data)) == info
    assert told_size(data[:4096]) in (None, (info.height, info.width))
    if told_size(data[:4096]) is not None and is_ordinary(data[:4096]):
        assert admitted(info)
    assert pixels.shape == (info.height, info.width, 3)
    assert pixels.flags.c_contiguous
    if info.channels == 1:
        assert (pixels == pixels[..., :1]).all()
    return pixels, info


def admitted(info: ImageInfo) -> bool:
    """Whether no policy but one of the number of pixels refuses a file by its header."""
    return (info.frames, info.maxval, info.orientation, info.unread) == (
        1,
        255,
        1,
        None,
    ) and info.mode in "LRGB"


def ordinary() -> dict[str, bytes]:
    chunks = {b"gAMA": bytes(4), b"sRGB": bytes(1), b"pHYs": bytes(9), b"tIME": bytes(7)}
    several = saved(in_mode("RGB"), "PNG")
    for kind, content in chunks.items():
        several = with_chunk(several, chunk(kind, content), after_pixels=False)
    return {
        "PNG": saved(in_mode("RGB"), "PNG"),
        "grey PNG": saved(in_mode("L"), "PNG"),
        "PNG with chunks": several,
        "JPEG": saved(in_mode("RGB"), "JPEG", quality=95, comment=b"by hand"),
        "grey JPEG": saved(in_mode("L"), "JPEG"),
        "progressive JPEG": saved(in_mode("RGB"), "JPEG", progressive=True, keep_rgb=True),
    }


@pytest.mark.parametrize("name", ordinary())
def test_a_file_is_ordinary_whatever_byte_of_its_header_is_another_only_if_pillow_says_so(name: str) -> None:
    data = ordinary()[name]
    assert is_ordinary(data)
    pixels = data.index(b"IDAT" if "PNG" in name else b"\xff\xda") + 16
    for place in range(pixels):
        for value in {0, 1, 3, 8, 16, 255, data[place] ^ 1, data[place] ^ 128} - {data[place]}:
            changed = data[:place] + bytes([value]) + data[place + 1 :]
            if (size := told_size(changed)) is not None and is_ordinary(changed):
                info = probe(changed)
                assert (info.size, admitted(info)) == (size, True), (place, value)
        assert place >= pixels - 16 or not is_ordinary(data[:place])


def savings() -> list[tuple[str, str, int, bool]]:
    """Which modes, formats, orientations and profiles Pillow can write together."""
    found = []
    for mode, form, orientation, icc in itertools.product(MODES, FORMS, (1, 3, 6, 7), (False, True)):
        carries = form in ("PNG", "JPEG", "WEBP", "TIFF")
        if (carries or (orientation == 1 and not icc)) and _writes(mode, form):
            found.append((mode, form, orientation, icc))
    return found


def _writes(mode: str, form: str) -> bool:
    try:
        saved(in_mode(mode), form)
    except (OSError, ValueError):
        return False
    return True


@pytest.mark.parametrize(("mode", "form", "orientation", "icc"), savings())
def test_what_pillow_writes(mode: str, form: str, orientation: int, icc: bool) -> None:
    options: dict[str, object] = {"exif": exif(orientation)} if orientation > 1 else {}
    options |= {"icc_profile": SRGB} if icc else {}
    options |= {"lossless": True, "exact": True} if form == "WEBP" else {}
    data = saved(in_mode(mode), form, **options)
    pixels, info = agreed(data)
    assert np.array_equal(pixels, by_pillow(data))
    assert (info.orientation, info.icc, info.deep) == (orientation, icc, False)
    grey = {"PNG", "TIFF"} | ({"JPEG", "BMP", "PPM"} if mode != "LA" else set())
    if mode in ("1", "L", "LA") and form in grey and not (mode == "1" and form == "BMP"):
        assert info.channels == 1
    if mode in ("RGB", "RGBA", "CMYK", "YCbCr"):
        assert info.channels == 3


def test_the_table_above_is_broad() -> None:
    kinds = {(mode, form) for mode, form, _, _ in savings()}
    assert len(kinds) > 35
    assert {mode for mode, _ in kinds} == set(MODES)
    assert {form for _, form in kinds} == set(FORMS)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("carrier", ["eXIf", "tEXt", "zTXt", "XMP", "packed XMP"])
@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "deep grey", "deep", "deep alpha"])
def test_a_png_is_turned_by_whatever_carries_its_orientation(mode: str, carrier: str, after: bool) -> None:
    plain = deep_pngs()[mode] if mode in deep_pngs() else saved(in_mode(mode), "PNG")
    for orientation in TURNS:
        added = png_carriers(orientation)[carrier]
        data = with_chunk(plain, added, after_pixels=after)
        pixels, info = agreed(data)
        assert info.orientation == orientation
        assert np.array_equal(pixels, turned(agreed(plain)[0], orientation))
        if mode not in deep_pngs():
            assert np.array_equal(pixels, by_pillow(data)), "Pillow has the same rule"


@pytest.mark.parametrize("parts", [1, 2, 7])
@pytest.mark.parametrize("carrier", ["eXIf", "tEXt", "XMP"])
def test_what_turns_a_png_may_follow_more_pixels_than_the_first_bytes(
    tmp_path: Path, parts: int, carrier: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (70, 90, 3), np.uint8)
    packed = zlib.compress(b"".join(b"\0" + row.tobytes() for row in noise), 0)
    step = -(-len(packed) // parts)
    pixels = b"".join(chunk(b"IDAT", packed[at : at + step]) for at in range(0, len(packed), step))
    header = chunk(b"IHDR", struct.pack(">2I5B", 90, 70, 8, 2, 0, 0, 0))
    plain = b"\x89PNG\r\n\x1a\n" + header + pixels + chunk(b"IEND", b"")
    file = tmp_path / "image.png"
    file.write_bytes(with_chunk(plain, png_carriers(6)[carrier], after_pixels=True))
    assert image_size(str(file)) == ImageOps.exif_transpose(Image.open(file)).size[::-1] == (90, 70)
    file.write_bytes(plain)
    monkeypatch.delattr("srdata.images.first_bytes.probe")
    assert image_size(str(file)) == (70, 90), "told without a look at the whole file"


def test_what_turns_a_png_may_stand_between_its_pixels(tmp_path: Path) -> None:
    """Which the standard forbids, and Pillow reads: chunks all of one length do not hide it."""
    plain = saved(in_mode("RGB"), "PNG")
    start, end = plain.index(b"IDAT") - 4, plain.index(b"IEND") - 4
    pixels = plain[start:end]
    turn = png_carriers(6)["eXIf"]
    body = turn[8:-4].ljust(len(pixels) - 12, b"\0")
    file = tmp_path / "image.png"
    file.write_bytes(plain[:end] + chunk(b"eXIf", body) + pixels + plain[end:])
    assert image_size(str(file)) == ImageOps.exif_transpose(Image.open(file)).size[::-1] == (WIDTH, HEIGHT)


def test_what_turns_a_jpeg_may_follow_its_size(tmp_path: Path) -> None:
    data, plain = saved(in_mode("RGB"), "JPEG", exif=exif(6)), saved(in_mode("RGB"), "JPEG")
    start = data.index(b"\xff\xe1")
    block = data[start : start + 2 + int.from_bytes(data[start + 2 : start + 4], "big")]
    pixels = plain.index(b"\xff\xda")
    file = tmp_path / "image.jpg"
    file.write_bytes(plain[:pixels] + block + plain[pixels:])
    assert image_size(str(file)) == ImageOps.exif_transpose(Image.open(file)).size[::-1] == (WIDTH, HEIGHT)


def test_first_bytes_tell_the_size_of_most_files_and_leave_the_others_to_the_header(tmp_path: Path) -> None:
    plain = {form: saved(in_mode("RGB"), form) for form in FORMS}
    assert [form for form, data in plain.items() if told_size(data)] == ["PNG", "JPEG"]
    late = with_chunk(plain["PNG"], png_carriers(6)["eXIf"], after_pixels=False)
    long = with_chunk(plain["PNG"], chunk(b"prVt", bytes(5000)), after_pixels=False)
    for data, size in (
        (plain["PNG"], (HEIGHT, WIDTH)),
        (plain["TIFF"], (HEIGHT, WIDTH)),
        (late, (WIDTH, HEIGHT)),
        (with_chunk(long, png_carriers(6)["eXIf"], after_pixels=False), (WIDTH, HEIGHT)),
        (saved(in_mode("RGB"), "JPEG", exif=exif(6)), (WIDTH, HEIGHT)),
    ):
        (tmp_path / "image").write_bytes(data)
        assert image_size(str(tmp_path / "image")) == size
    for bad in (b"", b"\xff\xd8", b"\xff\xd8\xff", plain["PNG"][:30], b"\xff\xd8" + b"\xff\xe0\0\0" * 9):
        (tmp_path / "image").write_bytes(bad)
        with pytest.raises(ImageError):
            image_size(str(tmp_path / "image"))
    with pytest.raises(ImageError, match="no such file"):
        image_size(str(tmp_path / "none"))


@pytest.mark.parametrize("form", ["JPEG", "WEBP", "TIFF", "GIF"])
def test_xmp_turns_where_exif_says_nothing(form: str) -> None:
    packet = b"<rdf:Description><tiff:Orientation>6</tiff:Orientation></rdf:Description>"
    options: dict[str, object] = {"tiffinfo": {700: packet}} if form == "TIFF" else {"xmp": packet}
    image = in_mode("P" if form == "GIF" else "RGB")
    data = saved(image, form, **options)
    if form != "GIF":  # Pillow writes no XMP into GIF
        assert probe(data).orientation == 6
        assert np.array_equal(agreed(data)[0], by_pillow(data))
    both = saved(image, form, **(options | {"exif": exif(3)})) if form in ("JPEG", "WEBP") else data
    if form in ("JPEG", "WEBP"):
        assert probe(both).orientation == 3


@pytest.mark.parametrize(
    "block", [b"", b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"junk", b"Exif\0\0MM"]
)
def test_exif_that_cannot_be_read_is_no_orientation(block: bytes) -> None:
    data = saved(in_mode("RGB"), "JPEG", exif=block) if block else saved(in_mode("RGB"), "JPEG")
    assert probe(data).orientation == 1
    assert np.array_equal(agreed(data)[0], by_pillow(saved(in_mode("RGB"), "JPEG")))


def test_an_orientation_that_is_none_is_upright() -> None:
    for number in (0, 9, 65535):
        assert probe(saved(in_mode("RGB"), "TIFF", exif=exif(number))).orientation == 1
        assert probe(saved(in_mode("RGB"), "JPEG", exif=exif(number))).orientation == 1


# 16 bits and others


def deep_samples(channels: int) -> Samples:
    """Samples of 16 bits, of which the low bytes matter."""
    levels = np.arange(HEIGHT * WIDTH * channels, dtype=np.uint32) * 40503 % 65536
    return levels.astype(np.uint16).reshape(HEIGHT, WIDTH, channels)


def nearest(samples: Samples, maxval: int = 65535) -> NDArray[np.uint8]:
    """The nearest of 256 levels, in floating point; RGB."""
    levels = np.floor(samples / maxval * 255 + 0.5).astype(np.uint8)
    return np.repeat(levels, 3, axis=2) if samples.shape[2] == 1 else levels


def on_white(samples: Samples) -> NDArray[np.uint8]:
    """Samples with alpha as the last channel, each rounded, on white by Pillow."""
    levels = np.floor(samples / 65535 * 255 + 0.5).astype(np.uint8)
    mode = {2: "LA", 4: "RGBA"}[samples.shape[2]]
    image = Image.frombytes(mode, (WIDTH, HEIGHT), levels.tobytes()).convert("RGBA")
    white = Image.new("RGBA", image.size, "white")
    return np.asarray(Image.alpha_composite(white, image).convert("RGB"))


def deep_pngs() -> dict[str, bytes]:
    kinds = {"deep grey": 1, "deep": 3, "deep alpha": 4}
    return {name: imagecodecs.png_encode(deep_samples(n).squeeze()) for name, n in kinds.items()}


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_png_of_16_bits(channels: int) -> None:
    samples = deep_samples(channels)
    data = imagecodecs.png_encode(samples.squeeze())
    pixels, info = agreed(data)
    assert np.array_equal(pixels, nearest(samples) if channels in (1, 3) else on_white(samples))
    assert (info.maxval, info.channels, info.alpha) == (65535, 1 if channels < 3 else 3, channels in (2, 4))
    with pytest.raises(ImageError, match=r"has 16 bits a sample: .*--images depth16=round"):
        decode_image(data, "deep")
    if channels in (2, 4):
        with pytest.raises(ImageError, match=r"transparent part: .*--images alpha=white"):
            decode_image(data, "veil", ImagePolicy(depth16="round"))


def test_png_of_16_bits_with_a_clear_colour() -> None:
    colours = np.array([[[1000, 2000, 3000], [1000, 2000, 3001]]], np.uint16)
    data = png(16, 2, colours, chunk(b"tRNS", colours[0, 0].astype(">u2").tobytes()))
    assert agreed(data)[0][0].tolist() == [[255] * 3, [4, 8, 12]]
    greys = np.array([[[1000], [1001]]], np.uint16)
    data = png(16, 0, greys, chunk(b"tRNS", greys[0, 0].astype(">u2").tobytes()))
    pixels, info = agreed(data)
    assert pixels[0].tolist() == [[255] * 3, [4, 4, 4]]
    assert info.alpha


TIFF_WAYS: tuple[dict[str, object], ...] = (
    {},
    {"byteorder": ">"},
    {"bigtiff": True},
    {"tile": (16, 16)},
    {"compression": "lzw"},
    {"compression": "lzw", "predictor": True},
    {"compression": "deflate"},
    {"rowsperstrip": 3},
)


def tiff(samples: NDArray[np.generic], **options: object) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, samples, **options)
    return stream.getvalue()


@pytest.mark.parametrize("way", TIFF_WAYS, ids=str)
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_tiff_of_16_bits_whichever_way_up(channels: int, way: dict[str, object]) -> None:
    samples = deep_samples(channels)
    expected = nearest(samples) if channels < 4 else on_white(samples)
    form: dict[str, object] = {"photometric": "minisblack" if channels == 1 else "rgb"}
    form |= {"extrasamples": ["unassalpha"]} if channels == 4 else {}
    for orientation in TURNS:
        tags = [(274, "H", 1, orientation, True)]
        pixels, info = agreed(tiff(samples.squeeze(), extratags=tags, **form, **way))
        assert np.array_equal(pixels, turned(expected, orientation)), orientation
        assert (info.maxval, info.orientation, info.channels) == (65535, orientation, min(channels, 3))


def test_tiff_that_counts_from_white() -> None:
    for samples in (deep_samples(1), (deep_samples(1) >> 8).astype(np.uint8)):
        largest = np.iinfo(samples.dtype).max
        data = tiff(samples.squeeze(), photometric="miniswhite")
        assert np.array_equal(agreed(data)[0], nearest(largest - samples, largest))


def test_tiff_of_12_bits() -> None:
    samples = deep_samples(1) >> 4
    pixels, info = agreed(_tiff12(_packed12(samples)))
    assert np.array_equal(pixels, nearest(samples, 4095))
    assert info.maxval == 4095


def _packed12(samples: Samples) -> bytes:
    """Two samples in three bytes, the high bits first; every row begins a byte."""
    out = bytearray()
    for row in samples[..., 0].tolist():
        bits = "".join(f"{one:012b}" for one in row)
        bits += "0" * (-len(bits) % 8)
        out += int(bits, 2).to_bytes(len(bits) // 8, "big")
    return bytes(out)


def _tiff12(strip: bytes) -> bytes:
    tags = {256: WIDTH, 257: HEIGHT, 258: 12, 259: 1, 262: 1, 273: 0, 277: 1, 278: HEIGHT, 279: len(strip)}
    tags[273] = 8 + 2 + 12 * len(tags) + 4
    body = b"".join(
        struct.pack("<HHLL", tag, 4 if tag in (273, 279) else 3, 1, value) for tag, value in tags.items()
    )
    return b"II*\0" + struct.pack("<LH", 8, len(tags)) + body + bytes(4) + strip


def test_tiff_with_colours_multiplied_by_alpha() -> None:
    alpha = np.full((HEIGHT, WIDTH, 1), 32768, np.uint16)
    straight = deep_samples(3)
    times = np.concatenate([(straight.astype(np.uint32) * 32768 // 65535).astype(np.uint16), alpha], axis=2)
    data = tiff(times, photometric="rgb", extrasamples=["assocalpha"])
    expected = on_white(np.concatenate([straight, alpha], axis=2))
    assert np.abs(agreed(data)[0].astype(int) - expected).max() <= 1
    spare = tiff(deep_samples(4), photometric="rgb", extrasamples=["unspecified"])
    assert np.array_equal(agreed(spare)[0], nearest(deep_samples(4)[..., :3])), "a fourth channel, not alpha"


@pytest.mark.parametrize(
    ("samples", "options", "text"),
    [
        (deep_samples(1).squeeze().astype(np.float32), {}, "no whole numbers"),
        (deep_samples(1).squeeze().astype(np.int16), {}, "no whole numbers"),
        (deep_samples(1).squeeze().astype(np.uint32), {}, "no whole numbers"),
        (deep_samples(1).squeeze().astype(np.int8), {}, "no whole numbers"),
        (deep_samples(3).astype(np.float32), {"photometric": "rgb"}, "damaged image|no whole numbers"),
        (deep_samples(4), {"photometric": "separated"}, "is CMYK of 16 bits"),
        (
            deep_samples(3).transpose(2, 0, 1).copy(),
            {"photometric": "rgb", "planarconfig": "separate"},
            "each colour in a plane of its own",
        ),
    ],
)
def test_what_no_setting_reads_is_refused(
    samples: NDArray[np.generic], options: dict[str, object], text: str
) -> None:
    with pytest.raises(ImageError, match=text):
        decode_image(tiff(samples, **options), "odd", ANY)


def test_lab_is_refused_and_says_so() -> None:
    lab = saved(Image.frombytes("LAB", (WIDTH, HEIGHT), picture().tobytes()), "TIFF")
    assert (probe(lab).height, probe(lab).width, probe(lab).channels) == (HEIGHT, WIDTH, 3)
    with pytest.raises(ImageError, match="has the colours of Lab: convert it"):
        decode_image(lab, "lab", ANY)


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits"])
@pytest.mark.parametrize("mode", ["L", "RGB", "YCbCr"])
def test_tiff_of_8_bits_however_packed(mode: str, compression: str) -> None:
    for orientation in TURNS:
        data = saved(in_mode(mode), "TIFF", compression=compression, exif=exif(orientation))
        assert np.array_equal(agreed(data)[0], by_pillow(data)), orientation


def test_a_packing_of_tiff_that_is_not_read_is_named() -> None:
    data = tiff(picture(), photometric="rgb", compression="jpegxl")
    with pytest.raises(ImageError, match="TIFF compression 50002 is not read: save it with LZW"):
        decode_image(data, "new")


def test_planes_of_8_bits() -> None:
    data = tiff(picture().transpose(2, 0, 1).copy(), photometric="rgb", planarconfig="separate")
    assert np.array_equal(agreed(data)[0], picture())


@pytest.mark.parametrize("bits", [15, 16, 24, 32])
def test_bmp_of_every_depth(bits: int) -> None:
    """Of 5 and 6 bits a channel, 31 and 63 are white."""
    white = {15: 0x7FFF, 16: 0xFFFF, 24: 0xFFFFFF, 32: 0xFFFFFF}[bits]
    size = max(16, bits) // 8
    masks = {16: (0xF800, 0x7E0, 0x1F)}.get(bits)
    row = white.to_bytes(size, "little") + bytes(size)
    body = row + bytes(-len(row) % 4)
    extra = struct.pack("<3L", *masks) if masks else b""
    head = struct.pack("<LLLHHLLLLLL", 40, 2, 1, 1, max(16, bits), 3 if masks else 0, len(body), 0, 0, 0, 0)
    place = 14 + len(head) + len(extra)
    data = b"BM" + struct.pack("<LHHL", place + len(body), 0, 0, place) + head + extra + body
    pixels, info = agreed(data)
    assert pixels[0].tolist() == [[255] * 3, [0] * 3]
    assert not info.deep


# PPM and its relatives, written byte by byte


@pytest.mark.parametrize("maxval", [1, 7, 100, 254, 255, 256, 1023, 4095, 65535])
@pytest.mark.parametrize("magic", [b"P2", b"P3", b"P5", b"P6"])
def test_samples_are_shares_of_maxval(magic: bytes, maxval: int) -> None:
    channels = 1 if magic in (b"P2", b"P5") else 3
    samples = np.arange(HEIGHT * WIDTH * channels).reshape(HEIGHT, WIDTH, channels) * 97 % (maxval + 1)
    kind = ">u2" if maxval > 255 else "u1"
    plain = b" ".join(b"%d" % one for one in samples.ravel().tolist()) + b"\n"
    head = b"%s\n# made by hand\n%d %d\n%d\n" % (magic, WIDTH, HEIGHT, maxval)
    data = head + (plain if magic in (b"P2", b"P3") else samples.astype(kind).tobytes())
    pixels, info = agreed(data)
    difference = np.abs(pixels.astype(int) - nearest(samples.astype(np.uint16), maxval))
    ties = samples * 510 % maxval == 0  # halves, which Pillow's reader of plain files rounds to even
    assert not difference[np.broadcast_to(~ties, difference.shape)].any()
    assert difference.max() <= (1 if magic in (b"P2", b"P3") else 0)
    assert (info.maxval, info.channels, info.deep) == (maxval, channels, maxval > 255)
    if maxval > 255:
        bits = maxval.bit_length()
        with pytest.raises(ImageError, match=rf"has {bits} bits a sample: .*--images depth16=round"):
            decode_image(data, "deep")


def test_ten_bits_as_the_video_world_writes_them() -> None:
    data = b"P6 1 1 1023\n" + np.array([1023, 512, 0], ">u2").tobytes()
    assert agreed(data)[0].tolist() == [[[255, 128, 0]]]


def test_samples_above_maxval_and_missing_ones_are_damage() -> None:
    for data, why in {
        b"P6 1 1 100\n\x65\0\0": "a sample of 101 is above its maxval 100",
        b"P5 1 1 1023\n\x04\0": "a sample of 1024 is above its maxval 1023",
        b"P6 2 1 255\nabcde": "cut short",
        b"P3 1 1 9\n10 0 0": "",
    }.items():
        with pytest.raises(ImageError, match=rf"damaged image \(.*{why}"):
            decode_image(data, "bad", ANY)


def test_bitmaps() -> None:
    expected = [[0, 255, 255, 0]]
    for data in (b"P1 4 1\n1 0 0 1\n", b"P4 4 1\n\x90"):
        pixels, info = agreed(data)
        assert pixels[..., 0].tolist() == expected
        assert info.channels == 1


# Profiles and alpha


def test_alpha_is_put_on_its_ground_after_the_profile() -> None:
    image = Image.new("RGBA", (4, 3), (200, 10, 30, 0))
    image.putpixel((1, 1), (200, 10, 30, 255))
    for form in ("PNG", "TIFF", "WEBP"):
        options = {"lossless": True, "exact": True} if form == "WEBP" else {}
        data = saved(image, form, icc_profile=SRGB, **options)
        for icc in ("ignore", "srgb"):
            pixels, _ = agreed(data, ImagePolicy(alpha="white", icc=icc))  # type: ignore[arg-type]  # of the tuple
            assert pixels[0, 0].tolist() == [255, 255, 255]
            assert np.abs(pixels[1, 1].astype(int) - (200, 10, 30)).max() <= 1
            with pytest.raises(ImageError, match="transparent part"):
                decode_image(data, "veil", ImagePolicy(icc=icc))  # type: ignore[arg-type]  # of the tuple


@pytest.mark.parametrize("mode", ["1", "L", "LA", "deep"])
def test_grey_with_a_grey_profile(mode: str) -> None:
    """A grey of linear light is lighter in sRGB, by the curve of IEC 61966-2-1."""
    policy = ImagePolicy(icc="srgb", alpha="drop", depth16="round")
    profile = grey_profile(1.0)
    if mode == "deep":
        packed = chunk(b"iCCP", b"grey\0\0" + zlib.compress(profile))
        data = with_chunk(imagecodecs.png_encode(deep_samples(1).squeeze()), packed, after_pixels=False)
    else:
        data = saved(in_mode(mode), "PNG", icc_profile=profile)
    linear = agreed(data, ImagePolicy(alpha="drop", depth16="round"))[0] / 255
    curve = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    pixels, info = agreed(data, policy)
    assert info.channels == 1
    assert np.abs(pixels - curve * 255).max() <= 2


def test_a_profile_that_does_not_fit_or_is_damaged_names_its_setting() -> None:
    managed = ImagePolicy(icc="srgb", cmyk="convert")
    wrong = saved(in_mode("RGB"), "TIFF", icc_profile=grey_profile(2.2))
    with pytest.raises(ImageError, match=r"colour profile of L: .*--images icc=ignore"):
        decode_image(wrong, "wrong", managed)
    broken = saved(in_mode("RGB"), "TIFF", icc_profile=SRGB[:200])
    with pytest.raises(ImageError, match=r"cannot be used .*: .*--images icc=ignore"):
        decode_image(broken, "broken", managed)
    assert np.array_equal(agreed(broken)[0], picture())


@pytest.mark.parametrize("mode", ["P", "RGB", "L", "1"])
def test_srgb_to_srgb_changes_nothing(mode: str) -> None:
    data = saved(in_mode(mode), "PNG", icc_profile=SRGB)
    managed = agreed(data, ImagePolicy(icc="srgb"))[0]
    assert np.abs(managed.astype(int) - agreed(data)[0]).max() <= 1


# Several images in a file, and damaged files


def films() -> dict[str, bytes]:
    frames = [in_mode("RGB"), in_mode("RGB").transpose(Image.Transpose.ROTATE_180)]
    more = {"save_all": True, "append_images": frames[1:]}
    return {
        "GIF": saved(frames[0].convert("P"), "GIF", save_all=True, append_images=[frames[1].convert("P")]),
        "APNG": saved(frames[0], "PNG", **more),
        "WEBP": saved(frames[0], "WEBP", lossless=True, **more),
        "MPO": saved(frames[0], "MPO", **more),
        "TIFF": tiff(np.stack([np.asarray(frame) for frame in frames]), photometric="rgb"),
    }


@pytest.mark.parametrize("form", ["GIF", "APNG", "WEBP", "MPO", "TIFF"])
def test_of_several_frames_the_first_is_taken_when_asked(form: str) -> None:
    data = films()[form]
    pixels, info = agreed(data)
    assert info.frames == 2
    assert np.array_equal(pixels, by_pillow(data))
    with pytest.raises(ImageError, match=r"has 2 frames: .*--images frames=first"):
        decode_image(data, "film")


@pytest.mark.parametrize("form", ["GIF", "APNG", "WEBP", "MPO", "TIFF"])
def test_a_film_that_is_cut_anywhere_is_read_or_refused(form: str) -> None:
    data = films()[form]
    whole = agreed(data)[0]
    for length in range(len(data)):
        try:
            pixels = decode_image(data[:length], "film", ANY)
        except ImageError:
            continue
        assert np.array_equal(pixels, whole), f"{length} of {len(data)} bytes give other pixels"


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "BMP", "TIFF", "PPM", "GIF", "deep"])
def test_a_file_that_lacks_its_last_bytes_is_read_whole_or_refused(form: str) -> None:
    data = deep_pngs()["deep"] if form == "deep" else saved(in_mode("P" if form == "GIF" else "RGB"), form)
    whole = agreed(data)[0]
    for missing in range(1, 40):
        try:
            pixels = decode_image(data[:-missing], "cut", ANY)
        except ImageError:
            continue
        assert np.array_equal(pixels, whole), f"without its last {missing} bytes it gives other pixels"


def test_progressive_and_grey_jpeg() -> None:
    for mode in ("RGB", "L"):
        data = saved(in_mode(mode), "JPEG", progressive=True, quality=95)
        pixels, info = agreed(data, ImagePolicy())
        assert np.array_equal(pixels, by_pillow(data))
        assert info.channels == (1 if mode == "L" else 3)


@pytest.mark.parametrize("form", FORMS)
def test_a_stream_that_stands_anywhere_is_read_from_its_beginning(form: str, tmp_path: Path) -> None:
    path = tmp_path / "wrong.txt"
    path.write_bytes(saved(in_mode("P" if form == "GIF" else "RGB"), form))
    with path.open("rb") as stream:
        stream.seek(5)
        assert probe(stream) == probe(path)
    assert probe(path).format == form


# Size


def test_a_scan_of_400_megapixels_can_be_let_in() -> None:
    """Its header is read, and one setting decides; Pillow's own limit does not."""
    head = png(8, 0, np.zeros((1, 1, 1), np.uint16))
    for width, height in ((20_000, 20_000), (13_378, 13_378)):
        size = width.to_bytes(4, "big") + height.to_bytes(4, "big") + head[24:29]
        data = head[:8] + chunk(b"IHDR", size) + head[33:]
        assert (probe(data).width, probe(data).height) == (width, height)
        with pytest.raises(ImageError, match=r"pixels: .*--images max_pixels="):
            decode_image(data, "scan")
        with pytest.raises(ImageError, match="damaged image"):
            decode_image(data, "scan", ImagePolicy(max_pixels=400_000_000))


DECODE = """
import re, sys
from pathlib import Path
from srdata.images import ImagePolicy, decode_image
def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
data = Path(sys.argv[1]).read_bytes()
policy = ImagePolicy(depth16="round", alpha="white", cmyk="convert", icc="srgb")
before = peak()
decode_image(data, "large", policy)
print(peak() - before)
"""


@pytest.mark.linux
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the kernel tells no peak of memory")
@pytest.mark.parametrize(("kind", "most"), [("deep", 12.5), ("RGBA", 8), ("grey", 5), ("turned", 12.5)])
def test_a_large_image_takes_little_more_than_its_samples_and_the_result(
    kind: str, most: float, tmp_path: Path
) -> None:
    """12 bytes a pixel while OpenCV reads 16-bit RGB, else those of the file and 3; stripes take 20 MB."""
    height, width = 5000, 6000
    if kind in ("deep", "turned"):
        data = cv2.imencode(".png", np.zeros((height, width, 3), np.uint16))[1].tobytes()
    else:
        data = saved(Image.new("RGBA" if kind == "RGBA" else "L", (width, height)), "TIFF", icc_profile=None)
    if kind == "turned":
        data = with_chunk(data, png_carriers(6)["eXIf"], after_pixels=True)
    (tmp_path / "large").write_bytes(data)
    command = [sys.executable, "-c", DECODE, str(tmp_path / "large")]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    per_pixel = (int(output) * 1024 - 20e6) / (height * width)
    assert per_pixel < most, f"{per_pixel:.1f} bytes a pixel"


def test_max_pixels_is_a_number_on_the_command_line_too() -> None:
    assert read_policy(["max_pixels=400000000"]).max_pixels == 400_000_000
    with pytest.raises(ImageError, match=r"14x11 is more than 100 pixels: .*--images max_pixels="):
        decode_image(saved(in_mode("RGB"), "PNG"), "scan", read_policy(["max_pixels=100"]))
