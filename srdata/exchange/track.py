"""What a prepared set is called outside, which its resolved recipe does not say in so many words."""

from __future__ import annotations

from typing import Any

from srdata import catalog
from srdata.catalog import Shelf
from srdata.degrade.chain import load_chain
from srdata.exchange.names import Names
from srdata.recipe import PUBLISHED
from srdata.store.setfile import SetFile


def names_in(content: SetFile) -> Names:
    """The names of a set's files in other forms: those that preparing it as folders would have given."""
    recipe = content.recipe
    return Names(recipe.get("prefix") or recipe.get("name") or content.name, _track(content))


def _track(content: SetFile) -> str:
    """A word for how LR was made: bicubic, unknown, bsrgan, …; custom where it is none that has a name."""
    degradation = content.recipe.get("degradation", "")
    if isinstance(degradation, str):
        return degradation.removeprefix(PUBLISHED) or "given"
    chains = list(degradation.values())
    if all(map(_is_bicubic, chains)):
        return "bicubic"
    same = [name for name in catalog.names(Shelf.DEGRADATIONS) if _resolved(name) in chains]
    return next((name for name in same if name in content.name), same[0] if same else "custom")


def _is_bicubic(chain: dict[str, Any]) -> bool:
    """Whether a chain is MATLAB's bicubic, in any of its variants."""
    steps = chain.get("steps") or [{}]
    one = steps[0]
    return len(steps) == 1 and (one.get("op"), one.get("kernel"), one.get("antialias")) == (
        "imresize",
        "bicubic",
        True,
    )


def _resolved(name: str) -> dict[str, Any]:
    return load_chain(name).resolved()
