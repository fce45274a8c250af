"""The files inside a zip or tar archive, one after the other; whatever is no plain file is refused."""

from __future__ import annotations

import gzip
import lzma
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from io import BufferedReader
from pathlib import Path
from typing import IO, TypeVar

from srdata.common.safe_names import why_unsafe
from srdata.errors import ArchiveError

T = TypeVar("T")
HEADER_BYTES = 1 << 20  # more than any honest member has of names and attributes
_ENCRYPTED = 0x1
# Of LZMA and bzip2 `zipfile` unpacks all that it reads at once; this becomes 30 and 80 MB at most.
_UNBOUNDED_PIECE = 4096
_DAMAGE = (
    *(zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error, lzma.LZMAError, struct.error),
    *(EOFError, ValueError, OverflowError, IndexError, NotImplementedError, RuntimeError),
    MemoryError,  # for the dictionary that a member asks for
)


@dataclass(frozen=True)
class ArchiveMember:
    """A file in an archive: its name, its compressed size where that is known, how to read it."""

    name: str
    packed_bytes: int | None
    open: Callable[[], IO[bytes]]
    piece_bytes: int = 1 << 20  # to be read at a time


def members(archive: Path) -> Iterator[ArchiveMember]:
    """Each file of `archive`, to be read whole before the next is asked for; raises ArchiveError."""
    with archive.open("rb") as file:
        head = file.read(4)
    if head.startswith(b"Rar!"):
        raise ArchiveError(f"{archive} is a RAR archive: unpack it yourself and name its folder with --from")
    with damage_named(archive):
        zipped = head.startswith(b"PK")
        found = _zip_members(archive) if zipped else _tar_members(archive, head.startswith(b"\x1f\x8b"))
        yield from _some(archive, found)


def _some(archive: Path, found: Iterable[T]) -> Iterator[T]:
    """What was found in an archive; raises ArchiveError for nothing."""
    empty = True
    for one in found:
        empty = False
        yield one
    if empty:
        raise ArchiveError(f"{archive} holds no file, as one of zeros alone: {_remedy('')}")


def tar_places(archive: Path) -> Iterator[tuple[str, int, int]]:
    """Name, first byte and number of bytes of each file in a tar that is not compressed.

    Only the headers are read. Raises ArchiveError for what `members` refuses.
    """
    with damage_named(archive):
        yield from _some(archive, _tar_places(archive))


def _tar_places(archive: Path) -> Iterator[tuple[str, int, int]]:
    with archive.open("rb") as file:
        if file.read(2) == b"\x1f\x8b":
            raise ArchiveError(
                f"{archive} is compressed: unpack it with gunzip, so that it can be read anywhere"
            )
        file.seek(0)
        stream = _Headers(archive, file)
        with tarfile.open(fileobj=stream, mode="r:") as opened:  # type: ignore[call-overload]  # a file that is read alone
            while (info := opened.next()) is not None:
                _check_tar_member(archive, info)
                if info.isfile():
                    yield info.name.removeprefix("./"), info.offset_data, info.size
                opened.members.clear()  # else the headers of all members stay in memory
                stream.next_header()
        stream.check_end()


def refuse(archive: Path, name: str, problem: str) -> ArchiveError:
    """The error for a member that no honest archive has."""
    return ArchiveError(f"{archive}: member {name!r} {problem}; the archive is not unpacked")


@contextmanager
def damage_named(archive: Path, name: str | None = None) -> Iterator[None]:
    """Turn whatever a damaged archive raises into an ArchiveError naming archive and member."""
    try:
        yield
    except _DAMAGE as error:
        where = f"{archive}: member {name!r}" if name else f"{archive}"
        why = str(error) or type(error).__name__
        raise ArchiveError(f"{where} is damaged ({why}): {_remedy(why)}") from error


def _remedy(why: str) -> str:
    if "disk" in why:  # what zipfile says of one that spans several
        return "it is a part of an archive that was split: put the parts together first"
    return "delete it and run the same command again to download it, or give another copy with --from"


def _zip_members(archive: Path) -> Iterator[ArchiveMember]:
    with zipfile.ZipFile(archive) as opened:
        infos = opened.infolist()
        if sum(info.compress_size for info in infos) > archive.stat().st_size:
            raise ArchiveError(f"{archive}: its members overlap, as in a bomb; it is not unpacked")
        for info in infos:
            _check_zip_member(archive, info)
            if not info.is_dir():
                bounded = info.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
                piece = ArchiveMember.piece_bytes if bounded else _UNBOUNDED_PIECE
                yield ArchiveMember(info.orig_filename, info.compress_size, partial(opened.open, info), piece)


def _check_zip_member(archive: Path, info: zipfile.ZipInfo) -> None:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise refuse(archive, info.orig_filename, "is a link or device")
    if info.flag_bits & _ENCRYPTED:
        raise refuse(archive, info.orig_filename, "is encrypted")
    if info.is_dir() and (problem := why_unsafe(info.orig_filename.rstrip("/"))):
        raise refuse(archive, info.orig_filename, problem)


def _tar_members(archive: Path, packed: bool) -> Iterator[ArchiveMember]:
    with gzip.open(archive) if packed else archive.open("rb") as file:
        stream = _Watched(archive, file)
        with tarfile.open(fileobj=stream, mode="r|") as opened:  # type: ignore[call-overload]  # a file that is read alone
            while (info := opened.next()) is not None:
                _check_tar_member(archive, info)
                if info.isfile():
                    stream.unlimited = True
                    yield ArchiveMember(info.name.removeprefix("./"), None, partial(_content, opened, info))
                stream.next_header()
        stream.check_end()


def _content(opened: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    content = opened.extractfile(info)
    if content is None:
        raise tarfile.TarError("has no content")
    return content


def _check_tar_member(archive: Path, info: tarfile.TarInfo) -> None:
    plain = info.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and info.sparse is None
    if not (plain or info.isdir()):
        raise refuse(archive, info.name, "is a link, device or sparse file")
    if info.size < 0:  # by which the next header would be an earlier one, for ever
        raise refuse(archive, info.name, f"has the size {info.size}")
    name = info.name.removeprefix("./").rstrip("/")
    if info.isdir() and name not in ("", ".") and (problem := why_unsafe(name)):
        raise refuse(archive, info.name, problem)


class _Watched:
    """A tar stream of which no header may be larger than HEADER_BYTES, and which must have its end marker."""

    def __init__(self, archive: Path, file: gzip.GzipFile | BufferedReader) -> None:
        self.archive = archive
        self.file = file
        self.tail = b""
        self.next_header()

    def next_header(self) -> None:
        self.allowance = HEADER_BYTES
        self.unlimited = False

    def read(self, size: int) -> bytes:
        if size < 0:
            raise tarfile.TarError("a header has a size below 0")
        data = self.file.read(size)
        self.tail = (self.tail + data)[-tarfile.BLOCKSIZE :]
        self.allowance -= len(data)
        if self.allowance < 0 and not self.unlimited:
            raise ArchiveError(
                f"{self.archive}: a header is larger than {HEADER_BYTES} bytes; it is not unpacked"
            )
        return data

    def check_end(self) -> None:
        while self.read(tarfile.RECORDSIZE):
            pass
        if self.tail.strip(b"\0"):
            raise ArchiveError(f"{self.archive} is cut short: {_remedy('')}")


class _Headers(_Watched):
    """A tar file of which only headers are read."""

    def seek(self, place: int, whence: int = 0) -> int:
        return self.file.seek(place, whence)

    def tell(self) -> int:
        return self.file.tell()

    def check_end(self) -> None:
        self.file.seek(-min(tarfile.BLOCKSIZE, self.archive.stat().st_size), 2)
        super().check_end()
