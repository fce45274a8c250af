"""What a file is, by its first bytes and by the end of its name."""

from __future__ import annotations

import re
from collections.abc import Mapping

# How the formats that are read begin.
_READ = {
    "PNG": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "JPEG": re.compile(rb"\xff\xd8\xff"),
    "WEBP": re.compile(rb"RIFF....WEBP", re.DOTALL),
    "BMP": re.compile(
        rb"BM.{12}[\x0c\x28\x34\x38\x3c\x40\x6c\x7c]\0\0\0", re.DOTALL
    ),  # how long its header is
    "TIFF": re.compile(rb"II[*+]\0|MM\0[*+]|MM\*\0|II\0\*"),
    "PPM": re.compile(rb"P[1-6f]\s*(?:#|\s\d)"),
    "GIF": re.compile(rb"GIF8[79]a"),
}
FORMATS = tuple(_READ)
HEAD_BYTES = 64  # of a file, to tell what it is
IMAGE_SUFFIXES = frozenset(
    {".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".webp", ".bmp", ".dib", ".tif", ".tiff"}
    | {".ppm", ".pgm", ".pbm", ".pnm", ".gif"}
)

# Of what stands beside images by the thousand: captions, facts, tables, archives.
DATA_SUFFIXES = frozenset({".txt", ".json", ".jsonl", ".csv", ".parquet", ".arrow", ".tar", ".mdb"})

# How those begin that are images and are not read.
_NOT_READ = {
    "an AVIF image": re.compile(rb"....ftypavi[fs]", re.DOTALL),
    "a HEIF image": re.compile(rb"....ftyp(?:hei[cfsxm]|hevc|mif1|msf1)", re.DOTALL),
    "a JPEG 2000 image": re.compile(rb"\0\0\0\x0cjP  \r\n|\xff\x4f\xff\x51"),
    "a JPEG XL image": re.compile(rb"\0\0\0\x0cJXL \r\n|\xff\x0a"),
    "a Photoshop file": re.compile(rb"8BPS"),
    "an OpenEXR image": re.compile(rb"v/1\x01"),
    "a Radiance image": re.compile(rb"#\?RADIANCE"),
    "an SVG drawing": re.compile(rb"\s*(?:<\?xml[^>]*>\s*)?<svg", re.IGNORECASE),
    "a QOI image": re.compile(rb"qoif"),
    "a DirectDraw surface": re.compile(rb"DDS "),
}
# And those that are no images, though their names may say so.
_NO_IMAGE = {
    "a PDF document": re.compile(rb"%PDF"),
    "an HTML page": re.compile(rb"\s*<(?:!doctype|html)", re.IGNORECASE),
    "a pointer of Git LFS, to be had by `git lfs pull`": re.compile(rb"version https://git-lfs"),
}
_RAW = "a camera's raw file"
_SUFFIXES_NOT_READ = {
    **dict.fromkeys((".avif", ".avifs"), "an AVIF image"),
    **dict.fromkeys((".heic", ".heif", ".hif"), "a HEIF image"),
    **dict.fromkeys((".jp2", ".j2k", ".jpf", ".jpx", ".j2c", ".jpc"), "a JPEG 2000 image"),
    ".jxl": "a JPEG XL image",
    ".tga": "a Targa image",
    **dict.fromkeys((".psd", ".psb"), "a Photoshop file"),
    ".exr": "an OpenEXR image",
    ".hdr": "a Radiance image",
    ".svg": "an SVG drawing",
    ".qoi": "a QOI image",
    ".dds": "a DirectDraw surface",
    ".pfm": "a PFM image",
    ".pam": "a PAM image",
    ".ico": "an icon",
    **dict.fromkeys((".dng", ".nef", ".cr2", ".cr3", ".arw", ".orf", ".rw2", ".raf", ".pef", ".srw"), _RAW),
}


def format_of(head: bytes) -> str | None:
    """The format of an image file that is read, by its first bytes."""
    return _by_start(_READ, head)


def other_image(head: bytes, suffix: str) -> str | None:
    """What an image that is not read is, by the end of its name or by its first bytes."""
    return _SUFFIXES_NOT_READ.get(suffix.lower()) or _by_start(_NOT_READ, head)


def what_it_is(head: bytes) -> str:
    """What a file is that was taken for an image and is none that is read."""
    if not head:
        return "an empty file"
    if other := _by_start(_NOT_READ, head):
        return f"{other}, which is not read"
    if other := _by_start(_NO_IMAGE, head):
        return f"{other}, not an image"
    return f"not an image of a known format (starts with {head[:8]!r})"


def _by_start(starts: Mapping[str, re.Pattern[bytes]], head: bytes) -> str | None:
    return next((name for name, start in starts.items() if start.match(head)), None)
