"""The bars of a histogram, and what is said of the values in a line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from math import ceil, floor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from srdata.report.delta_steps import shown

Value = float | str
Values = Sequence[Value] | NDArray[np.float64]

_BINS = 38
_FEW = 12  # so many different values, that come twice on average, get a bar each
_WHOLE = 95  # as many whole numbers get a bar each, those that never come as well
_STEPS = tuple(Fraction(10) ** power * step for power in range(-12, 16) for step in (1, 2, 5))
_TICKS = 6  # at most, on an axis
_LETTERS = 28  # below bars that have labels of their own


class Tick(NamedTuple):
    """A number on the axis below the bars, and where it stands: 0 is the left end, 1 the right one."""

    place: float
    text: str


class Bars(NamedTuple):
    """What each bar stands for, how many values it has, and the axis, which texts have none of."""

    labels: list[str]
    counts: list[int]
    axis: list[Tick]


def numbers_in(values: Values) -> Sequence[float] | NDArray[np.float64]:
    """Those that are no texts; an array of numbers as it is."""
    if isinstance(values, np.ndarray):
        return values
    return [value for value in values if not isinstance(value, str)]


def bars_of(values: Values) -> Bars:
    """A bar for every text, the most frequent first; for every whole number; for equal ranges of others."""
    if len(numbers_in(values)) < len(values):
        common = Counter(map(str, values)).most_common()
        return Bars([text for text, _ in common], [count for _, count in common], [])
    drawn = np.array(values, np.float64)
    numbers, counts = np.unique(drawn, return_counts=True)
    whole = bool((numbers == numbers.round()).all())
    few = len(numbers) <= min(_FEW, len(values) / 2)
    if whole and (numbers[-1] - numbers[0] < _WHOLE or not few):
        return _of_whole_numbers(drawn.astype(np.int64))
    if few:
        labels = [shown(float(number)) for number in numbers]
        return Bars(labels, counts.tolist(), _below_each(labels))
    bins = max(_FEW, min(_BINS, round(len(values) ** 0.5)))
    counts, edges = np.histogram(drawn, bins)
    labels = [f"{shown(low)} to {shown(high)}" for low, high in pairwise(edges.tolist())]
    low, length = edges[0], edges[-1] - edges[0]
    marked = _round_numbers(float(low), float(edges[-1]))
    return Bars(labels, counts.tolist(), [Tick((one - low) / length, shown(one)) for one in marked])


def _of_whole_numbers(drawn: NDArray[np.int64]) -> Bars:
    """A bar for every number from the least to the greatest, or for as many in a row as make few bars."""
    low, high = int(drawn.min()), int(drawn.max())
    each = 1 if high - low < _WHOLE else -(-(high - low + 1) // _BINS)
    bins = (high - low) // each + 1
    counts = np.bincount((drawn - low) // each, minlength=bins)
    starts = range(low, high + 1, each)
    labels = [str(one) if each == 1 else f"{one} to {one + each - 1}" for one in starts]
    marked = _round_numbers(low, high, whole=True)
    axis = [Tick((one - low + each / 2) / (bins * each), shown(one)) for one in marked]
    return Bars(labels, counts.tolist(), axis)


def _round_numbers(low: float, high: float, *, whole: bool = False) -> list[float]:
    """Numbers at equal distances from `low` to `high`, of 1, 2 or 5 units of some power of ten."""
    steps = (step for step in _STEPS if step >= 1 or not whole)
    step = next(step for step in steps if (high - low) / step < _TICKS)
    return [float(one * step) for one in range(ceil(low / step), floor(high / step) + 1)]


def _below_each(labels: Sequence[str]) -> list[Tick]:
    """An axis with what bars stand for, in the middle of them; of many bars not for all."""
    step = ceil(len(labels) * (1 + max(map(len, labels))) / _LETTERS)
    return [Tick((place + 0.5) / len(labels), labels[place]) for place in range(0, len(labels), step)]


class Spread(NamedTuple):
    """The ends and the middle of numbers, as text."""

    low: str
    high: str
    mean: str
    median: str


def spread_of(values: Sequence[float] | NDArray[np.float64]) -> Spread:
    """The least and the greatest of some numbers, their mean and their median."""
    numbers = np.array(values, np.float64)
    found = numbers.min(), numbers.max(), numbers.mean(), np.median(numbers)
    return Spread(*(shown(float(one)) for one in found))
