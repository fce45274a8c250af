"""Draws from ranges and odds. They take numbers from `rng.random()` only, always equally many."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any, TypeVar

import numpy as np

T = TypeVar("T")


def uniform(rng: np.random.Generator, span: tuple[float, float]) -> float:
    """A number of [low, high)."""
    return span[0] + (span[1] - span[0]) * float(rng.random())


def integer(rng: np.random.Generator, span: tuple[int, int]) -> int:
    """A whole number of low … high, both possible."""
    return span[0] + int(rng.random() * (span[1] - span[0] + 1))


def odd(rng: np.random.Generator, span: tuple[int, int]) -> int:
    """An odd number of low … high, both odd and possible."""
    return span[0] + 2 * int(rng.random() * ((span[1] - span[0]) // 2 + 1))


def chance(rng: np.random.Generator, p: float) -> bool:
    """True with probability `p`."""
    return float(rng.random()) < p


def choice(rng: np.random.Generator, options: Sequence[T]) -> T:
    """One of `options`, all alike."""
    return options[int(rng.random() * len(options))]


def pick(rng: np.random.Generator, odds: Mapping[T, Any]) -> T:
    """One of the keys of `odds`, each as likely as its weight."""
    return list(odds)[weighted(rng, list(odds.values()))]


def weighted(rng: np.random.Generator, weights: Sequence[float]) -> int:
    """The place of one of `weights`, each as likely as it weighs."""
    target = float(rng.random()) * sum(weights)
    for place, edge in enumerate(accumulate(weights)):
        if target < edge:
            return place
    return max(place for place, weight in enumerate(weights) if weight > 0)  # rounding reached the very end


def field_key(rng: np.random.Generator) -> int:
    """A number that names a field of noise: see `numerics/random_fields.py`."""
    return int(rng.random() * 2**53)


def normal(rng: np.random.Generator) -> float:
    """A standard normal number, from two of `rng.random()` (Box and Muller, 1958)."""
    return math.sqrt(-2 * math.log(1 - rng.random())) * math.cos(2 * math.pi * rng.random())


def symmetric_beta(rng: np.random.Generator, a: float) -> float:
    """A number of Beta(a, a), from two of `rng.random()`, for any a > 0.

    Student's t with 2a degrees of freedom in polar form (Bailey, Mathematics of Computation 62, 1994), taken
    to t / sqrt(2a + t²), which is 2 Beta(a, a) - 1 (Devroye, Non-Uniform Random Variate Generation, 1986,
    IX.3). Exact like the tables of numpy, but without rejection, so that every draw takes equally many
    numbers.
    """
    short = math.pow(1 - rng.random(), 1 / a)
    wave = math.cos(2 * math.pi * rng.random())
    whole = short + (1 - short) * wave * wave
    near = 0.5 * (short / whole) / (1 + math.sqrt(1 - short / whole))  # the smaller of it and 1 - it
    return near if wave < 0 else 1 - near
