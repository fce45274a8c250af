"""Ops that map samples: against scikit-image, OpenCV, Pillow and numbers made by hand."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from degrade_examples import hwc
from scipy.spatial import KDTree

from srdata.degrade.ops.tone import Banding, Gamma, Levels, Saturation
from srdata.rng import generator


def test_gamma_is_scikit_images(batch: np.ndarray) -> None:
    exposure = pytest.importorskip("skimage.exposure")
    ours = Gamma().apply(batch, [{"exponent": 0.6}, {"exponent": 2.2}, {"exponent": 1.0}])
    assert np.allclose(ours[0], exposure.adjust_gamma(batch[0], 0.6), atol=1e-6)
    assert np.allclose(ours[1], exposure.adjust_gamma(batch[1], 2.2), atol=1e-6)


def test_levels_are_scikit_images_rescale_intensity(batch: np.ndarray) -> None:
    exposure = pytest.importorskip("skimage.exposure")
    drawn = {"input_black": 30.0, "input_white": 200.0, "output_black": 10.0, "output_white": 245.0}
    expected = exposure.rescale_intensity(batch[0], (30 / 255, 200 / 255), (10 / 255, 245 / 255))
    assert np.allclose(Levels().apply(batch[:1], [drawn])[0], expected, atol=1e-6)


def test_levels_without_change_give_the_image_back(batch: np.ndarray) -> None:
    op = Levels(output_black=0, output_white=255)
    assert np.array_equal(op.apply(batch, [op.sample(generator(0))] * 3), batch)


@pytest.mark.parametrize("factor", [0.0, 0.3, 0.75, 1.0])
def test_saturation_is_opencvs_way_through_hsv(batch: np.ndarray, factor: float) -> None:
    hsv = cv2.cvtColor(hwc(batch), cv2.COLOR_RGB2HSV)
    hsv[..., 1] *= factor
    expected = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
    ours = Saturation().apply(batch, [{"factor": factor}] * 3)
    assert np.abs(hwc(ours) - expected).max() < 1e-4


def test_saturation_stops_at_full_saturation() -> None:
    pixel = np.array([0.8, 0.4, 0.6], np.float32).reshape(1, 3, 1, 1)
    ours = Saturation().apply(pixel, [{"factor": 5.0}])[0, :, 0, 0]
    hsv = cv2.cvtColor(ours.reshape(1, 1, 3), cv2.COLOR_RGB2HSV)[0, 0]
    assert np.allclose(hsv, [330, 1, 0.8], atol=1e-3)
    grey = np.full((1, 3, 1, 1), 0.5, np.float32)
    assert np.array_equal(Saturation().apply(grey, [{"factor": 5.0}]), grey)


def test_banding_of_a_ramp_by_hand() -> None:
    ramp = (np.arange(256, dtype=np.float32) / 255).reshape(1, 1, 1, 256)
    three = (Banding().apply(ramp, [{"levels": 3}]) * 255)[0, 0, 0]
    assert np.array_equal(np.unique(three), [0, 127.5, 255])
    assert np.flatnonzero(np.diff(three)).tolist() == [63, 191]  # the tones change after 63.75 and 191.25
    assert np.array_equal(Banding().apply(ramp, [{"levels": 256}]), ramp)


@pytest.mark.parametrize("levels", [2, 3, 4, 6, 7, 16])
def test_banding_takes_the_nearest_tone_that_scipy_finds(batch: np.ndarray, levels: int) -> None:
    tones = np.linspace(0, 1, levels)
    _, nearest = KDTree(tones[:, None]).query(batch.reshape(-1, 1))
    ours = Banding().apply(batch, [{"levels": levels}] * 3)
    assert np.abs(ours.ravel() - tones[nearest]).max() < 1e-6


def test_draws_stay_within_their_ranges() -> None:
    drawn = [Levels().sample(generator(place)) for place in range(200)]
    assert all(0 <= one["output_black"] < 15 and 240 <= one["output_white"] < 255 for one in drawn)
    assert {Banding(levels=(2, 4)).sample(generator(place))["levels"] for place in range(60)} == {2, 3, 4}
