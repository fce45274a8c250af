"""What pairs of images there are in a folder or file of any form that the field uses.

DIV2K_train_HR, DIV2K_train_LR_bicubic/X4       EDSR's folders; also with .npy or .pt files
trainsets/trainH, trainsets/trainL              KAIR's folders
DIV2K_train_HR_sub.lmdb, …_X4_sub.lmdb          BasicSR's LMDBs of all generations; also one alone
NAME-000000.tar                                 WebDataset
NAME.h5                                         super-image's HDF5
anything else with images in it                 HR images
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from srdata.common.files import inside
from srdata.discovery.found_parts import GIVEN, SPLITS, Lr, Part, Pile, Track, scale_between
from srdata.discovery.image_bytes import ARRAY_SUFFIXES, ArrayFile, ImageFile
from srdata.discovery.lmdb_folders import lmdb_images
from srdata.discovery.packed_pairs import HDF5_SUFFIXES, hdf5_parts, tar_parts
from srdata.discovery.pair_folders import Place, by_name, is_lmdb, places
from srdata.errors import UsageError
from srdata.images import list_folder, natural
from srdata.scale import Scale
from srdata.store.basicsr_lmdb import DATA_FILE
from srdata.vocabulary import Split

_WINDOW = re.compile(r".+_s\d{3,}")


class Found(NamedTuple):
    """The form of what was found, and its parts: one for each HR pile, which may have LR piles."""

    form: str
    parts: tuple[Part, ...]

    @property
    def subimages(self) -> bool:
        """Whether the images are called as those that are cut out of larger ones: 0001_s001."""
        return all(_WINDOW.fullmatch(key) for part in self.parts for key in part.hr.images)


def find_parts(path: Path) -> Found:
    """The images at `path`, in the first of the known forms that it has.

    Raises UsageError where there is nothing, SourceError or CorruptRecordError where it is damaged.
    """
    for form, find in _FORMS:
        if parts := find(path):
            return Found(form, tuple(parts))
    raise UsageError(
        f"{path} holds no images: give a folder with PNG, JPEG, WebP, BMP or TIFF files, LMDBs, tars or .h5"
    )


def _lmdbs(path: Path) -> list[Part]:
    if (path / DATA_FILE).is_file():
        return [Part(None, _lmdb(path))]
    return _by_place([place for place in places(path) if is_lmdb(place.hr)], _lmdb)


def _lone_lmdb(path: Path) -> list[Part]:
    lone = [folder for folder in sorted(path.glob("*.lmdb")) if is_lmdb(folder)]
    if len(lone) > 1:
        names = ", ".join(folder.name for folder in lone)
        raise UsageError(f"{path}: which of {names} are pairs? Say so with --hr hr.lmdb --lr lr.lmdb")
    return [Part(None, _lmdb(one)) for one in lone]


def _folders(path: Path) -> list[Part]:
    return _by_place([place for place in places(path) if not is_lmdb(place.hr)], _folder)


def _by_place(found: list[Place], pile: Callable[[Path], Pile]) -> list[Part]:
    """A part for each HR folder, with all LR folders that belong to it."""
    by_hr: dict[Path, list[Place]] = {}
    for place in found:
        by_hr.setdefault(place.hr, []).append(place)
    return [
        Part(
            SPLITS.get(some[0].split or ""),
            pile(hr),
            {Track(one.track, one.scale): Lr(pile(one.lr), one.template) for one in some},
        )
        for hr, some in by_hr.items()
    ]


def _kair(path: Path) -> list[Part]:
    """`trainsets/trainH` with its `trainL…`, and every `testsets/NAME/HR` with its `LR_TRACK/X4`."""
    parts = []
    if (high := path / "trainsets/trainH").is_dir():
        parts.append(_kair_part("train", high, sorted(high.parent.glob("trainL*"))))
    for high in sorted(path.glob("testsets/*/HR")):
        split: Split = "validation" if high.parent.name.endswith("_valid") else "test"
        parts.append(_kair_part(split, high, sorted(high.parent.glob("LR_*/X*"))))
    return parts


def _kair_part(split: Split, high: Path, low: list[Path]) -> Part:
    hr = _folder(high)
    lr = {}
    for folder in low:
        pile = _folder(folder)
        scale = re.search(r"X(\d+(?:\.\d+)?)$", folder.name)
        track = folder.parent.name.removeprefix("LR_") if split != "train" else GIVEN
        lr[Track(track, Scale(scale[1]) if scale else scale_between(hr, pile))] = Lr(pile)
    return Part(split, hr, lr)


def _tars(path: Path) -> list[Part]:
    archives = [path] if path.is_file() and path.suffix == ".tar" else sorted(path.glob("*.tar"))
    return tar_parts(archives)


def _hdf5(path: Path) -> list[Part]:
    if path.is_file():
        return hdf5_parts([path]) if path.suffix in HDF5_SUFFIXES else []
    return hdf5_parts(sorted(one for one in path.glob("*") if one.suffix in HDF5_SUFFIXES))


def _images(path: Path) -> list[Part]:
    return [Part(None, _folder(path))] if list_folder(path).images else []


def _arrays(path: Path) -> list[Part]:
    return [Part(None, pile)] if (pile := _folder(path)).images else []


_FORMS: tuple[tuple[str, Callable[[Path], list[Part]]], ...] = (
    ("LMDB", _lmdbs),
    ("EDSR's folders", _folders),
    ("KAIR's folders", _kair),
    ("images", _images),
    ("LMDB", _lone_lmdb),
    ("WebDataset tars", _tars),
    ("HDF5 of super-image", _hdf5),
    ("saved arrays", _arrays),
)


def _lmdb(folder: Path) -> Pile:
    return Pile(folder, lmdb_images(folder))


def _folder(folder: Path) -> Pile:
    """The images of a folder by their path without suffix."""
    return Pile(folder, {name: _image_file(path) for name, path in by_name(folder, _files(folder)).items()})


def _files(folder: Path) -> list[Path]:
    """Image files, or saved arrays where there are none, in natural order."""
    if images := list_folder(folder).images:
        return list(images)
    arrays = (path for path in folder.rglob("*") if path.suffix in ARRAY_SUFFIXES and path.is_file())
    return sorted(arrays, key=lambda path: natural(path.as_posix()))


def _image_file(path: Path) -> ImageFile:
    return ArrayFile(path) if path.suffix in ARRAY_SUFFIXES else path


def by_template(path: Path, hr: str, lr: str | None, scales: tuple[Scale, ...]) -> Found:
    """Images named as `hr` says, "HR/{key}.png", and the LR images that `lr` names, "X{scale}/{key}.png".

    A template without {key} is the path of an LMDB. Raises UsageError for one that fits nothing.
    """
    high = _pile_of(path, hr)
    found: dict[Track, Lr] = {}
    if lr is not None and "{scale}" in lr:
        for scale in scales:
            found[Track(GIVEN, scale)] = Lr(_pile_of(path, lr.replace("{scale}", str(scale))))
    elif lr is not None:
        pile = _pile_of(path, lr)
        found[Track(GIVEN, scale_between(high, pile))] = Lr(pile)
    return Found("files by template", (Part(None, high, found),))


def _pile_of(path: Path, template: str) -> Pile:
    if "{key}" not in template:
        return _lmdb(inside(path, template))
    pattern = re.compile(
        re.escape(template).replace(r"\{key\}", "(?P<key>.+)", 1).replace(r"\{key\}", "(?P=key)")
    )
    images: dict[str, ImageFile] = {}
    for file in _files(path):
        if match := pattern.fullmatch(file.relative_to(path).as_posix()):
            images[match["key"]] = _image_file(file)
    if not images:
        raise UsageError(f"{path}: no image is called {template}")
    return Pile(path / template, images)
