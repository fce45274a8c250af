"""Whether there is room for what is to be written, before the first byte of work."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from srdata.common.files import PART
from srdata.errors import StorageFullError


def _all() -> float:
    return 1.0


@dataclass(frozen=True)
class Need:
    """The bytes of what is to be written: raw, and the share of them that a codec leaves.

    The share costs some work, and is asked for only where the raw bytes have no room.
    """

    raw: int
    share: Callable[[], float] = _all


def check_room(path: Path, need: Need, option: str | None = None) -> None:
    """Raise StorageFullError where more is needed at `path` than is free; `option` names another place."""
    if (problem := why_no_room(path, need)) is not None:
        other = f", or give another {option}" if option else ""
        raise StorageFullError(f"no room for {path}: {problem}: free some space{other}")


def why_no_room(path: Path, need: Need) -> str | None:
    """What is wrong where more is needed at `path` than is free or was written there by an earlier run.

    What that left in folders beside `path` is taken up or deleted.
    """
    free = free_bytes(path)
    if need.raw <= free:
        return None
    needed = round(need.raw * need.share())
    places = [path, *path.parent.glob(f"{path.name}{PART}*")]
    there = [one for place in places for one in place.rglob("*") if one.is_file()]
    if needed <= free + sum(one.stat().st_size for one in there):
        return None
    return f"it takes about {readable_bytes(needed)}, and {readable_bytes(free)} are free"


def free_bytes(path: Path) -> int:
    """The free bytes where `path` is, or will be."""
    place = path.absolute()
    return shutil.disk_usage(next(one for one in (place, *place.parents) if one.exists())).free


def readable_bytes(count: int | None) -> str:
    """A number of bytes for people: 3.53 GB."""
    from tqdm import tqdm  # takes long, and is needed where there is something to tell

    return "unknown size" if count is None else tqdm.format_sizeof(count, "B", 1000)
