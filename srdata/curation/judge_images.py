"""Why images are left out: by their scores, and by what other images show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from srdata.curation.choice_versions import embedding_of, scores_of, table_of_tests
from srdata.curation.likeness import (
    best_first,
    duplicates,
    same_sketches,
    same_vectors,
    sketches_in,
    vectors_in,
)
from srdata.curation.score_store import SKETCH, How
from srdata.curation.scored_files import ScoredImages, score_files
from srdata.curation.unmet_parts import unmet_parts
from srdata.discovery.image_bytes import ImageFile
from srdata.duplicates.known_images import find_known, read_known
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

    def of(self, files: Mapping[str, ImageFile], how: How) -> ScoredImages:
        """The images with their scores; raises as `score_files`."""
        return score_files(files, how, self.home, jobs=self.jobs, backend=self.backend)


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
    keys, columns = found.keys, {one.name: found.table[one.column].to_numpy() for one in how.scores}
    leaked = _leaked(found.table, settings) if choice.by_tests else {}
    flags = {"leaked": _flags(leaked, len(keys)), "duplicate": np.zeros(len(keys), bool)}
    like = dict(leaked)
    if choice.by_likeness:
        alone = unmet_parts(choice.condition, columns | flags, len(keys))
        same = _duplicates(
            found.table, columns, [place for place, why in enumerate(alone) if not why], choice
        )
        flags["duplicate"] = _flags(same, len(keys))
        like |= {place: keys[other] for place, other in same.items()}
    why = unmet_parts(choice.condition, columns | flags, len(keys))
    places = {key: place for place, key in enumerate(keys)}
    rows = [places.get(key, -1) for key in files]  # -1: it could not be read
    return {
        "why": [why[row] if row >= 0 else "" for row in rows],
        "like": [like.get(row, "") if row >= 0 and why[row] in flags else "" for row in rows],
        "flags": flags,
        **{name: [column[row] if row >= 0 else None for row in rows] for name, column in columns.items()},
    }


def _flags(places: Mapping[int, Any], count: int) -> Any:
    flags = np.zeros(count, bool)
    flags[list(places)] = True
    return flags


def _leaked(table: pa.Table, settings: ChoiceSettings) -> dict[int, str]:
    return find_known(sketches_in(table[SKETCH].to_pylist()), read_known(table_of_tests(settings)))


def _duplicates(
    table: pa.Table, columns: Columns, among: Sequence[int], choice: ImageChoice
) -> dict[int, int]:
    """Which of some images show the same as a better one of them."""
    likeness, some = choice.likeness, table.take(pa.array(among, pa.int64()))
    if (embedding := embedding_of(choice)) is None:
        pairs = same_sketches(sketches_in(some[SKETCH].to_pylist()))
    else:
        pairs = same_vectors(vectors_in(some[embedding.column].to_pylist()), likeness.at_least)
    here = {name: columns[name][list(among)] for name in likeness.prefer}
    found = duplicates(pairs, best_first(here, likeness.prefer, len(among)))
    return {among[one]: among[other] for one, other in found.items()}
