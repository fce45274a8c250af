"""What of a data set is on this disk: where its files lie, and which of them are right."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from pydantic import ValidationError

from srdata import catalog
from srdata.common.files import inside, sha256_of, write_file
from srdata.common.processes.one_at_a_time import locked
from srdata.common.strict_model import StrictModel
from srdata.common.wording.amounts import how_many
from srdata.errors import HashMismatchError
from srdata.fetch.manifest import Digest, ListedFile, Listing, Manifest

_log = logging.getLogger(__name__)
_ARCHIVE_SUFFIX = re.compile(r"\.(zip|tar|tar\.gz|tgz)$")


class Receipt(StrictModel):
    """Kept beside an archive: what came. `known` says whether the manifest knew the hash before."""

    url: str | None
    bytes: int
    sha256: str
    known: bool

    def digest(self) -> Digest:
        """What the file must be from now on."""
        return Digest(sha256=self.sha256, bytes=self.bytes, evidence=("the first download",))


def archive_path(manifest: Manifest, name: str, root: Path) -> Path:
    """Where the archive `name` is downloaded to."""
    return root / "downloads" / manifest.name / name


def unpacked_path(manifest: Manifest, name: str, root: Path) -> Path:
    """The folder that the archive `name` is unpacked to; it is whole if it is there."""
    return root / "sources" / manifest.name / _ARCHIVE_SUFFIX.sub("", name)


def listed_folder(manifest: Manifest, listing: str, root: Path) -> Path:
    """The folder of the single files of a listing."""
    packaged = manifest.listings[listing].packaged
    if packaged is not None:
        return catalog.folder(catalog.Shelf.MANIFESTS) / packaged
    return root / "sources" / manifest.name / listing


def absent_files(listing: Listing, folder: Path, paths: Collection[str]) -> list[ListedFile]:
    """Those of `paths` that are not in `folder` with the right number of bytes."""
    wanted = [file for file in listing.files if file.path in paths]
    return [file for file in wanted if _size(inside(folder, file.path)) != file.bytes]


def wrong_files(listing: Listing, folder: Path, paths: Collection[str]) -> list[ListedFile]:
    """Those of `paths` that are not in `folder` with the right bytes."""
    absent = {file.path: file for file in absent_files(listing, folder, paths)}
    there = [file for file in listing.files if file.path in paths and file.path not in absent]
    return [*absent.values(), *(one for one in there if sha256_of(inside(folder, one.path)) != one.sha256)]


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def digests_of(manifest: Manifest, name: str, root: Path) -> tuple[Digest, ...]:
    """What the archive `name` must be: by its manifest, else by the receipt of the first download."""
    known = manifest.archives[name].digests
    receipt = read_receipt(archive_path(manifest, name, root))
    return known or ((receipt.digest(),) if receipt else ())


def read_receipt(archive: Path) -> Receipt | None:
    """The receipt of an archive; None if there is none that can be read."""
    try:
        return Receipt.model_validate_json(_receipt_path(archive).read_bytes())
    except (OSError, ValidationError):
        return None


def write_receipt(archive: Path, receipt: Receipt) -> None:
    """Keep a receipt beside its archive."""
    write_file(_receipt_path(archive), receipt.model_dump_json(indent=1).encode())


def drop_archive(archive: Path) -> None:
    """Forget an archive and its receipt."""
    archive.unlink(missing_ok=True)
    _receipt_path(archive).unlink(missing_ok=True)


def _receipt_path(archive: Path) -> Path:
    return archive.with_name(f"{archive.name}.receipt.json")


def has_receipt(archive: Path) -> bool:
    """Whether the archive was checked when it came, and still has as many bytes."""
    receipt = read_receipt(archive)
    return receipt is not None and _size(archive) == receipt.bytes


def check_archive(archive: Path, digests: Sequence[Digest]) -> Receipt:
    """Hash an archive that someone put here; HashMismatchError if it is no known version."""
    sha256, md5, size = hashlib.sha256(), hashlib.md5(usedforsecurity=False), 0
    with archive.open("rb") as file:
        while chunk := file.read(1 << 20):
            sha256.update(chunk)
            md5.update(chunk)
            size += len(chunk)
    if digests and not any(one.agrees(sha256.hexdigest(), md5.hexdigest(), size) for one in digests):
        expected = " or ".join(digest.text for digest in digests)
        found = f"sha256 {sha256.hexdigest()}, md5 {md5.hexdigest()}, {how_many(size, 'byte')}"
        raise HashMismatchError(f"{archive} has {found}; expected {expected}: remove it, and get it again")
    return Receipt(url=None, bytes=size, sha256=sha256.hexdigest(), known=bool(digests))


@contextmanager
def one_at_a_time(path: Path) -> Iterator[None]:
    """Let other processes that want `path` wait; without working locks nothing goes wrong either."""
    said = partial(_log.warning, "another process is at %s; waiting for it", path)
    with locked(path.with_name(f".{path.name}.lock"), said):
        yield
