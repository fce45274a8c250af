"""Unpack an archive: all of its files, each of them checked, or nothing."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from srdata.common.files import part_name, publish_folder, storage_errors
from srdata.common.safe_names import NewNames
from srdata.errors import ArchiveError
from srdata.fetch.archive_members import ArchiveMember, damage_named, members, refuse


@dataclass(frozen=True)
class Limits:
    """What no honest archive of images needs: everything beyond is taken for a bomb."""

    members: int = 1_000_000
    member_bytes: int = 2 << 30
    total_bytes: int = 1 << 40
    ratio: int = 100  # unpacked to packed, of a member and of the whole
    small_bytes: int = 16 << 20  # up to here the ratio does not matter


def extract(archive: Path, folder: Path, limits: Limits | None = None) -> None:
    """Unpack `archive` to the new folder `folder`, which appears when every member is written and checked.

    Only regular files are written. Raises ArchiveError naming archive and member for damage, names that
    escape or collide, links, devices, encrypted members and bombs; StorageFullError or StoreError.
    """
    part = part_name(folder)
    with storage_errors(folder):
        try:
            part.mkdir(parents=True)
            _unpack(archive, part, limits or Limits())
            publish_folder(part, folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)


def _unpack(archive: Path, part: Path, limits: Limits) -> None:
    taken = NewNames()
    packed, written = archive.stat().st_size, 0
    for count, member in enumerate(members(archive), 1):
        if count > limits.members:
            raise ArchiveError(f"{archive} has more than {limits.members} members; it is not unpacked")
        if problem := taken.why_not(member.name):
            raise refuse(archive, member.name, problem)
        budget = _budget(
            limits, written, packed, packed if member.packed_bytes is None else member.packed_bytes
        )
        written += _write(archive, member, part / member.name, budget)


def _budget(limits: Limits, written: int, packed: int, member_packed: int) -> int:
    """How many bytes the next member may have, after `written` bytes of an archive of `packed` bytes."""
    by_whole = max(limits.small_bytes, limits.ratio * packed) - written
    by_member = max(limits.small_bytes, limits.ratio * member_packed)
    return min(limits.member_bytes, limits.total_bytes - written, by_whole, by_member)


def _write(archive: Path, member: ArchiveMember, path: Path, budget: int) -> int:
    """Write one member and return its bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    with damage_named(archive, member.name), member.open() as source, path.open("xb") as target:
        while chunk := source.read(member.piece_bytes):
            written += len(chunk)
            if written > budget:
                raise refuse(archive, member.name, f"unpacks to more than {budget} bytes, as a bomb does")
            target.write(chunk)
        target.flush()
        os.fsync(target.fileno())
    return written
