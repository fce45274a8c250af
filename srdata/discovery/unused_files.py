"""What of a folder is not used, once it is known which of its images are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from srdata.discovery.found_parts import Found, Part
from srdata.discovery.image_bytes import ArrayFile, Hdf5Image, ImageFile, LmdbImage, TarImage
from srdata.discovery.named_files import NamedFiles
from srdata.hub.encoded_images import EncodedImage
from srdata.images import LeftOut, list_folder
from srdata.store.export_json import DELTAS_FILE, EXPORT_FILE

_KNOWN = frozenset({EXPORT_FILE, DELTAS_FILE, "sheet.png"})  # that srdata writes beside images


def unused_files(folder: Path, found: Found) -> list[LeftOut]:
    """Everything in `folder` but the images that were found, and the files that hold them; none of a file."""
    piles = [images for part in found.parts for images in _piles(part)]
    taken: set[str] = set()
    used: set[Path | None] = set()
    listing = found.listing or list_folder(folder)
    for images in piles:
        if isinstance(images, NamedFiles) and images.folder == folder:
            taken.update(images.places.values())
        else:
            used.update(map(_place, images.values()))
    rest = (folder / name for name in listing.names if name not in taken)
    idle = (LeftOut(path, "an image that is not part of this", True) for path in rest)
    return [
        one
        for one in (*idle, *listing.left_out)
        if one.path.name not in _KNOWN and used.isdisjoint((one.path, *one.path.parents))
    ]


def _piles(part: Part) -> Iterator[Mapping[str, ImageFile]]:
    yield part.hr.images
    yield from (lr.pile.images for lr in part.lr.values())


def _place(file: ImageFile) -> Path | None:
    """The file or folder on this disk that an image is in."""
    match file:
        case LmdbImage():
            return file.folder
        case TarImage():
            return file.archive
        case ArrayFile() | Hdf5Image():
            return file.path
        case Path():
            return file
        case EncodedImage():
            path = file.column.path(file.row)
            return Path(path) if path and Path(path).is_absolute() else None
    return None
