"""Recipes of papers: what a published network was trained on, as loaders that yield its batches.

>>> from srdata import load_recipe
>>> load_recipe("hat-x4").loader("data", device="cuda")  # doctest: +SKIP
"""

from srdata.papers.load import load_paper, load_recipe, paper_names
from srdata.papers.paper import Paper, Stage

__all__ = ["Paper", "Stage", "load_paper", "load_recipe", "paper_names"]
