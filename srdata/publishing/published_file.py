"""srdata.json: what was published, and the size and hash of every file of it.

It arrives in a repository together with the card that names the files, in one commit and last. A folder or
repository that has one is whole.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Literal

from pydantic import ValidationError

from srdata.common.files import PUBLISHED_FILE
from srdata.common.strict_model import StrictModel
from srdata.store.tables.set_files import FileEntry

FORMAT: Final = 1
POINTER = PUBLISHED_FILE
CARD = "README.md"


class PublishedSplit(StrictModel):
    """A split of a config."""

    images: int
    bytes: int  # of the PNG files
    pixels: str  # SHA-256 over the lines `key hash-of-hr hash-of-lr` of the set's images


class PublishedConfig(StrictModel):
    """The pairs of one degradation at one scale."""

    name: str
    folder: str  # named after the SHA-256 of what is in it, so that another version has another folder
    splits: dict[str, PublishedSplit]


class Published(StrictModel):
    """The content of srdata.json."""

    format: Literal[1] = FORMAT
    request: str  # SHA-256 of all that decides the files: the set, the form, the versions of what writes them
    name: str  # of the set
    form: str
    recipe: dict[str, Any]  # resolved
    digest: str  # of the resolved recipe
    seed: int
    versions: dict[str, str]  # of srdata and of the libraries that made the pixels and the files
    configs: tuple[PublishedConfig, ...]
    files: dict[str, FileEntry]  # all but this one


def read_pointer(data: bytes | None) -> Published | None:
    """The content of a srdata.json; None if it is none that this version understands."""
    try:
        return None if data is None else Published.model_validate_json(data)
    except ValidationError:
        return None


def pointer_in(folder: Path) -> Published | None:
    """What is published in a local folder; None if nothing is, or not as a whole."""
    path = folder / POINTER
    found = read_pointer(path.read_bytes() if path.is_file() else None)
    if found and all(_has(folder / name, entry) for name, entry in found.files.items()):
        return found
    return None


def _has(path: Path, entry: FileEntry) -> bool:
    return path.is_file() and path.stat().st_size == entry.bytes
