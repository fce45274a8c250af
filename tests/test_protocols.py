"""PSNR and SSIM under each protocol: definitions written out here, scikit-image, hand-made numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from emulated_cuda import Emulated, value
from skimage.color import rgb2ycbcr
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from srdata.errors import UnknownNameError, UsageError
from srdata.images import read_image
from srdata.metrics import PROTOCOLS, psnr, ssim
from srdata.metrics.compared_planes import compared
from srdata.resize import imresize
from srdata.scale import Scale

Image = np.ndarray[Any, np.dtype[Any]]


@pytest.fixture(scope="module")
def pair(photographs: Path) -> tuple[Image, Image]:
    """An SR image that float samples tell from its 8-bit form, and HR; x3."""
    hr = read_image(photographs / "coffee.png")[100:292, 80:380]
    sr = imresize(imresize(hr / 255, 1 / 3), 3).astype(np.float32)
    return sr, hr


def mse(one: Image, other: Image) -> float:
    return float(np.mean((one.astype(float) - other) ** 2))


def decibels(error: float) -> float:
    return 10 * math.log10(255**2 / error)


def y(image: Image) -> Image:
    """MATLAB's rgb2ycbcr, first channel, of levels 0–255."""
    return 16 + image.astype(float) @ np.array([65.481, 128.553, 24.966]) / 255


def edsr(one: Image, other: Image, divisor: int = 256) -> float:
    """The mean square of the weighted difference."""
    weighted = (one.astype(float) - other) @ np.array([65.738, 129.057, 25.064]) / divisor
    return float(np.mean(weighted**2))


def cut(image: Image, border: int) -> Image:
    return image[border : image.shape[0] - border, border : image.shape[1] - border]


def tiled(image: Image, scale: int) -> Image:
    """Cropped to whole patches of 32 every 28, counted one by one."""
    sides = []
    for side in image.shape[:2]:
        end = 32
        while end + 28 <= side // scale:
            end += 28
        sides.append(end * scale)
    return image[: sides[0], : sides[1]]


def psnrb(one: Image, other: Image) -> float:
    """PSNR-B of one channel, every pair of neighbours counted one by one."""
    height, width = one.shape
    borders, others = [], []
    for axis, length in ((0, height), (1, width)):
        steps = np.diff(one.astype(float), axis=axis) ** 2
        for place in range(length - 1):
            (borders if place % 8 == 7 else others).append(steps.take(place, axis).sum())
    at_borders = height * (width // 8 - 1) + width * (height // 8 - 1)
    elsewhere = height * (width - 1) + width * (height - 1) - at_borders
    excess = max(sum(borders) / at_borders - sum(others) / elsewhere, 0)
    return decibels(mse(one, other) + excess * math.log2(8) / math.log2(min(height, width)))


def rounded(sr: Image) -> Image:
    return np.round(sr.clip(0, 1) * 255)


def floats(sr: Image) -> Image:
    return sr.clip(0, 1) * 255


def truncated(sr: Image) -> Image:
    return np.floor(sr.clip(0, 1) * 255)


def y_psnr(border: int, form: Callable[[Image], Image] = rounded) -> Callable[[Image, Image], float]:
    return lambda sr, hr: decibels(mse(cut(y(form(sr)), border), cut(y(hr), border)))


def rgb_psnr(border: int, form: Callable[[Image], Image] = rounded) -> Callable[[Image, Image], float]:
    return lambda sr, hr: decibels(mse(cut(form(sr), border), cut(hr, border)))


def edsr_psnr(border: int, form: Callable[[Image], Image] = rounded) -> Callable[[Image, Image], float]:
    return lambda sr, hr: decibels(edsr(cut(form(sr), border), cut(hr, border)))


def y8_psnr(border: int, form: Callable[[Image], Image] = rounded) -> Callable[[Image, Image], float]:
    def score(sr: Image, hr: Image) -> float:
        one, other = (np.round(rgb2ycbcr(i.astype(np.uint8))[..., 0]) for i in (form(sr), hr))
        return decibels(mse(cut(one, border), cut(other, border)))

    return score


def car(sr: Image, hr: Image) -> float:
    return decibels(edsr(cut(truncated(sr), 3), cut(hr, 3), 255))


def dip_y(sr: Image, hr: Image) -> float:
    """As its script: from the 4th row and column to the 4th before the last, which is left out."""
    one, other = (y(image)[4:-5, 4:-5] for image in (truncated(sr), hr))
    return decibels(mse(one, other))


# What each protocol does at x3, from its source.
DEFINED: dict[str, Callable[[Image, Image], float]] = {
    "basicsr_y": y_psnr(3),
    "basicsr_rgb": rgb_psnr(3),
    "edsr_y_diff": edsr_psnr(3),
    "div2k_rgb": rgb_psnr(9),
    "rcan_matlab": y_psnr(3),
    "srcnn_y": y8_psnr(3),
    "drcn_y": y8_psnr(3),
    "imdn_uint8y": y8_psnr(3),
    "carn_uint8y": y8_psnr(3, truncated),
    "float_y": y_psnr(3, floats),
    "prosr_y": y_psnr(9),
    "crop4_y": y_psnr(4),
    "ramit_y": y_psnr(3),
    "rgb_border0": rgb_psnr(0),
    "y_border0": y_psnr(0),
    "ipt_derain": edsr_psnr(0),
    "patchwise_rgb": lambda sr, hr: rgb_psnr(3)(tiled(sr, 3), tiled(hr, 3)),
    "psnrb": lambda sr, hr: float(np.mean([psnrb(rounded(sr)[..., c], hr[..., c]) for c in range(3)])),
    "psnrb_y": lambda sr, hr: psnrb(y(rounded(sr)), y(hr)),
    "truncate": y_psnr(0, truncated),
    "car_y_diff": car,
    "liif_y": edsr_psnr(3, floats),
    "liif_div2k": rgb_psnr(9, floats),
    "dip": rgb_psnr(0, floats),
    "dip_y": dip_y,
    "zssr": rgb_psnr(0, floats),
}


def test_every_protocol_is_defined_here() -> None:
    assert set(DEFINED) == set(PROTOCOLS)


@pytest.mark.parametrize("name", sorted(DEFINED))
def test_psnr_is_what_the_source_of_a_protocol_says(name: str, pair: tuple[Image, Image]) -> None:
    sr, hr = pair
    assert psnr(sr, hr, 3, name) == pytest.approx(DEFINED[name](sr, hr), abs=2e-6)


def test_protocols_tell_images_apart(pair: tuple[Image, Image]) -> None:
    """The definitions above would otherwise not show that a protocol has another's rules."""
    alike = [
        {"basicsr_y", "rcan_matlab", "ramit_y", "edsr_y_diff"},
        {"srcnn_y", "drcn_y", "imdn_uint8y"},  # the first two differ in their bicubic
        {"float_y", "liif_y"},
        {"y_border0", "ipt_derain"},
        {"dip", "zssr"},
    ]
    values = {name: psnr(*pair, 3, name) for name in PROTOCOLS}
    groups = [[values.pop(name) for name in sorted(group)] for group in alike]
    groups += [[value] for value in values.values()]
    assert all(max(group) - min(group) < 1e-4 for group in groups)
    means = sorted(np.mean(group) for group in groups)
    assert np.diff(means).min() > 1e-4


@pytest.mark.parametrize("name", [name for name, one in PROTOCOLS.items() if one.ssim])
def test_ssim_is_that_of_scikit_image(name: str, pair: tuple[Image, Image]) -> None:
    sr, hr = pair
    rules = PROTOCOLS[name]
    border = {0: 0, 1: 3}[rules.border.scales] + rules.border.pixels
    form = {"none": floats, "round": rounded, "truncate": truncated}[rules.rounding]
    one, other = (cut(image, border) for image in (form(sr), hr))
    if rules.colour != "rgb":
        one, other = y(one), y(other)
    if rules.colour == "y_uint8":
        one, other = one.round(), other.round()
    expected = structural_similarity(
        one,
        other.astype(float),
        data_range=255,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        channel_axis=-1 if one.ndim == 3 else None,
    )
    assert ssim(sr, hr, 3, name) == pytest.approx(expected, abs=1e-7)


def flats(*levels: int) -> Image:
    """Areas side by side without any detail."""
    return np.repeat(np.repeat(np.array([levels]), 100, axis=1), 220, axis=0)


def with_noise(image: Image, rows: int) -> Image:
    """The first rows black and white at random, so that only those below are hard to tell."""
    noise = np.random.default_rng(0).integers(0, 2, (rows, image.shape[1])) * 255
    return np.concatenate([noise, image[rows:]])


def off_by_some(image: Image, most: int, seed: int = 0) -> Image:
    return (image + np.random.default_rng(seed).integers(-most, most + 1, image.shape)).astype(np.uint8)


@pytest.mark.parametrize(
    ("sr", "hr"),
    [
        (flats(250, 5), flats(5, 250)),
        (flats(250, 5), off_by_some(flats(250, 250), 1)),
        (off_by_some(flats(250, 5), 2), off_by_some(flats(250, 5), 2, seed=1)),
        (off_by_some(flats(128), 1), flats(128)),
        (flats(0, 255) ^ np.indices((220, 200))[0] % 2 * 255, flats(255, 0)),
        (with_noise(flats(70, 239)[:18], 5), with_noise(flats(200, 107)[:18], 5)),
        (flats(223, 238)[:40], flats(230, 203)[:40]),
    ],
)
def test_ssim_of_black_and_white_areas_is_that_of_double_precision(sr: Image, hr: Image) -> None:
    """Where single precision alone is off by up to 5e-6, as it takes large squares from each other."""
    one, other = sr.astype(np.uint8), hr.astype(np.uint8)
    expected = structural_similarity(
        *(image.astype(float) for image in (one, other)),
        data_range=255,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    assert ssim(one, other, protocol="rgb_border0") == pytest.approx(expected, abs=1e-9)


def test_the_last_rows_count_as_the_first(pair: tuple[Image, Image]) -> None:
    """Whatever is left for the last strip of rows, down to fewer than the window of SSIM."""
    hr = pair[1]
    for height in (12, 95, 97, 107, 108, 192):
        one, other = hr[:height].copy(), hr[:height]
        one[-1] = 255 - one[-1]
        for score in (psnr, ssim):
            values = [score(a, b, protocol="y_border0") for a, b in ((one, other), (one[::-1], other[::-1]))]
            assert values[0] == pytest.approx(values[1], abs=1e-6)
            assert values[0] < score(other, other, protocol="y_border0")


def test_psnr_is_that_of_scikit_image(pair: tuple[Image, Image]) -> None:
    sr, hr = rounded(pair[0]).astype(np.uint8), pair[1]
    expected = peak_signal_noise_ratio(hr, sr)
    assert psnr(sr, hr, protocol="rgb_border0") == pytest.approx(expected, abs=1e-6)


def test_hand_made_numbers() -> None:
    black = np.zeros((20, 20, 3), np.uint8)
    grey = black + np.uint8(255)
    assert psnr(black, grey, protocol="rgb_border0") == 0
    assert psnr(grey, black, protocol="y_border0") == pytest.approx(
        10 * math.log10((255 / 219) ** 2), abs=1e-6
    )
    assert psnr(black, black, protocol="rgb_border0") == math.inf
    one = black.copy()
    one[4, 4] = 10  # of 400 pixels; behind a border of 4, of 144
    assert psnr(one, black, protocol="rgb_border0") == pytest.approx(decibels(100 / 400))
    assert psnr(one, black, 4, "basicsr_rgb") == pytest.approx(decibels(100 / 144))
    assert psnr(one, black, 5, "basicsr_rgb") == math.inf
    one[4, 4], one[15, 15] = 0, 10
    assert psnr(one, black, 4, "basicsr_rgb") == pytest.approx(decibels(100 / 144))
    assert psnr(one, black, protocol="dip_y") == math.inf
    c1, c2 = 6.5025, 58.5225
    flat = ssim(black + np.uint8(100), black + np.uint8(120), protocol="rgb_border0")
    assert flat == pytest.approx((2 * 100 * 120 + c1) / (100**2 + 120**2 + c1) * (c2 / c2), abs=1e-9)


def test_numpy_and_torch_one_image_and_a_batch_give_the_same(pair: tuple[Image, Image]) -> None:
    sr, hr = pair
    turned = sr[:, ::-1]
    batch, hr_batch = np.stack([sr, turned]), np.stack([hr, hr])
    tensors = [torch.from_numpy(np.moveaxis(image, -1, 1).copy()) for image in (batch, hr_batch)]
    for score in (psnr, ssim):
        single = [score(image, hr, 3) for image in (sr, turned)]
        assert all(type(value) is float for value in single)
        many, tensor = score(batch, hr_batch, 3), score(*tensors, 3)
        assert isinstance(many, np.ndarray)
        assert isinstance(tensor, torch.Tensor)
        np.testing.assert_allclose(many, single, atol=1e-12)
        np.testing.assert_allclose(tensor.numpy(), single, atol=1e-12)
        assert score(tensors[0][0], tensors[1][0], 3) == pytest.approx(single[0], abs=1e-12)


def test_bytes_are_what_floats_are_in_every_bit() -> None:
    """Y is looked up for bytes."""
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    other = 255 - image
    for name in ("basicsr_y", "rcan_matlab", "imdn_uint8y"):
        rules = PROTOCOLS[name]
        looked_up = compared(image, other, rules, Scale(4)).planes()
        computed = compared(image.astype(np.float64) / 255, other / 255, rules, Scale(4)).planes()
        assert all(map(torch.equal, looked_up, computed)), name


def test_an_emulated_device_gives_the_same(device: Emulated, pair: tuple[Image, Image]) -> None:
    """There SSIM is what its definition says, in double precision."""
    images = [torch.from_numpy(np.moveaxis(image[:60, :50], -1, 0).copy()) for image in pair]
    for name in ("basicsr_y", "psnrb"):
        for score in (psnr, ssim):
            there = score(*(image[None].to("cuda") for image in images), 3, name)
            assert there.device.type == "cuda"
            assert float(value(there)) == pytest.approx(score(*images, 3, name), abs=1e-6)


@pytest.mark.cuda
def test_a_gpu_gives_the_same(pair: tuple[Image, Image]) -> None:
    sr, hr = (torch.from_numpy(np.moveaxis(image, -1, 0).copy()).expand(2, -1, -1, -1) for image in pair)
    for name, rules in PROTOCOLS.items():
        for score in (psnr, ssim) if rules.ssim else (psnr,):
            there = score(sr.cuda(), hr.cuda(), 3, name)
            assert there.device.type == "cuda"
            torch.testing.assert_close(there.cpu(), score(sr, hr, 3, name), atol=1e-6, rtol=0)


def test_images_are_not_written_to(pair: tuple[Image, Image]) -> None:
    sr, hr = (image.copy() for image in pair)
    for name in PROTOCOLS:
        psnr(sr, hr, 3, name)
    assert np.array_equal(sr, pair[0])
    assert np.array_equal(hr, pair[1])


def test_a_larger_hr_is_cropped_as_the_protocol_says(photographs: Path) -> None:
    hr = read_image(photographs / "coffee.png")[:66, :101]
    corner, centre = hr[:64, :100], hr[1:65, :100]
    assert psnr(corner, hr, 4) == math.inf
    assert psnr(centre, hr, 4) < 40
    assert psnr(centre, hr, 4, "truncate") == math.inf
    assert psnr(corner, hr, 4, "dip") < 40
    assert psnr(hr[:59, :100], hr, 2, "car_y_diff") == math.inf
    with pytest.raises(UsageError, match=r"SR is 100x60, HR 101x66: HR may be larger by at most 3 pixels"):
        psnr(hr[:60, :100], hr, 4)
    with pytest.raises(UsageError, match="HR may be larger by at most 0 pixels"):
        psnr(corner, hr, protocol="rgb_border0")
    with pytest.raises(UsageError, match="SR is 101x66, HR 100x64"):
        psnr(hr, corner, 4)


def test_a_grey_image_is_rgb_but_where_it_is_taken_for_y() -> None:
    rng = np.random.default_rng(0)
    grey, other = rng.integers(0, 256, (2, 30, 30, 1), np.uint8)
    rgb, other_rgb = (np.repeat(image, 3, axis=2) for image in (grey, other))
    assert psnr(grey, other, 2) == psnr(rgb, other_rgb, 2)
    assert psnr(grey[..., 0], other[..., 0], 2) == psnr(rgb, other_rgb, 2)
    as_is = decibels(mse(cut(grey, 2), cut(other, 2)))
    assert psnr(grey, other, 2, "srcnn_y") == pytest.approx(as_is)
    assert psnr(rgb, other, 2, "srcnn_y") == pytest.approx(as_is), "SR that a network for RGB made"
    assert psnr(rgb, other_rgb, 2, "srcnn_y") == pytest.approx(as_is + 20 * math.log10(255 / 219), abs=0.02)


def test_floats_beyond_0_and_1_are_clipped() -> None:
    hr = np.tile(np.uint8([0, 255]), (16, 8))
    assert psnr(hr * 2.0 - 0.5, hr, protocol="zssr") == math.inf


@pytest.mark.parametrize(
    ("sr", "hr", "options", "message"),
    [
        (
            np.zeros((9, 9, 4), np.uint8),
            np.zeros((9, 9, 3), np.uint8),
            {},
            r"ndarray \(9, 9, 4\) is no image",
        ),
        (np.zeros((9, 9, 3), int), np.zeros((9, 9, 3), np.uint8), {}, "not as torch.int64"),
        ([1, 2], np.zeros((9, 9, 3), np.uint8), {}, "list .* is no image"),
        (
            np.zeros((8, 8, 3), np.uint8),
            np.zeros((8, 8, 3), np.uint8),
            {"scale": 4},
            "nothing is left of 8x8",
        ),
        (np.zeros((9, 9, 3), np.uint8), np.zeros((9, 9, 3), np.uint8), {"scale": None}, "give scale="),
        (np.zeros((2, 20, 20, 3)), np.zeros((20, 20, 3)), {}, "2 SR images cannot be compared with 1 HR"),
    ],
)
def test_what_cannot_be_compared_is_said(sr: Any, hr: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        psnr(sr, hr, **{"scale": 2, **options})


def test_ssim_needs_a_protocol_that_states_it_and_11_pixels() -> None:
    image = np.zeros((14, 14, 3), np.uint8)
    with pytest.raises(UsageError, match="states no SSIM, so the protocol edsr_y_diff has none"):
        ssim(image, image, 2, "edsr_y_diff")
    with pytest.raises(UsageError, match=r"at least 11x11 pixels without the border: 10x10 is less"):
        ssim(image, image, 2)
    with pytest.raises(UnknownNameError, match="unknown protocol 'basicsr', did you mean 'basicsr_y'"):
        psnr(image, image, 2, "basicsr")


def test_a_protocol_says_in_a_sentence_what_it_does() -> None:
    for name, one in PROTOCOLS.items():
        assert one.name == name
        assert one.what.endswith(".")
        assert one.what.count(". ") == 0
        assert one.source


@pytest.mark.parametrize("made", [np.asarray, lambda pixels: torch.from_numpy(pixels.transpose(2, 0, 1))])
def test_floats_of_another_range_are_refused_and_not_clipped(made: Callable[[np.ndarray], Any]) -> None:
    pixels = np.linspace(0, 255, 32 * 32 * 3, dtype=np.float32).reshape(32, 32, 3)
    with pytest.raises(UsageError, match=r"HR has floats from 0 to 255: .* floats in 0–1, or as uint8"):
        psnr(made(pixels), made(pixels), 2)
    with pytest.raises(UsageError, match="HR has floats from -1 to 1: "):
        ssim(made(pixels / 127.5 - 1), made(pixels / 127.5 - 1), 2)
    assert psnr(made(pixels / 255 * 1.2), made(pixels / 255), 2) > 20  # SR may go beyond
