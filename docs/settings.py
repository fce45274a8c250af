"""The settings of an op as YAML, with the comments that stand beside its fields in the code."""

from __future__ import annotations

import ast
import inspect
import io
import textwrap
import tokenize
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from docs.shown import needed
from srdata.degrade.model.op import Op, name_of


def as_yaml(kind: type[Op]) -> str:
    """Every setting of an op with its default (or a value that it needs), as a step of a recipe."""
    lines = [f"op: {name_of(kind)}"]
    comments = comments_of(kind)
    for name, field in kind.model_fields.items():
        if name != "op":
            lines += _setting(kind, name, field, comments.get(name, ""))
    return "\n".join(lines)


def _setting(kind: type[Op], name: str, field: FieldInfo, comment: str) -> list[str]:
    value = needed(kind).get(name, None if field.is_required() else field.default)
    text = _plain({name: _short(value)}).splitlines()
    names = _alternatives(field.annotation)
    told = [comment] if comment else []
    if names and set(names) != set(value if isinstance(value, dict) else [value]):
        told.append("of " + ", ".join(names))
    return [f"{text[0]}  # {'; '.join(told)}" if told else text[0], *text[1:]]


def _plain(setting: dict[str, Any]) -> str:
    """A setting as YAML, in a line unless it holds lists of lists."""
    text = yaml.safe_dump(setting, default_flow_style=None, sort_keys=False, width=1000).strip()
    return text[1:-1] if text.startswith("{") else text


def _short(value: Any) -> Any:
    """A value as a user writes it: one number for a range of one, names for odds that are equal."""
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if isinstance(value, tuple):
        return (
            _short(value[0]) if len(value) == 2 and value[0] == value[1] else [_short(one) for one in value]
        )
    if isinstance(value, dict) and len(set(value.values())) == 1:
        return list(value) if len(value) > 1 else next(iter(value))
    return value


def _alternatives(annotation: Any) -> list[str]:
    """The texts that a setting admits."""
    if get_origin(annotation) is Literal:
        return [one for one in get_args(annotation) if isinstance(one, str)]
    return [name for part in get_args(annotation) for name in _alternatives(part)]


def comments_of(kind: type[BaseModel]) -> dict[str, str]:
    """What stands beside the fields of a model in its code, by the name of the field."""
    bases = [base for base in reversed(kind.__mro__) if issubclass(base, BaseModel) and base is not BaseModel]
    return {name: told for base in bases for name, told in _of(base)}


def _of(kind: type[BaseModel]) -> Iterator[tuple[str, str]]:
    """The fields of a class, each with the comments on its lines."""
    source = textwrap.dedent(inspect.getsource(kind))
    beside = {
        token.start[0]: token.string.lstrip("# ")
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }
    code = [line.strip() for line in source.splitlines()]
    [body] = ast.parse(source).body
    for node in ast.walk(body):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            lines = range(node.lineno, (node.end_lineno or node.lineno) + 1)
            above = [text.lstrip("# ") for text in code[node.lineno - 2 : node.lineno - 1] if text[:1] == "#"]
            told = [beside[line] for line in lines if line in beside] or above
            yield node.target.id, " ".join(told)
