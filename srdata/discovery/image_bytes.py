"""Image files wherever they lie: on disk, in an LMDB, a tar, an HDF5 file, or as a saved array.

Each kind says its name and gives the bytes of an image file; what is stored as plain samples becomes PNG.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from srdata.common.array_files.hdf5_file import hdf5_library, open_hdf5
from srdata.common.array_files.tensor_file import NO_TENSOR, tensor_in
from srdata.common.wording.amounts import how_many
from srdata.discovery.remote_images import RemoteImage
from srdata.errors import CorruptRecordError, ImageError
from srdata.hub.encoded_images import EncodedImage
from srdata.images import (
    USUAL_PIXELS,
    ImageInfo,
    ImagePolicy,
    Pixels,
    decode_image,
    encode_png,
    probe,
    read_image,
)
from srdata.images.file_kinds import HEAD_BYTES, format_of
from srdata.images.first_bytes import image_size
from srdata.store.lmdb_files.lmdb_pool import Lease

ARRAY_SUFFIXES = frozenset({".npy", ".pt"})
_LARGEST_ARRAY = 3 * USUAL_PIXELS + (1 << 20)  # bytes
_LEASE = Lease()


class ImageFile(Protocol):
    """An image file; a `Path` is one too."""

    @property
    def name(self) -> str: ...

    def read_bytes(self) -> bytes:
        """The bytes of the file; raises ImageError or OSError."""


def header_of(file: ImageFile) -> ImageInfo:
    """What the header of an image file says; raises ImageError."""
    if isinstance(file, Path):
        return probe(file)
    if isinstance(file, RemoteImage):
        return file.header()
    return probe(file.open() if isinstance(file, EncodedImage) else file.read_bytes(), str(file))


def size_of(file: ImageFile) -> tuple[int, int]:
    """Height and width of an image file, by its first bytes where these tell them; raises ImageError."""
    if isinstance(file, Path):
        return image_size(str(file))
    return header_of(file).size


def told_header(file: ImageFile) -> tuple[int, int, int]:
    """Height, width and EXIF orientation: of plain samples in an LMDB by its list, else by the header.

    Raises ImageError.
    """
    if isinstance(file, LmdbImage) and file.holds_samples():
        return file.height, file.width, 1
    info = header_of(file)
    return *info.size, info.orientation


def pixels_of(file: ImageFile, policy: ImagePolicy | None = None) -> Pixels:
    """An image file decoded, RGB uint8 (height, width, 3); raises ImageError."""
    if isinstance(file, Path):
        return read_image(file, policy)
    return decode_image(file.read_bytes(), str(file), policy)


@dataclass(frozen=True)
class LmdbImage:
    """A value of an LMDB: an image file, or samples (height, width, BGR) where the size is known."""

    folder: Path
    name: str  # the key
    height: int = 0
    width: int = 0

    def __str__(self) -> str:
        return f"{self.folder}: {self.name}"

    def holds_samples(self) -> bool:
        """Whether what is stored is no image file, whose own header would be right where a list is not."""
        return format_of(self._value(HEAD_BYTES)) is None

    def read_bytes(self) -> bytes:
        value = self._value()
        if format_of(value[:HEAD_BYTES]) is not None:
            return value
        channels, rest = divmod(len(value), max(1, self.height * self.width))
        if not self.height or rest or channels not in (1, 3):
            raise ImageError(
                f"{self}: no image file, and {self.width}x{self.height} pixels do not take "
                f"{how_many(len(value), 'byte')}: "
                "give the size of the images in meta_info.txt, in lines such as 0001.png (480,480,3) 1"
            )
        samples = np.frombuffer(value, np.uint8).reshape(self.height, self.width, channels)
        return encode_png(np.ascontiguousarray(samples[..., ::-1]))

    def _value(self, most: int | None = None) -> bytes:
        try:
            with _LEASE.reading(self.folder) as reading:
                value = reading.get(self.name.encode(errors="surrogatepass")) if self.name else None
        except CorruptRecordError as error:
            raise ImageError(str(error)) from error
        if value is None:
            raise ImageError(f"{self}: is not in data.mdb: leave it out of meta_info.txt")
        return bytes(value[:most])


@dataclass(frozen=True)
class TarImage:
    """A file in a tar that is not compressed: a run of its bytes."""

    archive: Path
    name: str
    start: int
    size: int  # in bytes

    def __str__(self) -> str:
        return f"{self.archive}: {self.name}"

    def read_bytes(self) -> bytes:
        with self.archive.open("rb") as file:
            file.seek(self.start)
            return file.read(self.size)


@dataclass(frozen=True)
class Hdf5Image:
    """A data set of an HDF5 file: samples (height, width, RGB)."""

    path: Path
    group: str
    name: str

    def __str__(self) -> str:
        return f"{self.path}: /{self.group}/{self.name}"

    def read_bytes(self) -> bytes:
        try:
            with open_hdf5(self.path, "r") as file:
                return _as_png(own_data(own_group(file, self.group), self.name), str(self))
        except (OSError, KeyError, RuntimeError, ValueError, TypeError) as error:
            raise ImageError(f"{self}: cannot be read ({error}): leave it out") from error


def own_data(group: Any, name: str) -> Any:
    """A data set that lies in its file itself; raises ValueError for links, and for data in other files."""
    data = _own(group, name)
    if not isinstance(data, hdf5_library().Dataset) or data.external or data.is_virtual:
        raise ValueError(f"{name} is no data set of this file")
    if math.prod(data.chunks or ()) * data.dtype.itemsize > _LARGEST_ARRAY:  # each is unpacked whole
        raise ValueError(f"{name} is stored in chunks of {data.chunks}")
    return data


def own_group(file: Any, name: str) -> Any:
    """A group that lies in its file itself; raises ValueError."""
    group = _own(file, name)
    if not isinstance(group, hdf5_library().Group):
        raise ValueError(f"{name} is no group")
    return group


def _own(group: Any, name: str) -> Any:
    if not isinstance(group.get(name, getlink=True), hdf5_library().HardLink):
        raise ValueError(f"{name} is a link, perhaps to another file")
    return group[name]


@dataclass(frozen=True)
class ArrayFile:
    """An array of samples (height, width, RGB) saved as .npy, or as a tensor in .pt; nothing is unpickled."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    def __str__(self) -> str:
        return str(self.path)

    def read_bytes(self) -> bytes:
        if (size := self.path.stat().st_size) > _LARGEST_ARRAY:
            raise ImageError(f"{self.path}: has {size} bytes, more than an image: leave it out")
        try:
            array = tensor_in(self.path, _LARGEST_ARRAY)
        except NO_TENSOR as error:
            raise ImageError(
                f"{self.path}: is not a plain array ({_first_line(error)}) and is not unpickled, which could "
                "run anything: use the image files that it was made of"
            ) from error
        return _as_png(array, str(self.path))


def _as_png(array: Any, name: str) -> bytes:
    """The PNG file of an array or data set of samples; raises ImageError if it is none."""
    shape = tuple(array.shape)
    if array.dtype != np.uint8 or len(shape) not in (2, 3) or shape[2:] not in ((), (1,), (3,)):
        raise ImageError(f"{name}: is {array.dtype} {shape}, not uint8 (height, width, RGB): convert it")
    if not 0 < shape[0] * shape[1] <= USUAL_PIXELS:
        raise ImageError(f"{name}: is {shape[1]}x{shape[0]} pixels: leave it out")
    pixels: Pixels = np.ascontiguousarray(array[:])
    return encode_png(pixels)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:120] or type(error).__name__
