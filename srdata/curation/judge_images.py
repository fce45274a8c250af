"""Why images are left out: by their scores, and by what other images show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from srdata.curation.choice_versions import embedding_of, known_tests, scores_of
from srdata.curation.likeness import (
    StoredSketches,
    best_first,
    duplicates,
    leaked,
    same_sketches,
    same_vectors,
    vectors_in,
)
from srdata.curation.score_store import How
from srdata.curation.scored_files import ScoredImages, score_files
from srdata.curation.unmet_parts import unmet_parts
from srdata.discovery.image_bytes import ImageFile
from srdata.duplicates.perceptual_hash import identical
from srdata.images import ImagePolicy
from srdata.recipes.image_choice import ChoiceSettings, ImageChoice
from srdata.vocabulary import Backend

Columns = dict[str, Any]  # of numbers or flags, by name


@dataclass(frozen=True)
class Scoring:
    """Where scores are kept, and how they are computed."""

    home: Path
    policy: ImagePolicy
    jobs: int = -1
    backend: Backend = "loky"
    compute: bool = True  # those that are missing; without, nothing is written

    def of(self, files: Mapping[str, ImageFile], how: How) -> ScoredImages:
        """The images with their scores; raises as `score_files`."""
        return score_files(files, how, self.home, jobs=self.jobs, backend=self.backend, compute=self.compute)


def judge_images(files: Mapping[str, ImageFile], settings: ChoiceSettings, scoring: Scoring) -> Columns:
    """Why each image is left out, what it is like where that is why, and its scores."""
    count, choice = len(files), settings.choice
    if choice.condition is None:
        return {"why": [""] * count, "like": [""] * count, "flags": {}}
    how = How(
        scores_of(settings, choice.image_scores),
        scoring.policy,
        sketches=choice.by_tests or (choice.by_likeness and choice.likeness.by is None),
        embedding=embedding_of(choice) if choice.by_likeness else None,
    )
    found = scoring.of(files, how)
    keys, columns = found.keys, {one.name: found.numbers(one.column) for one in how.scores}
    like = leaked(found, known_tests(settings)) if choice.by_tests else {}
    flags = {"leaked": _flags(like, len(keys)), "duplicate": np.zeros(len(keys), bool)}
    if choice.by_likeness:
        alone = unmet_parts(choice.condition, columns | flags, len(keys))
        same = _duplicates(found, columns, [place for place, why in enumerate(alone) if not why], choice)
        flags["duplicate"] = _flags(same, len(keys))
        like |= {place: keys[other] for place, other in same.items()}
    why = unmet_parts(choice.condition, columns | flags, len(keys))
    good = np.array([key not in found.bad for key in files], bool)  # others could not be read
    return {
        "why": _spread(why, good, "").tolist(),
        "like": _spread(
            [like.get(row, "") if one in flags else "" for row, one in enumerate(why)], good, ""
        ).tolist(),
        "flags": flags,
        **{name: _spread(column, good, np.nan) for name, column in columns.items()},
    }


def _spread(values: Any, good: Any, missing: str | float) -> Any:
    """The values of those images that could be read, in a column of all."""
    column = np.full(len(good), missing, object if isinstance(missing, str) else float)
    column[good] = values
    return column


def _flags(places: Mapping[int, Any], count: int) -> Any:
    flags = np.zeros(count, bool)
    flags[list(places)] = True
    return flags


def _duplicates(
    found: ScoredImages, columns: Columns, among: Sequence[int], choice: ImageChoice
) -> dict[int, int]:
    """Which of some images show the same as a better one of them."""
    likeness, groups = choice.likeness, None
    if (embedding := embedding_of(choice)) is None:
        sketches = StoredSketches(found, among)
        groups = identical(sketches)
        pairs = same_sketches(sketches, groups)
    else:
        pairs = same_vectors(vectors_in(found, among, embedding.column), likeness.at_least)
    here = {name: columns[name][list(among)] for name in likeness.prefer}
    order = best_first(here, likeness.prefer, len(among))
    same = duplicates(pairs, order, None if groups is None else groups.tolist())
    return {among[one]: among[other] for one, other in same.items()}
