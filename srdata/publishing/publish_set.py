"""`publish`: from a prepared set to a data set on the Hub, or to the folder of one."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from srdata.common.processes.one_at_a_time import locked
from srdata.common.wording.amounts import how_many
from srdata.errors import UsageError, given_path
from srdata.prepared.licences import refuse_unless_allowed, terms_of, with_licence
from srdata.prepared.set_images import PreparedImages
from srdata.publishing.build_repository import build
from srdata.publishing.hub_client import Hub, TemporaryHubError, open_hub
from srdata.publishing.publish_request import SHARD_BYTES, PublishRequest, choose_form
from srdata.publishing.published_file import Published, pointer_in
from srdata.publishing.upload import Local, push, there_already
from srdata.store.set_json import SetFile
from srdata.vocabulary import PublishForm

Log = Callable[[str], None]

_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
_LONGEST_REPOSITORY = 96
_NOTHING_SENT = "there already, nothing sent"
_EXAMPLE = "ORG/NAME"  # in a card that is written before it is known where it will stand


@dataclass(frozen=True)
class Outcome:
    """What became of it: the address or folder, and a line on it."""

    where: str
    summary: str
    content: Published


def publish(
    path: str | Path,
    *,
    to: str | None = None,
    out: str | Path | None = None,
    form: PublishForm | None = None,
    windows: bool = False,
    recipe_only: bool = False,
    licence: str | None = None,
    i_have_the_rights: bool = False,
    public: bool = False,
    shard_bytes: int = SHARD_BYTES,
    jobs: int = -1,
    log: Log = lambda line: None,
) -> Outcome:
    """Publish the prepared set at `path` as the data set `to` (ORG/NAME) of the Hub, or write it to `out`.

    With `out` nothing is uploaded. `form` is parquet (the choice for windows and images below 1 MB),
    imagefolder or webdataset; `windows` cuts the training images at the windows of the set; `recipe_only`
    leaves the pixels out. The data set is private unless `public`. The token is that of HF_TOKEN or of
    `hf auth login`.

    What is uploaded is seen by a reader all at once: card and srdata.json come last, in one commit, and until
    then nothing names the files that they name. The same call goes on where one was interrupted, and uploads
    nothing where nothing has changed. At the end the hashes on the Hub are compared with those here.

    `licence` is that under which others may use images of your own, by its name on the Hub or in SPDX, such
    as cc-by-4.0: the card and LICENSE.md say so.

    Raises LicenceError where the images may not be passed on, unless `i_have_the_rights`; SetError,
    UsageError, CorruptRecordError, StoreError; HubError where the Hub does not take it.
    """
    images = PreparedImages(path)
    folder, content = images.folder, images.content
    terms = with_licence(terms_of(content), licence)
    for line in terms.lines:
        log(line)
    if not (recipe_only or i_have_the_rights):
        refuse_unless_allowed(folder, terms)
    _check(folder, content, to, windows, recipe_only)
    hub = open_hub(_name(to)) if out is None else None
    chosen = None if recipe_only else form or choose_form(images, windows)
    request = PublishRequest(images, terms, to or _EXAMPLE, chosen, windows, shard_bytes, jobs)
    if hub is not None:
        return _upload(request, hub, public, log)
    made = build(request, given_path(out or ""), "--out")
    return Outcome(str(out), _size(made), made)


def _upload(request: PublishRequest, hub: Hub, public: bool, log: Log) -> Outcome:
    """Build beside the set, upload, and remove what was built once it is there."""
    with suppress(TemporaryHubError):  # what follows is more patient
        if there := there_already(hub, request.digest, public=public, log=log):
            return Outcome(hub.url, f"{_size(there)}, {_NOTHING_SENT}", there)
    folder = request.folder.resolve()
    stage = folder.with_name(f".{folder.name}.publish")
    with locked(stage.with_name(f"{stage.name}.lock")):
        _clear(stage, request)
        made = build(request, stage)
        changes = push(Local(stage, made), hub, public=public, log=log)
        shutil.rmtree(stage)
    what = f"{changes} sent or removed, hashes there as here" if changes else _NOTHING_SENT
    return Outcome(hub.url, f"{_size(made)}, {what}", made)


def _clear(stage: Path, request: PublishRequest) -> None:
    """Remove what was built for another request."""
    there = pointer_in(stage)
    if there is None or there.request != request.digest:
        shutil.rmtree(stage, ignore_errors=True)


def _name(to: str | None) -> str:
    if to is None:
        raise UsageError("say where to: --to ORG/NAME on the Hub, or --out DIR for a folder here")
    return to


def _check(folder: Path, content: SetFile, to: str | None, windows: bool, recipe_only: bool) -> None:
    """Raise UsageError for what cannot be done, before any work."""
    if to is not None and (not _REPOSITORY.fullmatch(str(to)) or len(to) > _LONGEST_REPOSITORY):
        raise UsageError(
            f"{to!r} is no name of a data set on the Hub: give ORG/NAME, such as my-lab/div2k-x4"
        )
    if windows and content.windows is None:
        raise UsageError(f"{folder} has no windows: leave --sub-images out to publish whole images")
    if windows and recipe_only:
        raise UsageError(
            "--sub-images is about pixels, and --recipe-only publishes none: leave one of them out"
        )


def _size(made: Published) -> str:
    megabytes = sum(entry.bytes for entry in made.files.values()) / 1e6
    return f"{made.form}, {how_many(len(made.files) + 1, 'file')}, {megabytes:.1f} MB"
