"""Options as TOML: plain values first, then a table for each mapping.

The standard library reads TOML and does not write it; these lines are less than a dependency.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any


def as_toml(options: Mapping[str, Any]) -> str:
    """The text of options of plain values, lists of these, and mappings by names that need no quotes."""
    return "\n".join(_table(options, ())) + "\n"


def _table(entries: Mapping[str, Any], place: tuple[str, ...]) -> Iterator[str]:
    plain = {name: value for name, value in entries.items() if not isinstance(value, Mapping)}
    if place and plain:
        yield f"\n[{'.'.join(place)}]"
    yield from (f"{name} = {_value(value)}" for name, value in plain.items() if value is not None)
    for name, value in entries.items():
        if isinstance(value, Mapping):
            yield from _table(value, (*place, name))


def _value(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    return json.dumps(value).replace("\x7f", "\\u007f")  # JSON's text and numbers are TOML's, but for this
