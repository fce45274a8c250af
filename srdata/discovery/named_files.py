"""Image files below a folder by their names there; of a million, no object is made before it is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from srdata.discovery.image_bytes import ImageFile
from srdata.errors import UsageError
from srdata.images import ImageListing, list_folder
from srdata.images.folder_listing import without_suffix


class NamedFiles(Mapping[str, ImageFile]):
    """Image files by their keys; `places` are their paths below `folder`, with "/"."""

    def __init__(self, folder: Path, places: Mapping[str, str]) -> None:
        self.folder = folder
        self.places = places

    def __getitem__(self, key: str) -> ImageFile:
        return self.folder / self.places[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.places)

    def __len__(self) -> int:
        return len(self.places)

    def __contains__(self, key: object) -> bool:
        return key in self.places

    def paths(self) -> Iterator[tuple[str, Path]]:
        """The key and the path of each file."""
        return ((key, self.folder / place) for key, place in self.places.items())


class KeptFiles(Mapping[str, ImageFile]):
    """Any image files by their keys; the paths of those on disk are held as text, which takes less."""

    def __init__(self, files: Iterable[tuple[str, ImageFile]]) -> None:
        self._files = {key: str(file) if isinstance(file, Path) else file for key, file in files}

    def __getitem__(self, key: str) -> ImageFile:
        file = self._files[key]
        return Path(file) if isinstance(file, str) else file

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)


def images_by_name(folder: Path) -> dict[str, Path]:
    """The image files below `folder` by their path without suffix, in natural order; raises UsageError."""
    if not (found := listed_files(list_folder(folder))):
        raise UsageError(f"{folder} holds no image")
    return dict(found.paths())


def listed_files(listing: ImageListing) -> NamedFiles:
    """The images of a folder by their path there without suffix; raises UsageError if two have one name."""
    return NamedFiles(listing.folder, _by_stem(listing.folder, listing.names))


def by_name(folder: Path, files: Iterable[Path]) -> NamedFiles:
    """Files below `folder` by their path without suffix; raises UsageError if two have one name."""
    return NamedFiles(folder, _by_stem(folder, (path.relative_to(folder).as_posix() for path in files)))


def chosen(files: Mapping[str, ImageFile], names: Mapping[str, str]) -> Mapping[str, ImageFile]:
    """Some of the files, under other names: key → name."""
    if isinstance(files, NamedFiles):
        there = files.places
        places = {key: there[name] for key, name in names.items()}
        return NamedFiles(files.folder, places)
    return {key: files[name] for key, name in names.items()}


def _by_stem(folder: Path, names: Iterable[str]) -> dict[str, str]:
    names = list(names)
    places = {without_suffix(name): name for name in names}
    if len(places) < len(names):
        first = next(name for name in names if places[without_suffix(name)] != name)
        stem = without_suffix(first)
        one, two = (name.rpartition("/")[2] for name in (first, places[stem]))
        raise UsageError(f"{folder} holds {stem!r} twice, as {one} and {two}: remove one")
    return places
