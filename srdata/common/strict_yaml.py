"""YAML files written by people, read strictly, with the line of every value kept for error messages.

A small and unsurprising part of YAML is read. Aliases, anchors and tags are refused, as are duplicate keys,
files over 1 MiB and nesting over 64 deep. `true`/`false`, `null` and plain decimal numbers mean that;
everything else is text, so `no`, `12:30`, `1_000` and `0801` never turn into false, 750, 1000 and 801.
Keys are always text.

On PyYAML's nodes, which all installations have: ruamel.yaml reads numbers and words as wanted and keeps lines
too, but what is refused here would have to be refused on its nodes as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import yaml

from srdata.common.documents import Document, Place, Value, place_text, plain_scalar
from srdata.errors import RecipeError

LARGEST_FILE_BYTES = 1 << 20
DEEPEST = 64


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
