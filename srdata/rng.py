"""Randomness by address: a draw is a function of (seed, epoch, image, op …), never of what was drawn before.

Three forms of the same idea. `generator` gives a numpy generator for one address, for the draws of an op.
`uniforms` gives numbers for many addresses at once, for the crops of a batch. `words` gives random bits by
their place, for fields of noise: any device computes them by a few operations on integers.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Address = int | str

_COMPACT = json.JSONEncoder(separators=(",", ":"))
GOLDEN = 0x9E3779B97F4A7C15  # what SplitMix64 adds from number to number
ROUNDS = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))  # of its finaliser: a shift and a factor
LAST_SHIFT = 31
_WORD = 2**64 - 1
_NUMPY_ROUNDS = tuple((np.uint64(shift), np.uint64(factor)) for shift, factor in ROUNDS)
_NUMPY_LAST_SHIFT = np.uint64(LAST_SHIFT)
_STEP, _ELEVEN = np.uint64(GOLDEN), np.uint64(11)
_PART = 1 << 15  # words that stay in the processor's cache while they are mixed
_ZEROS = np.zeros(4, np.uint64)
_FRESH = {"bit_generator": "Philox", "buffer": _ZEROS, "buffer_pos": 4, "has_uint32": 0, "uinteger": 0}


def key(*address: Address) -> int:
    """A 128-bit number that stands for `address`; different addresses give different numbers."""
    text = _COMPACT.encode(address)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest(), "little")


def generator(*address: Address) -> np.random.Generator:
    """A generator whose stream depends on `address` alone (Philox keyed by the address).

    >>> float(generator(1, "blur").random()) == float(generator(1, "blur").random())
    True
    """
    return np.random.Generator(np.random.Philox(key=key(*address)))


class Generators:
    """The generators of many addresses, one after the other, in a tenth of the time.

    >>> float(Generators().at(1, "blur").random()) == float(generator(1, "blur").random())
    True
    """

    def __init__(self) -> None:
        self._bits = np.random.Philox(key=0)
        self._rng = np.random.Generator(self._bits)
        self._key = np.zeros(2, np.uint64)
        self._fresh: Any = {**_FRESH, "state": {"counter": _ZEROS, "key": self._key}}  # as `Philox(key=…)` is

    def at(self, *address: Address) -> np.random.Generator:
        """What `generator` gives for the same address, good until the next one is asked for."""
        seed = key(*address)
        self._key[0], self._key[1] = seed & _WORD, seed >> 64
        self._bits.state = self._fresh  # copied
        return self._rng


def uniforms(*address: Any, draws: int) -> NDArray[np.float64]:
    """`draws` numbers in [0, 1) for each address, shape (..., draws).

    `address` is a row of integers or integer arrays that broadcast together; each element is hashed with
    SplitMix64 (Steele et al., OOPSLA 2014), so that the numbers do not depend on which others are asked for.

    >>> bool((uniforms(7, 0, np.arange(9), draws=2)[4] == uniforms(7, 0, 4, draws=2)).all())
    True
    """
    state: Any = 0
    for part in address:
        if isinstance(part, int) and isinstance(state, int):
            state = _mix((state + GOLDEN + part) & _WORD)
            continue
        number = np.uint64(part & _WORD) if isinstance(part, int) else np.asarray(part).astype(np.uint64)
        last = np.uint64(state) if isinstance(state, int) else state
        state = _mix_all(np.asarray(np.add(np.add(last, _STEP), number)))
    words = np.asarray(state, np.uint64)[..., None] + _STEP * np.arange(1, draws + 1, dtype=np.uint64)
    numbers: NDArray[np.float64] = (_mix_all(words) >> _ELEVEN) * np.float64(2.0**-53)
    return numbers


def words(seed: int, count: int) -> NDArray[np.uint64]:
    """The first `count` numbers of SplitMix64 from `seed` on, each a function of `seed` and its place.

    Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014, who report that it
    passes DieHarder and TestU01's BigCrush.

    >>> words(1234567, 2).tolist()
    [6457827717110365317, 3203168211198807973]
    """
    states, steps = np.empty(count, np.uint64), _first_steps()
    for start in range(0, count, _PART):
        part = states[start : start + _PART]
        np.add(steps[: len(part)], np.uint64((seed + start * GOLDEN) & _WORD), out=part)
        _mix_all(part)
    return states


@cache
def _first_steps() -> NDArray[np.uint64]:
    return np.arange(1, _PART + 1, dtype=np.uint64) * _STEP


def seed_of(key: int) -> int:
    """The seed of `words` for a key of 64 bits: neighbouring keys give seeds that have nothing in common."""
    return _mix((GOLDEN + key) & _WORD)


def _mix(z: int) -> int:
    """The finaliser of SplitMix64."""
    for shift, factor in ROUNDS:
        z = ((z ^ (z >> shift)) * factor) & _WORD
    return z ^ (z >> LAST_SHIFT)


def _mix_all(z: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The same for an array, which is overwritten; in numpy's own numbers, which take half the time."""
    shifted = np.empty_like(z)
    for shift, factor in _NUMPY_ROUNDS:
        z ^= np.right_shift(z, shift, out=shifted)
        z *= factor
    z ^= np.right_shift(z, _NUMPY_LAST_SHIFT, out=shifted)
    return z
