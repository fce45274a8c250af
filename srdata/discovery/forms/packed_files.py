"""Files that hold images and have to be unpacked before any can be seen: archives, whole or split."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

_SPLIT = re.compile(
    r".+\.(?:zip|7z|rar|tar|tgz|gz|bz2|xz)\.(?:\d{2,3}|[a-z]{2})|.+\.z\d\d|.+\.part\d+\.rar", re.I
)
_WHOLE = re.compile(r".+\.(?:zip|7z|rar|tgz|tar\.\w+)", re.I)


def how_to_unpack(path: Path) -> str | None:
    """What to do with an archive at `path`, or with those in that folder; None where there is none."""
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    if (part := _first(_SPLIT, files)) is not None:
        return f"{part.name} is a part of an archive that was split: put the parts together and unpack it"
    if (archive := _first(_WHOLE, files)) is not None:
        return f"{archive.name} is an archive: unpack it, or give its folder --from for a known data set"
    return None


def _first(names: re.Pattern[str], files: Iterable[Path]) -> Path | None:
    return next((one for one in files if names.fullmatch(one.name)), None)
