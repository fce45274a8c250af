"""The laws of noise as 65,536 equally likely numbers, which sixteen random bits choose from."""

from __future__ import annotations

from functools import cache
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
WIDTH = 256  # counts of photons that a table holds for a level, about its mean: eight sigmas on either side
TABLED_PHOTONS = tuple(2**power for power in range(9))


@cache
def normal_quantiles() -> Floats:
    """The standard normal distribution."""
    quantile = NormalDist().inv_cdf
    half = np.array([quantile((place + 0.5) / 65536) for place in range(32768)])
    return np.concatenate([half, -half[::-1]]).astype(np.float32)


class PoissonTables(NamedTuple):
    """By the alias method (Walker, 1974): eight random bits choose one of WIDTH counts of a level.

    It is kept where eight further bits are below `kept`, else its alias is taken, which for a count that is
    always kept is the count itself.
    """

    kept: NDArray[np.uint8]  # (65536,)
    alias: NDArray[np.uint8]
    noise: Floats  # what each count differs from the mean of its level, over the photons


@cache
def poisson_tables(photons: int) -> PoissonTables:
    """The counts of the photons of every level, where white is one of TABLED_PHOTONS."""
    means = np.arange(256)[:, None] * photons / 255
    firsts = np.maximum(means.astype(int) - WIDTH // 2, 0)
    counts = firsts + np.arange(WIDTH)
    kept, alias = _aliases(_shares(poisson_law(counts, means)))
    noise = ((counts - means) / photons).astype(np.float32)
    return PoissonTables(
        (kept % WIDTH).astype(np.uint8).ravel(), alias.astype(np.uint8).ravel(), noise.ravel()
    )


def poisson_law(counts: NDArray[Any], means: NDArray[Any]) -> NDArray[np.float64]:
    """The probability of each count under each mean."""
    factorials = np.cumsum(np.log(np.maximum(np.arange(counts.max() + 1), 1)))  # their logarithms
    law: NDArray[np.float64] = np.exp(counts * np.log(np.maximum(means, 1e-99)) - means - factorials[counts])
    return law


def _shares(law: NDArray[np.float64]) -> NDArray[np.int64]:
    """How many of WIDTH² equally likely draws fall on each count, for each row."""
    exact = law / law.sum(axis=1, keepdims=True) * WIDTH**2
    shares: NDArray[np.int64] = exact.astype(np.int64)
    missing = WIDTH**2 - shares.sum(axis=1, keepdims=True)
    ranks = np.argsort(np.argsort(shares - exact, axis=1, kind="stable"), axis=1, kind="stable")
    shares += ranks < missing  # those that rounding down took the most from
    return shares


def _aliases(shares: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """How often of WIDTH times each place is kept, and its alias, for all rows of shares at once.

    The poor, which have less than WIDTH, take the rest from the rich; one of the rich that becomes poor by
    that is the next to take.
    """
    rows, left = np.arange(len(shares)), shares.copy()
    alias = np.broadcast_to(np.arange(WIDTH), shares.shape).copy()
    order = np.argsort(shares, axis=1, kind="stable")  # the poor from the start, the rich from the end
    poors = (shares < WIDTH).sum(axis=1)
    poor, takes = order[:, 0], poors > 0
    next_poor, next_rich = np.ones(len(shares), np.int64), np.full(len(shares), WIDTH - 1)
    while takes.any():
        rows, poor, rich = rows[takes], poor[takes], order[rows, next_rich][takes]
        alias[rows, poor] = rich
        left[rows, rich] -= WIDTH - left[rows, poor]
        fallen = left[rows, rich] < WIDTH
        next_rich = next_rich[takes] - (left[rows, rich] <= WIDTH)
        following = next_poor[takes]
        poor = np.where(fallen, rich, order[rows, np.minimum(following, WIDTH - 1)])
        next_poor = following + ~fallen
        takes = fallen | (following < poors[rows])
    return left, alias
