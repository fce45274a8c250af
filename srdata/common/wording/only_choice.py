"""The one that is meant of several things that are there."""

from __future__ import annotations

from collections.abc import Sequence

from srdata.errors import UnknownNameError, UsageError


def pick(kind: str, wanted: str | None, known: Sequence[str], where: object) -> str:
    """The wanted one of what is known, or the only one; raises UsageError when there is none or a choice."""
    if wanted is None and len(known) > 1:
        raise UsageError(f"{where} holds the {kind}s {', '.join(known)}: choose one with {kind}=")
    if wanted is not None and wanted not in known:
        raise UnknownNameError(f"{where} has no {kind} {wanted!r}, it has {', '.join(known)}")
    return wanted or known[0]
