"""The reference of the site: a page for each public package, and docstrings as Sphinx reads them."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Set
from itertools import accumulate, groupby, takewhile
from pathlib import Path
from types import ModuleType
from typing import Any

import srdata
from srdata.degrade.whole_images import degrade

FOLDER = Path(__file__).parent / "reference"  # made anew by every build
_LISTED = re.compile(r"^(\w+)  +\S", re.MULTILINE)  # a module in a docstring, and what it is for
_ITEM = re.compile(r" {4}(\S(?:.*?\S)?)(?:  +(\S.*))?$")  # a parameter in a docstring, and what it is
_CONTENTS = """Python
======

What is public, package by package. Other modules may change.

.. toctree::
   :maxdepth: 1

"""
_COMMANDS = """Command line
============

.. click:: srdata.cli:cli
   :prog: srdata
   :nested: full
"""

PACKAGES = ("srdata", *(f"srdata.{name}" for name in _LISTED.findall(srdata.__doc__ or "")))


def write_reference() -> None:
    """Write the pages of the reference."""
    FOLDER.mkdir(exist_ok=True)
    for package in PACKAGES:
        (FOLDER / f"{package}.rst").write_text(page(package))
    (FOLDER / "index.rst").write_text(_CONTENTS + "".join(f"   {name}\n" for name in PACKAGES))
    (FOLDER / "commands.rst").write_text(_COMMANDS)


def page(package: str) -> str:
    """The page of a package: what it is for, then every public name."""
    names = importlib.import_module(package).__all__
    parts = [package, "=" * len(package), f"\n.. automodule:: {package}\n   :no-members:\n"]
    return "\n".join([*parts, *(_entry(package, name) for name in names)])


def _entry(package: str, name: str) -> str:
    value = getattr(importlib.import_module(package), name)
    if package == "srdata" and (other := _elsewhere(name)):
        return f":py:obj:`{name} <{other}.{name}>` is described with `{other}`.\n"
    if isinstance(value, ModuleType):  # srdata.degrade is a package that can be called
        return _function(f"{package}.{name}", degrade)
    if isinstance(value, type):
        return f".. autoclass:: {package}.{name}\n   :members:\n   :undoc-members:\n"
    if inspect.isroutine(value):
        return f".. autofunction:: {package}.{name}\n"
    return f".. py:data:: {package}.{name}\n\n   {_constant(value)}\n"


def _elsewhere(name: str) -> str | None:
    """The package that has a name of `srdata` too."""
    return next((one for one in PACKAGES[1:] if name in importlib.import_module(one).__all__), None)


def _function(name: str, function: Callable[..., Any]) -> str:
    text = as_rst(inspect.cleandoc(function.__doc__ or "").splitlines())
    lines = "".join(f"   {line}\n" for line in text)
    signature = re.sub(
        r"(: |-> )'([^']*)'", r"\1\2", str(inspect.signature(function))
    )  # as annotations are written
    return f".. py:function:: {name}{signature}\n\n{lines}"


def _constant(value: Any) -> str:
    """What a constant holds; of a table its names."""
    if isinstance(value, Mapping | Set):
        return ", ".join(f"`{key}`" for key in sorted(value))
    return f"`{value!r}`"


def without_bounds(signature: str) -> str:
    """A signature whose types are plain: of Annotated[int, Ge(ge=1)] the int."""
    before, found, rest = signature.partition("Annotated[")
    if not found:
        return signature
    depths = list(accumulate((one in "[(") - (one in "])") for one in rest))
    comma = next(place for place, one in enumerate(rest) if one == "," and depths[place] == 0)
    end = next(place for place, depth in enumerate(depths) if depth < 0)
    return without_bounds(f"{before.removesuffix('typing.')}{rest[:comma]}{rest[end + 1 :]}")


def about(lines: list[str]) -> list[str]:
    """What a package says of itself before it lists its modules, most of which are not public."""
    return list(takewhile(lambda line: not _LISTED.match(line), lines))


def as_rst(lines: list[str]) -> Iterator[str]:
    """A docstring in reStructuredText: its indented blocks become lists of what they name, or stay so."""
    for indented, group in groupby(lines, key=lambda line: line.startswith("    ")):
        block = list(group)
        if indented:
            yield from ("", *_block(block), "")
        else:
            yield from block


def _block(lines: list[str]) -> Iterator[str]:
    if not _ITEM.match(lines[0]) or not any("  " in line.strip() for line in lines) or "─" in "".join(lines):
        yield from ("::", "", *lines)
        return
    for line in lines:
        if line.startswith("     "):
            yield f"   {line.strip()}"
        elif found := _ITEM.match(line):
            yield from (f"`{found[1]}`", f"   {found[2]}") if found[2] else (f"`{found[1]}`",)
