"""What degradations ask of a device, counted on the emulated one: no more than is reached, and less in time.

Launches are those of arithmetic; copies to the device are counted by themselves. Of the launches of jpeg two
make levels of floats and two make floats of levels. A loader draws the noise of a whole batch at once, and so
takes fewer: see `test_loader_emulated`.
"""

from __future__ import annotations

import subprocess
import sys
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
    "realesrgan-x4": Budget(204, 26, 650),
    "bsrgan": Budget(95, 7, 169),
    "bsrgan-plus": Budget(302, 34, 338),
    "denoise-color": Budget(16, 2, 89),
    "srmd": Budget(119, 7, 246),
    "jpeg": Budget(34, 1, 158),
    "poisson_noise": Budget(36, 3, 269),
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


FIRST = """
import sys, torch
from srdata.catalog import Shelf, names
from srdata.common.tensors.device_copies import wanted
from srdata.common.tensors.shapes_alone import ShapesAlone
from srdata.degrade.chain import load_device_chain
from srdata.errors import RecipeError

for name in names(Shelf.DEGRADATIONS):
    try:
        chain = load_device_chain(name)
    except RecipeError:
        continue
    hr, keys = torch.empty(4, 3, 96, 96, device="meta"), ["a", "b", "c", "d"]
    with wanted(), ShapesAlone():
        for seed in range(3):
            chain.pair(hr, chain.sample_batch(keys, seed, 0, group=4), (chain.scales or (4,))[0])
    assert "sympy" not in sys.modules, name
"""


@pytest.mark.slow
def test_reading_the_first_batch_brings_no_algebra_in() -> None:
    """Which takes a second or more, and is what torch imports for some shapes."""
    done = subprocess.run([sys.executable, "-c", FIRST], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def counted(device: Emulated) -> Budget:
    """What each of the batches took."""
    counts, batches = device.counts, len(SEEDS)
    copies, samples = counts["copies to the device"], batches * IMAGES * 3 * SIDE**2
    return Budget((counts["launches"] - copies) / batches, copies / batches, counts["bytes"] / samples)
