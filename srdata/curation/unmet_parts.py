"""What images or tiles do not meet of a condition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srdata.common.conditions import Condition

CANNOT_TELL = "cannot be told"  # of an image that is too small for a score


def unmet_parts(condition: Condition | None, columns: Mapping[str, NDArray[Any]], count: int) -> list[str]:
    """The first part of a condition that each row does not meet, as text; "" where it meets all.

    A row without one of the numbers, where it is too small for that, does not meet the condition.
    """
    why = np.full(count, "", object)
    if condition is None or not count:
        return why.tolist()
    for name in condition.names:
        if columns[name].dtype.kind == "f":
            why[(why == "") & np.isnan(columns[name])] = f"{name} {CANNOT_TELL}"
    for part in condition.parts:
        why[(why == "") & ~part.holds(columns)] = part.flag or part.text
    found: list[str] = why.tolist()
    return found
