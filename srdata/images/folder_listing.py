"""Which files of a folder are images, and what else is there: one listing for all who read folders.

A file is an image by the end of its name (.png, .jpg …), or, where its name has no such end at all, by its
first bytes. Links to files and folders are followed, but never in a circle.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from srdata.images.file_kinds import HEAD_BYTES, IMAGE_SUFFIXES, format_of, other_image

SHOWN = 5  # names of one kind in a line
_HIDDEN, _OTHER = "hidden", "no image"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LeftOut:
    """Something in a folder that is not listed as an image."""

    path: Path
    why: str
    picture: bool  # whether it is, or may hold, an image that somebody wanted


@dataclass(frozen=True)
class ImageListing:
    """The images below a folder in natural order (2 before 10), and everything else."""

    images: tuple[Path, ...]
    left_out: tuple[LeftOut, ...]


def list_images(folder: Path) -> list[Path]:
    """Every image file below `folder` in natural order (2 before 10); images that are not read are logged."""
    listing = list_folder(folder)
    for line in describe_left_out(folder, (one for one in listing.left_out if one.picture)):
        _log.warning("%s: left out: %s", printable(folder), line)
    return list(listing.images)


def list_folder(folder: Path) -> ImageListing:
    """Every image file below `folder`, and everything that is left out; both empty if it is no folder."""
    images: list[Path] = []
    left_out: list[LeftOut] = []
    if folder.is_dir():
        for found in _walk(folder, ()):
            (images if isinstance(found, Path) else left_out).append(found)  # type: ignore[arg-type]
    images.sort(key=lambda path: natural(path.relative_to(folder).as_posix()))
    left_out.sort(key=lambda one: natural(one.path.relative_to(folder).as_posix()))
    return ImageListing(tuple(images), tuple(left_out))


def describe_left_out(folder: Path, left_out: Iterable[LeftOut]) -> Iterator[str]:
    """A line for each reason: how many there are, and the names of the first."""
    by_reason: dict[str, list[Path]] = {}
    for one in left_out:
        by_reason.setdefault(one.why, []).append(one.path)
    for why, paths in by_reason.items():
        names = ", ".join(printable(path.relative_to(folder)) for path in paths[:SHOWN])
        more = f" and {len(paths) - SHOWN} more" if len(paths) > SHOWN else ""
        yield f"{len(paths)} ({why}): {names}{more}"


def natural(text: str) -> tuple[tuple[int, int, str], ...]:
    """A sorting key that orders the numbers in a text by value."""
    return tuple(
        (1, int(part), part) if part.isascii() and part.isdigit() else (0, 0, part)
        for part in re.split(r"(\d+)", text)
    )


def printable(path: Path) -> str:
    r"""A path as text that can be printed and stored: bytes that are no UTF-8 become \xe9."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _walk(folder: Path, above: tuple[Path, ...]) -> Iterator[Path | LeftOut]:
    """The images and the rest below a folder; `above` are the real folders that led here."""
    real = folder.resolve()
    if real in above:
        yield LeftOut(folder, "a link back to a folder above it", picture=False)
        return
    try:
        entries = list(os.scandir(folder))
    except OSError as error:
        yield LeftOut(folder, f"a folder that cannot be read: {error.strerror}", picture=True)
        return
    for entry in entries:
        path = folder / entry.name
        if entry.name.startswith("."):
            yield LeftOut(path, _HIDDEN, picture=False)
        elif not _is_text(entry.name):
            yield LeftOut(path, "a name that is not UTF-8: rename it", picture=True)
        elif path.is_dir() if entry.is_symlink() else entry.is_dir():
            yield from _walk(path, (*above, real))
        else:
            yield _judged(path)


def _is_text(name: str) -> bool:
    return name.isprintable() or not any("\udc80" <= letter <= "\udcff" for letter in name)


def _judged(path: Path) -> Path | LeftOut:
    """A file as an image, or as something that is left out."""
    if not path.is_file():
        why = "a link that leads nowhere" if path.is_symlink() else "no file"
        return LeftOut(path, why, picture=path.is_symlink())
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return path
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError as error:
        return LeftOut(path, f"cannot be read: {error.strerror}", picture=False)
    if other := other_image(head, path.suffix):
        return LeftOut(path, f"{other}, which is not read: convert it to PNG", picture=True)
    form = format_of(head)
    if form is None:
        return LeftOut(path, _OTHER, picture=False)
    if path.suffix:
        return LeftOut(path, f"{form} by content, but not by its name: rename it", picture=True)
    return path
