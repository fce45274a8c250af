"""Find pairs of HR and LR images by the names that the field gives to folders.

EDSR's folders, where NAME_SPLIT_ may be missing (the benchmarks have neither), and BasicSR's LMDBs:

    NAME_SPLIT_HR/0001.png          NAME_SPLIT_HR_sub.lmdb
    NAME_SPLIT_LR_TRACK/X4/0001x4.png   NAME_SPLIT_LR_TRACK_X4_sub.lmdb
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from srdata.errors import UsageError
from srdata.images import list_images
from srdata.scale import Scale

_SPLITS = {"train": "train", "valid": "validation", "val": "validation", "test": "test"}
_HR = re.compile(r"(?P<prefix>(?:.+_)?)HR(?P<form>(?:_sub)?\.lmdb)?")
_LR = re.compile(
    r"(?P<prefix>(?:.+_)?)LR_(?P<track>.+?)[/_]X(?P<scale>\d+(?:\.\d+)?)(?P<form>(?:_sub)?\.lmdb)?"
)


@dataclass(frozen=True)
class Place:
    """Where HR images and their LR images at one scale lie: two folders, or two LMDBs of BasicSR's."""

    hr: Path
    lr: Path
    split: str | None  # train, validation or test, where the name tells
    track: str  # bicubic, unknown, …
    scale: Scale

    @property
    def template(self) -> str:
        """How an LR image is called: 0001x4 faces 0001 in folders; in LMDBs both have one name."""
        return "{key}" if is_lmdb(self.hr) else f"{{key}}{self.scale.label}"


def is_lmdb(path: Path) -> bool:
    """Whether `path` is one of BasicSR's LMDBs, by its name and its data file."""
    return path.suffix == ".lmdb" and (path / "data.mdb").is_file()


def places(root: Path) -> list[Place]:
    """Every pair of folders or LMDBs in `root` with the names above, sorted by name, track and scale."""
    folders = [path for path in root.iterdir() if path.is_dir()] if root.is_dir() else []
    low = [path for folder in folders if "LR_" in folder.name for path in (folder, *folder.glob("X*"))]
    found = (place for hr in folders for lr in low if (place := _place(root, hr, lr)) is not None)
    return sorted(found, key=lambda place: (place.hr.name, place.track, place.scale))


def _place(root: Path, hr: Path, lr: Path) -> Place | None:
    """The place that two paths make together, if their names say that they belong together."""
    high = _HR.fullmatch(hr.name)
    low = _LR.fullmatch(lr.relative_to(root).as_posix())
    if not high or not low or (high["prefix"], high["form"]) != (low["prefix"], low["form"]):
        return None
    parts = high["prefix"].lower().split("_")
    split = next((_SPLITS[part] for part in reversed(parts) if part in _SPLITS), None)
    return Place(hr, lr, split, low["track"], Scale(low["scale"]))


def images_by_name(folder: Path) -> dict[str, Path]:
    """The image files below `folder` by their path without suffix, in natural order; raises UsageError."""
    if not (paths := by_name(folder, list_images(folder))):
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
