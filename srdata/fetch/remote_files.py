"""Where bytes at an address live: s3://, https:// and whatever else fsspec reads, brought here verified.

What a user gives becomes a path of this machine or an address in `place_at`, and nowhere else. Credentials
come from where each of these looks for its own (environment, configuration files); none stands in what is
told of an address.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, TypeVar
from urllib.parse import SplitResult, urlsplit

from srdata.common.wording.amounts import how_many
from srdata.errors import (
    DownloadError,
    HashMismatchError,
    MissingExtraError,
    SrdataError,
    UsageError,
    path_text,
)

_TRIES = 4
_WAIT_S = 0.5  # before the second try, doubled before each further one
_PIECE = 8 << 20  # bytes
_PERMANENT = (FileNotFoundError, PermissionError, NotADirectoryError, IsADirectoryError)
_MISSING = {404, 410}
_SHORTENED = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):[/\\\\](?![/\\\\])")  # what a Path makes of s3://
_HOST = re.compile(r"(\[[^]@]*\]|[^:@]*)(:[0-9]+)?")
_NO_RIGHTS = re.compile("credential|token|forbidden|denied", re.IGNORECASE)
_NO_ANSWER = re.compile("connect|timeout|dns|ServiceRe", re.IGNORECASE)  # the last of Azure
_SKEWED = re.compile("RequestTimeTooSkewed|request time", re.IGNORECASE)
_PACKAGES = {"s3": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs", "abfs": "adlfs"}


T = TypeVar("T")


@dataclass(frozen=True)
class RemoteFile:
    """A file at an address, with what is declared of it.

    `sha256` is that of its bytes; `git_sha1` that of git's blob of them, which the Hub has of small files.
    `stamp` tells its versions apart where nothing is declared.
    """

    address: str
    size: int | None = None  # in bytes
    sha256: str | None = None
    git_sha1: str | None = None
    stamp: str = ""

    @property
    def identity(self) -> str:
        """What another file, or another version of it, has not."""
        return "\n".join([self.address, str(self.size), self.sha256 or self.git_sha1 or self.stamp])


def is_address(text: object) -> bool:
    """Whether `text` is an address, and no path of this machine."""
    return isinstance(text, str) and "://" in text


def place_at(given: str | os.PathLike[str]) -> Path | str:
    """The path of this machine, or the address, that a user gives; file:// is a path.

    Raises UsageError for an address with a password or a signature in it, which would be told to others with
    it, and for one that has become a path.
    """
    text = path_text(given)
    if not is_address(text):
        if (found := _SHORTENED.match(text)) and _is_protocol(found[1]):
            raise UsageError(
                f"{text} is no address: give {found[1]}://…, with two slashes, and as text, no Path"
            )
        return Path(text)
    parts = _parts_of(text)
    text = parts.scheme + text[len(parts.scheme) :]  # in small letters
    if parts.scheme in ("file", "local"):
        from urllib.request import url2pathname  # with ssl, which a path needs not

        return Path(url2pathname(parts.path))
    if not (parts.netloc or parts.path.strip("/")):
        raise UsageError(
            f"{text} names nothing: give a bucket and a folder in it, such as s3://bucket/folder"
        )
    if _has_secret(parts) or parts.query:
        raise UsageError(
            f"{shown(text)} has credentials in it, or what looks like them: leave them out, they are taken "
            "from the environment"
        )
    return text.rstrip("/")


def _is_protocol(scheme: str) -> bool:
    import fsspec

    return scheme in fsspec.available_protocols()


def shown(address: str) -> str:
    """An address without what only its owner may know: user, password, signature."""
    if not is_address(address):
        return address
    parts = _parts_of(address)
    place = parts.netloc + parts.path
    if _has_secret(parts):
        place = place.rpartition("@")[2] if "@" in place else "…"
    return f"{parts.scheme}://{place}"


def _parts_of(address: str) -> SplitResult:
    try:
        return urlsplit(address)
    except ValueError:  # which names the address
        raise UsageError("the address has a [ that is not closed: correct it") from None


def _has_secret(parts: SplitResult) -> bool:
    """Whether there is more than a host and a port, or a bucket; keys of S3 have slashes in them."""
    return not _HOST.fullmatch(parts.netloc) or (":" in parts.netloc and "@" in parts.path)


def look_at(address: str) -> RemoteFile | None:
    """What is known of the file at an address, None where there is none; raises DownloadError, UsageError."""
    system, path = system_of(address)
    with remote_errors(address):
        try:
            system.invalidate_cache(system._parent(path))  # others write there
            found = system.info(path)
        except FileNotFoundError as error:
            cause = error.__cause__  # by HTTP all that kept it from looking
            if isinstance(cause, Exception) and getattr(cause, "status", 404) not in _MISSING:
                raise cause from None
            if isinstance(cause, OSError) and not isinstance(cause, FileNotFoundError):
                raise cause from None
            return None
    return _described(address, found) if found.get("type", "file") == "file" else None


def files_below(address: str) -> list[RemoteFile]:
    """The files below an address, in the order of their names; DownloadError, UsageError."""
    system, path = system_of(address)
    with remote_errors(address):
        system.invalidate_cache(path)  # others write there
        found = system.find(path, detail=True)
    return [_described(system.unstrip_protocol(name), one) for name, one in sorted(found.items())]


def joined(address: str, name: str) -> str:
    """The address of a file below another one."""
    return f"{address.rstrip('/')}/{name}"


def read_small(address: str) -> bytes:
    """All bytes of a file; raises DownloadError, UsageError."""
    system, path = system_of(address)
    data: bytes = again(address, lambda: system.cat_file(path))
    return data


@contextmanager
def opened_at(address: str) -> Iterator[BinaryIO]:
    """A file of which as much is fetched as is read; raises DownloadError, UsageError."""
    system, path = system_of(address)
    with remote_errors(address), system.open(path, "rb") as file:
        yield file


def sha256_at(address: str) -> str:
    """The SHA-256 of a file that is read through once; raises DownloadError, UsageError."""

    def read() -> str:
        with system.open(path, "rb", block_size=_PIECE) as file:
            digest = hashlib.sha256()
            while piece := file.read(_PIECE):
                digest.update(piece)
            return digest.hexdigest()

    system, path = system_of(address)
    return again(address, read)


def bring_file(file: RemoteFile, path: Path) -> None:
    """Write the bytes of a file to `path`, compared with the size and hash that are declared.

    A transfer that breaks off is begun again. Raises DownloadError, HashMismatchError, UsageError.
    """
    again(file.address, lambda: _bring(file, path))


def again(address: str, transfer: Callable[[], T], doing: str = "read") -> T:
    """What a transfer gives, which is begun again where it breaks off; raises as `remote_errors`."""
    with remote_errors(address, doing=doing):
        for attempt in range(_TRIES):
            try:
                return transfer()
            except (*_PERMANENT, FileExistsError, SrdataError):
                raise
            except Exception as error:
                if attempt == _TRIES - 1 or _was_tried(address, error):
                    raise
                time.sleep(_WAIT_S * 2**attempt)
    raise AssertionError  # the last attempt gives or raises


def _was_tried(address: str, error: Exception) -> bool:
    """Whether a store did not answer of which its own library has asked long enough."""
    return urlsplit(address).scheme in _PACKAGES and _gives_no_answer(error)


def _gives_no_answer(error: Exception) -> bool:
    kinds = ConnectionError, TimeoutError
    return isinstance(error, kinds) or bool(_NO_ANSWER.search(_code_of(error)))


def _bring(file: RemoteFile, path: Path) -> None:
    system, name = system_of(file.address)
    system.get_file(name, str(path))
    size = path.stat().st_size
    if file.size is not None and size < file.size:
        raise OSError(f"{size} of {file.size} bytes came")
    if problem := _problem(file, path, size):
        raise HashMismatchError(
            f"{shown(file.address)} {problem}: it is damaged, or was changed: look at it there"
        )


def _problem(file: RemoteFile, path: Path, size: int) -> str | None:
    """What is wrong with the bytes that came; None where they are those that are declared."""
    if file.size is not None and size != file.size:
        return f"has {how_many(size, 'byte')}, not {file.size}"
    for name, start, wanted in (("sha256", b"", file.sha256), ("sha1", b"blob %d\0" % size, file.git_sha1)):
        if wanted is not None:
            found = hashlib.new(name, start, usedforsecurity=False)
            with path.open("rb") as data:
                while piece := data.read(_PIECE):
                    found.update(piece)
            if found.hexdigest() != wanted:
                return f"has {name} {found.hexdigest()}, not {wanted}"
    return None


def _described(address: str, info: dict[str, Any]) -> RemoteFile:
    """What a file system says of a file; only the Hub declares hashes."""
    size = info.get("size")
    lfs = info.get("lfs") or {}
    of_hub = urlsplit(address).scheme == "hf"
    marks = (info.get(name) for name in ("ETag", "etag", "LastModified", "mtime", "created", "generation"))
    stamp = " ".join(str(mark) for mark in marks if mark is not None)
    small = info.get("blob_id") if of_hub and not lfs else None
    return RemoteFile(address, None if size is None else int(size), lfs.get("sha256"), small, stamp)


def system_of(address: str) -> tuple[Any, str]:
    """The file system of an address, and its path there; raises UsageError."""
    import fsspec  # with asyncio and ssl, which a set on this disk needs not

    _keep_quiet()
    scheme = urlsplit(address).scheme if is_address(address) else "file"
    try:
        with remote_errors(address, (ImportError, ValueError)):
            system, path = fsspec.core.url_to_fs(address)
    except ImportError as error:
        needed = _PACKAGES.get(scheme, f"what fsspec needs for {scheme}")
        raise MissingExtraError(f"{scheme}:// needs another package: pip install {needed}") from error
    except ValueError as error:
        if _is_protocol(scheme):  # as of Azure's store without an account
            raise DownloadError(f"{shown(address)} {_why_not(PermissionError(), 'read')}") from None
        known = ", ".join(("s3://", "https://", "hf://", "gs://"))
        raise UsageError(f"{shown(address)}: {scheme}:// is not known: give {known} or a path") from error
    return system, str(path)


@cache
def _keep_quiet() -> None:
    """Let what libraries log go to those alone who ask for it: else it is told beside our one line."""
    for name in ("fsspec", *_PACKAGES.values(), "azure"):
        logging.getLogger(name).addHandler(logging.NullHandler())


@contextmanager
def remote_errors(address: str, but: tuple[type[Exception], ...] = (), doing: str = "read") -> Iterator[None]:
    """Turn what a file system raises, but for these, into DownloadError with what to do, without secrets."""
    try:
        yield
    except SrdataError:
        raise
    except FileNotFoundError:
        raise DownloadError(f"there is no {shown(address)}: check the address") from None
    except but:
        raise
    except Exception as error:  # noqa: BLE001  # of whatever file system it is
        raise DownloadError(f"{shown(address)} {_why_not(error, doing)}") from None


def _why_not(error: Exception, doing: str) -> str:
    """What is told of an error: never its text, in which there may be what only its owner may know."""
    name = _code_of(error)
    if _SKEWED.search(f"{error} {error.__cause__}"):
        return (
            f"may not be {doing}, as the clock of this machine differs from that of the store: set it right"
        )
    if isinstance(error, PermissionError) or _NO_RIGHTS.search(name):
        return f"may not be {doing}: give credentials in the environment that have the right to it"
    if isinstance(error, NotImplementedError):
        return f"cannot be {doing}: take a bucket, such as s3://, or a folder of this machine"
    if _gives_no_answer(error):
        return (
            f"cannot be {doing}, as its store does not answer ({name}): look at the network, and at the "
            "endpoint if the environment names one; then run the same again"
        )
    return f"cannot be {doing} ({name}): run the same again when it can be"


def _code_of(error: Exception) -> str:
    """What S3 calls an error, or else its kind."""
    told = getattr(error.__cause__, "response", None)
    code = str(told.get("Error", {}).get("Code")) if isinstance(told, dict) else ""
    return code if code.isalpha() and code != "None" else type(error).__name__
