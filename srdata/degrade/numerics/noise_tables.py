"""Noise by looking up random numbers in tables: several times as fast as to compute each sample."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from statistics import NormalDist
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
WIDTH = 256  # counts of photons that a table holds for a level, about its mean: eight sigmas on either side
TABLED_PHOTONS = frozenset({1, 2, 4, 8, 16, 32, 64, 128, 256})  # 0.4 megabytes each
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


def poisson_noise(key: int, levels: NDArray[np.uint8], photons: float) -> Floats:
    """A Poisson count with the mean `levels` · `photons` / 255, less that mean, over `photons`.

    Drawn by what `key` seeds. For the numbers of photons in TABLED_PHOTONS, the counts of a level are 65,536
    equally likely numbers, as those of `normals` are.
    """
    if photons in TABLED_PHOTONS:
        return _by_table(key, levels, int(photons))
    rng = np.random.Generator(np.random.SFC64(key))
    return (rng.poisson(levels * (photons / 255)) / photons - levels / 255).astype(np.float32)


def _by_table(key: int, levels: NDArray[np.uint8], photons: int) -> Floats:
    raw = np.random.SFC64(key).random_raw((levels.size + 3) // 4).view(np.uint16)
    flat, (aliases, noise) = levels.ravel(), _poisson_tables(photons)
    drawn = np.empty(levels.size, np.float32)
    for start in range(0, levels.size, PART):  # in parts that the processor's cache holds
        part = slice(start, min(start + PART, levels.size))
        drawn[part] = cv2.LUT(_places(raw[part], flat[part], aliases)[None], noise)[0]
    return drawn.reshape(levels.shape)


def _places(raw: NDArray[np.uint16], levels: NDArray[np.uint8], aliases: Any) -> NDArray[np.uint16]:
    """Which of its WIDTH counts each level gets: the level in the upper eight bits, the count in the lower.

    By the alias method (Walker, 1974): eight random bits choose a count, eight keep it or take its alias.
    """
    base = levels.astype(np.uint16) << 8
    places = raw >> 8 | base
    entries = cv2.LUT(places[None], aliases)[0]  # how often of WIDTH times it is kept, and its alias
    replaced = (raw << 8 | 255) >= entries
    change = (entries & 255 | base) - places  # wraps round, and back; np.where takes four times as long
    chosen: NDArray[np.uint16] = places + change * replaced
    return chosen


@cache
def _poisson_tables(photons: int) -> tuple[NDArray[np.uint16], Floats]:
    """For every place: its entry for the alias method, and the noise that it stands for."""
    means = [level * photons / 255 for level in range(256)]
    firsts = [max(int(mean) - WIDTH // 2, 0) for mean in means]
    pairs = list(zip(means, firsts, strict=True))
    aliases = np.concatenate([_alias_row(_shares(mean, first)) for mean, first in pairs])
    noise = np.concatenate([(np.arange(first, first + WIDTH) - mean) / photons for mean, first in pairs])
    return aliases, noise.astype(np.float32)


def _alias_row(shares: list[int]) -> NDArray[np.uint16]:
    """For WIDTH shares of WIDTH²: how often each is kept, in the upper eight bits, and its alias."""
    left, alias = list(shares), list(range(WIDTH))
    small = [place for place in alias if left[place] < WIDTH]
    large = [place for place in alias if left[place] > WIDTH]
    while small:
        poor, rich = small.pop(), large[-1]
        alias[poor] = rich
        left[rich] -= WIDTH - left[poor]
        if left[rich] <= WIDTH:
            large.pop()
        if left[rich] < WIDTH:
            small.append(rich)
    return np.array([kept % WIDTH << 8 | other for kept, other in zip(left, alias, strict=True)], np.uint16)


def _shares(mean: float, first: int) -> list[int]:
    """How many of WIDTH² equally likely draws fall on each of WIDTH counts, from `first` on."""
    counts = np.arange(first, first + WIDTH)
    law = np.exp(counts * math.log(max(mean, 1e-99)) - mean - [math.lgamma(count + 1) for count in counts])
    exact = law / law.sum() * WIDTH**2
    shares = exact.astype(int)
    missing = WIDTH**2 - int(shares.sum())
    shares[np.argsort(shares - exact)[:missing]] += 1  # those that rounding down took the most from
    return [int(share) for share in shares]
