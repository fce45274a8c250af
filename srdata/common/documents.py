"""Values that people wrote, in a YAML file or as settings, and what is wrong with them, in the user's words.

What pydantic found is told with the place in the file, what is wrong there, and the nearest name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from srdata.errors import RecipeError, nearest

Place = tuple[str | int, ...]
Value = str | int | float | bool | None | list["Value"] | dict[str, "Value"]

M = TypeVar("M", bound=BaseModel)

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
_WANTED: Mapping[str, str] = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "string_type": "text",
    "bool_type": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "none_required": "null",
}
_TRUTHS = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}


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
    except ValidationError as error:
        found = mistakes(error, document.data, model.model_json_schema())
        found.sort(key=lambda mistake: document.line(mistake[0]) or 0)
        raise RecipeError([document.problem(place, what) for place, what in found]) from error


def mistakes(error: ValidationError, data: Value, schema: dict[str, Any]) -> list[tuple[Place, str]]:
    """Each wrong place in `data` and what is wrong there; `schema` is the JSON schema that `data` misses."""
    found: dict[Place, list[ErrorDetails]] = {}
    for detail in error.errors(include_url=False):
        if _is_echo(detail):
            continue
        found.setdefault(_place_in(data, detail), []).append(detail)
    return [(place, _what(details, schema)) for place, details in found.items()]


def _is_echo(detail: ErrorDetails) -> bool:
    """Whether a list only counts as too short since its items are wrong, as other errors say."""
    return detail["type"] == "too_short" and detail["ctx"]["actual_length"] < len(detail["input"])


def _place_in(data: Value, detail: ErrorDetails) -> Place:
    """Where in `data` an error stands: pydantic's location without the names of the alternatives it tried."""
    place: Place = ()
    for step in detail["loc"]:
        if isinstance(data, dict) and step in data:
            data = data[str(step)]
        elif isinstance(data, list) and isinstance(step, int) and step < len(data):
            data = data[step]
        else:
            continue
        place = (*place, step)
    return (*place, detail["loc"][-1]) if detail["type"] == "missing" else place


def _what(details: list[ErrorDetails], schema: dict[str, Any]) -> str:
    """What is wrong at one place; a value with several allowed types has an error for each of them."""
    if all(detail["type"] in _WANTED for detail in details):
        kinds = list(dict.fromkeys(_WANTED[detail["type"]] for detail in details))
        value = details[0]["input"]
        return f"must be {' or '.join(kinds)}, not {_shown(value)}{_hint(value, kinds)}"
    return " or ".join(dict.fromkeys(_other(detail, schema) for detail in details))


def _hint(value: object, kinds: list[str]) -> str:
    """What to write instead of the usual slips of YAML."""
    if not isinstance(value, str):
        return f"; put it in quotes: '{_shown(value)}'" if kinds == ["text"] and _is_plain(value) else ""
    if "true or false" in kinds and value.lower() in _TRUTHS:
        return f"; write {_TRUTHS[value.lower()]}"
    number = re.sub(r"^(-?)0+(?=[0-9])", r"\1", value.replace("_", ""))
    if any("number" in kind for kind in kinds) and re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", number):
        return f"; write {number}"
    return ""


def _is_plain(value: object) -> bool:
    return isinstance(value, str | int | float) or value is None


def _shown(value: object) -> str:
    if _is_plain(value):
        return json.dumps(value, ensure_ascii=False)
    return "a list" if isinstance(value, list) else "a mapping"


def _other(detail: ErrorDetails, schema: dict[str, Any]) -> str:
    match detail["type"]:
        case "missing":
            return "is missing"
        case "extra_forbidden":
            return (
                f"is not known here{nearest(str(detail['loc'][-1]), _names_at(schema, detail['loc'][:-1]))}"
            )
        case "literal_error" | "union_tag_invalid":
            return _choice(detail)
        case "union_tag_not_found":
            return f"must say which it is: {detail['ctx']['discriminator']} is missing"
        case "too_short" | "too_long" as kind:
            least, most = detail["ctx"].get("min_length"), detail["ctx"].get("max_length")
            wanted = f"at least {least}" if kind == "too_short" else f"at most {most}"
            return f"must hold {wanted}, not {detail['ctx']['actual_length']}"
        case "value_error":
            return str(detail["ctx"]["error"])
    text = detail["msg"].replace("Input should be", "must be", 1)
    return (
        text[:1].lower() + text[1:] + (f", not {_shown(detail['input'])}" if text.startswith("must") else "")
    )


def _choice(detail: ErrorDetails) -> str:
    context = detail["ctx"]
    expected = str(context.get("expected", context.get("expected_tags")))
    choices = re.findall(r"'([^']*)'", expected)
    given = context.get("tag", detail["input"])
    return (
        f"must be one of {', '.join(choices) or expected}, not {_shown(given)}{nearest(str(given), choices)}"
    )


def _names_at(schema: dict[str, Any], place: Place) -> set[str]:
    """The keys that the models at `place` of a JSON schema know."""
    candidates = _alternatives(schema, schema)
    for step in place:
        chosen = [(target, root) for one, root in candidates for target in _below(one, step)]
        candidates = [one for target, root in chosen for one in _alternatives(target, root)] or candidates
    return {name for one, _ in candidates for name in one.get("properties", {})}


def _alternatives(
    schema: dict[str, Any], root: dict[str, Any]
) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """The schemas that `schema` may stand for, each with the one that holds what it refers to."""
    root = schema if "$defs" in schema else root
    if "$ref" in schema:
        return _alternatives(root["$defs"][schema["$ref"].rpartition("/")[2]], root)
    several = [*schema.get("anyOf", []), *schema.get("oneOf", [])]
    return [(schema, root), *(found for one in several for found in _alternatives(one, root))]


def _below(schema: dict[str, Any], step: str | int) -> list[dict[str, Any]]:
    """The schemas of what stands under `step`: the alternative of that tag, an entry, an item."""
    tagged = schema.get("discriminator", {}).get("mapping", {})
    if step in tagged:
        return [target if isinstance(target := tagged[step], dict) else {"$ref": target}]
    found = [schema.get("properties", {}).get(step), schema.get("additionalProperties"), schema.get("items")]
    return [one for one in found if isinstance(one, dict)]
