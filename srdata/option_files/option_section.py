"""The options at one place of a file: checked as they are taken, and remembered, so that none is lost."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, NoReturn, TypeVar

from srdata.common.documents import Document, Place, place_text
from srdata.common.wording.amounts import how_many
from srdata.errors import RecipeError, UsageError
from srdata.scale import Scale

T = TypeVar("T")
Kind = Callable[[Any], T]  # the value as what it must be; raises ValueError


class Said(NamedTuple):
    """A value, and what in the option file says it."""

    value: Any
    origin: str


class Section:
    """Options by name; those of None count as not given, as the trainers have it."""

    def __init__(self, document: Document, *place: str) -> None:
        self.document, self.place = document, place
        entries: Any = document.data
        for depth, name in enumerate(place):
            entries = entries.get(name)
            if not isinstance(entries, dict):
                self._refuse(place[: depth + 1], "must be names with values")
        self.entries: dict[str, Any] = entries
        self.taken: set[str] = set()

    def has(self, name: str) -> bool:
        """Whether there is such an option."""
        return self.entries.get(name) is not None

    def named(self, name: str) -> str:
        """The option as people write it: datasets.train.gt_size."""
        return place_text((*self.place, name))

    def find(self, name: str, kind: Kind[Any]) -> Said | None:
        """An option as a `kind`, None where it is not given; RecipeError where it is no such thing."""
        self.taken.add(name)
        if not self.has(name):
            return None
        value = self.entries[name]
        try:
            return Said(kind(value), self.named(name))
        except ValueError as error:
            self.refuse(name, f"{error}, not {_shown(value)}")

    def take(self, name: str, kind: Kind[Any], hint: str = "") -> Said:
        """The same of an option that must be given."""
        found = self.find(name, kind)
        return self.refuse(name, f"is missing{hint}") if found is None else found

    def refuse(self, name: str, what: str) -> NoReturn:
        """Raise RecipeError that says of an option what is wrong."""
        self._refuse((*self.place, name), what)

    def _refuse(self, place: Place, what: str) -> NoReturn:
        raise RecipeError([self.document.problem(place, what)])

    def rest(self) -> Iterator[str]:
        """The names of the options that were not taken, and that hold something."""
        return (name for name in self.entries if name not in self.taken and self.has(name))


def whole(value: Any) -> int:
    """A whole number from 1."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value < 1 << 31:
        raise ValueError("must be a whole number from 1")
    return value


def number(value: Any) -> int | float:
    """A finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError("must be a number")
    return value


def share(value: Any) -> int | float:
    """A probability."""
    if not 0 <= number(value) <= 1:
        raise ValueError("must be a number from 0 to 1")
    return number(value)


def factor(value: Any) -> int | float:
    """HR size over LR size."""
    try:
        Scale(number(value))
    except UsageError as error:
        raise ValueError(str(error)) from error
    return number(value)


def weight(value: Any) -> int | float:
    """A number from 0."""
    if number(value) < 0:
        raise ValueError("must be a number from 0")
    return number(value)


def truth(value: Any) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def text(value: Any) -> str:
    """Some text of a line."""
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise ValueError("must be a line of text")
    return value


def word(value: Any) -> str:
    """A name, which may be a number."""
    return text(value) if isinstance(value, str) else str(number(value))


def texts(value: Any) -> list[str]:
    """A list of texts, or one text."""
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list) or not listed:
        raise ValueError("must be text or a list of texts")
    return [text(one) for one in listed]


def numbers(count: int | None = None, of: Kind[Any] = number) -> Kind[list[Any]]:
    """A list of so many numbers."""

    def check(value: Any) -> list[Any]:
        if not isinstance(value, list) or not value or (count is not None and len(value) != count):
            raise ValueError(f"must be a list of {how_many(count, 'number') if count else 'some numbers'}")
        return [of(one) for one in value]

    return check


def among(choices: Sequence[str]) -> Kind[list[str]]:
    """A list of some of these words."""

    def check(value: Any) -> list[str]:
        if unknown := [one for one in texts(value) if one not in choices]:
            raise ValueError(f"{unknown[0]} is none of {', '.join(choices)}: a list of these is needed")
        return texts(value)

    return check


def _shown(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:60]} …"
