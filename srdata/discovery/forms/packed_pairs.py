"""Pairs in single files: WebDataset's tars and super-image's HDF5."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from srdata.common.array_files.hdf5_file import GROUPS, open_hdf5
from srdata.common.safe_names import NewNames
from srdata.discovery.by_name.name_marks import marks_of_folder
from srdata.discovery.by_name.parts_by_name import parts_by_name
from srdata.discovery.found_parts import GIVEN, Lr, Part, Pile, Track, facing, scale_between
from srdata.discovery.image_bytes import Hdf5Image, ImageFile, TarImage, own_data, own_group
from srdata.errors import SourceError
from srdata.fetch.archive_members import refuse, tar_places
from srdata.images import IMAGE_SUFFIXES, natural
from srdata.scale import Scale
from srdata.store.folder_names import SPLITS
from srdata.vocabulary import Split

HDF5_SUFFIXES = frozenset({".h5", ".hdf5"})
_HDF5_NAME = re.compile(r"(?:.+_(?P<split>train|valid)_)?(?P<track>.+)_X(?P<scale>\d+(?:\.\d+)?)")
_LARGEST_JSON_BYTES = 16 << 20


def tar_parts(path: Path, archives: Iterable[Path]) -> tuple[list[Part], list[str]]:
    """A part for each split of a set in tars, and what is left out of it.

    Samples of one image alone are folders of images. Raises ArchiveError for hostile members, SourceError.
    """
    splits: dict[Split | None, dict[str, _Sample]] = {}
    for archive in archives:
        for sample in _samples(archive):
            key, split = sample.name_and_split()
            if splits.setdefault(split, {}).setdefault(key, sample) is not sample:
                raise SourceError(f"{archive}: sample {key!r} stands twice: take one of them out")
    if splits and not any(one.images for samples in splits.values() for one in samples.values()):
        raise SourceError(f"{path}: no sample holds hr.png or a plain image")
    alone = {key: one.images for samples in splits.values() for key, one in samples.items()}
    if set(splits) == {None} and all(set(images) <= {""} for images in alone.values()):
        return parts_by_name(path, {key: images[""] for key, images in alone.items() if images})
    return [_tar_part(split, samples) for split, samples in splits.items()], []


class _Sample(NamedTuple):
    """The files of one sample, by what follows the key in their names."""

    archive: Path
    key: str
    files: dict[str, TarImage]

    def name_and_split(self) -> tuple[str, Split | None]:
        """The key that the sample stands for, and its split, where its JSON says so."""
        file = self.files.get("json")
        facts = _json(file) if file else {}
        key, split = facts.get("key", self.key), facts.get("split")
        if not isinstance(key, str) or not (split is None or split in SPLITS):
            raise SourceError(f"{file}: key must be a text, and split one of {', '.join(SPLITS)}")
        return key, split and SPLITS[split]

    @property
    def images(self) -> dict[str, TarImage]:
        """The image files by their kind: `hr` for hr.png, nothing for a plain png."""
        return {
            kind: file
            for kind, dot, form in (suffix.rpartition(".") for suffix in self.files)
            if f".{form}" in IMAGE_SUFFIXES and (file := self.files[f"{kind}{dot}{form}"])
        }


def _samples(archive: Path) -> Iterator[_Sample]:
    """Files that follow each other and have one name up to the first dot."""
    names = NewNames()
    key, files = "", dict[str, TarImage]()
    for name, start, size in tar_places(archive):
        if problem := names.why_not(name):
            raise refuse(archive, name, problem)
        folder, slash, base = name.rpartition("/")
        stem, _, suffix = base.partition(".")
        if folder + slash + stem != key and files:
            yield _Sample(archive, key, files)
            files = {}
        key = folder + slash + stem
        files[suffix.lower()] = TarImage(archive, name, start, size)
    if files:
        yield _Sample(archive, key, files)


def _json(file: TarImage) -> dict[str, Any]:
    if file.size > _LARGEST_JSON_BYTES:
        raise SourceError(f"{file}: is larger than {_LARGEST_JSON_BYTES} bytes; it is not read")
    try:
        facts = json.loads(file.read_bytes())
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{file}: is no JSON ({error})") from error
    return facts if isinstance(facts, dict) else {}


def _tar_part(split: Split | None, samples: dict[str, _Sample]) -> Part:
    """HR and LR of all samples, as the first of them has them; a plain image is HR."""
    piles: dict[str, dict[str, ImageFile]] = {}
    for key, sample in samples.items():
        for kind, file in sample.images.items():
            piles.setdefault(kind, {})[key] = file
    where = next(iter(samples.values())).archive.parent
    said = {kind: marks_of_folder(kind)[0] for kind in sorted(piles)}
    sided = [kind for kind, marks in said.items() if marks.side == "hr"]
    high = next((kind for kind in (*sided, "") if kind in piles), None)
    if high is None:
        raise SourceError(f"{where}: no sample holds hr.png or a plain image")
    hr = Pile(where, piles[high])
    lr: dict[Track, Lr] = {}
    for kind, marks in said.items():
        if marks.side == "lr":
            pile = Pile(where, piles[kind])
            scale = marks.scale or scale_between(hr, pile)
            lr[Track(marks.track or GIVEN, scale)] = facing(hr, pile)
    return Part(split, hr, lr)


def hdf5_parts(paths: Iterable[Path]) -> list[Part]:
    """A part for each split, with the LR of all its files; raises SourceError or MissingExtraError."""
    parts: dict[Split | None, Part] = {}
    for path in paths:
        lr, hr = (Pile(path, images) for images in _hdf5_images(path))
        name = _HDF5_NAME.fullmatch(path.stem)
        split = SPLITS.get(name["split"] or "") if name else None
        track = Track(name["track"], Scale(name["scale"])) if name else Track(GIVEN, scale_between(hr, lr))
        first = parts.setdefault(split, Part(split, hr))
        parts[split] = Part(split, first.hr, {**first.lr, track: facing(hr, lr)})
    return list(parts.values())


def _hdf5_images(path: Path) -> tuple[dict[str, Hdf5Image], dict[str, Hdf5Image]]:
    """The images of both groups, by the keys that stand in `hr`, else by their numbers."""
    try:
        with open_hdf5(path, "r") as file:
            _check_groups(path, list(file))
            groups = {name: own_group(file, name) for name in GROUPS}
            numbers = sorted(groups["hr"], key=natural)
            keys = {number: _key(groups["hr"], number) for number in numbers}
            low, high = (
                {
                    keys.get(number, number): Hdf5Image(path, name, number)
                    for number in sorted(group, key=natural)
                }
                for name, group in groups.items()
            )
    except (OSError, KeyError, RuntimeError, ValueError, TypeError, AttributeError) as error:
        raise SourceError(
            f"{path} is no HDF5 file of image pairs, with groups lr and hr, or is damaged ({error})"
        ) from error
    if len(high) < len(keys) or not high:
        raise SourceError(f"{path} {'has two images with one key' if high else 'holds no images'}")
    return low, high


def _check_groups(path: Path, names: list[str]) -> None:
    """Raise SourceError for a file of something else, such as the patches that SRCNN's code trains on."""
    if not set(GROUPS) <= set(names):
        raise SourceError(
            f"{path} holds {', '.join(map(repr, names[:5])) or 'nothing'}, not the groups lr and hr of "
            "images: prepare the image files that it was made of"
        )


def _key(group: Any, number: str) -> str:
    key = own_data(group, number).attrs.get("key", number)
    return key if isinstance(key, str) else number
