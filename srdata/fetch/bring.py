"""Bring the files of a source to this disk: download, check, unpack."""

from __future__ import annotations

import urllib.parse
from collections.abc import Sequence
from pathlib import Path

from srdata.common.files import inside
from srdata.common.progress import progress
from srdata.errors import ArchiveError, DownloadError, LicenceError, SourceError
from srdata.fetch.download import Fetched, Remote, download
from srdata.fetch.http import Patience, Session, Token, open_session
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
from srdata.fetch.manifest import Digest, ListedFile, Listing, Manifest
from srdata.fetch.unpack import extract


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
    remote = Remote(name, manifest.archives[name].urls, digests)
    with open_session(patience, _token(manifest)) as session:
        fetched = _download(manifest, remote, archive, session)
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
    with one_at_a_time(folder), open_session(patience) as session:
        wrong = wrong_files(listing, folder, paths)
        with progress(manifest.title, len(wrong), "files") as advance:
            for file in wrong:
                _download(manifest, _remote(listing, file), inside(folder, file.path), session)
                advance(1)
    return folder


def _remote(listing: Listing, file: ListedFile) -> Remote:
    urls = tuple(url + urllib.parse.quote(file.path) for url in listing.urls)
    digest = Digest(sha256=file.sha256, bytes=file.bytes, evidence=(listing.evidence,))
    return Remote(file.path, urls, (digest,))


def _download(manifest: Manifest, remote: Remote, target: Path, session: Session) -> Fetched:
    try:
        return download(remote, target, session)
    except DownloadError as error:
        if manifest.gate is None:
            raise
        raise DownloadError(f"{error}; {manifest.title} is gated: {manifest.gate}") from error


def _token(manifest: Manifest) -> Token | None:
    """The user's own token for a gated data set, from the environment or the Hugging Face login."""
    if manifest.gate is None:
        return None
    import huggingface_hub

    secret = huggingface_hub.get_token()
    if secret is None:
        raise LicenceError(f"{manifest.title} is gated: {manifest.gate}")
    return Token(secret, huggingface_hub.constants.ENDPOINT)
