"""Classes of difficulty: scores, and the thresholds between them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from srdata.errors import UsageError

CLASSSR = (27.16882, 35.149761)  # dB; thirds of DIV2K's 128-pixel windows by the PSNR of MSRResNet at x4


def classes(scores: ArrayLike, thresholds: Sequence[float] = CLASSSR) -> NDArray[np.int64]:
    """The class of each score: 0 below the first threshold, 1 from it on, 2 from the second on, …

    The default is ClassSR's, which makes 0 hard, 1 medium and 2 easy where the scores are PSNR
    (`divide_sub_images_train.py`). It was set for a network; bicubic scores less, so more windows are hard.
    Raises UsageError unless the thresholds ascend.

    >>> classes([20, 27.16882, 30, 40]).tolist()
    [0, 1, 1, 2]
    """
    if any(low >= high for low, high in pairwise(thresholds)):
        raise UsageError(f"thresholds {', '.join(map(str, thresholds))} must ascend")
    return np.searchsorted(np.asarray(thresholds, float), np.asarray(scores, float), side="right")


def equal_classes(scores: ArrayLike, count: int) -> NDArray[np.int64]:
    """The class of each score, of `count` classes of equally many: 0 holds the lowest scores.

    WBSR's (Yu et al., NeurIPS 2024, equation 7): thresholds are every N/K-th of the N scores in their order.

    >>> equal_classes([9, 1, 5, 7, 3, 2], 3).tolist()
    [2, 0, 1, 2, 1, 0]
    """
    ranks = np.argsort(np.argsort(scores, kind="stable"), kind="stable")
    return np.asarray(ranks * count // len(ranks), np.int64)
