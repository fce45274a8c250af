"""Recipes of sets: how a prepared set is made. Those of papers are in `srdata.papers`.

multiscale_copies  smaller copies of HR images, which some papers train on too
set_recipe         `Recipe`: source, scales, degradation, windows and store of a set, checked
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from srdata.common.lazy_names import lazy_names

if TYPE_CHECKING:
    from srdata.recipes.set_recipe import Recipe as Recipe
    from srdata.recipes.set_recipe import schema as schema
else:
    __all__, __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "srdata.recipes.set_recipe": "Recipe schema",
        },
    )
