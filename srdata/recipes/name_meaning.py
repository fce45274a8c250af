"""What a name stands for: a recipe, a paper's recipe, a degradation, a path, a data set of the Hub.

One rule for all verbs and functions. hf://ORG/NAME is of the Hub, and what else has :// in it an address;
what ends in .yaml or .yml, holds a slash, or is a `Path` that exists is a path; KIND:NAME, such as
degradation:bsrgan, is what it says. Any other word is a name of the catalogue in any case of letters, or a
file or folder here; where it could be both, nothing is guessed. A name of the catalogue in small letters
means the catalogue's, unless just that lies here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from itertools import islice
from pathlib import Path

from srdata import catalog
from srdata.catalog import Shelf
from srdata.common.documents import Document
from srdata.common.strict_yaml import read_yaml
from srdata.errors import UnknownNameError, UsageError, nearest, path_text
from srdata.fetch.remote_files import is_address, place_at
from srdata.hub.address import is_hub_name
from srdata.recipes.brought_sets import brought, told

TEST_SETS = "benchmarks"  # stands for five data sets, each in several recipes
_LOOKED_AT = 1000  # files of a folder, for one that is called nearly as what is not there
_VARIANT = re.compile(r"(?P<stem>.+)-(x[0-9.]+|[a-z0-9]+)")


class Kind(Enum):
    """What something can be; the value is what a person calls it."""

    RECIPE = "recipe"  # of one set
    RECIPE_FILE = "recipe file"
    DATA_SET = "data set"
    DEGRADATION = "degradation"
    PAPER = "recipe of a paper"
    CHOICE = "choice of images"
    BENCHMARKS = "recipe of several sets"
    PATH = "file or folder"
    HUB = "data set of the Hub"


PREPARABLE = (Kind.RECIPE, Kind.RECIPE_FILE, Kind.PAPER, Kind.BENCHMARKS, Kind.PATH, Kind.HUB)
_PREFIXES = {
    Kind.RECIPE: "recipe",
    Kind.BENCHMARKS: "recipe",
    Kind.DATA_SET: "data-set",
    Kind.DEGRADATION: "degradation",
    Kind.PAPER: "paper",
    Kind.CHOICE: "choice",
}
_SHELVES = {
    Kind.RECIPE: Shelf.RECIPES,
    Kind.DATA_SET: Shelf.MANIFESTS,
    Kind.DEGRADATION: Shelf.DEGRADATIONS,
    Kind.PAPER: Shelf.PAPERS,
    Kind.CHOICE: Shelf.CHOICES,
}


@dataclass(frozen=True)
class Meaning:
    """One thing that a name stands for: its name in the catalogue, a path, or hf://ORG/NAME."""

    kind: Kind
    name: str

    @property
    def file(self) -> bool:
        """Whether `name` is that of a YAML file of the user's."""
        return _is_yaml(self.name)

    @property
    def what(self) -> str:
        """What a person calls it."""
        if self.kind is not Kind.PATH:
            return str(self.kind.value)
        return "folder" if Path(self.name).is_dir() else "file"

    @property
    def exact(self) -> str:
        """How to name just this: degradation:bsrgan, or ./DIV2K."""
        if self.kind in _PREFIXES and not self.file:
            return f"{_PREFIXES[self.kind]}:{self.name}"
        return self.name if is_hub_name(self.name) or _has_folder(self.name) else f".{os.sep}{self.name}"


def meaning(name: str | Path, among: Sequence[Kind] = PREPARABLE) -> Meaning:
    """The one thing of the kinds `among` that a name stands for.

    Raises UnknownNameError with the nearest name, or UsageError that says how to name each of several.
    """
    found = meanings(name, among)
    if not found:
        raise unknown(name, among)
    if len(found) > 1:
        raise UsageError(_several(str(name), found))
    return found[0]


def meanings(name: str | Path, among: Sequence[Kind]) -> list[Meaning]:
    """Everything of the kinds `among` that a name stands for."""
    text = path_text(name)
    if is_hub_name(text):
        found = [Meaning(Kind.HUB, text)]
    elif is_address(text) and isinstance(place := place_at(text), str):
        found = [Meaning(Kind.PATH, place)]
    elif _is_yaml(text):
        found = [Meaning(Kind.PAPER if holds_paper(text) else Kind.RECIPE_FILE, text)]
    elif _has_folder(text) or (isinstance(name, Path) and name.exists()):
        path = str(place_at(name)) if is_address(text) else text
        found = [Meaning(Kind.PATH, path)] if Path(path).exists() else []
    else:
        return _of_word(text, among)
    return [one for one in found if one.kind in among]


def unknown(name: str | Path, among: Sequence[Kind]) -> UsageError:
    """The error for a name that stands for nothing of the kinds `among`."""
    if _has_folder(str(name)):
        place_at(name)  # says so of an address that has become a path
        return UsageError(f"{name}: there is no such file or folder{_nearest_beside(Path(name))}")
    if (given := brought(str(name))) is not None:
        return UsageError(told(str(name), given))
    known = [one for kind in among for one in _listed(kind)]
    known += [f"{one}-{variant}" for one in known for variant in _variant_of(str(name))]
    hint = nearest(_bare(str(name)).lower(), known)
    if not hint and Kind.PATH in among:
        hint = _nearest_beside(Path(name))
    what = f"{_asked_for(among)} {str(name)!r}"
    return UnknownNameError(f"unknown {what}{hint}: srdata list shows what there is")


def _nearest_beside(path: Path) -> str:
    """The hint to what stands where `path` would, and is called nearly so."""
    with suppress(OSError):
        there = (path.with_name(one.name) for one in islice(path.parent.iterdir(), _LOOKED_AT))
        return nearest(str(path), map(str, there))
    return ""


def _asked_for(among: Sequence[Kind]) -> str:
    if Kind.DEGRADATION in among:
        return "recipe, data set or degradation"
    return "recipe, recipe file or folder" if Kind.RECIPE in among else Kind.DATA_SET.value


def paper_file(name: str) -> str | None:
    """The file of paper recipes in which one of that name would be; None if there is none."""
    stems = catalog.names(Shelf.PAPERS)
    found = _VARIANT.fullmatch(name)
    return next((one for one in (name, found["stem"] if found else "") if one in stems), None)


def _variant_of(name: str) -> list[str]:
    found = _VARIANT.fullmatch(name.lower())
    return [found[2]] if found else []


def own_paper_file(path: str | Path) -> Path:
    """The file of one's own in which the paper recipe of that path is: mine.yaml for mine-x4.yaml."""
    asked = Path(path)
    found = _VARIANT.fullmatch(asked.stem)
    several = asked.with_stem(found["stem"]) if found else asked
    return several if several.is_file() and not asked.is_file() else asked


def holds_paper(path: str | Path) -> bool:
    """Whether a YAML file is the recipe of a paper; False where there is no file."""
    file = own_paper_file(path)
    return file.is_file() and _of_paper(read_yaml(file))


def _of_paper(document: Document) -> bool:
    return isinstance(document.data, dict) and bool({"uses", "batch"} & set(document.data))


def _of_word(text: str, among: Sequence[Kind]) -> list[Meaning]:
    """What a word without a folder stands for: in the catalogue, and here."""
    bare = _bare(text).lower()
    listed = [Meaning(kind, bare) for kind in among if _is_listed(kind, bare)]
    if text != _bare(text):
        return [one for one in listed if one.exact == text.lower()]
    if any(one.kind is Kind.RECIPE for one in listed):
        listed = [one for one in listed if one.kind is not Kind.DATA_SET]  # it stands in the recipe
    here = [Meaning(Kind.PATH, one) for one in _here(text)] if Kind.PATH in among else []
    exact = [one for one in here if one.name == text]
    if not listed:
        return exact
    return listed if text == bare and not exact else [*listed, *(exact or here)]


def _bare(text: str) -> str:
    """A name without KIND: before it."""
    kind, colon, name = text.partition(":")
    return name if colon and kind.lower() in _PREFIXES.values() else text


def _is_listed(kind: Kind, name: str) -> bool:
    return paper_file(name) is not None if kind is Kind.PAPER else name in _listed(kind)


def _listed(kind: Kind) -> list[str]:
    if kind is Kind.BENCHMARKS:
        return [TEST_SETS]
    return catalog.names(_SHELVES[kind]) if kind in _SHELVES else []


def _here(name: str) -> Iterator[str]:
    """What lies in the working folder under that name, in any case of letters; but for packages of Python."""
    found = (one for one in Path().iterdir() if one.name.casefold() == name.casefold())
    return (one.name for one in found if not (one / "__init__.py").is_file())


def _is_yaml(text: str) -> bool:
    return Path(text).suffix in {".yaml", ".yml"}


def _has_folder(text: str) -> bool:
    """Whether a name says where: it holds a separator of folders, or is one of the dots."""
    return any(mark in text for mark in {"/", os.sep}) or text in {".", ".."}


def _several(name: str, found: Sequence[Meaning]) -> str:
    here, catalogue = list(_here(name)), [one for one in found if one.kind is not Kind.PATH]
    plain = len(catalogue) == 1 and catalogue[0].name not in here  # the catalogue's own spelling says which
    typed = {one: one.name if plain and one in catalogue else one.exact for one in found}
    said = (f"{text} for the {one.what}" for one, text in typed.items())
    return f"{name} could be {len(found)} things: type {', or '.join(said)}"
