"""`survey`: all scores of the images of a source, and what a condition makes of them, to choose by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srdata.common.conditions import Condition
from srdata.curation.choice_versions import embedding_of, scores_of
from srdata.curation.judge_images import Scoring, judge_images
from srdata.curation.score_store import How
from srdata.curation.scored_files import ScoredImages
from srdata.curation.source_scores import CHEAP
from srdata.discovery.image_bytes import ImageFile
from srdata.recipes.image_choice import ChoiceSettings

# What to begin with: of the bounds of BHI and of the three-stage filter those that suit images of any size.
START = (
    "blockiness < 30 and laplacian >= 50 and entropy >= 5 and contrast >= 15 and border < 0.05 "
    "and not duplicate"
)


class StoredScores(Mapping[str, NDArray[np.float64]]):
    """Scores of images by name, NaN where there is none, each read when it is asked for."""

    def __init__(self, images: ScoredImages, columns: Mapping[str, str]) -> None:
        self._columns = columns
        self._last = lru_cache(maxsize=1)(images.numbers)

    def __getitem__(self, name: str) -> NDArray[np.float64]:
        return self._last(self._columns[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)


@dataclass(frozen=True)
class Survey:
    """Images with their scores, NaN where there is none, and why a condition leaves them out."""

    settings: ChoiceSettings
    files: Mapping[str, ImageFile]  # those that cannot be read too
    keys: list[str]  # of the others, as all that follows
    scores: Mapping[str, NDArray[np.float64]]
    condition: Condition
    why: list[str]  # empty where it does not
    like: list[str]
    flags: Mapping[str, NDArray[np.bool_]]
    bad: Mapping[str, str]  # images that cannot be read

    @property
    def kept(self) -> int:
        """How many images meet the condition."""
        return self.why.count("")


def survey(files: Mapping[str, ImageFile], settings: ChoiceSettings, scoring: Scoring) -> Survey:
    """Score images by all that costs little and all that is asked for, and judge them by `settings.where`.

    Raises what `score_files` and `judge_images` do.
    """
    choice = settings.choice
    condition = choice.condition
    if condition is None:
        raise ValueError("a survey needs a condition")
    names = tuple(dict.fromkeys((*CHEAP, *choice.own_scores, *choice.image_scores)))
    by_sketch = choice.by_tests or (choice.by_likeness and choice.likeness.by is None)
    embedding = embedding_of(choice) if choice.by_likeness else None
    how = How(scores_of(settings, names), scoring.policy, sketches=by_sketch, embedding=embedding)
    found = scoring.of(files, how)  # all at once, so that each image is read once
    good = files if not found.bad else {key: files[key] for key in found.keys}
    judged: dict[str, Any] = judge_images(good, settings, scoring)
    told = judged["why"], judged["like"], judged["flags"]
    scores = StoredScores(found, {one.name: one.column for one in how.scores})
    return Survey(settings, files, found.keys, scores, condition, *told, found.bad)
