"""The bars of a histogram, and what is said of the values in a line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from srdata.report.delta_steps import shown

Value = float | str

_BINS = 38
_FEW = 12  # so many different values, that come twice on average, get a bar each


class Bars(NamedTuple):
    """What each bar stands for, and how many values it has."""

    labels: list[str]
    counts: list[int]


def bars_of(values: Sequence[Value]) -> Bars:
    """A bar for every text, the most frequent first; of numbers for equal ranges, or for each of a few."""
    if any(isinstance(value, str) for value in values):
        common = Counter(map(str, values)).most_common()
        return Bars([text for text, _ in common], [count for _, count in common])
    numbers, counts = np.unique(np.array(values, np.float64), return_counts=True)
    if len(numbers) <= min(_FEW, len(values) / 2):
        return Bars([shown(float(number)) for number in numbers], counts.tolist())
    bins = max(_FEW, min(_BINS, round(len(values) ** 0.5)))
    counts, edges = np.histogram(np.array(values, np.float64), bins)
    labels = [f"{shown(low)} to {shown(high)}" for low, high in pairwise(edges.tolist())]
    return Bars(labels, counts.tolist())


class Spread(NamedTuple):
    """The ends and the middle of numbers, as text."""

    low: str
    high: str
    mean: str
    median: str


def spread_of(values: Sequence[float]) -> Spread:
    """The least and the greatest of some numbers, their mean and their median."""
    numbers = np.array(values, np.float64)
    found = numbers.min(), numbers.max(), numbers.mean(), np.median(numbers)
    return Spread(*(shown(float(one)) for one in found))
