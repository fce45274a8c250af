"""From an image set in a manifest to the image files on this disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from srdata.errors import DownloadError, LicenceError, SourceError
from srdata.fetch.bring import bring_archive, bring_listed, unpack_given
from srdata.fetch.local_files import absent_files, archive_path, has_receipt, listed_folder, unpacked_path
from srdata.fetch.manifest import ImageSet, ImageSource, Manifest
from srdata.fetch.match_files import (
    Matched,
    SourceImage,
    checked,
    expected_keys,
    images_below,
    listed_by,
    match_folder,
    match_listed,
    match_paths,
)

if TYPE_CHECKING:
    from srdata.fetch.http import Patience


def obtain(
    manifest: Manifest,
    image_set: ImageSet,
    root: Path,
    *,
    from_dir: Path | None = None,
    patience: Patience | None = None,
) -> list[SourceImage]:
    """The images of a set in natural order of their keys, downloaded below `root` where they have to be.

    `from_dir` is a folder of the user: images in any known layout, or the archives themselves; nothing is
    downloaded then. Raises SourceError (DownloadError, HashMismatchError, ArchiveError; or naming the missing
    images), LicenceError where the user has to act first, StoreError.
    """
    if from_dir is not None:
        return _from_folder(manifest, image_set, root, from_dir)
    if not image_set.sources:
        raise LicenceError(f"{manifest.title} cannot be downloaded: {manifest.by_hand}")
    failures: list[SourceError] = []
    for source in sorted(image_set.sources, key=lambda one: not _is_here(manifest, one, root)):
        try:
            return _from_source(manifest, image_set, source, root, patience)
        except SourceError as error:
            failures.append(error)
    if len(failures) == 1:
        raise failures[0]
    raise DownloadError("; ".join(map(str, failures))) from failures[0]


def _from_source(
    manifest: Manifest, image_set: ImageSet, source: ImageSource, root: Path, patience: Patience | None
) -> list[SourceImage]:
    if source.listing is not None:
        names = listed_by(manifest, source)
        folder = bring_listed(manifest, source.listing, list(names), root, patience)
        found = {name: folder / name for name in names}
        matched = match_listed(found, names, image_set, expected_keys(manifest, image_set))
        return checked(matched, manifest, image_set, folder)
    folders = [bring_archive(manifest, name, root, patience) for name in source.archives]
    return checked(_in_folders(manifest, image_set, source, folders), manifest, image_set, folders[0])


def _in_folders(
    manifest: Manifest, image_set: ImageSet, source: ImageSource, folders: Sequence[Path]
) -> Matched:
    found = {name: path for folder in folders for name, path in images_below(folder).items()}
    return match_paths(found, source.paths, image_set, expected_keys(manifest, image_set))


def _from_folder(manifest: Manifest, image_set: ImageSet, root: Path, given: Path) -> list[SourceImage]:
    if not given.is_dir():
        raise SourceError(f"{given} is no folder: give the one that holds the files of {manifest.title}")
    matched = match_folder(manifest, image_set, given)
    for source in image_set.sources:
        archives = [given / name for name in source.archives]
        if matched.problem is not None and archives and all(path.is_file() for path in archives):
            folders = [unpack_given(manifest, path.name, path, root) for path in archives]
            matched = _in_folders(manifest, image_set, source, folders)
    return checked(matched, manifest, image_set, given)


@dataclass(frozen=True)
class Planned:
    """Files that `obtain` takes together: an archive, or the single files of a set.

    `missing_bytes` is 0 where all of it is here, and None where the size of what is missing is not known.
    """

    name: str
    url: str
    files: int
    missing_bytes: int | None
    hash_known: bool
    is_archive: bool = False  # whose files are unpacked beside it

    @property
    def here(self) -> bool:
        """Whether nothing of it has to be downloaded."""
        return self.missing_bytes == 0


def plan(manifest: Manifest, image_set: ImageSet, root: Path) -> list[Planned]:
    """What obtaining a set takes, by its first source or one that is here; empty if the user has to act."""
    sources = sorted(image_set.sources, key=lambda one: not _is_here(manifest, one, root))
    return _planned(manifest, sources[0], root) if sources else []


def have(manifest: Manifest, image_set: ImageSet, root: Path) -> bool:
    """Whether a set can be obtained without a download."""
    planned = plan(manifest, image_set, root)
    return bool(planned) and all(one.here for one in planned)


def _is_here(manifest: Manifest, source: ImageSource, root: Path) -> bool:
    return all(one.here for one in _planned(manifest, source, root))


def _planned(manifest: Manifest, source: ImageSource, root: Path) -> list[Planned]:
    if source.listing is not None:
        return [_planned_listing(manifest, source, source.listing, root)]
    return [_planned_archive(manifest, name, root) for name in source.archives]


def _planned_listing(manifest: Manifest, source: ImageSource, name: str, root: Path) -> Planned:
    listing, names = manifest.listings[name], listed_by(manifest, source)
    absent = absent_files(listing, listed_folder(manifest, name, root), names)
    url = listing.urls[0] if listing.urls else "packaged with srdata"
    return Planned(f"{name} {source.paths}", url, len(names), sum(file.bytes for file in absent), True)


def _planned_archive(manifest: Manifest, name: str, root: Path) -> Planned:
    archive = manifest.archives[name]
    here = unpacked_path(manifest, name, root).is_dir() or has_receipt(archive_path(manifest, name, root))
    sizes = [digest.bytes for digest in archive.digests if digest.bytes is not None]
    missing = 0 if here else (max(sizes) if sizes else None)
    return Planned(name, archive.urls[0], 1, missing, bool(archive.digests), is_archive=True)
