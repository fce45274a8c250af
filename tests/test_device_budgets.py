"""What degradations ask of a device, counted on the emulated one: no more than is reached, and less in time.

Launches are those of arithmetic; copies to the device are counted by themselves. Of the launches of jpeg 38
are its own; the others round to levels what has them already.
"""

from __future__ import annotations

from typing import NamedTuple

import pytest
import torch
from emulated_cuda import Emulated

from srdata.degrade.chain import load_device_chain

IMAGES, SIDE, SEEDS = 8, 64, range(2)


class Budget(NamedTuple):
    """Of a batch, on the mean of two that were drawn."""

    launches: float
    copies: float
    bytes_per_sample: float  # read and written, for each sample of HR


BUDGETS = {
    "realesrgan-x4": Budget(225, 31, 805),
    "bsrgan": Budget(121, 16, 219),
    "bsrgan-plus": Budget(339, 57, 423),
    "denoise-color": Budget(53, 10, 135),
    "srmd": Budget(119, 7, 247),
    "jpeg": Budget(42, 1, 221),
    "poisson_noise": Budget(38, 3, 315),
}
STEPS = {
    "jpeg": {"op": "jpeg"},
    "poisson_noise": {"op": "poisson_noise", "gray": 0.5},
}


@pytest.mark.parametrize("name", BUDGETS)
def test_a_batch_takes_no_more_than_it_did(name: str, device: Emulated) -> None:
    chain = load_device_chain([STEPS[name]] if name in STEPS else name)
    scale = (chain.scales or (1 if name in STEPS or name == "denoise-color" else 4,))[0]
    hr = torch.rand(IMAGES, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0)).to("cuda")

    keys = [str(place) for place in range(IMAGES)]
    for _ in range(2):  # what is kept on the device for good is made by the first turn
        device.reset()
        for seed in SEEDS:
            chain.pair(hr, chain.sample_batch(keys, seed, 0, group=IMAGES), scale)
    found = counted(device)
    assert device.waits == []
    assert device.counts["launches of float64"] == 0
    assert all(one <= limit for one, limit in zip(found, BUDGETS[name], strict=True)), found


def counted(device: Emulated) -> Budget:
    """What each of the batches took."""
    counts, batches = device.counts, len(SEEDS)
    copies, samples = counts["copies to the device"], batches * IMAGES * 3 * SIDE**2
    return Budget((counts["launches"] - copies) / batches, copies / batches, counts["bytes"] / samples)
