"""Prepare all that a paper recipe reads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from srdata.papers.load import load_paper
from srdata.papers.requirements import NeededSet, folders_of, known_set, needs
from srdata.preparation import plan, prepare
from srdata.preparation.beforehand.plan import refuse
from srdata.recipes.read_recipe import known_recipe


def prepare_sets(name: str, root: Path, given: dict[str, Any], dry_run: bool, **how: Any) -> Iterator[str]:
    """Prepare each set that a paper reads and that is not there; a line on what became of it.

    `how` are jobs, backend, skip_bad and log of `prepare`. Sets of which srdata does not know where they come
    from are left to the user, with a line on what to do. Raises UsageError where other options are `given`,
    which would make other sets than those of the paper.
    """
    refuse(name, given)
    stages = load_paper(name).stages
    for place in folders_of(stages):
        yield f"{place}: is here" if Path(place).exists() else f"to do: put images in {place}"
    for need in needs(stages):
        if (path := known_set(root, need)) is not None:
            yield f"{path}: is here"
        elif dry_run or not need.known:
            yield f"to do: {need.how(root)}"
            if need.known:
                yield plan(known_recipe(need.corpus), root=root, **_settings(need))
        else:
            built = prepare(known_recipe(need.corpus), root=root, **_settings(need), **how)
            yield f"{built.path}: {built.summary}"


def _settings(need: NeededSet) -> dict[str, Any]:
    return {"scale": need.scale, "lmdb": True, "degradation": need.degradation, "copies": need.copies}
