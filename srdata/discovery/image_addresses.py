"""The address of an image file as text, by which another process or machine finds it."""

from __future__ import annotations

import json
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from srdata.discovery.image_bytes import ArrayFile, Hdf5Image, ImageFile, LmdbImage, TarImage
from srdata.discovery.remote_images import RemoteImage
from srdata.errors import UsageError

_ALL = (LmdbImage, TarImage, Hdf5Image, ArrayFile, RemoteImage)
_KINDS: dict[str, type[Any]] = {kind.__name__: kind for kind in _ALL}
_PATHS = ("folder", "archive", "path")


def absolute(file: ImageFile) -> ImageFile:
    """The same file, found from any working folder."""
    if isinstance(file, Path):
        return file.absolute()
    if type(file).__name__ not in _KINDS:
        return file
    paths = {name: value.absolute() for name, value in vars(file).items() if isinstance(value, Path)}
    there: ImageFile = replace(file, **paths)  # type: ignore[type-var]  # all in the table are dataclasses
    return there


def address_of(file: ImageFile) -> str:
    """The absolute path of a file, or JSON for what lies in another file; raises UsageError."""
    there: Any = absolute(file)
    if isinstance(there, Path):
        return str(there)
    if type(there).__name__ not in _KINDS:
        raise UsageError(
            f"{file} is in a table, where parts of a plan do not find it: prepare without --plan"
        )
    return json.dumps({"kind": type(there).__name__, **asdict(there)}, default=str)


def image_at(address: str) -> ImageFile:
    """The image file at an address; raises UsageError for what is none."""
    if not address.startswith("{"):
        return Path(address)
    try:
        plain = json.loads(address)
        kind = _KINDS[plain.pop("kind")]
        wanted = {field.name: field.name in _PATHS for field in fields(kind)}
        image: ImageFile = kind(
            **{name: Path(plain[name]) if wanted[name] else plain[name] for name in plain}
        )
        return image
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{address} is no address of an image: make the plan again") from error
