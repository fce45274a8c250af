"""Image files at addresses, by their names there; of their headers the first bytes are fetched."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from srdata.common.wording.amounts import how_many
from srdata.errors import DownloadError, ImageError, UsageError
from srdata.fetch.remote_files import RemoteFile, again, look_at, shown, system_of
from srdata.fetch.remote_folders import RemoteFolder
from srdata.images import IMAGE_SUFFIXES, ImageInfo, natural, probe
from srdata.store.export_json import EXPORT_FILE

_HEAD = 1 << 16  # bytes that hold the header of nearly every image
_SHOWN = 5  # names in a line


class AddressPath(PurePosixPath):
    """An address where paths are told and joined; it has one slash less than it is shown with."""

    def __str__(self) -> str:
        return super().__str__().replace(":/", "://", 1)


@dataclass(frozen=True)
class RemoteImage:
    """An image file at an address, of the size that it had when it was found."""

    address: str
    size: int | None
    stamp: str = ""  # what tells its versions apart, where the store has such

    @property
    def name(self) -> str:
        return self.address.rpartition("/")[2]

    def __str__(self) -> str:
        return shown(self.address)

    def read_bytes(self) -> bytes:
        """All of it; raises ImageError where it is gone or another, DownloadError where it does not come."""
        data = self._bytes(None)
        if self.size not in (None, len(data)):
            size = how_many(len(data), "byte")
            raise ImageError(f"{self}: has {size}, not {self.size} as before: run it all again")
        return data

    def header(self) -> ImageInfo:
        """What its header says, by the first bytes, or by all where these do not tell; raises ImageError."""
        try:
            return probe(self._bytes(_HEAD), str(self))
        except ImageError:
            return probe(self.read_bytes(), str(self))

    def _bytes(self, end: int | None) -> bytes:
        system, path = system_of(self.address)
        try:
            data: bytes = again(self.address, lambda: system.cat_file(path, end=end))
        except DownloadError as error:
            if look_at(self.address) is None:
                raise ImageError(f"{self}: cannot be read: it is not there any more") from error
            raise
        return data


def images_at(address: str) -> tuple[dict[str, RemoteImage], list[str]]:
    """The images at an address by their names without suffix, in natural order; and what is no image.

    A file is an image by the end of its name. Raises UsageError for none, or two of one name; DownloadError.
    """
    found = RemoteFolder(address).files() or {}
    if list(found) == [""]:  # a file itself
        found = {address.rpartition("/")[2]: found[""]}
    if EXPORT_FILE in found:
        raise UsageError(f"{shown(address)} is what `srdata export` wrote: bring it here and give its path")
    images: dict[str, RemoteImage] = {}
    others: list[str] = []
    for name in sorted(found, key=natural):
        path = PurePosixPath(name)
        if any(part.startswith(".") for part in path.parts) or path.suffix.lower() not in IMAGE_SUFFIXES:
            others.append(name)
            continue
        key = path.with_suffix("").as_posix()
        if key in images:
            raise UsageError(f"{shown(address)} holds {key!r} twice: remove one, or rename it")
        images[key] = _image(found[name])
    if not images:
        raise UsageError(
            f"there are no images below {shown(address)}: give the address of a folder with PNG, JPEG, WebP, "
            "BMP or TIFF files; bring tars, LMDBs and tables here first"
        )
    return images, [_told(others)] if others else []


def _image(file: RemoteFile) -> RemoteImage:
    return RemoteImage(file.address, file.size, file.sha256 or file.stamp)


def _told(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{len(names)} (no image by name): {', '.join(names[:_SHOWN])}{more}"
