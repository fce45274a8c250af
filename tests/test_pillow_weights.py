"""Pillow's resize by whole-numbered weights, against Pillow."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pytest
import torch
from PIL import Image

from srdata.degrade.ops.pillow_resize import Kernel, PillowResize
from srdata.resize.pillow_weights import levels_of, matrix


@pytest.mark.parametrize("kernel", get_args(Kernel))
def test_both_passes_are_those_of_pillow(kernel: Any) -> None:
    rng = np.random.default_rng(3)
    for length, size in rng.integers(1, 120, (40, 2)).tolist():
        image = rng.integers(0, 256, (9, length), np.uint8)
        wanted = Image.fromarray(image).resize((size, 9), Image.Resampling[kernel.upper()])
        weights = torch.from_numpy(matrix(length, size, kernel).copy())
        assert np.array_equal(levels_of(torch.from_numpy(image).double() @ weights.T).byte(), wanted)
        upright = Image.fromarray(image.T).resize((9, size), Image.Resampling[kernel.upper()])
        assert np.array_equal(levels_of(weights @ torch.from_numpy(image.T).double()).byte(), upright)


def test_the_op_keeps_to_pillows_order_of_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The code for CUDA, on the CPU: images that become lower and wider, which Pillow 13 turns about."""
    rng = np.random.default_rng(4)
    batch = torch.from_numpy(rng.integers(0, 256, (2, 3, 60, 41), np.uint8)) / 255
    monkeypatch.setattr(torch.Tensor, "is_cuda", True)
    for target in ([20, 55], [75, 30], [20, 14], [60, 50], [59, 41]):
        found = PillowResize(kernel="lanczos").apply(batch, [{"lr_size": target}] * 2)
        for image, made in zip((batch * 255).round().byte().numpy(), found.numpy(), strict=True):
            for plane, one in zip(image, made, strict=True):
                wanted = Image.fromarray(plane).resize((target[1], target[0]), Image.Resampling.LANCZOS)
                assert np.array_equal(np.rint(one * 255), wanted)
