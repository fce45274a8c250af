"""Which prepared set holds the images of a corpus, and how to prepare it."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from srdata import catalog
from srdata.catalog import Shelf
from srdata.degrade.chain import load_chain
from srdata.discovery.found_parts import GIVEN
from srdata.errors import UsageError
from srdata.papers.schema import Corpus, Setting, StageSettings
from srdata.recipes.brought_sets import brought
from srdata.recipes.multiscale_copies import COPIES, Named
from srdata.recipes.read_recipe import known_recipe
from srdata.recipes.set_recipe import PUBLISHED
from srdata.scale import Scale
from srdata.store.set_json import SET_FILE, SetFile, read_set
from srdata.vocabulary import Split

HR_ALONE = Scale(4)  # of the set that is prepared where HR alone is read: LR takes a sixteenth of it


class NeededSet(NamedTuple):
    """A prepared set that a recipe reads. `degradation` is None where HR alone is read."""

    corpus: str
    split: Split
    scale: Scale
    degradation: Any
    copies: Named | None = None  # of its training images

    @property
    def known(self) -> bool:
        """Whether srdata knows where its images come from."""
        return self.corpus in catalog.names(Shelf.RECIPES)

    def how(self, root: str | Path = "data") -> str:
        """How to get it below `root`."""
        known, where = self.known, shlex.quote(str(root))
        if not known and self.track != "bicubic":
            given = brought(self.corpus)
            pairs = (
                f"put pairs in {root}/{self.corpus}/HR and {root}/{self.corpus}/LR_{self.track}/X{self.scale}"
            )
            return f"{given.command(self.corpus)} --root {where}" if given else pairs
        source = self.corpus if known else f"FOLDER/{self.corpus}"
        plain = self.degradation in (None, "bicubic")
        degradation = "" if plain else f" --degradation {self.degradation}"
        copies = f" --copies {self.copies}" if self.copies else ""
        return f"srdata prepare {source} --scale {self.scale} --lmdb{degradation}{copies} --root {where}"

    @property
    def track(self) -> str:
        """What the folder of LR images is called in EDSR's layout."""
        return str(self.degradation or "bicubic").removeprefix(PUBLISHED)


def needs(stages: Iterable[StageSettings]) -> list[NeededSet]:
    """The prepared sets that stages read."""
    read = [one for stage in stages for one in stage.settings.values() if one.one_image is None]
    found = [need for one in read for need in _needs(one)]
    return [need for place, need in enumerate(found) if need not in found[:place]]


def _needs(setting: Setting) -> Iterator[NeededSet]:
    for data, hr_alone in ((setting.data, reads_hr_alone(setting)), (setting.lr_data, False)):
        for corpus in data.sets if data else ():
            if corpus.hr is not None:
                continue
            yield need_of(setting, corpus, hr_alone)


def folders_of(stages: Iterable[StageSettings]) -> list[str]:
    """The folders and files that stages read as they are, where they name such."""
    data = [
        one
        for stage in stages
        for setting in stage.settings.values()
        for one in (setting.data, setting.lr_data)
    ]
    return list(dict.fromkeys(place for one in data if one for corpus in one.sets for place in corpus.places))


def reads_hr_alone(setting: Setting) -> bool:
    """Whether LR is not read, or not of the same images."""
    return setting.made != "stored" or bool(setting.any_scale or setting.one_image or setting.lr_data)


def need_of(setting: Setting, corpus: Corpus, hr_alone: bool) -> NeededSet:
    """The prepared set of a corpus."""
    if not hr_alone:
        return NeededSet(corpus.set, corpus.split, setting.scale, setting.degradation, corpus.copies)
    return NeededSet(corpus.set, corpus.split, HR_ALONE, None, corpus.copies)


def find_set(root: Path, need: NeededSet) -> Path:
    """The folder below `root` with that set, or a folder of that name in EDSR's layout.

    Raises UsageError with the command that prepares it.
    """
    if (found := known_set(root, need)) is not None:
        return found
    raise UsageError(
        f"{root} has no {need.split} images of {need.corpus} at {need.scale.label}: {need.how(root)}"
    )


def known_set(root: Path, need: NeededSet) -> Path | None:
    """The same; None where there is none."""
    for path in sorted(root.glob(f"*/{SET_FILE}")):
        if _holds(read_set(path.parent), need):
            return path.parent
    own = root / need.corpus
    return own if own.is_dir() and not (own / SET_FILE).is_file() else None


def _holds(content: SetFile, need: NeededSet) -> bool:
    recipe = content.recipe
    named = (recipe.get("source"), recipe.get("name"), None if need.known else content.name)
    if need.corpus not in named:
        return False
    if need.split not in content.counts or recipe.get("exclude"):
        return False
    wanted = [copy.plain for copy in COPIES[need.copies]] if need.copies else None
    if need.split == "train" and recipe.get("copies") != wanted:
        return False
    if need.degradation is None:
        return content.layout != "basicsr" and "multiple" not in recipe
    if str(need.scale) not in content.scales or content.layout == "basicsr":
        return False
    made = recipe.get("degradation")
    return (made if isinstance(made, str) else (made or {}).get(str(need.scale))) in _accepted(need)


def _accepted(need: NeededSet) -> Iterable[Any]:
    """The forms in which the degradation may stand in the resolved recipe of a set."""
    if isinstance(need.degradation, str) and need.degradation.startswith(PUBLISHED):
        return [need.degradation] if need.known else [need.degradation, f"{PUBLISHED}{GIVEN}"]
    accepted = [load_chain(need.degradation).resolved()]
    if need.corpus in catalog.names(Shelf.RECIPES):
        recipe = known_recipe(need.corpus).changed(scales=(need.scale,), degradation=need.degradation)
        accepted.append(recipe.resolved()["degradation"][str(need.scale)])
    return accepted
