"""What a prepared set is called outside, which its resolved recipe does not say in so many words."""

from __future__ import annotations

from typing import Any

from srdata import catalog
from srdata.catalog import Shelf
from srdata.degrade.chain import load_chain
from srdata.recipes.set_recipe import PUBLISHED
from srdata.store.folder_names import Names
from srdata.store.set_json import SetFile


def names_in(content: SetFile) -> Names:
    """The names of a set's files in other forms: those that preparing it as folders would have given."""
    recipe = content.recipe
    return Names(recipe.get("prefix") or recipe.get("name") or content.name, _track(content))


def _track(content: SetFile) -> str:
    """A word for how LR was made: bicubic, unknown, bsrgan, …"""
    degradation = content.recipe.get("degradation", "")
    if isinstance(degradation, str):
        return degradation.removeprefix(PUBLISHED) or "given"
    names = {chain_name(chain, content.name) for chain in degradation.values()}
    return names.pop() if len(names) == 1 else "custom"


def chain_name(chain: dict[str, Any], set_name: str = "") -> str:
    """What a resolved chain is called: `bicubic` in any of MATLAB's variants, a preset, or `custom`.

    Of several names for one chain it is that which the name of the set has in it.
    """
    match chain:
        case {"hr": [], "steps": [{"op": "imresize", "kernel": "bicubic", "antialias": True}]}:
            return "bicubic"
    known = catalog.names(Shelf.DEGRADATIONS)
    same = [name for name in known if load_chain(name).resolved() == chain]
    return max(same, key=lambda name: name in set_name, default="custom")
