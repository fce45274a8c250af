"""The types of the settings of ops: ranges to draw from, odds to choose by, kernel sizes.

A range is written [low, high], or as one number when there is nothing to draw.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

Number = TypeVar("Number", int, float)


def _pair(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return (value, value)
    if isinstance(value, str | bool):
        raise ValueError(f"must be a number or a range [low, high], not {json.dumps(value)}")
    return value


def _ordered(value: tuple[Number, Number]) -> tuple[Number, Number]:
    if value[0] > value[1]:
        raise ValueError(f"the range {_shown(value)} is empty: write the smaller number first")
    return value


def _schema(kind: str) -> WithJsonSchema:
    pair = {"type": "array", "items": {"type": kind}, "minItems": 2, "maxItems": 2}
    return WithJsonSchema({"anyOf": [{"type": kind}, pair]})


Range = Annotated[tuple[float, float], BeforeValidator(_pair), AfterValidator(_ordered), _schema("number")]
IntRange = Annotated[tuple[int, int], BeforeValidator(_pair), AfterValidator(_ordered), _schema("integer")]


def between(low: float, high: float = float("inf")) -> AfterValidator:
    """Refuses a range (or number) that is not within `low` … `high`, both allowed."""

    def check(value: Any) -> Any:
        ends = value if isinstance(value, tuple) else (value,)
        if not all(low <= end <= high for end in ends):
            limit = f"at least {low:g}" if high == float("inf") else f"within {low:g} … {high:g}"
            raise ValueError(f"{_shown(value)} must be {limit}")
        return value

    return AfterValidator(check)


def above(low: float) -> AfterValidator:
    """Refuses a range (or number) that reaches down to `low` or below."""

    def check(value: Any) -> Any:
        if min(value if isinstance(value, tuple) else (value,)) <= low:
            raise ValueError(f"{_shown(value)} must be above {low:g}")
        return value

    return AfterValidator(check)


def _odd(value: tuple[int, int]) -> tuple[int, int]:
    if value[0] < 1 or not all(end % 2 for end in value):
        raise ValueError(f"{_shown(value)} must be odd and positive, so that a kernel has a middle")
    return value


OddRange = Annotated[IntRange, AfterValidator(_odd)]  # sizes of kernels: only odd ones are drawn


def _weighted(value: Any) -> Any:
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return {str(value): 1.0}  # 420 is compared with 4:2:0 then
    return dict.fromkeys(value, 1.0) if isinstance(value, tuple) else value


def _possible(value: dict[Any, float]) -> dict[Any, float]:
    if not value or min(value.values()) < 0 or sum(value.values()) <= 0:
        raise ValueError(f"the weights {value} must not be negative, and one of them must be positive")
    return value


# Fields are written `method: Annotated[dict[Literal["area", "bicubic"], float], *ODDS]`;
# YAML gives a name, a list of names (equal odds) or a mapping of names to weights.
ODDS = (BeforeValidator(_weighted), AfterValidator(_possible))


def _shown(value: Any) -> str:
    """A range as a user writes it: one number where both ends are equal."""
    if not isinstance(value, tuple):
        return f"{value:g}"
    return f"{value[0]:g}" if value[0] == value[1] else f"[{value[0]:g}, {value[1]:g}]"
