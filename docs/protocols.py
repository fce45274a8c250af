"""The tables of docs/evaluation.md."""

from __future__ import annotations

from srdata.metrics.measures import MEASURES, ROLES
from srdata.metrics.protocols import PROTOCOLS, Protocol


def protocols() -> str:
    """A row for each protocol."""
    head = _row("name", "what it does", "border", "SSIM", "source")
    return "\n".join([head, _row(*["---"] * 5), *map(_protocol, PROTOCOLS.values())])


def _protocol(one: Protocol) -> str:
    return _row(f"`{one.name}`", one.what, str(one.border), "yes" if one.ssim else "", one.source)


def measures() -> str:
    """A row for each measure."""
    rows = [
        _row(f"`{one.name}`", one.what, ", ".join(f"`{role}`" for role in one.needs), one.source)
        for one in MEASURES.values()
    ]
    return "\n".join([_row("name", "what it is", "weights", "source"), _row(*["---"] * 4), *rows])


def weights() -> str:
    """A row for each role of a file of weights."""
    rows = [_row(f"`{role}`", meaning) for role, meaning in ROLES.items()]
    return "\n".join([_row("role", "file"), _row("---", "---"), *rows])


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
