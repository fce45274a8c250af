"""Ops on edges and the pixel grid: against scipy, OpenCV, Real-ESRGAN and numbers made by hand."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from degrade_examples import hwc
from scipy import ndimage

from srdata.degrade.numerics.gaussian import GaussianKernel, filling, gaussian, reaching
from srdata.degrade.ops.sharpen import Halo, Pixelate, UnsharpMask
from srdata.rng import generator

USM = UnsharpMask()
USUAL = USM.sample(generator(0))


@pytest.mark.parametrize("kernel", [GaussianKernel(51, 8.0), GaussianKernel(7, 0.4), GaussianKernel(1, 0.01)])
def test_the_gaussian_is_scipys(batch: np.ndarray, kernel: GaussianKernel) -> None:
    expected = ndimage.gaussian_filter(
        batch.astype(np.float64), kernel.sigma, mode="mirror", radius=kernel.size // 2, axes=(2, 3)
    )
    for x in (batch, torch.from_numpy(batch)):
        assert np.abs(np.asarray(gaussian(x, [kernel] * 3)) - expected).max() < 1e-6


def test_kernel_sizes_follow_opencv(batch: np.ndarray) -> None:
    image = hwc(batch)
    for sigma in (0.2, 0.7, 1.5, 3.0):
        expected = cv2.GaussianBlur(image, (0, 0), sigma)
        assert np.abs(hwc(gaussian(batch[:1], [reaching(sigma)])) - expected).max() < 1e-6
    assert np.allclose(cv2.getGaussianKernel(51, 0), cv2.getGaussianKernel(*filling(51)), atol=1e-15)
    assert reaching(0.0).size == 1


def test_unsharp_mask_by_scipy(batch: np.ndarray) -> None:
    x = batch.astype(np.float64)

    def blurred(image: np.ndarray) -> np.ndarray:
        return ndimage.gaussian_filter(image, 8.0, mode="mirror", radius=25, axes=(2, 3))

    residual = x - blurred(x)
    soft = blurred((np.abs(residual) * 255 > 10).astype(np.float64))
    expected = soft * np.clip(x + 0.5 * residual, 0, 1) + (1 - soft) * x
    assert USUAL == {"weight": 0.5, "threshold": 10.0, "kernel_size": 51}
    assert np.abs(USM.apply(batch, [USUAL] * 3) - expected).max() < 1e-5


@pytest.mark.peers
def test_unsharp_mask_is_that_of_real_esrgan(batch: np.ndarray, basicsr: Path) -> None:
    path = basicsr / "basicsr" / "utils" / "img_process_util.py"
    spec = importlib.util.spec_from_file_location("basicsr_img_process_util", path)
    assert spec is not None
    assert spec.loader is not None
    peer = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(peer)
    expected = peer.USMSharp()(torch.from_numpy(batch.copy(order="C"))).numpy()
    assert np.abs(USM.apply(batch, [USUAL] * 3) - expected).max() * 255 < 0.05
    assert np.abs(USM.apply(torch.from_numpy(batch), [USUAL] * 3).numpy() - expected).max() * 255 < 0.05
    assert np.abs(hwc(USM.apply(batch[:1], [USUAL])) - peer.usm_sharp(hwc(batch))).max() * 255 < 0.05


def test_an_image_smaller_than_the_kernel_is_sharpened_too() -> None:
    tiny = np.random.default_rng(3).random((1, 3, 5, 4)).astype(np.float32)
    ours = USM.apply(tiny, [USUAL])
    assert np.abs(USM.apply(torch.from_numpy(tiny), [USUAL]).numpy() - ours).max() < 1e-5


def test_flat_images_stay(batch: np.ndarray) -> None:
    flat = np.full((1, 3, 40, 60), 0.3, np.float32)
    for op in (USM, Halo(kind={"both": 1}), Halo(kind={"bright": 1}), Halo(kind={"outline": 1}), Pixelate()):
        assert np.abs(op.apply(flat, [op.sample(generator(1))]) - flat).max() < 1e-6


def halo(batch: np.ndarray, **params: object) -> np.ndarray:
    return hwc(Halo().apply(batch[:1], [{"sigma": 1.5, "amount": 2.0, "threshold": 0.0, **params}]))


def test_halo_of_kind_both_is_opencvs_weighted_sum(batch: np.ndarray) -> None:
    image = hwc(batch)
    expected = cv2.addWeighted(image, 3.0, cv2.GaussianBlur(image, (0, 0), 1.5), -2.0, 0)
    assert np.abs(halo(batch, kind="both") - expected.clip(0, 1)).max() < 1e-5


def test_halo_thresholds_shrink_the_difference(batch: np.ndarray) -> None:
    image = hwc(batch)
    difference = image - cv2.GaussianBlur(image, (0, 0), 1.5)
    shrunk = np.sign(difference) * np.maximum(0, np.abs(difference) - 5 / 255)
    expected = (image + 2 * shrunk).clip(0, 1)
    assert np.abs(halo(batch, kind="both", threshold=5.0) - expected).max() < 1e-5


def test_bright_halo_and_outline_follow_the_grey_of_opencv(batch: np.ndarray) -> None:
    image = hwc(batch)
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    difference = np.maximum(grey - cv2.GaussianBlur(grey, (0, 0), 1.5), 0)[..., None]
    assert np.abs(halo(batch, kind="bright") - (image + 2 * difference).clip(0, 1)).max() < 1e-5
    outline = halo(batch, kind="outline", amount=12.0)
    expected = np.minimum(image + (12 * difference >= 254 / 255), 1)
    assert 0.01 < (outline == 1).all(2).mean() < 0.5
    assert (np.abs(outline - expected).max(2) > 1e-5).mean() < 1e-3


@pytest.mark.parametrize("size", [1.0, 2.0, 2.5, 5.0, 300.0])
def test_pixelate_gives_the_means_that_scipy_finds(batch: np.ndarray, size: float) -> None:
    rows, columns = np.indices(batch.shape[2:])
    labels = (np.floor(rows / size) * 1000 + np.floor(columns / size)).astype(int)
    for x in (batch, torch.from_numpy(batch)):
        ours = np.asarray(Pixelate().apply(x, [{"size": size}] * 3))
        expected = ndimage.mean(batch[2, 1].astype(np.float64), labels, labels)
        assert np.abs(ours[2, 1] - expected).max() < 1e-6


def test_pixelate_a_four_by_four_by_hand() -> None:
    x = np.arange(16, dtype=np.float32).reshape(1, 1, 4, 4) / 16
    two = Pixelate().apply(x, [{"size": 2.0}])[0, 0] * 16
    assert two.tolist() == [[2.5, 2.5, 4.5, 4.5]] * 2 + [[10.5, 10.5, 12.5, 12.5]] * 2
