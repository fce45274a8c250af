"""A small language of conditions over named numbers: `blockiness < 30 and not duplicate`.

It has comparisons (also in chains, `50 < laplacian < 3000`), `and`, `or`, `not`, parentheses, numbers, and
the names of numbers and flags. It is read by Python's own parser, and nothing of it is ever run: whatever is
not in this list is refused. pandas' `query` calls functions and reads attributes as well, and neither that
nor numexpr tells which part of a condition a row does not meet.
"""

from __future__ import annotations

import ast
import operator
import re
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, reduce
from itertools import pairwise
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from srdata.errors import UsageError, nearest

Flags = NDArray[np.bool_]
Columns = Mapping[str, NDArray[Any]]  # a number, or whether a flag is set, for each image

_LONGEST = 2000  # letters
_LARGEST = 1e300
_COMPARISONS: dict[type[ast.cmpop], tuple[str, Callable[[Any, Any], Any]]] = {
    ast.Lt: ("<", operator.lt),
    ast.LtE: ("<=", operator.le),
    ast.Gt: (">", operator.gt),
    ast.GtE: (">=", operator.ge),
    ast.Eq: ("==", operator.eq),
    ast.NotEq: ("!=", operator.ne),
}
_EXAMPLE = "write comparisons such as blockiness < 30, joined by and, or, not"


@dataclass(frozen=True)
class Condition:
    """A condition that was read; `text` is its one spelling, whatever spaces it was written with."""

    text: str

    @cached_property
    def _tree(self) -> ast.expr:
        return ast.parse(self.text, mode="eval").body

    @property
    def names(self) -> tuple[str, ...]:
        """The names in it, in the order in which they stand."""
        return _names(self._tree)

    def holds(self, columns: Columns) -> Flags:
        """Whether it holds for each row."""
        rows = len(next(iter(columns.values())))
        held: Flags = np.broadcast_to(np.asarray(_value(self._tree, columns), bool), (rows,))
        return held

    @property
    def parts(self) -> tuple[Condition, ...]:
        """What has to hold together, in the order in which it stands."""
        return tuple(Condition(_spelled(part)) for part in _parts(self._tree))

    @property
    def thresholds(self) -> list[tuple[str, float]]:
        """Each number that a name is compared with."""
        found: dict[tuple[str, float], None] = {}
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Compare):
                for one, other in pairwise([node.left, *node.comparators]):
                    name, number = (one, other) if isinstance(one, ast.Name) else (other, one)
                    if isinstance(name, ast.Name) and not isinstance(number, ast.Name):
                        found[name.id, float(_value(number, {}))] = None
        return sorted(found, key=lambda bound: self.names.index(bound[0]))

    @property
    def flag(self) -> str:
        """What something is that this leaves out: duplicate, of `not duplicate`; "" of other conditions."""
        match self._tree:
            case ast.UnaryOp(op=ast.Not(), operand=ast.Name(id=name)):
                return name
            case ast.Name(id=name):
                return f"not {name}"
        return ""


def read_condition(text: str, known: Iterable[str], flags: Iterable[str] = ()) -> Condition:
    """The condition that `text` is, over `known` numbers, and `flags`, which stand for themselves.

    Raises UsageError that says at which column what is wrong, with the nearest name.

    >>> read_condition("50<laplacian  and (not grey)", ["laplacian"], ["grey"]).text
    '50 < laplacian and not grey'
    """
    if len(text) > _LONGEST:
        raise UsageError(f"the condition has {len(text)} letters, more than {_LONGEST}: make it shorter")
    line = " ".join(text.split())
    if "#" in line:  # Python would leave out what comes after it, also what stood on other lines
        raise UsageError(f"column {line.index('#') + 1}: a condition has no comments: {_EXAMPLE}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of 1and: it is read, or refused
            tree = ast.parse(line, mode="eval").body
    except SyntaxError as error:
        column = min(error.offset or len(line) + 1, len(line) + 1)
        raise UsageError(f"column {column}: {line!r} cannot be read there: {_EXAMPLE}") from error
    except (ValueError, MemoryError, RecursionError) as error:
        raise UsageError(f"the condition cannot be read: {_EXAMPLE}") from error
    _Check(line, tuple(known), tuple(flags)).truth(tree)
    return Condition(_spelled(tree))


@dataclass(frozen=True)
class _Check:
    """Refuses what is not of the language."""

    line: str
    known: tuple[str, ...]
    flags: tuple[str, ...]

    def truth(self, node: ast.expr) -> None:
        """A part that is true or false."""
        match node:
            case ast.BoolOp(values=values):
                for value in values:
                    self.truth(value)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                self.truth(operand)
            case ast.Compare(left=left, ops=ops, comparators=others):
                for one in (left, *others):
                    self.number(one)
                if odd := [op for op in ops if type(op) not in _COMPARISONS]:
                    self.refuse(node, f"{type(odd[0]).__name__} is no comparison of numbers")
                if not _names(node):
                    self.refuse(node, "compares numbers alone")
            case ast.Name(id=name) if name in self.flags:
                pass
            case ast.Name(id=name) if name in self.known:
                self.refuse(node, f"{name} is a number: compare it, as {name} > 0")
            case ast.Name():
                self.unknown(node)
            case _:
                self.refuse(node, _EXAMPLE)

    def number(self, node: ast.expr) -> None:
        """A part that is a number."""
        match node:
            case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
                if not abs(value) <= _LARGEST:
                    self.refuse(node, f"numbers go to {_LARGEST:g}: write a smaller one")
            case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=ast.Constant() as operand):
                self.number(operand)
            case ast.Name(id=name) if name in self.known:
                pass
            case ast.Name(id=name) if name in self.flags:
                self.refuse(node, f"{name} is so or not: write {name}, or not {name}")
            case ast.Name():
                self.unknown(node)
            case _:
                self.refuse(node, "there must be a number or the name of a score")

    def unknown(self, node: ast.Name) -> NoReturn:
        names = sorted({*self.known, *self.flags})
        self.refuse(node, f"unknown score {node.id!r}{nearest(node.id, names)} (known: {', '.join(names)})")

    def refuse(self, node: ast.expr, why: str) -> NoReturn:
        column = len(self.line.encode()[: node.col_offset].decode(errors="replace")) + 1
        raise UsageError(f"column {column}: {why}")


def _names(tree: ast.expr) -> tuple[str, ...]:
    found = sorted(
        (node for node in ast.walk(tree) if isinstance(node, ast.Name)), key=lambda node: node.col_offset
    )
    return tuple(dict.fromkeys(node.id for node in found))


def _parts(tree: ast.expr) -> list[ast.expr]:
    """What has to hold together."""
    if isinstance(tree, ast.BoolOp) and isinstance(tree.op, ast.And):
        return [part for value in tree.values for part in _parts(value)]
    return [tree]


def _value(node: ast.expr, row: Mapping[str, Any]) -> Any:
    match node:
        case ast.BoolOp(op=op, values=values):
            join = np.logical_and if isinstance(op, ast.And) else np.logical_or
            return reduce(join, [_value(value, row) for value in values])
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return np.logical_not(_value(operand, row))
        case ast.UnaryOp(op=op, operand=operand):
            return -_value(operand, row) if isinstance(op, ast.USub) else _value(operand, row)
        case ast.Compare(left=left, ops=ops, comparators=others):
            sides = [_value(one, row) for one in (left, *others)]
            held = [_COMPARISONS[type(op)][1](*pair) for op, pair in zip(ops, pairwise(sides), strict=True)]
            return reduce(np.logical_and, held)
        case ast.Name(id=name):
            return row[name]
        case ast.Constant(value=value):
            return value
    raise TypeError(type(node).__name__)


def _spelled(node: ast.expr, within: type[ast.AST] | None = None) -> str:
    """A part in the one way in which it is written; Python's own differs from version to version."""
    match node:
        case ast.BoolOp(op=op, values=values):
            word = " and " if isinstance(op, ast.And) else " or "
            text = word.join(_spelled(value, type(op)) for value in values)
            return f"({text})" if within is not None else text
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return f"not {_spelled(operand, ast.Not)}"
        case ast.Compare(left=left, ops=ops, comparators=others):
            sides = (
                f" {_COMPARISONS[type(op)][0]} {_spelled(other)}"
                for op, other in zip(ops, others, strict=True)
            )
            text = _spelled(left) + "".join(sides)
            return f"({text})" if within is ast.Not else text
        case ast.Name(id=name):
            return name
    return number_text(_value(node, {}))


def number_text(value: float) -> str:
    """A number in as few digits as tell it.

    >>> number_text(12.50), number_text(512.0)
    ('12.5', '512')
    """
    return re.sub(r"\.0$", "", repr(float(value)))
