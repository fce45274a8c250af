"""Resizing against hand-made numbers, OpenCV, Pillow and MATLAB-compatible imresize."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
import torch
from degrade_examples import photographs
from PIL import Image
from scipy import ndimage

from srdata.degrade.chain import load_chain
from srdata.degrade.numerics import backend
from srdata.degrade.numerics.batch_resize import moved, resize
from srdata.degrade.ops.resizing import Resize, scaled
from srdata.resize import imresize
from srdata.rng import generator

METHODS = ("nearest", "area", "bilinear", "bicubic", "lanczos")
SIZES = [(20, 30), (100, 120), (53, 30), (54, 70), (40, 71), (1, 1), (53, 71)]


def both(x: np.ndarray) -> list[Any]:
    return [x, torch.from_numpy(np.ascontiguousarray(x))]


def test_hand_made_four_by_four() -> None:
    x = np.arange(16, dtype=np.float32).reshape(1, 1, 4, 4)
    for batch in both(x):
        assert np.asarray(resize(batch, (2, 2), "area")).tolist() == [[[[2.5, 4.5], [10.5, 12.5]]]]
        assert np.asarray(resize(batch, (2, 2), "bilinear")).tolist() == [[[[2.5, 4.5], [10.5, 12.5]]]]
        assert np.asarray(resize(batch, (1, 1), "nearest")).tolist() == [[[[10.0]]]]
        thirds = np.asarray(resize(batch, (4, 3), "area"))[0, 0, 0]
        # output pixels of 4/3: all of 0 and a third of 1, two thirds of 1 and of 2, a third of 2 and 3
        assert thirds == pytest.approx([0.25, 1.5, 2.75])


@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("method", METHODS)
def test_numpy_and_torch_agree_at_any_size(method: Any, antialias: bool) -> None:
    x = photographs(53, 71)
    for size in SIZES:
        one, other = (np.asarray(resize(batch, size, method, antialias)) for batch in both(x))
        assert one.shape == (2, 3, *size)
        assert np.abs(one - other).max() < 0.1 / 255


@pytest.mark.parametrize("size", SIZES)
def test_area_is_the_mean_over_the_area(size: tuple[int, int]) -> None:
    x = photographs(53, 71)
    fine = x.repeat(size[0], axis=2).repeat(size[1], axis=3)  # every output pixel has whole pixels of this
    expected = fine.reshape(2, 3, size[0], 53, size[1], 71).mean(axis=(3, 5), dtype=np.float64)
    for batch in both(x):
        assert np.abs(np.asarray(resize(batch, size, "area")) - expected).max() < 0.05 / 255


def test_the_other_methods_are_opencvs_without_antialiasing_and_matlabs_with() -> None:
    x = photographs(53, 71)
    image = backend.images(x)[0]
    for method, flag in (("bilinear", cv2.INTER_LINEAR), ("bicubic", cv2.INTER_CUBIC)):
        plain = np.asarray(resize(x, (20, 30), method))[0].transpose(1, 2, 0)
        assert np.array_equal(plain, cv2.resize(image, (30, 20), interpolation=flag))
        smooth = np.asarray(resize(x, (20, 30), method, antialias=True))[0].transpose(1, 2, 0)
        assert np.abs(smooth - imresize(image.astype(np.float64), size=(20, 30), kernel=method)).max() < 1e-6


def test_moving_is_scipys_shift() -> None:
    x = photographs(20, 24)
    for down, right in ((0.0, 1.5), (0.25, -1.75), (-2.0, 3.0)):
        expected = ndimage.shift(x.astype(np.float64), (0, 0, down, right), order=1, mode="nearest")
        for batch in both(x):
            assert np.abs(np.asarray(moved(batch, down, right)) - expected).max() < 1e-6


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_corner_alignment_lies_where_subsampling_lies(scale: int) -> None:
    ramp = np.tile(np.arange(48, dtype=np.float32) / 48, (48, 1))[None, None]
    results = {}
    for alignment in ("centre", "corner"):
        step = {"op": "resize", "to": "lr", "method": "area", "alignment": alignment}
        chain = load_chain({"rounds": False, "steps": [step]})
        results[alignment] = chain.apply(ramp, [chain.sample(0)], scale)[0, 0, 5, 1:-1]
    every = np.arange(0, 48, scale)[1:-1]
    assert results["corner"] == pytest.approx(every / 48, abs=1e-6)
    assert results["centre"] == pytest.approx((every + (scale - 1) / 2) / 48, abs=1e-6)


def test_factors_follow_their_odds_and_ranges() -> None:
    op = Resize(factor=(0.15, 1.5), odds={"up": 0.2, "down": 0.7, "keep": 0.1})
    factors = np.array([op.sample(generator(number))["factor"] for number in range(4000)])
    assert (factors > 1).mean() == pytest.approx(0.2, abs=0.03)
    assert (factors < 1).mean() == pytest.approx(0.7, abs=0.03)
    assert 0.15 <= factors.min() < 0.16
    assert 1.49 < factors.max() <= 1.5
    inverse = Resize(factor=(1.0, 8.0), inverse=True)
    divisors = np.array([1 / inverse.sample(generator(number))["factor"] for number in range(4000)])
    assert divisors.mean() == pytest.approx(4.5, abs=0.15)


def test_sizes_are_rounded_down_but_never_to_nothing() -> None:
    assert [scaled(100, factor) for factor in (0.333, 0.29, 1.499, 0.0001)] == [33, 29, 149, 1]
    assert scaled(30, 1 / 3) == 10


def test_going_through_another_size_ends_at_the_right_one() -> None:
    x = photographs(40, 60)
    step = {"op": "resize", "to": "lr", "through": [0.3, 0.4], "method": "bilinear"}
    chain = load_chain([step, {"op": "resize", "factor": 1, "through": 2, "method": "nearest"}])
    delta = chain.sample(0)
    lr = chain.apply(x, [delta, delta], 2)
    first = resize(
        x, (scaled(40, delta[0]["params"]["through"]), scaled(60, delta[0]["params"]["through"])), "bilinear"
    )
    assert np.abs(lr - resize(first, (20, 30), "bilinear")).max() < 0.51 / 255


def test_pillow_resize_is_pillows() -> None:
    image = backend.to_levels(backend.images(photographs(40, 60))[0])
    chain = load_chain([{"op": "pillow_resize", "kernel": "lanczos"}])
    expected = np.asarray(Image.fromarray(image).resize((15, 10), Image.Resampling.LANCZOS))
    assert np.array_equal(chain.apply_image(image, chain.sample(0), 4), expected)


def test_without_clip_it_is_imresize_of_floats() -> None:
    """Far beyond 0–1 at the edges of black and white, in numpy as on tensors."""
    x = np.zeros((1, 3, 24, 36), np.float32)
    x[:, :, 8:, 12:] = 1
    wanted = imresize(x[0].transpose(1, 2, 0), 1 / 4).transpose(2, 0, 1)
    assert wanted.max() > 1.01
    assert wanted.min() < -0.01
    chain = load_chain("bicubic-float")
    held = load_chain({"rounds": False, "steps": [{"op": "resize", "to": "lr", "antialias": True}]})
    for batch in (x, torch.from_numpy(x)):
        lr = np.asarray(chain.apply(batch, [chain.sample(1)], 4))
        assert np.abs(lr[0] - wanted).max() < 1e-6
        assert np.abs(np.asarray(held.apply(batch, [held.sample(1)], 4)) - lr.clip(0, 1)).max() < 1e-6
