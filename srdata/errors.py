"""The errors that srdata raises on purpose.

Each message is one line: what is wrong, where, and what to do about it.

    SrdataError                   exit status 1
    ├── UsageError                exit status 2: what was asked for cannot be done as asked
    │   ├── UnknownNameError      no such recipe, data set, codec, op …; names the nearest
    │   ├── RecipeError           a recipe or manifest is wrong; every problem, with file and line
    │   ├── LicenceError          the licence does not allow it
    │   ├── MissingExtraError     an optional dependency is not installed
    │   ├── NotScoredError        images have no scores yet, where none are to be computed
    │   └── SetError              a folder is not the prepared set it is taken for
    │       └── DamagedSetError   its set.json is not what was written
    ├── SourceError               what came from outside is not what it should be
    │   ├── DownloadError         no mirror gave the file
    │   ├── HashMismatchError     a file has other bytes than its manifest says
    │   ├── ArchiveError          an archive is damaged or hostile
    │   └── ImageError            a file is not an image that the policy admits
    ├── HubError                  the Hub does not take what is to be published, or has not what it took
    └── StoreError                a prepared set cannot be written or read
        ├── CorruptRecordError    a record or file does not have the hash it was sealed with
        └── StorageFullError      no room left on the device
"""

from __future__ import annotations

import difflib
import itertools
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self

__all__ = [
    "ArchiveError",
    "CorruptRecordError",
    "DownloadError",
    "HashMismatchError",
    "HubError",
    "ImageError",
    "LicenceError",
    "MissingExtraError",
    "NotScoredError",
    "RecipeError",
    "SetError",
    "SourceError",
    "SrdataError",
    "StorageFullError",
    "StoreError",
    "UnknownNameError",
    "UsageError",
]


class SrdataError(Exception):
    """Any error that srdata raises on purpose."""

    exit_status = 1


class UsageError(SrdataError):
    """What was asked for cannot be done as asked."""

    exit_status = 2


class NotScoredError(UsageError):
    """Images have no scores yet, by which they are chosen, where none are to be computed."""


class UnknownNameError(UsageError):
    """No such recipe, data set, codec, op or option."""

    @classmethod
    def among(cls, kind: str, name: str, known: Iterable[str]) -> Self:
        """The error for `name` which is none of `known`, with the nearest of them."""
        known = sorted(known)
        return cls(f"unknown {kind} {name!r}{nearest(str(name), known)} (known: {', '.join(known)})")


class RecipeError(UsageError):
    """A recipe or manifest is wrong; `problems` holds one line each."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))

    def __reduce__(self) -> tuple[type[Self], tuple[tuple[str, ...]]]:
        return type(self), (self.problems,)


class LicenceError(UsageError):
    """The licence of a data set does not allow what was asked for."""


class MissingExtraError(UsageError):
    """An optional dependency is not installed."""

    @classmethod
    def of(cls, package: str) -> Self:
        """The error for a missing `package`."""
        return cls(f"needs {package}: run `pip install {package}`")


class SetError(UsageError):
    """A folder is not the prepared set it is taken for."""


class DamagedSetError(SetError):
    """The set.json of a prepared set is not what was written."""


class SourceError(SrdataError):
    """What came from outside is not what it should be."""


class DownloadError(SourceError):
    """No mirror gave the file."""


class HashMismatchError(SourceError):
    """A file has other bytes than its manifest says."""


class ArchiveError(SourceError):
    """An archive is damaged or hostile."""


class ImageError(SourceError):
    """A file is not an image that the policy admits."""


class HubError(SrdataError):
    """The Hub does not take what is to be published, or has not what it took."""


class StoreError(SrdataError):
    """A prepared set cannot be written or read."""


class CorruptRecordError(StoreError):
    """A record or file does not have the hash it was sealed with."""


class StorageFullError(StoreError):
    """No room is left on the device."""


def path_text(given: object, what: str = "a path or a name") -> str:
    """The text of what a user gives where `what` is wanted; raises UsageError for what is no text or path."""
    text = os.fspath(given) if isinstance(given, os.PathLike) else given
    if not isinstance(text, str):
        shown = repr(given) if given is None or isinstance(given, int | float | bytes) else type(given)
        raise UsageError(f"{what} is wanted, such as 'data/sample-x4' or a Path, and not {shown}")
    return text


def given_path(given: object, what: str = "a path") -> Path:
    """The path that a user gives where `what` is wanted; raises UsageError."""
    return Path(path_text(given, what))


def nearest(name: str, known: Iterable[str]) -> str:
    """`", did you mean 'x'?"` for the name of `known` nearest to `name`, or those with that word in them."""
    known = list(known)
    close = (
        _in_a_folder(name, known) or difflib.get_close_matches(name, known, n=1) or _with_word(name, known)
    )
    *others, last = map(repr, close or [""])
    either = f"{', '.join(others)} or {last}" if others else last
    return f", did you mean {either}?" if close else ""


def _in_a_folder(name: str, known: Iterable[str]) -> list[str]:
    """The names that are `name` but for the folder before it, as holiday/one for one, or for its suffix.

    Five at most.
    """
    last = _last_part(name)
    lasts = {last, last.rpartition(".")[0] or last}
    found = (one for one in known if one != name and _last_part(one) in lasts)
    return list(itertools.islice(found, 5))


def _last_part(name: str) -> str:
    return name.rpartition("/")[2].lower()


def _with_word(name: str, known: Iterable[str]) -> list[str]:
    """The names of which `name` is a word: gaussian_noise for noise; five at most."""
    found = (one for one in known if name and name.lower() in re.split(r"[-_.:/ ]", one.lower()))
    return list(itertools.islice(found, 5))
