"""Which tiles of an image are cut: those that meet a condition, the best first, none over another."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from srdata.curation.unmet_parts import CANNOT_TELL, unmet_parts
from srdata.recipes.image_choice import ImageChoice, Tile, Tiles

OVERLAPS = "overlaps a better tile"


def judge_tiles(
    tiles: Sequence[Tile], scores: Mapping[str, NDArray[np.float64]], choice: ImageChoice, settings: Tiles
) -> list[str]:
    """Why each tile of an image is not taken, "" of those that are; `scores` has a number for each by name.

    Those that meet the condition are gone through from the best to the worst, equal ones row by row, and
    taken unless one that is taken covers more of them than may be.
    """
    why = unmet_parts(choice.tile_condition, scores, len(tiles))
    taken: list[Tile] = []
    for place in _best_first(scores, settings, len(tiles)):
        if why[place]:
            continue
        if settings.score and math.isnan(scores[settings.score][place]):
            why[place] = f"{settings.score} {CANNOT_TELL}"
        elif settings.best is not None and len(taken) >= settings.best:
            why[place] = f"not among the best {settings.best}"
        elif any(settings.shared(tiles[place], one) > settings.overlap for one in taken):
            why[place] = OVERLAPS
        else:
            taken.append(tiles[place])
    return why


def _best_first(scores: Mapping[str, NDArray[np.float64]], settings: Tiles, count: int) -> list[int]:
    if settings.by is None or settings.score is None:
        return list(range(count))
    numbers = scores[settings.score]
    order: list[int] = np.argsort(
        numbers if settings.by.startswith("-") else -numbers, kind="stable"
    ).tolist()
    return order
