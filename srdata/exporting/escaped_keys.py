"""Keys that a form cannot hold, and the spelling that any form can."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from functools import partial
from urllib.parse import quote

from srdata.common.safe_names import why_unsafe
from srdata.errors import UsageError
from srdata.store.lmdb_files.basicsr_lmdb import check_key
from srdata.vocabulary import Layout

_LONGEST = 200  # bytes of an escaped key
_SUFFIX = "_s0000.hr.png"  # the longest that a name in some form adds to a key

Check = Callable[[str], None]


def check_lmdb_key(key: str) -> None:
    """Raise UsageError unless BasicSR can read an image, or sub-images, with this key."""
    check_key(key)
    check_key(f"{key}_s0000")


def check_file_key(key: str) -> None:
    """Raise UsageError unless a file can have this name, on every system."""
    if problem := why_unsafe(key) or why_unsafe(key + _SUFFIX):
        raise UsageError(f"key {key!r} {problem}: rename the image")


def check_tar_key(key: str) -> None:
    """Raise UsageError unless WebDataset takes this for the key of a sample."""
    check_file_key(key)
    if "." in key.rpartition("/")[2]:
        raise UsageError(f"key {key!r} has a dot, at which WebDataset would cut it: rename the image")


def any_key(key: str) -> None:
    """For forms that hold any key."""


def written_key(key: str, check: Check, *, escape: bool) -> str:
    """The key under which an image is written; raises UsageError, naming the way out, if there is none."""
    try:
        check(key)
    except UsageError as error:
        if not escape:
            raise UsageError(f"{error}, or give --escape") from error
    else:
        if not (escape and {"%", "~"} & set(key)):
            return key
    escaped = escaped_key(key)
    check(escaped)
    return escaped


def key_writer(layout: Layout, escape: bool) -> Callable[[str], str]:
    """By what name an image of a key is stored in a set; that raises UsageError where it cannot be."""
    if layout != "basicsr" and not escape:
        return str
    return partial(written_key, check=check_lmdb_key if layout == "basicsr" else any_key, escape=escape)


def escaped_key(key: str) -> str:
    """A key in plain ASCII without dots; one that is too long ends in a hash. No two keys get the same.

    >>> escaped_key("img.v2/größe")
    'img%2Ev2/gr%C3%B6%C3%9Fe'
    """
    return _shortened(_quoted(key, safe="/"), key, "~", digits=16, kept=180)


def file_stem(key: str) -> str:
    """The same as the name of a file: without folders, and with equals signs, which no address escapes.

    >>> file_stem("0001_s001"), file_stem("beach/a b.v2")
    ('0001_s001', 'beach=2Fa=20b=2Ev2')
    """
    return _shortened(_quoted(key, safe="").replace("%", "="), key, "=", digits=32, kept=100)


def _quoted(key: str, safe: str) -> str:
    return re.sub("[.~]", lambda match: f"%{ord(match[0]):02X}", quote(key, safe, errors="surrogatepass"))


def _shortened(escaped: str, key: str, mark: str, *, digits: int, kept: int) -> str:
    if len(escaped) <= _LONGEST:
        return escaped
    return f"{escaped[:kept]}{mark}{hashlib.sha256(key.encode(errors='surrogatepass')).hexdigest()[:digits]}"
