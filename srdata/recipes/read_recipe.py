"""The recipe of a set by its name in the catalogue, or for a file, a folder or a data set of the Hub."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

from srdata import catalog
from srdata.catalog import Shelf
from srdata.common.documents import Document, check
from srdata.common.files import PUBLISHED_FILE, named_beside
from srdata.common.strict_yaml import read_yaml
from srdata.errors import RecipeError, UsageError
from srdata.fetch.remote_files import is_address, place_at
from srdata.hub.address import hub_name
from srdata.images import IMAGE_SUFFIXES
from srdata.recipes.name_meaning import Kind, meaning
from srdata.recipes.set_recipe import HubSource, Recipe
from srdata.scale import Scale


def read_set_recipe(name: str | Path) -> Recipe:
    """The recipe with a name of the catalogue, in a YAML file, or for a folder of images or hf://ORG/NAME.

    What a name stands for says `name_meaning`. Raises UnknownNameError with the nearest name, UsageError
    where a name is that of several things, or RecipeError with every problem of the file.
    """
    meant = meaning(name)
    if meant.kind is Kind.PAPER:
        raise UsageError(
            f"{name} is the recipe of a paper, not of one set: srdata prepare {name} makes all that it reads"
        )
    if meant.kind is Kind.BENCHMARKS:
        raise UsageError(f"{name} stands for several sets: srdata prepare {name} makes them")
    return _LOADED[meant.kind](meant.name)


def known_recipe(name: str) -> Recipe:
    """The recipe of that name in the catalogue, whatever lies in the working folder."""
    return _read(catalog.find(Shelf.RECIPES, name))


def _of_path(name: str) -> Recipe:
    if is_address(name):
        *_, last = filter(None, name.partition("://")[2].split("/"))
        stem, suffix = os.path.splitext(last)  # noqa: PTH122  # no path
        return Recipe(
            name=_set_name(stem if suffix.lower() in IMAGE_SUFFIXES else last),
            folder=name,
            scales=(Scale(4),),
        )
    path = Path(name).resolve()
    return Recipe(name=_set_name(_stem(path)), folder=str(path), scales=(Scale(4),))


def _read(path: str | Path) -> Recipe:
    document = read_yaml(Path(path))
    recipe = check(Recipe, document)
    if recipe.folder:
        recipe = recipe.changed(folder=str(_folder_of(recipe.folder, document)))
    if (
        isinstance(recipe.degradation, str)
        and (beside := document.path.parent / recipe.degradation).is_file()
    ):
        recipe = recipe.changed(degradation=str(beside))
    recipe = recipe.read_in(document.path.parent)
    return recipe if recipe.name else recipe.changed(name=_set_name(document.path.stem))


def _of_hub(address: str) -> Recipe:
    name = hub_name(address)
    hub = HubSource(repository=name.repository, revision=name.revision)
    return Recipe(name=_set_name(name.repository.rpartition("/")[2]), hub=hub, scales=(Scale(4),))


def _folder_of(folder: str, document: Document) -> Path | str:
    try:
        if is_address(folder) and not (document.path.parent / PUBLISHED_FILE).is_file():
            return place_at(folder)
        path = named_beside(document.path.parent, folder).resolve()
    except UsageError as error:
        raise RecipeError([document.problem(("folder",), str(error))]) from error
    if not path.is_dir():
        raise RecipeError([document.problem(("folder",), f"there is no folder {path}")])
    return path


def _stem(path: Path) -> str:
    """The name of a folder, and of a file or LMDB without its suffix."""
    return path.name if path.is_dir() and path.suffix != ".lmdb" else path.stem


def _set_name(text: str) -> str:
    """`text` as the name of a set: what file systems and shells take without quoting."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-._") or "images"


_LOADED: dict[Kind, Callable[[str], Recipe]] = {
    Kind.RECIPE: known_recipe,
    Kind.RECIPE_FILE: _read,
    Kind.PATH: _of_path,
    Kind.HUB: _of_hub,
}
