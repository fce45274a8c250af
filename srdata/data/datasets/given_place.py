"""Where a user says that pairs are: a path or a name of the Hub, and one side or both."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from srdata.errors import UnknownNameError, UsageError, path_text
from srdata.fetch.remote_files import place_at, shown
from srdata.hub.address import HubName, hub_name, is_hub_name
from srdata.vocabulary import Only


def place_of(path: str | PathLike[str] | None, revision: str | None) -> Path | HubName | str | None:
    """The data set of the Hub, the path or the address that a user gives; raises UsageError."""
    path = path if path is None else path_text(path)
    if is_hub_name(path):
        return hub_name(str(path), revision)
    if revision is not None:
        raise UsageError(f"revision={revision!r} is of a data set of the Hub: give hf://ORG/NAME")
    return None if path is None else place_at(path)


def path_of(path: str | PathLike[str] | None) -> Path | None:
    """A path; raises UsageError for an address."""
    place = None if path is None else place_at(path)
    if isinstance(place, str):
        raise UsageError(f"{shown(place)} is an address: prepare the pairs there, and give that set")
    return place


def choose_side(only: Only | None, hr: object, lr: object) -> Only | None:
    """The side that is wanted, or that alone is given; raises UsageError."""
    if only not in (None, "hr", "lr"):
        raise UnknownNameError.among("side", only, ("hr", "lr"))
    given: Only | None = None if (hr is None) == (lr is None) else "lr" if hr is None else "hr"
    if only is not None and given not in (None, only):
        raise UsageError(f"only={only!r}, but the other side is all that is given")
    return only or given
