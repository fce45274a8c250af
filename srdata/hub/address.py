"""How a data set of the Hub is named: hf://ORG/NAME, with @REVISION to pin a branch, tag or commit."""

from __future__ import annotations

import re
from dataclasses import dataclass

from srdata.errors import UsageError

PREFIX = "hf://"
REPOSITORY = r"(?:[A-Za-z0-9][\w.-]*/)?[A-Za-z0-9][\w.-]*"
_NAME = re.compile(rf"hf://(?:datasets/)?(?P<repository>{REPOSITORY})(?:@(?P<revision>[^@\s]+))?", re.ASCII)


@dataclass(frozen=True)
class HubName:
    """A data set on the Hub; without a revision its main branch."""

    repository: str
    revision: str | None = None

    def __str__(self) -> str:
        pin = "" if self.revision is None else f"@{self.revision}"
        return f"{PREFIX}{self.repository}{pin}"


def is_hub_name(text: object) -> bool:
    """Whether `text` is meant to name a data set of the Hub."""
    return isinstance(text, str) and text.startswith(PREFIX)


def hub_name(text: str, revision: str | None = None) -> HubName:
    """The data set that `text` names, at `revision` if that is given; raises UsageError.

    >>> hub_name("hf://my-lab/div2k-x4@v1")
    HubName(repository='my-lab/div2k-x4', revision='v1')
    """
    found = _NAME.fullmatch(text)
    if found is None:
        raise UsageError(
            f"{text!r} names no data set of the Hub: give hf://ORG/NAME or hf://ORG/NAME@REVISION"
        )
    if revision is not None and found["revision"] not in (None, revision):
        raise UsageError(f"{text} and revision={revision!r} name two revisions: give one")
    return HubName(found["repository"], revision or found["revision"])
