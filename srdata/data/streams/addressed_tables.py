"""Parquet and tar files at addresses as one stream."""

from __future__ import annotations

from srdata.common.wording.only_choice import pick
from srdata.errors import SourceError
from srdata.fetch.remote_files import RemoteFile, files_below, look_at, shown
from srdata.hub.open_table import reading_errors
from srdata.hub.streamed_rows import Stream, form_of, of_files

_NOTHING = "is no prepared set, and no Parquet or tar file, nor are there such below it: check the address"
_SPLITS = ("train", "validation", "valid", "val", "test")


def open_address(address: str, split: str | None) -> Stream:
    """A split of the file at an address, or of those below it, as their names tell it.

    Raises UsageError, SourceError, DownloadError.
    """
    file = look_at(address)
    return _open_files(address, files_below(address) if file is None else [file], split)


def _open_files(address: str, files: list[RemoteFile], split: str | None) -> Stream:
    forms = {form_of(file.address) for file in files} - {None}
    if len(forms) != 1:
        found = "holds both Parquet and tar files: give the address of one" if forms else _NOTHING
        raise SourceError(f"{shown(address)} {found}")
    (form,) = forms
    named: dict[str, list[RemoteFile]] = {}
    for file in files:
        if form_of(file.address) == form:
            named.setdefault(_split_of(file.address), []).append(file)
    where = shown(address)
    chosen = pick("split", split, list(named), where)
    with reading_errors(where):
        rows = of_files(str(form), [file.address for file in named[chosen]])
    identity = "\n".join(file.identity for file in named[chosen])
    return Stream(where, rows, f"{where} {chosen}", (), identity)


def _split_of(address: str) -> str:
    """The split that the name of a file begins with: train-00000.parquet, or the folder train/."""
    *_, folder, name = address.split("/")
    return next((one for one in _SPLITS if name.startswith(one) or folder == one), "train")
