"""What images and pairs there are in a folder or file, whatever made it: the one front of this room.

tables       Parquet, metadata.jsonl, what `srdata publish` wrote    pairs by columns
LMDB         BasicSR's of all generations                             pairs by names and sizes
folders      image files, else .npy or .pt files                      pairs by names and sizes
tars         WebDataset, or folders in a tar                          pairs by suffixes, else names and sizes
HDF5         super-image's                                            pairs by groups

The first that holds pairs is taken, else the first that holds images, which are HR.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path, PurePath

from srdata.discovery.by_name.parts_by_name import parts_by_name
from srdata.discovery.forms.exported import restored
from srdata.discovery.forms.lmdb_folders import is_lmdb, lmdb_images
from srdata.discovery.forms.metadata_parts import metadata_parts
from srdata.discovery.forms.packed_files import how_to_unpack
from srdata.discovery.forms.packed_pairs import HDF5_SUFFIXES, hdf5_parts, tar_parts
from srdata.discovery.forms.table_parts import is_table, table_parts
from srdata.discovery.found_parts import Found, Part, Pile
from srdata.discovery.image_bytes import ARRAY_SUFFIXES, ArrayFile, ImageFile
from srdata.discovery.named_files import by_name, listed_files
from srdata.discovery.remote_images import AddressPath, images_at
from srdata.discovery.templates import fitting, hr_by_template, pairs_by_template
from srdata.errors import UsageError
from srdata.images import IMAGE_SUFFIXES, ImageListing, list_folder, natural
from srdata.scale import Scale
from srdata.store.lmdb_files.basicsr_lmdb import DATA_FILE
from srdata.store.set_json import holds_shards, sets_in

_Parts = tuple[list[Part], list[str]]  # and what is left out


def find_parts(path: Path) -> Found:
    """The images at `path`, with the keys and splits that export.json gives back.

    Raises UsageError where there is nothing or HR cannot be told from LR, SourceError or CorruptRecordError
    where it is damaged.
    """
    if (found := look_for_parts(path)) is not None:
        return found
    if sets := sets_in(path):
        raise UsageError(f"{path} holds prepared sets and no images: give one, such as {sets}")
    known = "give a folder with PNG, JPEG, WebP, BMP or TIFF files, LMDBs, tars or .h5"
    raise UsageError(f"{path} holds no images: {how_to_unpack(path) or known}")


def look_for_parts(path: Path, listing: ImageListing | None = None) -> Found | None:
    """The same, and None where there is nothing; `listing` is that of the folder, where it is known."""
    _refuse_shards(path)
    listing = list_folder(path) if listing is None else listing
    for form, find in _FORMS:
        parts, left_out = find(path, listing)
        if parts:
            return restored(path, Found(form, tuple(parts), tuple(left_out), listing))
    return None


def _refuse_shards(path: Path) -> None:
    """Raise UsageError for a prepared set whose images are in no files."""
    if holds_shards(path):
        raise UsageError(
            f"{path} is a prepared set, whose images are in shards: write them as files by "
            f"`srdata export {shlex.quote(str(path))} --to folder --out DIR`, and take that folder"
        )


def _tables(path: Path, listing: ImageListing) -> _Parts:
    return (table_parts(path), []) if is_table(path, listing) else ([], [])


def _lmdbs(path: Path, listing: ImageListing) -> _Parts:
    """Pairs in LMDBs; where there are none, image files come first."""
    parts, left_out = parts_by_name(path, _values(_lmdb_folders(path, listing)))
    return (parts, left_out) if any(part.lr for part in parts) else ([], [])


def _lmdb_folders(path: Path, listing: ImageListing) -> dict[str, Path]:
    """The LMDB folders at or below `path`, by their names there."""
    if is_lmdb(path) or (path / DATA_FILE).is_file():
        return {"": path}
    found = (one.path.parent for one in listing.left_out if one.path.name == DATA_FILE)
    return {one.relative_to(path).as_posix(): one for one in sorted(found) if is_lmdb(one)}


def _values(folders: Mapping[str, Path]) -> dict[str, ImageFile]:
    return {
        f"{name}/{key}" if name else key: file
        for name, folder in folders.items()
        for key, file in lmdb_images(folder).items()
    }


def _lone_lmdb(path: Path, listing: ImageListing) -> _Parts:
    """One LMDB of HR images; raises UsageError for several that are no pairs."""
    folders = _lmdb_folders(path, listing)
    if len(folders) > 1:
        names = ", ".join(folders)
        raise UsageError(f"{path}: which of {names} are pairs? Say so with --hr hr.lmdb --lr lr.lmdb")
    return ([Part(None, Pile(one, lmdb_images(one))) for one in folders.values()], [])


def _images(path: Path, listing: ImageListing) -> _Parts:
    if path.is_file() and path.suffix.lower() in IMAGE_SUFFIXES:
        return [Part(None, Pile(path.parent, by_name(path.parent, [path])))], []
    return parts_by_name(path, listed_files(listing))


def _arrays(path: Path, listing: ImageListing) -> _Parts:
    return parts_by_name(path, _array_files(path, listing))


def _array_files(path: Path, listing: ImageListing) -> dict[str, ImageFile]:
    arrays = (one for one in _called(listing, ARRAY_SUFFIXES) if one.is_file())
    found = sorted(arrays, key=lambda one: natural(one.as_posix()))
    return {name: ArrayFile(one) for name, one in by_name(path, found).paths()}


def _tars(path: Path, listing: ImageListing) -> _Parts:
    return tar_parts(path, _packed(path, listing, (".tar",)))


def _hdf5(path: Path, listing: ImageListing) -> _Parts:
    return hdf5_parts(_packed(path, listing, HDF5_SUFFIXES)), []


def _packed(path: Path, listing: ImageListing, suffixes: Collection[str]) -> list[Path]:
    """A file that is called so, or those in a folder, not deeper."""
    if path.is_file():
        return [path] if path.suffix in suffixes else []
    return sorted(one for one in _called(listing, suffixes) if one.parent == path and one.is_file())


def _called(listing: ImageListing, suffixes: Collection[str]) -> Iterator[Path]:
    """What is called so in a folder and those below it, and is no image; nothing hidden."""
    named = (one.path for one in listing.left_out if one.path.suffix in suffixes)
    return (one for one in named if one.name[0] != ".")


_FORMS: tuple[tuple[str, Callable[[Path, ImageListing], _Parts]], ...] = (
    ("table", _tables),
    ("ImageFolder", lambda path, _: (metadata_parts(path), [])),
    ("LMDB", _lmdbs),
    ("folders", _images),
    ("LMDB", _lone_lmdb),
    ("WebDataset tars", _tars),
    ("HDF5 of super-image", _hdf5),
    ("saved arrays", _arrays),
)


def by_template(path: Path, hr: str, lr: str | None, scales: tuple[Scale, ...]) -> Found:
    """The images that `hr` names, and the LR images that `lr` names, as far as each has a partner that fits.

    Both are a folder or an LMDB below `path`, or how images are called below it: "HR/{key}.png", or
    "X{scale}/{key}" for several scales. Of tables they name columns. What has no partner, or one of another
    size, is left out and told. Raises UsageError for a template that fits nothing.
    """
    listing = list_folder(path)
    if is_table(path, listing):
        columns = {"hr": hr} if lr is None else {"hr": hr, "lr": lr}
        return Found("table, by columns", tuple(table_parts(path, columns)), listing=listing)
    return named_by_template(path, _named(path, listing), hr, lr, scales)._replace(listing=listing)


def find_parts_at(address: str) -> Found:
    """The images at an address; raises UsageError, DownloadError."""
    files, others = images_at(address)
    parts, left_out = parts_by_name(AddressPath(address), files)
    return Found("files at an address", tuple(parts), (*left_out, *others))


def by_template_at(address: str, hr: str, lr: str | None, scales: tuple[Scale, ...]) -> Found:
    """The images at an address as `by_template` takes them; raises UsageError, DownloadError."""
    files, others = images_at(address)
    found = named_by_template(AddressPath(address), files, hr, lr, scales)
    return found._replace(left_out=(*found.left_out, *others))


def named_by_template(
    path: PurePath, files: Mapping[str, ImageFile], hr: str, lr: str | None, scales: tuple[Scale, ...]
) -> Found:
    """The images among `files` as `by_template` takes them."""
    high = fitting(path, files, hr)
    if lr is None:
        return hr_by_template(path, high, files)
    several = scales if "{scale}" in lr else scales[:1]
    low = [fitting(path, files, lr.replace("{scale}", str(scale))) for scale in several]
    return pairs_by_template(path, high, low, files, scales)


def _named(path: Path, listing: ImageListing) -> Mapping[str, ImageFile]:
    """All images of whatever form by their names, files first."""
    images: dict[str, ImageFile] = dict(listed_files(listing))
    images |= _values(_lmdb_folders(path, listing))
    return images or _array_files(path, listing)
