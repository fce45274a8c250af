"""Colour spaces against scikit-image, OpenCV, Pillow, BasicSR and the numbers that the standards print."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from srdata.colour import (
    linear_to_srgb,
    luma,
    rgb_to_ycbcr,
    srgb_to_linear,
    ycbcr_to_rgb,
)
from srdata.errors import UnknownNameError, UsageError

MATRICES = ("bt601", "bt709", "bt2020", "smpte240m")


@pytest.fixture(scope="module")
def coffee(photographs: Path) -> np.ndarray:
    return np.asarray(Image.open(photographs / "coffee.png"))


def chw(image: np.ndarray) -> np.ndarray:
    return image.transpose(2, 0, 1).astype(np.float32) / np.float32(255)


def test_studio_bt601_is_scikit_images_rgb2ycbcr(coffee: np.ndarray) -> None:
    skimage = pytest.importorskip("skimage.color")
    expected = skimage.rgb2ycbcr(coffee)
    ours = rgb_to_ycbcr(coffee / 255.0, axis=-1) * 255
    assert np.abs(ours - expected).max() < 1e-9
    back = ycbcr_to_rgb(expected / 255, axis=-1)
    assert np.abs(back - skimage.ycbcr2rgb(expected)).max() < 1e-9


def test_luma_is_the_y_channel_of_the_field(coffee: np.ndarray) -> None:
    y = luma(coffee / 255.0, axis=-1)
    assert y.shape == (*coffee.shape[:2], 1)
    assert np.allclose(y[..., 0] * 255, coffee / 255.0 @ [65.481, 128.553, 24.966] + 16, atol=1e-9)
    assert np.array_equal(y, rgb_to_ycbcr(coffee / 255.0, axis=-1)[..., :1])


def test_full_bt601_is_the_colour_space_of_jpeg(coffee: np.ndarray) -> None:
    ours = rgb_to_ycbcr(coffee / 255.0, span="full", axis=-1) * 255
    pillow = np.asarray(Image.fromarray(coffee).convert("YCbCr"), np.float64)
    assert np.abs(ours - pillow).max() < 1.01  # Pillow truncates
    opencv = cv2.cvtColor(coffee.astype(np.float32), cv2.COLOR_RGB2YCrCb)[..., [0, 2, 1]]
    opencv[..., 1:] += 127.5  # for floats its middle is 0.5
    assert np.abs(ours - opencv).max() < 0.1  # its weights of B-Y and R-Y have three decimals


def test_full_luma_is_opencvs_grey(coffee: np.ndarray) -> None:
    ours = luma(coffee.astype(np.float32) / 255, span="full", axis=-1)[..., 0]
    assert np.abs(ours - cv2.cvtColor(coffee.astype(np.float32) / 255, cv2.COLOR_RGB2GRAY)).max() < 1e-6


@pytest.mark.parametrize(
    ("matrix", "weights", "blue_divisor", "red_divisor"),
    [
        ("bt601", (0.299, 0.587, 0.114), 1.772, 1.402),
        ("bt709", (0.2126, 0.7152, 0.0722), 1.8556, 1.5748),
        ("bt2020", (0.2627, 0.6780, 0.0593), 1.8814, 1.4746),
        ("smpte240m", (0.212, 0.701, 0.087), 1.826, 1.576),
    ],
)
def test_each_matrix_has_the_numbers_its_standard_prints(
    matrix: Any, weights: tuple[float, ...], blue_divisor: float, red_divisor: float
) -> None:
    rgb = np.random.default_rng(1).random((3, 8, 8))
    y, cb, cr = rgb_to_ycbcr(rgb, matrix, "full")
    expected = np.tensordot(weights, rgb, 1)
    assert np.allclose(y, expected, atol=1e-9)
    assert np.allclose(cb - 128 / 255, (rgb[2] - expected) / blue_divisor, atol=1e-9)
    assert np.allclose(cr - 128 / 255, (rgb[0] - expected) / red_divisor, atol=1e-9)


@pytest.mark.parametrize("matrix", MATRICES)
@pytest.mark.parametrize("span", ["studio", "full"])
def test_black_white_and_the_way_back(matrix: Any, span: Any) -> None:
    ends = np.stack([np.zeros((3, 1, 1)), np.ones((3, 1, 1))])
    levels = rgb_to_ycbcr(ends, matrix, span)[:, :, 0, 0] * 255
    floor, ceiling = (16, 235) if span == "studio" else (0, 255)
    assert np.allclose(levels, [[floor, 128, 128], [ceiling, 128, 128]], atol=1e-9)
    rgb = np.random.default_rng(2).random((2, 3, 5, 7))
    assert np.allclose(ycbcr_to_rgb(rgb_to_ycbcr(rgb, matrix, span), matrix, span), rgb, atol=1e-12)


def test_linear_light_is_scikit_images(coffee: np.ndarray) -> None:
    skimage = pytest.importorskip("skimage.color.colorconv")
    light = srgb_to_linear(coffee / 255.0)
    expected = skimage.rgb2xyz(coffee) @ np.linalg.inv(skimage.xyz_from_rgb).T
    assert np.abs(light - expected).max() < 1e-7
    assert np.allclose(linear_to_srgb(light) * 255, coffee, atol=1e-9)


def test_linear_light_of_known_levels() -> None:
    assert np.allclose(
        srgb_to_linear(np.array([0, 0.04045, 0.5, 1])), [0, 0.0031308, 0.2140411, 1], atol=1e-7
    )


def test_numpy_and_torch_agree(coffee: np.ndarray) -> None:
    array = chw(coffee)[None]
    tensor = torch.from_numpy(array)
    for convert in (rgb_to_ycbcr, ycbcr_to_rgb, luma, srgb_to_linear, linear_to_srgb):
        ours, theirs = convert(array), convert(tensor)
        assert ours.dtype == np.float32
        assert theirs.dtype == torch.float32
        assert np.abs(ours - theirs.numpy()).max() < 1e-6


def test_every_layout_gives_the_same(coffee: np.ndarray) -> None:
    hwc = coffee / 255.0
    nchw = rgb_to_ycbcr(np.stack([hwc.transpose(2, 0, 1)] * 2))
    assert np.array_equal(nchw[1].transpose(1, 2, 0), rgb_to_ycbcr(hwc, axis=-1))


def test_integers_and_unknown_names_are_refused(coffee: np.ndarray) -> None:
    with pytest.raises(UsageError, match="divide by 255"):
        rgb_to_ycbcr(coffee, axis=-1)
    with pytest.raises(UnknownNameError, match="did you mean 'bt709'"):
        luma(coffee / 255.0, matrix="bt708", axis=-1)  # type: ignore[arg-type]  # the mistake under test
    with pytest.raises(UnknownNameError, match="studio"):
        luma(coffee / 255.0, span="tv", axis=-1)  # type: ignore[arg-type]  # the mistake under test


@pytest.mark.peers
def test_basicsr_converts_alike(coffee: np.ndarray) -> None:
    path = Path(os.environ.get("SRDATA_PEERS", "")) / "BasicSR" / "basicsr" / "utils" / "color_util.py"
    if "SRDATA_PEERS" not in os.environ or not path.is_file():
        pytest.skip(f"no BasicSR at {path}")
    spec = importlib.util.spec_from_file_location("basicsr_color_util", path)
    assert spec is not None
    assert spec.loader is not None
    peer = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(peer)
    image = coffee.astype(np.float32) / 255
    assert np.abs(rgb_to_ycbcr(image, axis=-1) - peer.rgb2ycbcr(image)).max() < 1e-6
    assert np.abs(luma(image, axis=-1)[..., 0] - peer.rgb2ycbcr(image, y_only=True)).max() < 1e-6
