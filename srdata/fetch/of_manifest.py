"""Download what a manifest names: an archive, or single files."""

from __future__ import annotations

import urllib.parse
from collections.abc import Sequence
from pathlib import Path

from srdata.common.files import inside
from srdata.common.progress import progress
from srdata.errors import DownloadError, LicenceError
from srdata.fetch.download import Fetched, Remote, download
from srdata.fetch.http import Patience, Session, Token, open_session
from srdata.fetch.manifest import Digest, ListedFile, Listing, Manifest


def download_archive(
    manifest: Manifest, name: str, digests: tuple[Digest, ...], target: Path, patience: Patience | None
) -> Fetched:
    """Fetch an archive, which has to be one of the versions `digests`, if there are any."""
    remote = Remote(name, manifest.archives[name].urls, digests)
    with open_session(patience, _token(manifest)) as session:
        return _download(manifest, remote, target, session)


def download_listed(
    manifest: Manifest, listing: Listing, files: Sequence[ListedFile], folder: Path, patience: Patience | None
) -> None:
    """Fetch files of a listing to `folder`."""
    with (
        open_session(patience) as session,
        progress(manifest.title, len(files), "files") as advance,
    ):
        for file in files:
            _download(manifest, _remote(listing, file), inside(folder, file.path), session)
            advance(1)


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
