"""HTML from values: every text and attribute is escaped, what is HTML already is not.

Functions, which types and tests reach, and not jinja2's templates, which they do not.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

_VOID = frozenset({"img", "input", "meta"})


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


Child = str | int | None
Attribute = str | int | float | bool | None


def el(name: str, /, *children: Child, **attributes: Attribute) -> Html:
    """An element with its children; `class_` stands for class, `data_key` for data-key.

    >>> el("p", "1 < 2 ", el("b", "yes"), title='"')
    '<p title="&quot;">1 &lt; 2 <b>yes</b></p>'
    """
    start = f"<{name}{''.join(_attribute(*one) for one in attributes.items())}>"
    return Html(start if name in _VOID else f"{start}{join(children)}</{name}>")


def join(children: Iterable[Child], between: str = "") -> Html:
    """Children one after the other; None is nothing."""
    return Html(between.join(_text(child) for child in children if child is not None))


def table(heads: Sequence[Child], rows: Iterable[Sequence[Child]], **attributes: Attribute) -> Html:
    """A table that scrolls by itself where it is wider than the page."""
    head = el("thead", el("tr", *(el("th", one, scope="col") for one in heads)))
    body = el("tbody", *(el("tr", *(el("td", one) for one in row)) for row in rows))
    return el("div", el("table", head, body, **attributes), class_="scroll", tabindex=0)


def definitions(pairs: Iterable[tuple[str, Child]], **attributes: Attribute) -> Html:
    """Words and what they stand for."""
    return el("dl", *(el("div", el("dt", word), el("dd", value)) for word, value in pairs), **attributes)


def name(text: str) -> Html:
    """A name that someone else chose, kept apart from the direction in which the text around it runs."""
    return el("bdi", text, class_="name")


def code(text: str) -> Html:
    """A block of code."""
    return el("pre", el("code", text), tabindex=0)


def _text(child: str | int) -> str:
    return child if isinstance(child, Html) else html.escape(str(child))


def _attribute(key: str, value: Attribute) -> str:
    if value is None or value is False:
        return ""
    key = key.rstrip("_").replace("_", "-")
    return f" {key}" if value is True else f' {key}="{html.escape(str(value))}"'
