"""The HR images that SR is compared with: those of a prepared set, of a known data set, or of a folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from srdata.discovery.found_parts import Part
from srdata.discovery.image_bytes import ImageFile, header_of, pixels_of
from srdata.discovery.known_forms import find_parts
from srdata.errors import UsageError, given_path
from srdata.fetch import obtain
from srdata.fetch.manifest import Bicubic, ImageSet, Manifest, load_manifest
from srdata.images import ImagePolicy, Pixels, check_same_way
from srdata.prepared.set_images import PreparedImages
from srdata.recipes.name_meaning import Kind, meaning
from srdata.resize import imresize
from srdata.scale import Scale
from srdata.store.blocks import HR
from srdata.store.folder_names import SHORT
from srdata.store.set_json import SET_FILE, holds_shards

_SPLITS = tuple(reversed(SHORT))  # the first that a set has is evaluated
_MATLAB = Bicubic(rounding="each-pass", border="symmetric", evidence="EDSR's benchmark archive")


@dataclass(frozen=True)
class References:
    """HR images by key, and how their LR images come about."""

    name: str
    keys: tuple[str, ...]
    size: Callable[[str], tuple[int, int]]  # height and width
    read: Callable[[str], Pixels]  # (H, W, 3), or (H, W, 1) of a grey file
    turn: Callable[[str], int] = lambda key: 1  # the EXIF orientation that is applied when one is read
    bicubic: Bicubic = _MATLAB
    stored_lr: Callable[[str], Pixels] | None = None

    def lr(self, key: str, hr: Pixels, scale: Scale) -> Pixels:
        """The LR image that the set holds, or that which its publishers made of `hr` by bicubic."""
        if self.stored_lr is not None:
            return self.stored_lr(key)
        return self.resized(hr, scale.lr(hr.shape[0]), scale.lr(hr.shape[1]))

    def resized(self, image: np.ndarray, height: int, width: int) -> np.ndarray:
        """`image` by MATLAB's bicubic, with the border and rounding of this set."""
        size = (height, width)
        return imresize(image, size=size, border=self.bicubic.border, rounding=self.bicubic.rounding)


def find_references(
    name: str | Path,
    scale: Scale,
    *,
    hr: str | Path | None = None,
    root: str | Path = "data",
    from_dir: str | Path | None = None,
    split: str | None = None,
    images: ImagePolicy | None = None,
) -> References:
    """The HR images of `hr`, else of the prepared set or folder `name`, else of the data set of that name.

    A data set is taken from `from_dir` or downloaded below `root`. Raises UsageError, SetError, SourceError.
    """
    if hr is not None:
        folder = given_path(hr)
        if holds_shards(folder):
            return _prepared(folder, scale, split)
        return _in_folder(folder, str(hr), scale, None, images)
    meant = meaning(name, (Kind.DATA_SET, Kind.PATH))
    if meant.kind is Kind.DATA_SET:
        return _known(
            meant.name, scale, given_path(root), given_path(from_dir) if from_dir else None, split, images
        )
    folder = Path(meant.name)
    if (folder / SET_FILE).is_file():
        return _prepared(folder, scale, split)
    return _in_folder(folder, folder.name, scale, split, images)


def read_as_stored(file: ImageFile, policy: ImagePolicy | None = None) -> Pixels:
    """An image file as (H, W, 3), or (H, W, 1) where the file itself is grey; raises ImageError."""
    pixels = pixels_of(file, policy)
    return np.ascontiguousarray(pixels[..., :1]) if header_of(file).channels == 1 else pixels


def _in_folder(
    folder: Path, name: str, scale: Scale, split: str | None, policy: ImagePolicy | None
) -> References:
    """The HR images of a folder, and the LR images that stand beside them."""
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder; give the one with the HR images as --hr")
    parts = _parts_of(folder, find_parts(folder).parts, scale, split)
    files: dict[str, ImageFile] = {}
    low: dict[str, ImageFile] = {}
    for part in parts:
        lr = _lr_at(part, scale)
        for key, file in part.hr.images.items():
            short = key.removeprefix(f"{part.split}/")  # which tells splits apart: here is but one
            files[short] = file
            if key in lr:
                low[short] = lr[key]
    references = _of_files(files, name, _MATLAB, policy)
    if len(files) > len(low):
        return references
    return replace(references, stored_lr=partial(_lr_beside, references, low, policy))


def _lr_beside(
    references: References, low: Mapping[str, ImageFile], policy: ImagePolicy | None, key: str
) -> Pixels:
    """An LR image of a folder; raises ImageError where it fits its HR only if one of them is not turned."""
    lr, turns = read_as_stored(low[key], policy), (references.turn(key), header_of(low[key]).orientation)
    if turns != (1, 1):
        check_same_way(references.read(key), lr, turns, (f"HR image {key}", f"LR image {key}"))
    return lr


def _parts_of(folder: Path, parts: Sequence[Part], scale: Scale, split: str | None) -> Sequence[Part]:
    """The parts of a split, by default the first that is there, whose HR images are those of a scale."""
    there = {part.split for part in parts}
    if split is not None and split not in there:
        names = " or ".join(str(one) for one in _SPLITS if one in there) or "none: leave --split out"
        raise UsageError(f"{folder} has no split {split!r}: take {names}")
    chosen = split or next((one for one in _SPLITS if one in there), None)
    found = [part for part in parts if part.split in (chosen, None)]
    own = [part for part in found if part.scale == scale]
    return own or [part for part in found if part.scale is None] or found[:1]


def _lr_at(part: Part, scale: Scale) -> dict[str, ImageFile]:
    """The LR images at a scale: the bicubic ones, or the only ones; none where that leaves it open."""
    tracks = [track for track, lr in part.lr.items() if track.scale == scale and lr.problem is None]
    chosen = [track for track in tracks if track.name == "bicubic"] or tracks
    return part.lr_images(chosen[0]) if len(chosen) == 1 else {}


def _of_files(
    files: Mapping[str, ImageFile], name: str, bicubic: Bicubic, policy: ImagePolicy | None
) -> References:
    return References(
        name=name,
        keys=tuple(files),
        size=lambda key: header_of(files[key]).size,
        read=lambda key: read_as_stored(files[key], policy),
        turn=lambda key: header_of(files[key]).orientation,
        bicubic=bicubic,
    )


def _prepared(folder: Path, scale: Scale, split: str | None) -> References:
    images = PreparedImages(folder)
    rows = {images.index.key(int(row)): int(row) for row in images.index.rows(_split(images, split))}
    layer = partial(_layer, images, rows)
    heights, widths = images.index.heights, images.index.widths
    return References(
        name=folder.name,
        keys=tuple(rows),
        size=lambda key: (int(heights[rows[key]]), int(widths[rows[key]])),
        read=partial(layer, HR),
        stored_lr=partial(layer, scale.label) if scale in images.scales else None,
    )


def _layer(images: PreparedImages, rows: dict[str, int], layer: str, key: str) -> Pixels:
    return images.read_as_source(rows[key], layer)


def _split(images: PreparedImages, split: str | None) -> str:
    there = images.index.splits
    if split is not None and split not in there:
        raise UsageError(f"{images.folder} has no split {split!r}: take {' or '.join(there)}")
    return split or next(one for one in _SPLITS if one in there)


def _known(
    name: str, scale: Scale, root: Path, from_dir: Path | None, split: str | None, policy: ImagePolicy | None
) -> References:
    manifest = load_manifest(name)
    found = manifest.get(split, "HR") if split else _first_split(manifest)
    fitting = [(owner, one) for owner, one in found if one.scale in (None, scale)]
    if not fitting:
        raise UsageError(f"{manifest.title} has no HR images for {scale.label}: give them as --hr FOLDER")
    paths = {
        image.key: image.path
        for owner, one in fitting
        for image in obtain(owner, one, root, from_dir=from_dir)
    }
    return _of_files(paths, manifest.name, _published_bicubic(fitting, scale), policy)


def _first_split(manifest: Manifest) -> Sequence[tuple[Manifest, ImageSet]]:
    by_split = (manifest.find(split, "HR") for split in _SPLITS)
    return next((found for found in by_split if found), [])


def _published_bicubic(sets: Sequence[tuple[Manifest, ImageSet]], scale: Scale) -> Bicubic:
    """How the publishers of a data set made its LR images; MATLAB's present way where that is not known."""
    tracks = (owner.find(one.split, "bicubic") for owner, one in sets)
    known = [one for found in tracks for _, one in found if one.bicubic]
    exact = [one.bicubic for one in known if one.scale == scale and one.bicubic]
    return exact[0] if exact else _MATLAB
