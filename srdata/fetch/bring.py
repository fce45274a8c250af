"""Bring the files of a source to this disk: download, check, unpack."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from srdata.errors import ArchiveError, SourceError
from srdata.fetch.local_files import (
    Receipt,
    archive_path,
    check_archive,
    digests_of,
    drop_archive,
    has_receipt,
    listed_folder,
    one_at_a_time,
    unpacked_path,
    write_receipt,
    wrong_files,
)
from srdata.fetch.manifest import Manifest
from srdata.fetch.unpack import extract

if TYPE_CHECKING:
    from srdata.fetch.http import Patience


def bring_archive(manifest: Manifest, name: str, root: Path, patience: Patience | None = None) -> Path:
    """The folder that holds the files of an archive, downloaded and unpacked if it is not there.

    An archive of unknown hash that turns out to be damaged is downloaded once more.
    """
    folder, archive = unpacked_path(manifest, name, root), archive_path(manifest, name, root)
    with one_at_a_time(folder):
        if folder.is_dir():
            return folder
        _bring_download(manifest, name, root, patience)
        try:
            extract(archive, folder)
        except ArchiveError:
            if manifest.archives[name].digests:
                raise
            drop_archive(archive)
            _bring_download(manifest, name, root, patience)
            extract(archive, folder)
    return folder


def unpack_given(manifest: Manifest, name: str, given: Path, root: Path) -> Path:
    """The folder that holds the files of the archive `given`, which the user has."""
    folder = unpacked_path(manifest, name, root)
    with one_at_a_time(folder):
        if not folder.is_dir():
            check_archive(given, digests_of(manifest, name, root))
            extract(given, folder)
    return folder


def _bring_download(manifest: Manifest, name: str, root: Path, patience: Patience | None) -> None:
    archive = archive_path(manifest, name, root)
    digests = digests_of(manifest, name, root)
    if archive.exists():
        if not has_receipt(archive):
            write_receipt(archive, check_archive(archive, digests))
        return
    from srdata.fetch.of_manifest import download_archive  # with a client of HTTP, which files here need not

    fetched = download_archive(manifest, name, digests, archive, patience)
    known = bool(manifest.archives[name].digests)
    write_receipt(archive, Receipt(url=fetched.url, bytes=fetched.bytes, sha256=fetched.sha256, known=known))


def bring_listed(
    manifest: Manifest, name: str, paths: Sequence[str], root: Path, patience: Patience | None = None
) -> Path:
    """The folder that holds the files `paths` of the listing `name`, each with its hash checked."""
    listing, folder = manifest.listings[name], listed_folder(manifest, name, root)
    if not wrong_files(listing, folder, paths):
        return folder
    if listing.packaged is not None:
        raise SourceError(f"{folder} is not as it was packaged: install srdata again")
    from srdata.fetch.of_manifest import download_listed  # as above

    with one_at_a_time(folder):
        download_listed(manifest, listing, wrong_files(listing, folder, paths), folder, patience)
    return folder
