"""PSNR, SSIM, PSNR-B and NIQE against the functions of BasicSR and KAIR themselves."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from conftest import checkout

from benchmarks.basicsr import find_basicsr
from srdata.images import read_image
from srdata.metrics import psnr, ssim
from srdata.niqe import load_natural, naturalness
from srdata.resize import imresize

pytestmark = pytest.mark.peers

Image = np.ndarray[Any, np.dtype[np.uint8]]


@pytest.fixture(scope="module")
def peers() -> Path:
    folder = checkout("BasicSR").parent
    find_basicsr(folder)
    package = ModuleType("basicsr.metrics")
    package.__path__ = [str(folder / "BasicSR" / "basicsr" / "metrics")]
    sys.modules["basicsr.metrics"] = package
    return folder


@pytest.fixture(scope="module", params=["enlarged", "one level off"])
def pair(request: pytest.FixtureRequest, photographs: Path) -> tuple[Image, Image]:
    hr = read_image(photographs / "chelsea.png")[:-1, :-3]
    if request.param == "enlarged":
        return imresize(imresize(hr, 1 / 4), size=hr.shape[:2]), hr
    sr = hr.copy()
    sr[::7, ::5] ^= 1
    return sr, hr


@pytest.mark.parametrize(
    ("protocol", "border", "on_y"),
    [
        ("basicsr_y", 4, True),
        ("basicsr_rgb", 4, False),
        ("crop4_y", 4, True),
        ("rgb_border0", 0, False),
        ("y_border0", 0, True),
    ],
)
def test_basicsr(peers: Path, pair: tuple[Image, Image], protocol: str, border: int, on_y: bool) -> None:
    theirs = importlib.import_module("basicsr.metrics.psnr_ssim")
    sr, hr = pair
    bgr = [np.ascontiguousarray(image[..., ::-1]) for image in pair]
    expected = theirs.calculate_psnr(*bgr, border, test_y_channel=on_y)
    assert psnr(sr, hr, 4, protocol) == pytest.approx(expected, abs=1e-6)
    expected = theirs.calculate_ssim(*bgr, border, test_y_channel=on_y)
    assert ssim(sr, hr, 4, protocol) == pytest.approx(expected, abs=1e-6)


def test_basicsr_on_tensors(peers: Path, pair: tuple[Image, Image]) -> None:
    """Their SSIM; their PSNR adds 1e-8 to the error, and their Y is of single precision throughout."""
    theirs = importlib.import_module("basicsr.metrics.psnr_ssim")
    sr, hr = (torch.from_numpy(np.moveaxis(image, -1, 0).copy())[None] for image in pair)
    expected = theirs.calculate_ssim_pt(sr.double() / 255, hr.double() / 255, 4)
    assert float(ssim(sr, hr, 4, "basicsr_rgb")) == pytest.approx(float(expected), abs=1e-6)


def test_kair_psnrb(peers: Path, pair: tuple[Image, Image]) -> None:
    """Their module imports torchvision and more; the two functions need none of it."""
    source = (checkout("KAIR") / "utils" / "utils_image.py").read_text()
    start, end = source.index("def _blocking_effect_factor"), source.index("# matlab's bicubic imresize")
    scope: dict[str, Any] = {"np": np, "torch": torch}
    exec(source[start : source.rindex("'''", start, end)], scope)  # a checkout that the user trusts
    assert psnr(*pair, protocol="psnrb") == pytest.approx(scope["calculate_psnrb"](*pair), abs=1e-6)


def test_basicsr_niqe(peers: Path, photographs: Path) -> None:
    """Their window is rounded, so that the agreement is not exact."""
    theirs = importlib.import_module("basicsr.metrics.niqe")
    model = load_natural(peers / "BasicSR" / "basicsr" / "metrics" / "niqe_pris_params.npz")
    for name in ("coffee.png", "chelsea.png"):
        image = read_image(photographs / name)
        expected = theirs.calculate_niqe(np.ascontiguousarray(image[..., ::-1]), 0)
        assert naturalness(image, model) == pytest.approx(expected, abs=1e-3)
