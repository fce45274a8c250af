"""What comes with srdata: data sets, recipes and degradations, found by name.

The YAML files lie inside the package in a wheel (`srdata/shipped/recipes`) and at the root of the repository
in an editable install (`recipes`).
"""

from __future__ import annotations

from enum import Enum
from pathlib import Path

from srdata.errors import UnknownNameError

_PACKAGED = Path(__file__).parent / "shipped"
_CHECKOUT = Path(__file__).parents[1]
_LABELS = {
    "MANIFESTS": "data set",
    "RECIPES": "recipe",
    "DEGRADATIONS": "degradation",
    "PAPERS": "recipe of a paper",
    "FRAGMENTS": "fragment",
    "BROUGHT": "data set that is brought",
    "CHOICES": "choice of images",
}


class Shelf(Enum):
    """A folder of named YAML files; the value is its path, the label what one of them is called."""

    MANIFESTS = "manifests"
    RECIPES = "recipes"
    DEGRADATIONS = "recipes/degradations"
    PAPERS = "recipes/papers"
    FRAGMENTS = "recipes/papers/fragments"
    BROUGHT = "recipes/brought"
    CHOICES = "recipes/choices"

    @property
    def label(self) -> str:
        return _LABELS[self.name]


def folder(shelf: Shelf) -> Path:
    """Where the files of `shelf` lie in this installation."""
    packaged = _PACKAGED / shelf.value
    return packaged if packaged.is_dir() else _CHECKOUT / shelf.value


def names(shelf: Shelf) -> list[str]:
    """Every name on `shelf`, sorted."""
    paths = folder(shelf).iterdir()  # a glob takes ten times as long, and this is asked for often
    return sorted(path.stem for path in paths if path.suffix == ".yaml")


def find(shelf: Shelf, name: str) -> Path:
    """The file of `name`, in any case of letters (DIV2K is div2k); UnknownNameError names the nearest.

    Only a listed name is found, so a name can never lead out of the folder.
    """
    known = names(shelf)
    if name.lower() not in known:
        raise UnknownNameError.among(shelf.label, name.lower(), known)
    return folder(shelf) / f"{name.lower()}.yaml"
