"""`publish`: from a prepared set to a data set on the Hub, or to the folder of one."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from srdata.errors import UsageError
from srdata.prepared import PreparedImages
from srdata.publication.build import build
from srdata.publication.forms import Form
from srdata.publication.pointer import Published
from srdata.publication.request import SHARD_BYTES, Request, choose_form
from srdata.publication.rights import refuse_unless_allowed, terms_of

Log = Callable[[str], None]

_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
_LONGEST_REPOSITORY = 96
_EXAMPLE = "ORG/NAME"  # in a card that was written before it was known where it will stand


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
    form: Form | None = None,
    windows: bool = False,
    recipe_only: bool = False,
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
    then the files that they name are named by nothing. The same call goes on where one was interrupted, and
    uploads nothing where nothing has changed. At the end the hashes of the Hub are compared with those here.

    Raises LicenceError where the images may not be passed on, unless `i_have_the_rights`; SetError,
    UsageError, CorruptRecordError, StoreError; HubError where the Hub does not take it.
    """
    folder = Path(path)
    images = PreparedImages(folder)
    terms = terms_of(images.content)
    for line in terms.lines:
        log(line)
    if not (recipe_only or i_have_the_rights):
        refuse_unless_allowed(folder, terms)
    if to is None and out is None:
        raise UsageError("say where to: --to ORG/NAME on the Hub, or --out DIR for a folder here")
    check_request(to, windows, recipe_only, images)
    chosen = None if recipe_only else form or choose_form(folder, images.content, windows)
    request = Request(folder, images.content, terms, to or _EXAMPLE, chosen, windows, shard_bytes, jobs)
    if out is not None:
        made = build(request, Path(out))
        return Outcome(str(out), _summary(made), made)
    raise NotImplementedError


def check_request(to: str | None, windows: bool, recipe_only: bool, images: PreparedImages) -> None:
    """Raise UsageError for what cannot be done, before any work."""
    if to is not None and (not _REPOSITORY.fullmatch(to) or len(to) > _LONGEST_REPOSITORY):
        raise UsageError(
            f"{to!r} is no name of a data set on the Hub: give ORG/NAME, such as my-lab/div2k-x4"
        )
    if windows and images.content.windows is None:
        raise UsageError(f"{images.folder} has no windows: leave --windows out to publish whole images")
    if windows and recipe_only:
        raise UsageError("--windows is about pixels, and --recipe-only publishes none: leave one of them out")


def _summary(made: Published) -> str:
    megabytes = sum(entry.bytes for entry in made.files.values()) / 1e6
    return f"{made.form}, {len(made.files) + 1} files, {megabytes:.1f} MB"
