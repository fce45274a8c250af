"""From a local folder to the Hub: data first, and last the card and srdata.json that name it, in one commit.

Each version of a config has a folder of its own, so that until the last commit whoever loads the data set
gets what was there before; where nothing was, a card stands there of which nothing can be loaded. Files that
the Hub has are not sent again, so that the same call goes on after an interruption.
"""

from __future__ import annotations

import hashlib
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from srdata.common.chunks import chunked
from srdata.common.files import sha256_of
from srdata.common.progress import progress
from srdata.common.wording.amounts import how_many
from srdata.errors import HubError, UsageError
from srdata.publishing.hub_client import Hub, HubRepository, TemporaryHubError, git_blob
from srdata.publishing.published_file import CARD, POINTER, Published, read_pointer

MOST_FILES = 50  # in a commit, which the Hub gives a minute
MOST_BYTES = 2 << 30  # in a commit, so that an interruption costs little
_DATA = re.compile(r"(data/[^/]+/[0-9a-f]{8}/).+")
_DATA_FOLDER = "data/"
_NOT_OURS = {".gitattributes"}  # the Hub puts it into an empty repository
UNFINISHED_CARD = """\
---
configs:
- config_name: unfinished
  data_files: unfinished
---

# Being uploaded

This data set is not whole yet: srdata is uploading it, or was interrupted; the same command again goes on.
"""


@dataclass(frozen=True)
class UploadPatience:
    """How often and how long to wait for the Hub."""

    tries: int = 5  # in a row without a commit
    backoff_s: float = 1  # before the second, doubled before each further one
    longest_wait_s: float = 300  # that the Hub may ask for


@dataclass(frozen=True)
class Local:
    """What the repository is to be: a folder, and the hash of every file in it."""

    folder: Path
    content: Published

    @cached_property
    def hashes(self) -> dict[str, str]:
        """Path → SHA-256."""
        known = {path: entry.sha256 for path, entry in self.content.files.items()}
        return {**known, POINTER: sha256_of(self.folder / POINTER)}

    def missing(self, remote: HubRepository) -> list[str]:
        """The files that a repository has not, or has otherwise."""
        there = remote.files
        return [
            path
            for path, sha256 in self.hashes.items()
            if path not in there or not there[path].holds(self.folder / path, sha256)
        ]

    def stale(self, remote: HubRepository, published: Published | None) -> list[str]:
        """Folders of other versions of the data, which nothing names any more, and pages that are no more."""
        folders = {match[1] for match in map(_DATA.fullmatch, remote.files) if match}
        pages = {path for path in (published.files if published else ()) if not path.startswith(_DATA_FOLDER)}
        kept = {*(f"{one.folder}/" for one in self.content.configs), *self.hashes}
        return sorted((folders | pages & set(remote.files)) - kept)


def push(
    local: Local,
    hub: Hub,
    *,
    public: bool,
    log: Callable[[str], None],
    patience: UploadPatience | None = None,
) -> int:
    """Make the repository what the folder is; gives the number of files sent, and of versions removed.

    Raises UsageError if something else is there, HubError if the Hub does not take it or keep it.
    """
    patience = patience or UploadPatience()
    most, least, tries = 0, sys.maxsize, 0
    while True:
        try:
            for left in _steps(local, hub, public, log):
                most = max(most, left)
                least, tries = (left, 0) if left < least else (least, tries)
            return most
        except TemporaryHubError as error:
            tries += 1
            wait_s = error.wait_s if error.wait_s is not None else patience.backoff_s * 2 ** (tries - 1)
            if tries >= patience.tries or wait_s > patience.longest_wait_s:
                raise
            log(f"{error} (trying again in {wait_s:g} s)")
            time.sleep(wait_s)


def there_already(hub: Hub, request: str, *, public: bool, log: Callable[[str], None]) -> Published | None:
    """What the repository holds, if that request made it and all of it is there; None if that is not certain.

    Nothing has to be built to know: large files are compared by hash, small ones by size. Raises as `push`.
    """
    remote = hub.look()
    if remote is None or POINTER not in remote.files:
        return None
    content = read_pointer(hub.read(POINTER, remote.head))
    if content is None or content.request != request or not remote.holds(content.files):
        return None
    _check_visibility(remote, hub, public, log)
    return content


def _steps(local: Local, hub: Hub, public: bool, log: Callable[[str], None]) -> Iterator[int]:
    """Do what is left to do, and yield how many changes that is, before the first and after each commit."""
    remote = _look(hub, public)
    _check_visibility(remote, hub, public, log)
    published = _published(remote, hub)
    missing = local.missing(remote)
    if missing == [CARD] and published == local.content:
        log(f"{hub.name}: the card was edited on the Hub and stays as it is")
        return
    _check_card(missing, remote, published, hub)
    stale = local.stale(remote, published)
    yield len(missing) + len(stale)
    if not missing and not stale:
        return
    yield from _commits(local, hub, remote, missing, stale)
    if stale:
        log(f"{hub.name}: the version before stays in its history, until the data set is deleted there")
    if wrong := local.missing(_look(hub, public)):
        raise HubError(
            f"{hub.name}: {how_many(len(wrong), 'file on the Hub is', 'files on the Hub are')} not what was "
            f"sent, such as {wrong[0]}: "
            "run the same command again, and do not use the data set before"
        )


def _look(hub: Hub, public: bool) -> HubRepository:
    """What is there, made where nothing is."""
    remote = hub.look()
    if remote is None:
        hub.create(private=not public)
        remote = hub.look()
    if remote is None:
        raise TemporaryHubError(
            f"{hub.name}: the Hub has such a data set, but does not show it to this token: "
            "check the name, and the rights of the token"
        )
    return remote


def _check_visibility(remote: HubRepository, hub: Hub, public: bool, log: Callable[[str], None]) -> None:
    if public and remote.private:
        log(f"{hub.name} is private and stays so: change that on the page of its settings")
    if not public and not remote.private:
        raise UsageError(f"{hub.name} is public: give --public to publish there, or take another name")


def _published(remote: HubRepository, hub: Hub) -> Published | None:
    """What srdata published there before; raises UsageError if the repository is someone else's work."""
    if POINTER in remote.files and (there := read_pointer(hub.read(POINTER, remote.head))):
        return there
    card = remote.files.get(CARD)
    unfinished = card is not None and card.blob == git_blob(UNFINISHED_CARD.encode())
    others = sorted(set(remote.files) - _NOT_OURS)
    if others and not unfinished:
        raise UsageError(
            f"{hub.name} holds files that this srdata did not publish, such as {others[0]}: "
            "take another name, or delete them there"
        )
    return None


def _check_card(missing: Sequence[str], remote: HubRepository, published: Published | None, hub: Hub) -> None:
    """Raise UsageError if a card that was edited on the Hub would be lost."""
    if CARD not in missing or CARD not in remote.files or published is None:
        return
    if hashlib.sha256(hub.read(CARD, remote.head)).hexdigest() != published.files[CARD].sha256:
        raise UsageError(
            f"the card of {hub.name} was edited on the Hub, and another one is to be published: "
            f"keep a copy of what you wrote and delete {CARD} there, or take another name"
        )


def _commits(
    local: Local, hub: Hub, remote: HubRepository, missing: Sequence[str], stale: Sequence[str]
) -> Iterator[int]:
    """Add data in commits of a size that the Hub takes, and in the last one what names it."""
    paths = {path: local.folder / path for path in missing}
    sizes = {path: place.stat().st_size for path, place in paths.items()}
    data = [path for path in missing if path.startswith(_DATA_FOLDER)]
    last = [path for path in missing if not path.startswith(_DATA_FOLDER)]
    batches = [list(one) for one in chunked(data, sizes.__getitem__, most_bytes=MOST_BYTES, most=MOST_FILES)]
    if len(batches) == 1 and len(batches[0]) + len(last) + len(stale) <= MOST_FILES:
        last = [*batches.pop(), *last]
    head, left = remote.head, len(missing) + len(stale)
    with progress("upload", sum(sizes.values()), "B", scaled=True) as advance:
        for batch in batches:
            add: dict[str, Path | bytes] = {path: paths[path] for path in batch}
            if head == remote.head and not {POINTER, CARD} & set(remote.files):
                add[CARD] = UNFINISHED_CARD.encode()
            head = hub.commit(f"Add data of {local.content.name}", head, add)
            advance(sum(sizes[path] for path in batch))
            left -= len(batch)
            yield left
        if last or stale:
            hub.commit(f"Publish {local.content.name}", head, {path: paths[path] for path in last}, stale)
            advance(sum(sizes[path] for path in last))
            yield 0
