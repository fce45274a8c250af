"""Which files of a folder are images, and what else is there: one listing for all who read folders.

A file is an image by the end of its name (.png, .jpg …), or, where its name has no such end at all, by its
first bytes. Links to files and folders are followed, but never in a circle.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from srdata.images.file_kinds import DATA_SUFFIXES, HEAD_BYTES, IMAGE_SUFFIXES, format_of, other_image

SHOWN = 5  # names of one kind in a line
OUR_OWN = ".srdata"  # begins the names of what srdata keeps beside images: scores
_SET, _SET_BEGINS = "set.json", b'{\n  "format": '  # the file that stands in each prepared set
_HIDDEN, _OTHER = "hidden", "no image"
_NUMBER = re.compile(r"\d+")
_DIGITS = str.maketrans(dict.fromkeys("123456789", "0"))
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LeftOut:
    """Something in a folder that is not listed as an image."""

    path: Path
    why: str
    picture: bool  # whether it is, or may hold, an image that somebody wanted


@dataclass(frozen=True)
class ImageListing:
    """The images below a folder by their paths there, in natural order (2 before 10), and everything else."""

    folder: Path
    names: tuple[str, ...]  # with "/"
    left_out: tuple[LeftOut, ...]

    @property
    def images(self) -> tuple[Path, ...]:
        """The same images, found from here."""
        return tuple(self.folder / name for name in self.names)


def list_images(folder: Path) -> list[Path]:
    """Every image file below `folder` in natural order (2 before 10); images that are not read are logged."""
    listing = list_folder(folder)
    for line in describe_left_out(folder, (one for one in listing.left_out if one.picture)):
        _log.warning("%s: left out: %s", printable(folder), line)
    return list(listing.images)


def list_folder(folder: Path) -> ImageListing:
    """Every image file below `folder`, and everything that is left out; both empty if it is no folder."""
    names: list[str] = []
    left_out: list[LeftOut] = []
    if folder.is_dir():
        _walk(folder, "", (), names, left_out)
    names.sort(key=natural if len(forms_of(names)) > 1 else None)  # of one form: 0001, 0002
    left_out.sort(key=lambda one: natural(one.path.relative_to(folder).as_posix()))
    return ImageListing(folder, tuple(names), tuple(left_out))


def describe_left_out(folder: Path, left_out: Iterable[LeftOut]) -> Iterator[str]:
    """A line for each reason: how many there are, and the names of the first."""
    by_reason: dict[str, list[Path]] = {}
    for one in left_out:
        by_reason.setdefault(one.why, []).append(one.path)
    for why, paths in by_reason.items():
        names = ", ".join(printable(path.relative_to(folder)) for path in paths[:SHOWN])
        more = f" and {len(paths) - SHOWN} more" if len(paths) > SHOWN else ""
        yield f"{len(paths)} ({why}): {names}{more}"


def forms_of(names: Iterable[str]) -> set[str]:
    """The lines of names, with 0 for each digit: of a million numbered files it is one, and told at once."""
    return set("\n".join(names).translate(_DIGITS).split("\n"))


def natural(text: str) -> str:
    """A sorting key that orders the numbers in a text by value.

    It is a text as well, which takes a fifth of the room of its parts: how many digits a number has stands
    before it, and an end that sorts before all else after each part.
    """
    return _NUMBER.sub(_by_value, text) + "\0"


def _by_value(match: re.Match[str]) -> str:
    number = match[0]
    if not number.isascii():
        return f"\0\0{number}\0"
    value = number.lstrip("0") or "0"
    return f"\0{chr(len(value))}{value}\0{number}\0"


def without_suffix(name: str) -> str:
    """A name without what `PurePosixPath(name).suffix` gives, in a tenth of the time."""
    dot = name.rfind(".")
    return name[:dot] if name.rfind("/") + 1 < dot < len(name) - 1 else name


def printable(path: Path) -> str:
    r"""A path as text that can be printed and stored: bytes that are no UTF-8 become \xe9."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _walk(
    folder: Path, spot: str, above: tuple[Path, ...], names: list[str], left_out: list[LeftOut]
) -> None:
    """Add the images below a folder to `names`, by their paths from the root, and the rest to `left_out`.

    `spot` is the folder's own path from there; `above` are the real folders that led here. A prepared set
    below the root is left out whole: its files are no source, and half of them are LR images.
    """
    real = folder.resolve()
    if real in above:
        left_out.append(LeftOut(folder, "a link back to a folder above it", picture=False))
        return
    try:
        entries = list(os.scandir(folder))
    except OSError as error:
        why = f"a folder that cannot be read: {error.strerror}"
        left_out.append(LeftOut(folder, why, picture=True))
        return
    begun = len(names), len(left_out)
    for entry in entries:
        name = entry.name
        if name[0] == ".":
            if not name.startswith(OUR_OWN):
                left_out.append(LeftOut(folder / name, _HIDDEN, picture=False))
        elif not (name.isprintable() or _is_text(name)):
            left_out.append(LeftOut(folder / name, "a name that is not UTF-8: rename it", picture=True))
        elif name[name.rfind(".") :].lower() in IMAGE_SUFFIXES and _is_there(entry.is_file):
            names.append(spot + name)
        elif _is_there(entry.is_dir):
            _walk(folder / name, f"{spot}{name}/", (*above, real), names, left_out)
        elif name == _SET and spot and _is_set(folder / name):
            del names[begun[0] :], left_out[begun[1] :]
            left_out.append(LeftOut(folder, "a prepared set", picture=False))
            return
        elif problem := _judged(folder / name):
            left_out.append(problem)
        else:
            names.append(spot + name)


def _is_there(kind: Callable[[], bool]) -> bool:
    """Whether an entry is of a kind; one that cannot be looked at, as a link in a circle, is of none."""
    try:
        return kind()
    except OSError:
        return False


def _is_set(path: Path) -> bool:
    """Whether a file is what srdata writes into a prepared set."""
    try:
        with path.open("rb") as file:
            return file.read(len(_SET_BEGINS)) == _SET_BEGINS
    except OSError:
        return False


def _is_text(name: str) -> bool:
    return not any("\udc80" <= letter <= "\udcff" for letter in name)


def _judged(path: Path) -> LeftOut | None:
    """Why something is left out that is no image by its name; None if it is one by its first bytes."""
    try:
        if not path.is_file():
            why = "a link that leads nowhere" if path.is_symlink() else "no file"
            return LeftOut(path, why, picture=path.is_symlink())
        if path.suffix.lower() in DATA_SUFFIXES:  # of which none is opened, as a million may take minutes
            return LeftOut(path, _OTHER, picture=False)
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError as error:  # as in a folder whose names may be read, and nothing else
        return LeftOut(path, f"cannot be read: {error.strerror}", picture=False)
    if other := other_image(head, path.suffix):
        return LeftOut(path, f"{other}, which is not read: convert it to PNG", picture=True)
    form = format_of(head)
    if form is None:
        return LeftOut(path, _OTHER, picture=False)
    if path.suffix:
        return LeftOut(path, f"{form} by content, but not by its name: rename it", picture=True)
    return None
