"""The tables of docs/augmentations.md."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Mapping
from typing import Any

from srdata.augment import AUGMENTATIONS, PRESETS, Augmentation
from srdata.augment.presets import Preset


def augmentations() -> str:
    """A row for each augmentation, from its docstring and its settings."""
    head = ["| name | what it does | settings | drawn | HR and LR | source |", "|---|---|---|---|---|---|"]
    return "\n".join([*head, *(_row(name, kind) for name, kind in AUGMENTATIONS.items())])


def _row(name: str, kind: type[Augmentation]) -> str:
    text = inspect.cleandoc(str(kind.__doc__))
    meaning, *rest = (" ".join(part.split()) for part in re.split(r"\n(?:Draws|Alignment|Source): ", text))
    settings = [_setting(field, info) for field, info in kind.model_fields.items() if field != "augment"]
    return _cells(f"`{name}`", meaning, ", ".join(settings), *rest)


def _cells(*texts: str) -> str:
    return f"| {' | '.join(texts)} |"


def _setting(name: str, info: Any) -> str:
    return f"`{name}`" if info.is_required() else f"`{name}: {_plain(info.default)}`"


def presets() -> str:
    """A row for each preset."""
    return "\n".join(
        ["| name | what it does | written out | code |", "|---|---|---|---|", *map(_preset, PRESETS)]
    )


def _preset(name: str) -> str:
    preset: Preset = PRESETS[name]
    steps = "<br>".join(f"`{_plain(step)}`" for step in preset.steps)
    link = f"https://github.com/{preset.repository}/tree/{preset.commit}"
    source = f"[{preset.repository} @ {preset.commit[:7]}]({link}), {preset.files}"
    return _cells(f"`{name}`", preset.title, steps, source)


def _plain(value: Any) -> str:
    """A value as a line of YAML."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_plain(one)}" for key, one in value.items() if one is not None) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_plain, value)) + "]"
    return (
        value if isinstance(value, str) else f"{value:g}" if isinstance(value, float) else json.dumps(value)
    )
