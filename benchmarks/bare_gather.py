"""The least that can be done for random pairs: a dozen lines of numpy on two memory-mapped arrays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

SCALE, PATCH, BATCH = 4, 192, 16


def gathered(low: NDArray[Any], high: NDArray[Any]) -> Iterator[list[torch.Tensor]]:
    """Batches of random crops of both, uint8 (count, 3, height, width), views of rows as they were copied."""
    rng, side = np.random.default_rng(0), PATCH // SCALE
    while True:
        lr, hr = np.empty((BATCH, side, side, 3), np.uint8), np.empty((BATCH, PATCH, PATCH, 3), np.uint8)
        places = rng.integers(0, [len(low), *(length - side + 1 for length in low.shape[1:3])], (BATCH, 3))
        for at, (image, top, left) in enumerate(places.tolist()):
            lr[at] = low[image, top : top + side, left : left + side]
            hr[at] = high[image, top * SCALE :, left * SCALE :][:PATCH, :PATCH]
        yield [torch.from_numpy(one).permute(0, 3, 1, 2) for one in (lr, hr)]
