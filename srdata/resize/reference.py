"""The definition of a resize in float64: each output is its taps summed one after the other, first to last.

The other ways of this package must agree with it, sample for sample.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from srdata.resize.taps import Taps, reach

CHUNK = 1 << 16  # samples at once: the sums of a chunk stay in the processor's cache


def resample(rows: NDArray[Any], taps: Taps, border: str) -> NDArray[np.float64]:
    """Resize the first axis of (length, samples) to (taps.size, samples), unrounded."""
    out = np.zeros((taps.size, rows.shape[1]))
    step = max(1, CHUNK // rows.shape[1])
    for top in range(0, taps.size, step):
        part = slice(top, top + step)
        for k, weights in enumerate(taps.weights[part].T):
            inputs = reach(taps.first[part] + k, taps.length, border)
            out[part] += weights[:, None] * rows[inputs]
    return out


def resample_at(
    rows: NDArray[Any], taps: Taps, border: str, outputs: NDArray[np.intp], samples: NDArray[np.intp]
) -> NDArray[np.float64]:
    """What `resample` gives at the positions (outputs, samples) alone."""
    total = np.zeros(len(outputs))
    for k, weights in enumerate(taps.weights.T):
        inputs = reach(taps.first[outputs] + k, taps.length, border)
        total += weights[outputs] * rows[inputs, samples]
    return total


def to_levels(values: NDArray[np.float64], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Round half up and clamp to the range of an unsigned integer type."""
    return np.clip(np.floor(values + 0.5), 0, np.iinfo(dtype).max).astype(dtype)
