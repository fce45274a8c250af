"""A verified file from the first address that gives it."""

from __future__ import annotations

import itertools
import logging
import re
import time
from collections.abc import Iterable
from contextlib import closing, nullcontext
from dataclasses import dataclass
from pathlib import Path

import httpx2

from srdata.common.progress import progress
from srdata.common.wording.amounts import how_many
from srdata.errors import DownloadError, HashMismatchError
from srdata.fetch.http import Patience, Session, TemporaryError, body, get
from srdata.fetch.manifest import Digest
from srdata.fetch.partial_download import Mark, PartialFile

MOST_ROUNDS = 3  # for one address
SHOWN_BYTES = 8 << 20  # larger files get a progress bar of their own
_log = logging.getLogger(__name__)
_PAGE = (b"<!doctype html", b"<html", b"<head", b"<!--")


@dataclass(frozen=True)
class Remote:
    """A file to fetch: its addresses in the order to try them, and the versions of it that are right."""

    name: str
    urls: tuple[str, ...]
    digests: tuple[Digest, ...] = ()

    def accepts(self, part: PartialFile) -> bool:
        """Whether the bytes are those of a known version; any bytes are where none is known."""
        return not self.digests or any(one.agrees(part.sha256, part.md5, part.size) for one in self.digests)

    def lacks(self, size: int) -> bool:
        """Whether `size` bytes are fewer than every known version has."""
        known = [digest.bytes for digest in self.digests if digest.bytes is not None]
        return bool(known) and size < min(known)

    def exceeded_by(self, size: int) -> bool:
        """Whether `size` bytes are more than every known version has."""
        return bool(self.digests) and all(one.bytes is not None and size > one.bytes for one in self.digests)


@dataclass(frozen=True)
class Fetched:
    """What came, and from where."""

    url: str
    bytes: int
    sha256: str


def download(remote: Remote, target: Path, session: Session) -> Fetched:
    """Fetch `remote` to `target`, which appears only when its bytes are right.

    Goes on where an earlier process stopped. Raises DownloadError saying what each address answered,
    HashMismatchError with both hashes if one gave other bytes, StorageFullError or StoreError.
    """
    failures: dict[str, DownloadError | HashMismatchError] = {}
    with closing(PartialFile(target)) as part:
        for url in remote.urls:
            try:
                return _download_from(url, remote, part, session)
            except (DownloadError, HashMismatchError) as error:
                failures[url] = error
    raise _no_address(remote, failures)


def _no_address(
    remote: Remote, failures: dict[str, DownloadError | HashMismatchError]
) -> DownloadError | HashMismatchError:
    wrong_bytes = any(isinstance(error, HashMismatchError) for error in failures.values())
    said = "; ".join(f"{url}: {error}" for url, error in failures.items())
    remedy = (
        "run the same command again to go on, or get the file yourself and name its folder with --from DIR"
    )
    return (HashMismatchError if wrong_bytes else DownloadError)(
        f"cannot download {remote.name}: {said}: {remedy}"
    )


def _download_from(url: str, remote: Remote, part: PartialFile, session: Session) -> Fetched:
    """The file from one address; a wrong one that came in pieces or earlier is fetched again in one go."""
    for _ in range(MOST_ROUNDS):
        _complete(url, remote, part, session)
        fetched, stitched = Fetched(url, part.size, part.sha256), part.stitched
        if not remote.accepts(part):
            problem: DownloadError | HashMismatchError = _mismatch(remote, part)
            part.drop()
            if not stitched:
                break
        elif part.publish():
            return fetched
        else:
            problem = DownloadError("another process took away what had come")
            part.take_up()
    raise problem


def _mismatch(remote: Remote, part: PartialFile) -> HashMismatchError:
    expected = " or ".join(digest.text for digest in remote.digests)
    size = how_many(part.size, "byte")
    return HashMismatchError(
        f"sent other bytes: sha256 {part.sha256}, md5 {part.md5}, {size}; expected {expected}"
    )


def _complete(url: str, remote: Remote, part: PartialFile, session: Session) -> None:
    """All the bytes that `url` has, asking again as long as that brings new ones."""
    most, tries = part.size, 0
    while True:
        try:
            _transfer(url, remote, part, session)
            if remote.lacks(part.size):
                raise TemporaryError(f"ended after {how_many(part.size, 'byte')}")
            return
        except TemporaryError as error:
            tries = 1 if part.size >= most + session.patience.progress_bytes else tries + 1
            most = max(most, part.size)
            if tries >= session.patience.tries:
                raise
            _wait(url, error, tries, session.patience)


def _wait(url: str, error: TemporaryError, tries: int, patience: Patience) -> None:
    if error.wait_s is not None and error.wait_s > patience.longest_wait_s:
        raise DownloadError(f"{error}, asks to wait {error.wait_s:.0f} s") from error
    seconds = max(error.wait_s or 0, patience.backoff_s * 2 ** (tries - 1))
    if seconds > 5:
        _log.warning("%s: %s; trying again in %.0f s", url, error, seconds)
    time.sleep(seconds)


def _transfer(url: str, remote: Remote, part: PartialFile, session: Session) -> None:
    """One request for what is missing."""
    if not _may_go_on(url, remote, part):
        part.drop()
    if part.mark is not None and part.size == part.mark.total_bytes:
        return
    with get(session, url, _range_headers(url, part), hash_known=bool(remote.digests)) as response:
        if response.status_code == 416:
            _range_refused(response, part)
            return
        mark = _mark_of(url, response)
        goes_on = _continues(response, mark, part)
        chunks = body(response, session)
        first = next(chunks, b"")
        if not goes_on:
            _refuse_page(first, response.headers.get("Content-Type", ""))
            part.drop()
        _receive(itertools.chain([first], chunks), mark, remote, part)


def _may_go_on(url: str, remote: Remote, part: PartialFile) -> bool:
    """Whether the rest may come from `url`: by the server's word, or because the hash will tell."""
    if part.mark is None:
        return False
    return bool(remote.digests) or (part.mark.url == url and part.mark.validator is not None)


def _range_headers(url: str, part: PartialFile) -> dict[str, str]:
    if part.mark is None or part.size == 0:
        return {}
    headers = {"Range": f"bytes={part.size}-"}
    if part.mark.url == url and part.mark.validator:
        headers["If-Range"] = part.mark.validator
    return headers


def _range_refused(response: httpx2.Response, part: PartialFile) -> None:
    """Nothing lies beyond what is here: either that is all, or it is of another version."""
    if response.headers.get("Content-Range") == f"bytes */{part.size}":
        return
    part.drop()
    raise TemporaryError("refused to go on (416); starting over")


def _mark_of(url: str, response: httpx2.Response) -> Mark:
    etag = response.headers.get("ETag", "")
    strong = etag if etag and not etag.startswith("W/") else None
    found = re.fullmatch(r"bytes \d+-\d+/(\d{1,18})", response.headers.get("Content-Range", ""))
    length = found[1] if found else response.headers.get("Content-Length", "")
    told = re.fullmatch(r"\d{1,18}", length, re.ASCII) and (found or response.status_code == 200)
    total = int(length) if told else None
    return Mark(url=url, validator=strong or response.headers.get("Last-Modified"), total_bytes=total)


def _continues(response: httpx2.Response, mark: Mark, part: PartialFile) -> bool:
    """Whether the answer goes on exactly where the part ends, with the same version of the file."""
    if part.mark is None or response.status_code != 206:
        return False
    if not response.headers.get("Content-Range", "").startswith(f"bytes {part.size}-"):
        part.drop()
        raise TemporaryError("sent another part of the file than asked for; starting over")
    changed = part.mark.url == mark.url and part.mark.validator != mark.validator
    if changed or part.mark.total_bytes not in (None, mark.total_bytes):
        part.drop()
        raise TemporaryError("the file changed on the way; starting over")
    return True


def _receive(chunks: Iterable[bytes], mark: Mark, remote: Remote, part: PartialFile) -> None:
    shown = mark.total_bytes is None or mark.total_bytes > SHOWN_BYTES
    bar = (
        progress(remote.name, mark.total_bytes, "B", scaled=True)
        if shown
        else nullcontext(lambda amount: None)
    )
    part.go_on(mark)
    with bar as advance:
        advance(part.size)
        for chunk in chunks:
            part.add(chunk)
            advance(len(chunk))
            if remote.exceeded_by(part.size):
                break
    if remote.exceeded_by(part.size):
        part.drop()
        raise DownloadError("sends more bytes than the file has")
    if mark.total_bytes is not None and part.size < mark.total_bytes:
        raise TemporaryError(f"ended after {part.size} of {mark.total_bytes} bytes")


def _refuse_page(start: bytes, content_type: str) -> None:
    if content_type.startswith("text/html") or start[:256].lstrip().lower().startswith(_PAGE):
        line = start.decode(errors="replace").strip().partition("\n")[0]
        line = "".join(character for character in line if character.isprintable())[:80]
        raise DownloadError(f"sent a web page instead of the file; it starts with {line!r}")
