"""Image files by their names below a folder, without their suffixes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from srdata.errors import UsageError
from srdata.images import list_folder


def images_by_name(folder: Path) -> dict[str, Path]:
    """The image files below `folder` by their path without suffix, in natural order; raises UsageError."""
    if not (paths := by_name(folder, list_folder(folder).images)):
        raise UsageError(f"{folder} holds no image")
    return paths


def by_name(folder: Path, files: Iterable[Path]) -> dict[str, Path]:
    """Files below `folder` by their path without suffix; raises UsageError if two have one name."""
    paths: dict[str, Path] = {}
    for path in files:
        name = path.relative_to(folder).with_suffix("").as_posix()
        if name in paths:
            raise UsageError(
                f"{folder} holds {name!r} twice, as {paths[name].name} and {path.name}: remove one"
            )
        paths[name] = path
    return paths
