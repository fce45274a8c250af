"""How hard each item is, for batches that say so."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from srdata.common.wording.amounts import how_many
from srdata.data.datasets.mixed import Mixed
from srdata.errors import UsageError
from srdata.scale import Scale


def item_numbers(difficulty: str | ArrayLike | None, data: Mixed, scale: Scale) -> Tensor | None:
    """A number for each item of `data`, (items,): a score at `scale` by its name, or those that are given.

    Whole numbers, such as classes, are int64, all others float32. Raises UsageError where scores are missing,
    with the command to run, or where there are not as many numbers as items.
    """
    if difficulty is None:
        return None
    given = data.scores(difficulty, scale) if isinstance(difficulty, str) else np.asarray(difficulty)
    if given.shape != (len(data),):
        raise UsageError(
            f"difficulty of shape {given.shape} for {how_many(len(data), 'item')}: give a number for each, "
            "or the name of a score"
        )
    return torch.from_numpy(given.astype(np.int64 if given.dtype.kind in "biu" else np.float32))
