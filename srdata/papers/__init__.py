"""Recipes of papers: what a published network was trained on, as loaders that yield its batches.

>>> from srdata import load_recipe
>>> load_recipe("hat-x4").loader("data", device="cuda")  # doctest: +SKIP

as_text          a recipe as text: every setting, and how certain it is
derived_outputs  what some networks are trained with besides LR and HR
evidence         what each group of settings rests on, and where it departs from that
load             `load_recipe`, `load_paper`: from YAML to a recipe, checked
open_loaders     from a stage of a recipe to its loader
paper            `Paper`, `Stage`: a recipe that opens its loaders
prepare_all      prepare all that a recipe reads
requirements     which prepared set holds the images of a corpus
schema           what a recipe and its stages hold: data, crops, augmentations, ranges
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from srdata.common.lazy_names import lazy_names

if TYPE_CHECKING:
    from srdata.papers.load import load_paper as load_paper
    from srdata.papers.load import load_recipe as load_recipe
    from srdata.papers.load import paper_names as paper_names
    from srdata.papers.paper import Paper as Paper
    from srdata.papers.paper import Stage as Stage
else:
    __all__, __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "srdata.papers.load": "load_paper load_recipe paper_names",
            "srdata.papers.paper": "Paper Stage",
        },
    )
