"""Settings as YAML, with a comment at each value on where it came from.

PyYAML writes no comments; ruamel.yaml, which does, would be a dependency for this alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from srdata.common.documents import plain_scalar
from srdata.option_files.option_section import Said

LONGEST = 140  # characters of a mapping on one line
_BARE = re.compile(r"[A-Za-z0-9_./][A-Za-z0-9_./+-]*( [A-Za-z0-9_./+-]+)*")


def as_yaml(settings: Mapping[str, Any]) -> str:
    """The text of settings: mappings and lists of values, each of which may be `Said`."""
    return "\n".join(_mapping(settings, "")) + "\n"


def comment(text: str) -> str:
    """Text as it may stand in a comment: on one line."""
    return "".join(sign if sign.isprintable() else " " for sign in text)


def _mapping(entries: Mapping[str, Any], pad: str) -> Iterator[str]:
    for key, given in entries.items():
        value, note = _parted(given)
        if _flat(value):
            yield f"{pad}{key}: {_flow(value)}{note}"
        else:
            yield f"{pad}{key}:{note}"
            yield from _block(value, f"{pad}  ")


def _block(value: Any, pad: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        yield from _mapping(value, pad)
        return
    for one in value:
        item, note = _parted(one)
        if _flat(item):
            yield f"{pad}- {_flow(item)}{note}"
        else:
            lines = list(_block(item, f"{pad}  "))
            yield f"{pad}- {lines[0].removeprefix(pad + '  ')}"
            yield from lines[1:]


def _parted(given: Any) -> tuple[Any, str]:
    return (given.value, f" # {comment(given.origin)}") if isinstance(given, Said) else (given, "")


def _flat(value: Any) -> bool:
    """Whether a value stands on one line: it holds nothing that has a comment, and no mapping in another."""
    if isinstance(value, Mapping):
        plain = all(_flat(one) and not isinstance(one, Said | Mapping) for one in value.values())
        return plain and len(_flow(value)) <= LONGEST
    if isinstance(value, list):
        return all(not isinstance(one, Said | Mapping | list) for one in value)
    return True


def _flow(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_flow(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return _text(value) if isinstance(value, str) else json.dumps(value)


def _text(value: str) -> str:
    if _BARE.fullmatch(value) and plain_scalar(value) == value:
        return value
    return yaml.safe_dump(value, default_style='"', allow_unicode=True, width=1 << 20).strip()
