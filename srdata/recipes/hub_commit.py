"""Which commit of a data set of the Hub a recipe takes: looked up when a set is to be made or shown."""

from __future__ import annotations

import re

from srdata.hub.repository import look
from srdata.recipes.set_recipe import Recipe


def pinned(recipe: Recipe) -> Recipe:
    """The same with the commit for a revision, so that the recipe says which images it is of.

    Raises what `srdata.hub.repository.look` raises.
    """
    hub = recipe.hub
    if hub is None or re.fullmatch("[0-9a-f]{40}", hub.revision or ""):
        return recipe
    return recipe.changed(hub=hub.model_copy(update={"revision": look(hub.name).commit}))
