"""From an option file to its values: YAML, TOML, or JSON with // comments, as the trainers read them.

YAML is read as PyYAML has it (`yes` is true, `!!float 2e-4` a number), but of tags only those of plain values
are known: nothing is ever constructed. Anchors, aliases, keys that stand twice among the data sets, files
over 1 MiB (64 KiB of TOML) and nesting over 64 deep are refused. On the events of PyYAML, and not by its
`safe_load`, which forgets the line of a value and which keys stood twice.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable
from datetime import date, time
from pathlib import Path
from typing import Any

import yaml

from srdata.common.documents import Document, Place, Value
from srdata.common.strict_yaml import DEEPEST, YamlWalk, parse_yaml, plain_text, read_bytes
from srdata.errors import RecipeError, UsageError

LARGEST_TOML_BYTES = 1 << 16  # names of many parts take tomllib a time by the square of their length
LONGEST_NUMBER = 100  # characters; one such as 1:59:59 of many parts takes its time
_CORE = "tag:yaml.org,2002:"
# A string that does not end is taken to the end of the file, or each of its quotes would begin anew.
_STRING_OR_COMMENT = re.compile(r'("(?:\\[\s\S]|[^"\\])*(?:"|\\?\Z))|//[^\n]*')


def read_options(path: Path) -> Document:
    """The values in an option file, by its suffix; RecipeError says what is wrong, and where."""
    readers: dict[str, Callable[[bytes, Path], Document]] = {
        ".yml": _yaml,
        ".yaml": _yaml,
        ".json": _json,
        ".toml": _toml,
    }
    if path.suffix.lower() not in readers:
        raise UsageError(f"{path} is no option file by its name: give one that ends in {', '.join(readers)}")
    document = readers[path.suffix.lower()](read_bytes(path), path)
    if not isinstance(document.data, dict):
        raise RecipeError([document.problem((), "holds no options: it must be names with values")])
    return document


class _AsPyYaml(YamlWalk):
    """Plain words mean what PyYAML, which the trainers use, takes them for."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._resolver = yaml.resolver.Resolver()
        made = yaml.constructor.SafeConstructor()
        self._made: dict[str, Callable[[yaml.ScalarNode], Any]] = {
            "bool": made.construct_yaml_bool,
            "int": made.construct_yaml_int,
            "float": made.construct_yaml_float,
            "null": made.construct_yaml_null,
            "str": made.construct_yaml_str,
        }

    def admits(self, tag: str | None) -> bool:
        return tag is None or tag == "!" or tag.removeprefix(_CORE) in {*self._made, "map", "seq"}

    def check_plain(self, event: yaml.Event, place: Place) -> None:
        super().check_plain(event, place)
        if isinstance(event, yaml.ScalarEvent) and event.value == "<<" and event.implicit[0]:
            self.refuse(event, place, "merge keys are refused; write the values out")

    def repeated(self, event: yaml.Event, place: Place) -> None:
        if len(place) == 1 or place[0] == "datasets":  # elsewhere the last one holds, as they have it
            super().repeated(event, place)

    def scalar(self, event: yaml.ScalarEvent, place: Place) -> Value:
        tag = event.tag
        if len(event.value) > LONGEST_NUMBER:
            return str(event.value)
        if tag is None or tag == "!":
            tag = self._resolver.resolve(yaml.ScalarNode, event.value, event.implicit)  # type: ignore[no-untyped-call]  # PyYAML does not type it
        make = self._made.get(str(tag).removeprefix(_CORE))
        try:
            return make(yaml.ScalarNode(tag, event.value)) if make else str(event.value)
        except (ValueError, KeyError, IndexError):
            self.refuse(event, place, f"{event.value[:40]!r} is no {str(tag).removeprefix(_CORE)}")
            return None


def _yaml(content: bytes, path: Path) -> Document:
    return parse_yaml(content, path, _AsPyYaml)


def _json(content: bytes, path: Path) -> Document:
    text = _STRING_OR_COMMENT.sub(lambda found: found[1] or "", plain_text(content, path))
    try:
        data = json.loads(text, object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        raise RecipeError([f"{path}:{error.lineno}: is no JSON: {error.msg}"]) from error
    except (ValueError, RecursionError) as error:
        raise RecipeError([f"{path}: {_reason(error)}"]) from error
    return Document(path, _shallow(data, path))


def _toml(content: bytes, path: Path) -> Document:
    if len(content) > LARGEST_TOML_BYTES:
        raise RecipeError([f"{path}: is larger than {LARGEST_TOML_BYTES} bytes"])
    try:
        data = tomllib.loads(plain_text(content, path))
    except tomllib.TOMLDecodeError as error:
        raise RecipeError([f"{path}: is no TOML: {error}"]) from error
    except (ValueError, RecursionError) as error:
        raise RecipeError([f"{path}: {_reason(error)}"]) from error
    return Document(path, _shallow(data, path))


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice!r} stands here twice; remove one of them")
    return found


def _reason(error: Exception) -> str:
    return f"is nested deeper than {DEEPEST}" if isinstance(error, RecursionError) else str(error)


def _shallow(data: Any, path: Path, depth: int = 0) -> Any:
    """The same, with dates as text; RecipeError where it is nested too deep."""
    if depth > DEEPEST:
        raise RecipeError([f"{path}: is nested deeper than {DEEPEST}"])
    if isinstance(data, dict):
        return {key: _shallow(value, path, depth + 1) for key, value in data.items()}
    if isinstance(data, list):
        return [_shallow(value, path, depth + 1) for value in data]
    return str(data) if isinstance(data, date | time) else data
