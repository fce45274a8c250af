"""YAML files written by people, read strictly, with the line of every value kept for error messages.

A small and unsurprising part of YAML is read. Aliases, anchors and tags are refused, as are duplicate keys,
files over 1 MiB and nesting over 64 deep. `true`/`false`, `null` and plain decimal numbers mean that;
everything else is text, so `no`, `12:30`, `1_000` and `0801` never turn into false, 750, 1000 and 801.
Keys are always text.

On PyYAML's nodes, which all installations have: ruamel.yaml reads numbers and words as wanted and keeps lines
too, but what is refused here would have to be refused on its nodes as well.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn, TypeVar

import pydantic
import yaml

from srdata.common.validation_messages import Place, Value, mistakes
from srdata.errors import RecipeError

LARGEST_FILE_BYTES = 1 << 20
DEEPEST = 64

M = TypeVar("M", bound=pydantic.BaseModel)

_WHOLE, _EXPONENT = "(?:0|[1-9][0-9]*)", "(?:[eE][-+]?[0-9]+)"
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(rf"[-+]?(?:{_WHOLE}{_EXPONENT}|(?:{_WHOLE}\.[0-9]*|\.[0-9]+){_EXPONENT}?)")
_WORDS: Mapping[str, bool | float | None] = {
    "": None,
    "~": None,
    "null": None,
    "true": True,
    "false": False,
    ".inf": float("inf"),
    "-.inf": float("-inf"),
}


@dataclass(frozen=True)
class Document:
    """The values of a YAML file, and the line (from 1) at which the value at each place starts."""

    path: Path
    data: Value
    lines: Mapping[Place, int] = field(default_factory=dict)

    def line(self, place: Place) -> int | None:
        """The line of the value at `place`, or of what holds it; None if the data came from no file."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place)

    def problem(self, place: Place, what: str) -> str:
        """One line of an error: `file:line: place: what`."""
        line = self.line(place)
        where = f"{self.path}:{line}" if line else str(self.path)
        return f"{where}: {place_text(place)}: {what}" if place else f"{where}: {what}"


def place_text(place: Place) -> str:
    """A place as people write it.

    >>> place_text(("degradation", "chain", 2, "sigma"))
    'degradation.chain[2].sigma'
    """
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place)
    return text.removeprefix(".")


def every_mapping(data: Value, place: Place = ()) -> Iterator[tuple[Place, dict[str, Value]]]:
    """Each mapping in `data` and its place, from the outside in.

    >>> [place_text(place) for place, _ in every_mapping({"steps": [{"op": "jpeg"}]})]
    ['', 'steps[0]']
    """
    if isinstance(data, dict):
        yield place, data
        for name, value in data.items():
            yield from every_mapping(value, (*place, name))
    elif isinstance(data, list | tuple):
        for number, item in enumerate(data):
            yield from every_mapping(item, (*place, number))


def read_yaml(path: Path) -> Document:
    """The YAML file at `path`; RecipeError if it cannot be read, is no YAML or uses what is refused."""
    return parse_yaml(read_bytes(path), path)


def read_bytes(path: Path) -> bytes:
    """What a file holds, as far as one may be large and a byte beyond; RecipeError if it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(LARGEST_FILE_BYTES + 1)
    except OSError as error:
        raise RecipeError([f"{path}: cannot be read: {error.strerror}"]) from error


def parse_yaml(content: bytes, path: Path, kind: type[YamlWalk] | None = None) -> Document:
    """The document that `content` holds, read by `kind`; `path` is only named in errors."""
    reading = (kind or YamlWalk)(path)
    try:
        data = reading.whole(yaml.parse(plain_text(content, path), Loader=yaml.CSafeLoader))
    except yaml.YAMLError as error:
        raise RecipeError([_syntax_problem(path, error)]) from error
    if reading.problems:
        raise RecipeError(reading.problems)
    return Document(path, data, reading.lines)


def plain_text(content: bytes, path: Path) -> str:
    """The text of a file of a bounded size in UTF-8; RecipeError for any other."""
    if len(content) > LARGEST_FILE_BYTES:
        raise RecipeError([f"{path}: is larger than {LARGEST_FILE_BYTES} bytes"])
    if content.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in content:
        raise RecipeError([f"{path}: is not plain text in UTF-8; save it as UTF-8"])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise RecipeError([f"{path}:{line}: is not UTF-8; save it as UTF-8"]) from error


def _syntax_problem(path: Path, error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"{path}:{error.problem_mark.line + 1}: is no YAML: {error.problem}"
    return f"{path}: is no YAML: {' '.join(str(error).split())}"


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1


class YamlWalk:
    """One walk over the events of a YAML file: collects lines and problems on its way."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: dict[Place, int] = {}
        self.problems: list[str] = []

    def whole(self, events: Iterator[yaml.Event]) -> Value:
        documents: list[Value] = []
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                if documents:
                    self.refuse(event, (), "starts a second document; a file holds one")
                documents.append(self.value(events, next(events), ()))
        return documents[0] if documents else None

    def refuse(self, event: yaml.Event, place: Place, what: str) -> None:
        where = f"{self.path}:{_line(event)}"
        self.problems.append(f"{where}: {place_text(place)}: {what}" if place else f"{where}: {what}")

    def stop(self, event: yaml.Event, place: Place, what: str) -> NoReturn:
        self.refuse(event, place, what)
        raise RecipeError(self.problems)

    def value(self, events: Iterator[yaml.Event], event: yaml.Event, place: Place) -> Value:
        self.lines.setdefault(place, _line(event))
        if len(place) > DEEPEST:
            self.stop(event, (), f"is nested deeper than {DEEPEST}")
        self.check_plain(event, place)
        if isinstance(event, yaml.SequenceStartEvent):
            return self.sequence(events, place)
        if isinstance(event, yaml.MappingStartEvent):
            return self.mapping(events, place)
        if isinstance(event, yaml.ScalarEvent):
            return self.scalar(event, place)
        return None  # an alias, refused above

    def scalar(self, event: yaml.ScalarEvent, place: Place) -> Value:
        return plain_scalar(event.value) if event.implicit[0] else str(event.value)

    def check_plain(self, event: yaml.Event, place: Place) -> None:
        if isinstance(event, yaml.NodeEvent) and event.anchor is not None:
            self.refuse(
                event, place, f"anchors and aliases ({event.anchor}) are refused; write the value out"
            )
        if isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent) and not self.admits(event.tag):
            self.refuse(event, place, f"the tag {event.tag} is refused; write the plain value")

    def admits(self, tag: str | None) -> bool:
        return tag is None

    def repeated(self, event: yaml.Event, place: Place) -> None:
        self.refuse(event, place, "stands here twice; remove one of them")

    def sequence(self, events: Iterator[yaml.Event], place: Place) -> list[Value]:
        items: list[Value] = []
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            items.append(self.value(events, event, (*place, len(items))))
        return items

    def mapping(self, events: Iterator[yaml.Event], place: Place) -> dict[str, Value]:
        entries: dict[str, Value] = {}
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                self.stop(event, place, "a key must be a plain word")
            key = str(event.value)
            self.check_plain(event, (*place, key))
            if key in entries:
                self.repeated(event, (*place, key))
            self.lines[*place, key] = _line(event)
            entries[key] = self.value(events, next(events), (*place, key))
        return entries


def plain_scalar(text: str) -> Value:
    """What an unquoted word of YAML means here.

    >>> [plain_scalar(word) for word in ("4", "0.5", "1e-3", "true", "null", "no", "12:30", "1_000", "0801")]
    [4, 0.5, 0.001, True, None, 'no', '12:30', '1_000', '0801']
    """
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


def check(model: type[M], document: Document, folder: Path | None = None) -> M:
    """`document` as a `model`, by strict types; RecipeError with all problems, line and nearest name.

    Models find the folder of a file (or else `folder`) in the validation context "folder", to which paths in
    it are relative.
    """
    folder = document.path.parent if document.lines else folder
    context = {"folder": folder} if folder is not None else None
    try:
        return model.model_validate_json(json.dumps(document.data), strict=True, context=context)
    except pydantic.ValidationError as error:
        found = mistakes(error, document.data, model.model_json_schema())
        found.sort(key=lambda mistake: document.line(mistake[0]) or 0)
        raise RecipeError([document.problem(place, what) for place, what in found]) from error
