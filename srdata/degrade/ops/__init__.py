"""The table of ops: every name that a chain may use."""

from __future__ import annotations

from srdata.degrade.op import Op, name_of

_KINDS: tuple[type[Op], ...] = ()

OPS: dict[str, type[Op]] = {name_of(kind): kind for kind in _KINDS}
