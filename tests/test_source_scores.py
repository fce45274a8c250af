"""Scores of source images, beside the scripts and libraries that their definitions come from."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import scipy.ndimage
import skimage.color
import skimage.measure
from PIL import Image, ImageChops

from srdata.curation import pixel_scores
from srdata.curation.jpeg_quality import jpeg_quality
from srdata.curation.source_scores import SCORES, Seen, rounded
from srdata.images import Pixels, read_image
from srdata.vocabulary import SOURCE_SCORES

# blockiness by `blockiness/calc_blockiness.py` of gohtanii/DiverSeg-dataset at 284cc1c; the others by
# `stage1_prefilter.py` of delafer/traiNNer-redux at 22faa2a; run as they are on these files.
THEIRS = {
    "astronaut.png": (1.711252427, 7.4536467, 25.77684021, 0.3078248512, 75.12313025, 860.59736967),
    "chelsea.png": (2.911899722, 7.000866, 27.44840355, 0.4335291542, 32.12193238, 398.60768310),
    "coffee.png": (1.691319497, 7.657517, 27.34947083, 0.4853380056, 58.11549332, 1541.18460253),
    "hubble_deep_field.jpg": (14.28223007, 5.034992, 29.73557683, 0.3725961752, 26.24070152, 537.22400566),
    "rocket.jpg": (13.37193343, 6.671328, 21.96405152, 0.6131007669, 30.64298355, 820.86865319),
}
NAMES = ("blockiness", "entropy", "block_steps", "aliasing", "contrast", "laplacian")


def seen(image: Pixels, data: bytes = b"") -> Seen:
    return Seen(np.ascontiguousarray(image), data)


def score(name: str, image: Pixels) -> float:
    value = SCORES[name].of(seen(image))
    return rounded(value, SCORES[name].digits)


def grey_of(image: Pixels) -> Pixels:
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)


def jpeg(image: Pixels, quality: int, **options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=quality, **options)
    return stream.getvalue()


@pytest.mark.parametrize("name", THEIRS)
def test_values_are_those_of_the_scripts(photographs: Path, name: str) -> None:
    image = read_image(photographs / name)
    found = [SCORES[one].of(seen(image)) for one in NAMES]
    assert found == pytest.approx(THEIRS[name], rel=2e-6)


def test_every_name_has_a_score_and_a_version() -> None:
    assert {*SCORES, "niqe"} == set(SOURCE_SCORES)
    assert all(one.what.endswith(".") for one in SCORES.values())


def test_entropy_and_saturation_are_those_of_skimage(photographs: Path) -> None:
    image = read_image(photographs / "coffee.png")
    assert SCORES["entropy"].of(seen(image)) == pytest.approx(skimage.measure.shannon_entropy(grey_of(image)))
    saturation = skimage.color.rgb2hsv(image)[..., 1].mean()
    assert SCORES["saturation"].of(seen(image)) == pytest.approx(saturation)


def test_noise_is_immerkaers_and_finds_what_was_added(photographs: Path) -> None:
    plane = grey_of(read_image(photographs / "chelsea.png")).astype(float)
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]])
    inner = np.abs(scipy.ndimage.convolve(plane, kernel))[1:-1, 1:-1]
    expected = math.sqrt(math.pi / 2) * inner.sum() / (6 * inner.size)
    assert pixel_scores.noise(np.zeros(0, np.uint8), plane.astype(np.uint8)) == pytest.approx(expected)
    flat = np.random.default_rng(1).normal(128, 9, (256, 256)).round().astype(np.uint8)
    assert pixel_scores.noise(np.zeros(0, np.uint8), flat) == pytest.approx(9, rel=0.02)


@pytest.mark.parametrize("side", [(64, 64), (65, 64), (64, 67), (33, 90)])
def test_aliasing_is_the_whole_transform_for_odd_sides_too(side: tuple[int, int]) -> None:
    plane = np.random.default_rng(2).integers(0, 256, side, np.uint8)
    shifted = np.abs(np.fft.fftshift(np.fft.fft2(plane)))
    rows, columns = side[0] // 2, side[1] // 2
    mask = cv2.circle(np.ones(side, np.uint8), (columns, rows), int(min(rows, columns) * 0.75), 0, -1)
    expected = shifted[mask == 1].mean() / shifted.mean()
    assert pixel_scores.aliasing(plane, plane) == pytest.approx(expected)


def test_quality_is_that_which_pillow_saved_with(photographs: Path) -> None:
    image = read_image(photographs / "coffee.png")[:32, :32]
    found = [jpeg_quality(jpeg(image, quality)) for quality in range(1, 101)]
    assert found == list(range(1, 101))
    assert jpeg_quality(jpeg(image, 70, progressive=True)) == 70
    assert jpeg_quality((photographs / "coffee.png").read_bytes()) == 100
    assert jpeg_quality(jpeg(image, 70)[:30]) == 100  # reading its pixels says what is wrong with it


def test_blockiness_grows_as_quality_falls(photographs: Path) -> None:
    image = read_image(photographs / "coffee.png")
    grey = [score("blockiness", image)]
    grey += [score("blockiness", np.array(Image.open(io.BytesIO(jpeg(image, q))))) for q in (95, 75, 30)]
    assert grey == sorted(grey)
    assert grey[-1] > 10 * grey[0]


@pytest.mark.parametrize(("top", "bottom", "left"), [(0, 0, 0), (40, 40, 0), (10, 30, 0), (0, 0, 70)])
def test_borders_are_what_pillow_would_trim(photographs: Path, top: int, bottom: int, left: int) -> None:
    image = read_image(photographs / "coffee.png")[:200, :300].copy()
    height, width = image.shape[:2]
    image[:top] = image[height - bottom :] = 3
    image[:, :left] = 3
    trimmed = ImageChops.difference(
        Image.fromarray(image).convert("L"), Image.new("L", (width, height), 3)
    ).point(lambda level: 255 * (level > 8))
    box = trimmed.getbbox()
    assert box is not None
    expected = max(box[1] / height, 1 - box[3] / height, box[0] / width, 1 - box[2] / width)
    if expected == 0:
        assert score("border", image) < 0.05
    else:
        assert score("border", image) == pytest.approx(expected, abs=0.011)
    assert score("border", np.full((20, 30, 3), 7, np.uint8)) == 1


def test_drawings_are_flat_and_photographs_are_not(photographs: Path) -> None:
    drawing = Image.new("RGB", (200, 100), "white")
    drawing.paste((20, 20, 20), (20, 20, 80, 24))
    assert score("flat", np.array(drawing)) > 0.9
    assert score("flat", read_image(photographs / "coffee.png")) < 0.05
    assert score("grey", np.array(drawing)) == 1


def no_score_of(name: str) -> Callable[[tuple[int, int]], float]:
    return lambda sides: SCORES[name].of(seen(np.zeros((*sides, 3), np.uint8)))


@pytest.mark.parametrize("name", SCORES)
@pytest.mark.parametrize("sides", [(1, 1), (1, 40), (2, 3), (8, 8), (31, 47)])
def test_any_image_has_a_score_or_none_and_never_an_error(name: str, sides: tuple[int, int]) -> None:
    value = no_score_of(name)(sides)
    assert math.isnan(value) or 0 <= value < 1e9
