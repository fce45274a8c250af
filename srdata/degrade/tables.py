"""Noise by looking up random numbers in tables: several times as fast as to compute each sample."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from statistics import NormalDist
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
COUNTS = 512  # a count of photons lies below it: its mean is 256 at most, its sigma 16
FRACTION_BITS = 23
TABLED_PHOTONS = frozenset({1, 2, 4, 8, 16, 32, 64, 128, 256})  # half a megabyte each
Draw = Callable[[int, int], "Floats"]
PART = 1 << 15


@cache
def normal_quantiles() -> Floats:
    """The standard normal distribution as 65,536 equally likely numbers."""
    quantile = NormalDist().inv_cdf
    half = np.array([quantile((place + 0.5) / 65536) for place in range(32768)])
    return np.concatenate([half, -half[::-1]]).astype(np.float32)


def normals(key: int, count: int) -> Floats:
    """`count` standard normal numbers, drawn from `normal_quantiles` by what `key` seeds."""
    raw = np.random.SFC64(key).random_raw((count + 3) // 4).view(np.uint16)[:count]
    numbers: Floats = cv2.LUT(raw[None], normal_quantiles())[0]  # faster than numpy's take
    return numbers


def uniforms(key: int, count: int) -> Floats:
    """`count` numbers of [0, 1), drawn by what `key` seeds."""
    return np.random.Generator(np.random.SFC64(key)).random(count, np.float32)


def poisson(key: int, levels: NDArray[np.uint8], photons: float) -> Floats:
    """Poisson counts with the means `levels` · `photons` / 255, drawn by what `key` seeds."""
    if photons in TABLED_PHOTONS:
        return _poisson_of_levels(key, levels, int(photons))
    rng = np.random.Generator(np.random.SFC64(key))
    return rng.poisson(levels * (photons / 255)).astype(np.float32)


def _poisson_of_levels(key: int, levels: NDArray[np.uint8], photons: int) -> Floats:
    """The same for a few numbers of photons, of which tables are kept.

    Exact, by the alias method (Walker, 1974): 9 random bits choose a count, 23 keep it or take its alias.
    """
    raw = np.random.SFC64(key).random_raw((levels.size + 1) // 2).view(np.uint32)
    flat, table = levels.ravel(), _alias_tables(photons)
    counts = np.empty(levels.size, np.float32)
    for start in range(0, levels.size, PART):  # in parts that the processor's cache holds
        part = slice(start, min(start + PART, levels.size))
        counts[part] = _counts(raw[part], flat[part], table)
    return counts.reshape(levels.shape)


def _counts(raw: NDArray[np.uint32], levels: NDArray[np.uint8], table: NDArray[np.uint32]) -> Any:
    """The same for one part, in place where it can be: this is as long as the memory's way."""
    counts = raw >> FRACTION_BITS
    places = levels.astype(np.uint32)
    places *= np.uint32(COUNTS)
    places += counts
    entries = table.take(places, mode="clip")  # which does not look for places beyond the table
    replaced = (raw << np.uint32(32 - FRACTION_BITS) | np.uint32(COUNTS - 1)) >= entries
    entries &= np.uint32(COUNTS - 1)
    entries -= counts  # wraps round, and back below; np.where takes five times as long
    entries *= replaced
    entries += counts
    return entries


@cache
def _alias_tables(photons: int) -> NDArray[np.uint32]:
    """The tables of all 256 levels, one after another."""
    return np.concatenate([_alias_table(level * photons / 255) for level in range(256)])


def _alias_table(mean: float) -> NDArray[np.uint32]:
    """For every count below COUNTS: in 23 bits how often it is kept, in 9 bits what it is else."""
    share = list(_poisson_law(mean) * COUNTS)
    alias = list(range(COUNTS))
    small = [count for count in alias if share[count] < 1]
    large = [count for count in alias if share[count] >= 1]
    while small and large:
        poor, rich = small.pop(), large[-1]
        alias[poor] = rich
        share[rich] -= 1 - share[poor]
        if share[rich] < 1:
            small.append(large.pop())
    kept = np.minimum(np.array(share) * (1 << FRACTION_BITS), (1 << FRACTION_BITS) - 1).astype(np.uint32)
    table: NDArray[np.uint32] = kept << np.uint32(32 - FRACTION_BITS) | np.array(alias, np.uint32)
    return table


def _poisson_law(mean: float) -> NDArray[np.float64]:
    """The probability of every count below COUNTS."""
    factorials = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1.0, COUNTS)))])
    law: NDArray[np.float64] = np.exp(np.arange(COUNTS) * np.log(max(mean, 1e-99)) - mean - factorials)
    law /= law.sum()
    return law
