"""Dithering and screens: against chaiNNer's own results, Pillow, scipy and numbers made by hand."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import uniform_filter

from srdata.degrade.ops.dither import ErrorDiffusion, OrderedDither, RiemersmaDither
from srdata.degrade.ops.halftone import Halftone
from srdata.rng import generator

# What chainner_ext 0.3.10 makes of GRAIN with four tones: the tone (0 … 3) of every sample, row by row.
DIFFUSED = {
    "floyd-steinberg": "000112013121 022100000112 312021321032 222301221212 "
    "103211010112 311010213221 111122312010 203211100112",
    "jarvis-judice-ninke": "000112012121 022100000112 312021321032 222301231212 "
    "102211001112 312020213221 111122312010 213211000112",
    "stucki": "000112013121 022100000112 312021321032 222301231212 "
    "102211000112 312020213221 111112312010 213211100112",
    "atkinson": "000112012131 022100000112 312021321032 222301231212 "
    "102211001112 312010213221 111122312010 213211100112",
    "burkes": "000112013121 022100000112 312021321032 222301221212 "
    "103211001112 312010213221 111122312010 203211001112",
    "sierra": "000112013121 022100000112 312021321032 222301231212 "
    "102211000112 312020213221 111112312010 213211100112",
    "two-row-sierra": "000112013121 022100000112 312021321032 222301221212 "
    "102211001112 312010213221 111122312010 212211100112",
    "sierra-lite": "000112013121 022101000112 312021221032 223301221212 "
    "102210101112 312010213221 110122312010 203211100112",
}
# The first digits of the SHA-256 of what it makes of LARGE_GRAIN with two tones, as bytes 0 and 1.
DIGESTS = {
    "floyd-steinberg": "6275447103df48ae",
    "jarvis-judice-ninke": "c1a9ae71bf996f8c",
    "stucki": "4f207d15b9c13540",
    "atkinson": "ba06ccf92fd252f5",
    "burkes": "a9a38980378f7b19",
    "sierra": "61829219c6e154ab",
    "two-row-sierra": "f65d3d920177ca0c",
    "sierra-lite": "7de566989ac95279",
    "riemersma": "2e882aca60083110",
}
ORDERED = {
    "2x2": "000112012121 022110001012 212011220022 223201221212 "
    "102211000112 302020213221 010112211010 203221101011",
    "4x4": "000112012121 022110001022 312021220022 323311231212 "
    "102211010112 302020213221 111112212010 213221101111",
}
RIEMERSMA = "00102201 02210000 31202122 22230122 10221001 31201121 11112231 11321110"

PLACES = np.arange(96)
GRAIN = ((PLACES * PLACES * 7 + PLACES * 2) % 256).reshape(8, 12).astype(np.float32) / np.float32(255)
MANY = np.arange(64 * 64)
LARGE_GRAIN = ((MANY * MANY * 7 + MANY * 2) % 251).reshape(64, 64).astype(np.float32) / np.float32(255)
KERNELS = list(DIFFUSED)
SIZES = ["2x2", "4x4", "8x8", "16x16"]


def tones(text: str) -> np.ndarray:
    return np.array([[int(digit) for digit in row] for row in text.split()])


def digest(image: np.ndarray) -> str:
    return hashlib.sha256(image.round().astype(np.uint8).tobytes()).hexdigest()[:16]


@pytest.mark.parametrize("kernel", KERNELS)
def test_error_diffusion_is_chainners(kernel: str) -> None:
    ours = ErrorDiffusion().apply(GRAIN[None, None], [{"levels": 4, "kernel": kernel}])
    assert np.array_equal((ours[0, 0] * 3).round(), tones(DIFFUSED[kernel]))
    large = ErrorDiffusion().apply(LARGE_GRAIN[None, None], [{"levels": 2, "kernel": kernel}])
    assert digest(large) == DIGESTS[kernel]


@pytest.mark.parametrize("size", SIZES)
def test_ordered_dither_is_chainners(size: str) -> None:
    ours = OrderedDither().apply(GRAIN[None, None], [{"levels": 4, "matrix": size}])
    assert np.array_equal((ours[0, 0] * 3).round(), tones(ORDERED["2x2" if size == "2x2" else "4x4"]))


def test_riemersma_is_chainners() -> None:
    square = (GRAIN[:, :8, None] * 255).round().astype(np.uint8)
    params = {"levels": 4, "history": 16, "ratio": 1 / 16}
    assert np.array_equal(RiemersmaDither().on_bytes(square, params)[..., 0] // 85, tones(RIEMERSMA))
    large = (LARGE_GRAIN[..., None] * 255).round().astype(np.uint8)
    assert digest(RiemersmaDither().on_bytes(large, {**params, "levels": 2}) / 255) == DIGESTS["riemersma"]


@pytest.mark.peers
@pytest.mark.parametrize("levels", [2, 4])
def test_a_photograph_dithers_as_with_chainner(photographs: Path, levels: int) -> None:
    peer = pytest.importorskip("chainner_ext")
    image = np.asarray(Image.open(photographs / "coffee.png")).astype(np.float32) / np.float32(255)
    x, count = image.transpose(2, 0, 1)[None], peer.UniformQuantization(levels)
    for size in SIZES:
        ours = OrderedDither().apply(x, [{"levels": levels, "matrix": size}])[0].transpose(1, 2, 0)
        assert (np.abs(ours - peer.ordered_dither(image, count, int(size.split("x")[0]))) > 1e-4).mean() == 0
    for kernel in KERNELS:
        ours = ErrorDiffusion().apply(x, [{"levels": levels, "kernel": kernel}])[0].transpose(1, 2, 0)
        name = "".join(part.capitalize() for part in kernel.split("-"))
        theirs = peer.error_diffusion_dither(image, count, getattr(peer.DiffusionAlgorithm, name))
        assert (np.abs(ours - theirs) > 1e-4).mean() < 0.1  # one rounding error decides all that follow it


def test_floyd_steinberg_keeps_the_local_tone_as_pillows_does(photographs: Path) -> None:
    grey = Image.open(photographs / "coffee.png").convert("L")
    x = np.asarray(grey) / np.float32(255)
    ours = ErrorDiffusion().apply(x[None, None], [{"levels": 2, "kernel": "floyd-steinberg"}])[0, 0]
    pillows = np.asarray(grey.convert("1")).astype(np.float32)
    error, pillows_error = (
        np.abs(uniform_filter(one, 16) - uniform_filter(x, 16)) for one in (ours, pillows)
    )
    assert error.mean() < pillows_error.mean() * 1.05
    assert error.max() < 0.06


def test_floyd_steinberg_of_a_half_tone_by_hand() -> None:
    half = np.full((1, 1, 3, 3), 0.5, np.float32)
    ours = ErrorDiffusion().apply(half, [{"levels": 2, "kernel": "floyd-steinberg"}])
    # 0.5 → 1 leaves -0.5: right 0.5 - 7/32 → 0, then 0.5 + 0.28125 · 7/16 → 1; row 2 starts at 0.396 → 0
    assert ours[0, 0].tolist() == [[1, 0, 1], [0, 1, 0], [1, 0, 1]]


def test_ordered_dither_by_hand() -> None:
    bayer = np.array([[0, 2], [3, 1]])
    for tone in range(5):
        flat = np.full((1, 1, 2, 2), tone / 4, np.float32)
        ours = OrderedDither().apply(flat, [{"levels": 2, "matrix": "2x2"}])[0, 0]
        assert np.array_equal(ours, (tone + bayer >= 4).astype(np.float32))


@pytest.mark.parametrize("levels", [2, 3, 7, 23, 24, 30, 47, 62, 128, 256])
def test_tones_that_are_exact_stay(levels: int) -> None:
    exact = np.linspace(0, 1, levels, dtype=np.float32)[None, None, None].repeat(17, 2)
    for size in SIZES:
        assert np.allclose(
            OrderedDither().apply(exact, [{"levels": levels, "matrix": size}]), exact, atol=1e-6
        )
    diffused = ErrorDiffusion().apply(exact, [{"levels": levels, "kernel": "stucki"}])
    assert np.allclose(diffused, exact, atol=1e-6)


def test_riemersma_keeps_the_mean_tone(batch: np.ndarray) -> None:
    op = RiemersmaDither(levels=2, ratio=0.0625, history=16)
    ours = op.apply(batch, [op.sample(generator(1, place)) for place in range(3)])
    assert set(np.unique(ours)) <= {0.0, 1.0}
    assert np.abs(ours.mean((0, 2, 3)) - batch.mean((0, 2, 3))).max() < 0.02


def screen(x: np.ndarray, **params: object) -> np.ndarray:
    usual = {"dot": "circle", "inks": "rgb", "size": 7.3, "angles": [15.0, 75.0, 0.0, 45.0], "strength": 1.0}
    return np.asarray(Halftone().apply(x, [{**usual, **params}] * len(x)))


@pytest.mark.parametrize("dot", ["circle", "ellipse", "line", "cross"])
def test_a_screen_keeps_every_flat_tone(dot: str) -> None:
    for tone in (0.0, 0.1, 0.37, 0.5, 0.81, 1.0):
        flat = np.full((1, 1, 200, 200), tone, np.float32)
        ours = screen(flat, dot=dot, angles=[20.0, 0.0, 0.0, 0.0])
        assert set(np.unique(ours)) <= {0.0, 1.0}
        assert abs(ours.mean() - tone) < 0.015


def test_a_screen_has_the_period_and_tilt_that_were_asked_for() -> None:
    flat = np.full((1, 1, 256, 256), 0.5, np.float32)
    for angle in (0.0, 30.0, -60.0):
        lines = screen(flat, dot="line", size=8.0, angles=[angle, 0.0, 0.0, 0.0])[0, 0]
        power = np.abs(np.fft.fft2(lines - lines.mean()))
        row, column = np.unravel_index(power[:, :128].argmax(), (256, 128))
        rows = (row + 128) % 256 - 128
        assert abs(np.hypot(rows, column) - 32) < 0.8
        assert abs((np.degrees(np.arctan2(rows, column)) - (90 + angle) + 90) % 180 - 90) < 2


def test_inks_of_cmyk_print_the_colours_they_were_made_of() -> None:
    colours = np.array([[1, 0, 0], [0, 1, 1], [1, 1, 1], [0, 0, 0]], np.float32).reshape(4, 3, 1, 1)
    flat = np.broadcast_to(colours, (4, 3, 60, 60)).copy()
    assert np.array_equal(screen(flat, inks="cmyk"), flat)
    faint = screen(flat, inks="cmyk", strength=0.75)
    assert np.allclose(faint[:, :, 0, 0], [[1, 0.25, 0.25], [0.25, 1, 1], [1, 1, 1], [0.25, 0.25, 0.25]])


def test_screens_of_grey_and_value(batch: np.ndarray) -> None:
    grey = screen(batch, inks="grey")
    assert np.array_equal(grey[:, 0], grey[:, 2])
    value = screen(batch, inks="value")
    lit = value.max(1) > 0
    assert np.allclose(value.max(1)[lit], 1)
    assert np.allclose(
        (value * batch.max(1, keepdims=True)).transpose(0, 2, 3, 1)[lit], batch.transpose(0, 2, 3, 1)[lit]
    )
