"""Recipes of sets: how a prepared set is made. Those of papers are in `srdata.papers`.

brought_sets       data sets that srdata does not download, and what to do
fitting_sizes      whether the sizes of images fit the scales of a set, which headers tell before a run does
hub_commit         which commit of a data set of the Hub a recipe takes
image_choice       which images and tiles are taken: conditions over scores
manifest_sets      which image sets of a known data set a recipe takes
multiscale_copies  smaller copies of HR images, which some papers train on too
name_meaning       what a name stands for: a recipe, a paper's, a degradation, a path, a set of the Hub
read_recipe        `read_set_recipe`: the recipe of a name, a file, a folder or a data set of the Hub
set_recipe         `Recipe`: source, scales, degradation, windows and store of a set
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from srdata.common.lazy_names import lazy_names

if TYPE_CHECKING:
    from srdata.recipes.read_recipe import read_set_recipe as read_set_recipe
    from srdata.recipes.set_recipe import Recipe as Recipe
    from srdata.recipes.set_recipe import schema as schema
else:
    __all__, __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "srdata.recipes.read_recipe": "read_set_recipe",
            "srdata.recipes.set_recipe": "Recipe schema",
        },
    )
