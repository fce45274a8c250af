"""Ops on colour planes: against scipy, OpenCV, libjpeg, Pillow and numbers made by hand."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from degrade_examples import hwc
from PIL import Image
from scipy import ndimage

from srdata.colour import cmyk_to_rgb, luma, rgb_to_cmyk, rgb_to_ycbcr, srgb_to_linear, ycbcr_to_rgb
from srdata.degrade.ops.chroma_subsampling import ChromaSubsampling
from srdata.degrade.ops.colour_planes import ChromaShift, ColourSpace
from srdata.errors import UsageError


def test_conversions_are_those_of_colour(batch: np.ndarray) -> None:
    def converted(convert: Any, **settings: Any) -> np.ndarray:
        return np.asarray(ColourSpace(convert=convert, **settings).apply(batch, [{}] * 3))

    assert np.array_equal(converted("rgb-ycbcr", matrix="bt709"), rgb_to_ycbcr(batch, "bt709"))
    assert np.array_equal(converted("ycbcr-rgb"), ycbcr_to_rgb(batch).clip(0, 1))
    assert np.array_equal(converted("rgb-linear"), srgb_to_linear(batch))
    assert np.array_equal(converted("rgb-y")[:, 2:], luma(batch))
    grey = cv2.cvtColor(hwc(batch), cv2.COLOR_RGB2GRAY)
    assert np.abs(converted("rgb-grey")[0, 1] - grey).max() < 1e-6


def test_there_and_back_gives_the_image(batch: np.ndarray) -> None:
    for there, back in (("rgb-ycbcr", "ycbcr-rgb"), ("rgb-linear", "linear-rgb")):
        away = ColourSpace(convert=there).apply(batch, [{}] * 3)
        assert np.abs(ColourSpace(convert=back).apply(away, [{}] * 3) - batch).max() < 1e-5


def test_inks_by_hand(batch: np.ndarray) -> None:
    orange = np.array([0.8, 0.4, 0.0]).reshape(1, 3, 1, 1)
    assert np.allclose(rgb_to_cmyk(orange).ravel(), [0, 0.5, 1, 0.2])
    assert rgb_to_cmyk(np.zeros((1, 3, 1, 1))).ravel().tolist() == [0, 0, 0, 1]
    assert np.allclose(cmyk_to_rgb(rgb_to_cmyk(batch)), batch, atol=1e-6)


@pytest.mark.parametrize("offset", [(3.0, -2.0), (0.25, 1.75), (-70.5, 0.0)])
def test_chroma_shift_is_scipys_shift(batch: np.ndarray, offset: tuple[float, float]) -> None:
    right, down = offset
    ours = ChromaShift().apply(batch[:1], [{"planes": "rgb", "shifts": [[right, down], [0.0, 0.0]]}])
    expected = ndimage.shift(batch[0, 0].astype(np.float64), (down, right), order=1, mode="nearest")
    assert np.abs(ours[0, 0] - expected).max() < 1e-5
    assert np.array_equal(ours[0, 1:], batch[0, 1:])


def test_chroma_shift_leaves_luma_and_black(batch: np.ndarray) -> None:
    shifts = [[4.0, -3.0], [-2.5, 1.0], [1.0, 1.0]]
    moved = ChromaShift().apply(batch * 0.2 + 0.4, [{"planes": "ycbcr", "shifts": shifts[:2]}] * 3)
    assert np.abs(luma(moved) - luma(batch * 0.2 + 0.4)).max() < 1e-5
    printed = ChromaShift().apply(batch[:1], [{"planes": "cmyk", "shifts": shifts}])
    black = 1 - batch[:1].max(1, keepdims=True)
    assert (printed <= 1 - black + 1e-6).all()
    assert np.abs(printed - batch[:1]).max() > 0.1


@pytest.mark.parametrize(
    ("ratio", "step"), [("4:2:2", (1, 2)), ("4:2:0", (2, 2)), ("4:1:0", (2, 4)), ("4:4:0", (2, 1))]
)
@pytest.mark.parametrize(("down", "up"), [("box", "linear"), ("nearest", "nearest")])
def test_subsampling_is_opencvs_resize_of_chroma(
    batch: np.ndarray, ratio: str, step: tuple[int, int], down: str, up: str
) -> None:
    x = batch[:1, :, :44, :68]
    planes = hwc(rgb_to_ycbcr(x, span="full"))
    flags = {"box": cv2.INTER_AREA, "linear": cv2.INTER_LINEAR, "nearest": cv2.INTER_NEAREST_EXACT}
    for plane in (1, 2):
        small = cv2.resize(
            planes[..., plane].copy(), (68 // step[1], 44 // step[0]), interpolation=flags[down]
        )
        planes[..., plane] = cv2.resize(small, (68, 44), interpolation=flags[up])
    expected = ycbcr_to_rgb(planes, span="full", axis=-1).clip(0, 1)
    params = {"sampling": ratio, "matrix": "bt601", "down": down, "up": up, "blur": 0.0}
    assert np.abs(hwc(ChromaSubsampling().apply(x, [params])) - expected).max() < 1e-5


def test_subsampling_of_an_odd_size_by_hand() -> None:
    row = np.array([0.2, 0.6, 0.5], np.float32)
    grey = np.full(3, 0.5, np.float32)
    rgb = ycbcr_to_rgb(np.stack([grey, grey, row])[None, :, None], span="full")
    params = {"sampling": "4:2:2", "matrix": "bt601", "down": "box", "up": "linear", "blur": 0.0}
    ours = rgb_to_ycbcr(ChromaSubsampling().apply(rgb, [params]), span="full")
    assert np.allclose(ours[0, 2, 0], [0.4, 0.425, 0.475], atol=1e-5)  # means 0.4 and 0.5, mixed 3 to 1


def test_subsampling_is_what_libjpeg_does_at_its_best_quality(photographs: Path) -> None:
    image = np.asarray(Image.open(photographs / "coffee.png"))[:399, :555]
    x = image.transpose(2, 0, 1)[None].astype(np.float32) / np.float32(255)
    for sampling, name in ((2, "4:2:0"), (1, "4:2:2")):
        file = io.BytesIO()
        Image.fromarray(image).save(file, "JPEG", quality=100, subsampling=sampling)
        libjpegs = np.asarray(Image.open(file)).astype(np.float32)
        params = {"sampling": name, "matrix": "bt601", "down": "box", "up": "linear", "blur": 0.0}
        difference = np.abs(hwc(ChromaSubsampling().apply(x, [params])) * 255 - libjpegs)
        assert difference.mean() < 0.7  # with 4:4:4, where only rounding is left, it is 0.48
        assert difference.max() < 6
        repeated = ChromaSubsampling().apply(x, [{**params, "up": "nearest"}])
        assert np.abs(hwc(repeated) * 255 - libjpegs).max() > 20


def test_no_subsampling_gives_the_image_back(batch: np.ndarray) -> None:
    params = {"sampling": "4:4:4", "matrix": "bt2020", "down": "box", "up": "linear", "blur": 0.0}
    assert np.abs(ChromaSubsampling().apply(batch, [params] * 3) - batch).max() < 1e-5


def test_the_blur_is_scipys_gaussian_on_chroma(batch: np.ndarray) -> None:
    params = {"sampling": "4:4:4", "matrix": "bt601", "down": "box", "up": "linear", "blur": 1.5}
    x = batch[:1] * 0.2 + 0.4
    ours = rgb_to_ycbcr(ChromaSubsampling().apply(x, [params]), span="full")
    planes = rgb_to_ycbcr(x, span="full")
    expected = ndimage.gaussian_filter(planes[0, 1].astype(np.float64), 1.5, mode="mirror", radius=6)
    assert np.abs(ours[0, 1] - expected).max() < 1e-5
    assert np.abs(ours[0, 0] - planes[0, 0]).max() < 1e-5


def test_grey_images_are_refused_where_there_is_no_colour() -> None:
    with pytest.raises(UsageError, match="1 channel "):
        ColourSpace(convert="rgb-ycbcr").apply(np.zeros((1, 1, 4, 4), np.float32), [{}])


@pytest.mark.parametrize(("convert", "expected"), [("rgb-grey", 0.5), ("rgb-y", (219 * 0.5 + 16) / 255)])
def test_grey_images_have_a_luma(convert: str, expected: float) -> None:
    for grey in (np.full((1, 1, 4, 5), 0.5, np.float32), torch.full((1, 1, 4, 5), 0.5)):
        op = ColourSpace(convert=convert)  # type: ignore[arg-type]
        assert np.asarray(op.apply(grey, [{}])) == pytest.approx(np.full((1, 1, 4, 5), expected), abs=1e-6)
