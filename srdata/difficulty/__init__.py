"""How hard each window of a prepared set is, and the classes that follow from it.

classify_windows  `classify`: score every window, and keep the scores in the set
score_table       `summary`: the scores of a set as a small table
scorers           the scores: psnr, psnr-y, edges, gradients, deviation
thresholds        `classes`, `equal_classes`: from scores to classes
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from srdata.common.lazy_names import lazy_names

if TYPE_CHECKING:
    from srdata.difficulty.classify_windows import classify as classify
    from srdata.difficulty.score_table import summary as summary
    from srdata.difficulty.thresholds import CLASSSR as CLASSSR
    from srdata.difficulty.thresholds import classes as classes
    from srdata.difficulty.thresholds import equal_classes as equal_classes
else:
    __all__, __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "srdata.difficulty.classify_windows": "classify",
            "srdata.difficulty.score_table": "summary",
            "srdata.difficulty.thresholds": "CLASSSR classes equal_classes",
        },
    )
