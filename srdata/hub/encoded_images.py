"""The images in a column of a table: the bytes of image files, taken out row by row.

Nothing is kept for a row. A table of `datasets` is memory-mapped, and pickles as the name of its file.
"""

from __future__ import annotations

import io
import os
import zipfile
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, BinaryIO, TypeVar, overload

import pyarrow as pa

from srdata.errors import ImageError

T = TypeVar("T")
Table = Any  # of pyarrow or of `datasets`: both have column(name)


class _Rows(Sequence[T]):
    """Something of each row of a table."""

    @abstractmethod
    def at(self, row: int) -> T:
        """That of one row."""

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...
    def __getitem__(self, index: int | slice) -> T | list[T]:
        rows = range(len(self))[index]
        return self.at(rows) if isinstance(rows, int) else [self.at(row) for row in rows]


@dataclass(frozen=True)
class EncodedColumn(_Rows["EncodedImage"]):
    """The image files in a column: their bytes, or their paths below one of `roots`."""

    table: Table
    column: str
    where: str  # what the table is called in errors
    roots: tuple[str, ...] = ()
    first: int = 0  # the number of its first row in a longer table

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def at(self, row: int) -> EncodedImage:
        """An image file, to be read when it is needed."""
        return EncodedImage(self, row)

    def name(self, row: int) -> str:
        """What an image is called in errors."""
        return f"{self.where}: row {self.first + row}, column {self.column!r}"

    def data(self, row: int) -> bytes:
        """The bytes of an image file; raises ImageError where there is none."""
        with self.open(row) as file:
            return file.read()

    def open(self, row: int) -> BinaryIO:
        """An image file, of which as much is read as is asked for; raises ImageError where there is none."""
        value = self.table.column(self.column)[row]
        encoded, path = (value["bytes"], _path(value)) if pa.types.is_struct(value.type) else (value, None)
        if encoded.is_valid:
            return pa.BufferReader(encoded.as_buffer())  # type: ignore[no-any-return]  # a file, for Python too
        if path is None:
            raise ImageError(f"{self.name(row)}: holds no image")
        return self._open_file(path, row)

    def files(self) -> pa.StructArray:
        """Bytes and path of each image file: its bytes also where the table has but its path below a root."""
        import pyarrow.compute as pc  # takes long, and reading needs it not

        column = self.table.column(self.column)
        plain = not pa.types.is_struct(column.type)
        data = column if plain else pc.struct_field(column, "bytes")
        paths = [self.path(row) for row in range(len(self))]
        if data.null_count:
            given = data.is_valid().to_pylist()
            here = [given[row] or _lies_in(path or "", self.roots) for row, path in enumerate(paths)]
            data = pa.array(
                [self.data(row) if there else None for row, there in enumerate(here)], pa.binary()
            )
        data = data.combine_chunks() if isinstance(data, pa.ChunkedArray) else data
        fields = [data.cast(pa.binary()), pa.array(paths, pa.string())]
        return pa.StructArray.from_arrays(fields, ["bytes", "path"])

    def path(self, row: int) -> str | None:
        """The path or name of an image file, where the table has it."""
        value = self.table.column(self.column)[row]
        return _path(value) if pa.types.is_struct(value.type) else None

    def _open_file(self, path: str, row: int) -> BinaryIO:
        """A file that a table names; it has to lie where the table does, whoever wrote it."""
        if not _lies_in(path, self.roots):
            raise ImageError(f"{self.name(row)}: has the path {path!r} in place of an image")
        import fsspec  # with asyncio and ssl, which most tables need not

        try:
            with fsspec.open(path, "rb") as file:
                return io.BytesIO(file.read())
        except (OSError, zipfile.BadZipFile, KeyError) as error:
            raise ImageError(f"{path}: cannot be read: {error}") from error


def _lies_in(path: str, roots: Sequence[str]) -> bool:
    """Whether a file lies in one of some folders, as it is or in a zip file (`zip://a.png::FOLDER/b.zip`)."""
    member, _, target = path.rpartition("::")
    if "::" in member or (member and not member.startswith("zip://")):
        return False
    target = target if "://" in target else os.path.normpath(target)
    return any(target.startswith(f"{root}/") for root in roots)


def _path(value: Any) -> str | None:
    return value["path"].as_py() if "path" in value.type.names else None


@dataclass(frozen=True)
class EncodedImage:
    """The image file in one row of a column, to be read like a file."""

    column: EncodedColumn
    row: int

    def __str__(self) -> str:
        return self.column.name(self.row)

    @property
    def name(self) -> str:
        """What it is called in errors."""
        return str(self)

    def open(self) -> BinaryIO:
        """The file, of which as much is read as is asked for; raises ImageError."""
        return self.column.open(self.row)

    def read_bytes(self) -> bytes:
        """The bytes of the file; raises ImageError."""
        return self.column.data(self.row)


@dataclass(frozen=True)
class Keys(_Rows[str]):
    """The name of each row: that in the column `key`, else that of its image file, else its number."""

    images: EncodedColumn
    key: str | None
    prefix: str = ""  # of numbers

    def __len__(self) -> int:
        return len(self.images)

    def at(self, row: int) -> str:
        """The name of a row."""
        if self.key is not None:
            return str(self.images.table.column(self.key)[row].as_py())
        path = self.images.path(row)
        return (
            PurePosixPath(path.partition("::")[0]).stem
            if path
            else f"{self.prefix}{self.images.first + row:06d}"
        )
