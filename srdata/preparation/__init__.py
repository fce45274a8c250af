"""From a recipe to a prepared set: download, degrade, cut, store, and declare it finished."""

from srdata.preparation.prepare_set import Prepared, plan, prepare

__all__ = ["Prepared", "plan", "prepare"]
