"""Data sets that srdata does not download: what to bring, where it is to be had, and what to type then."""

from __future__ import annotations

from srdata import catalog
from srdata.catalog import Shelf
from srdata.common.documents import check
from srdata.common.strict_model import WrittenModel
from srdata.common.strict_yaml import read_yaml


class Brought(WrittenModel):
    """A data set that is brought; `recipes/brought/NAME.yaml`."""

    what: str
    home: str | None = None  # the address of its page or archive
    evidence: str | None = None  # where that address, or the layout, was read: OWNER/REPOSITORY:PATH
    folder: str  # what the folder is to hold
    scale: int = 4

    def command(self, name: str) -> str:
        """What makes a set of it that recipes of papers find."""
        return f"srdata prepare FOLDER --scale {self.scale} --lmdb --name {name}"


def brought(name: str) -> Brought | None:
    """The data set of that name that is brought, in any case of letters; None where there is no such one."""
    if name.lower() not in catalog.names(Shelf.BROUGHT):
        return None
    return check(Brought, read_yaml(catalog.find(Shelf.BROUGHT, name)))


def told(name: str, given: Brought) -> str:
    """What to bring and to type, in a line."""
    home = f" from {given.home}" if given.home else ""
    return (
        f"{name.lower()} is brought by you: get {given.what}{home}, then run "
        f"`{given.command(name.lower())}`, where FOLDER holds {given.folder}"
    )
