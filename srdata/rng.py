"""Randomness by address: a draw is a function of (seed, epoch, image, op …), never of what was drawn before.

Two forms of the same idea. `generator` gives a numpy generator for one address, for the draws of an op.
`uniforms` gives numbers for many addresses at once, for the crops of a batch.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

Address = int | str

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def key(*address: Address) -> int:
    """A 128-bit number that stands for `address`; different addresses give different numbers."""
    text = json.dumps(address, separators=(",", ":"))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest(), "little")


def generator(*address: Address) -> np.random.Generator:
    """A generator whose stream depends on `address` alone (Philox keyed by the address).

    >>> float(generator(1, "blur").random()) == float(generator(1, "blur").random())
    True
    """
    return np.random.Generator(np.random.Philox(key=key(*address)))


def uniforms(*address: Any, draws: int) -> NDArray[np.float64]:
    """`draws` numbers in [0, 1) for each address, shape (..., draws).

    `address` is a row of integers or integer arrays that broadcast together; each element is hashed with
    SplitMix64 (Steele et al., OOPSLA 2014), so that the numbers do not depend on which others are asked for.

    >>> bool((uniforms(7, 0, np.arange(9), draws=2)[4] == uniforms(7, 0, 4, draws=2)).all())
    True
    """
    parts = np.broadcast_arrays(*(np.asarray(part).astype(np.uint64) for part in address))
    state = np.zeros(parts[0].shape, np.uint64)
    with np.errstate(over="ignore"):
        for part in parts:
            state = _mix(state + _GOLDEN + part)
        steps = _GOLDEN * np.arange(1, draws + 1, dtype=np.uint64)
        words = _mix(state[..., None] + steps)
    return (words >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _mix(z: NDArray[np.uint64]) -> NDArray[np.uint64]:
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
