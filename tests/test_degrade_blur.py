"""Kernels against their formulas and SciPy; filtering against SciPy; kernels from files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import scipy.io
import scipy.ndimage
import scipy.signal
import scipy.special
import torch
from degrade_examples import KERNELS, photographs

from srdata.degrade.chain import load_chain
from srdata.degrade.numerics import backend, blur_kernels
from srdata.degrade.numerics.filters import (
    LARGEST_DIRECT,
    LARGEST_PART,
    NEGLIGIBLE,
    filter2d,
    filter_lines,
    sparse,
    trimmed,
)
from srdata.degrade.numerics.kernel_files import read_kernels
from srdata.degrade.ops.blur import Blur, KernelBlur, MedianBlur, kernel_of
from srdata.errors import RecipeError, UsageError
from srdata.rng import generator

SHAPES = list(Blur.model_fields["shape"].annotation.__args__[0].__args__)
MODES = {"reflect": "mirror", "replicate": "nearest", "wrap": "wrap"}


def middle(kernel: np.ndarray) -> tuple[float, float]:
    """The centre of mass, in pixels down and right of the middle sample."""
    down, right = np.mgrid[: len(kernel), : len(kernel)] - len(kernel) // 2
    return float((kernel * down).sum()), float((kernel * right).sum())


@pytest.mark.parametrize("shape", SHAPES)
def test_kernels_sum_to_one_and_are_centred(shape: str) -> None:
    op = Blur(shape={shape: 1.0}, size=(21, 21), length=(3.0, 15.0))
    for number in range(20):
        kernel = kernel_of(op.sample(generator(number)))
        assert kernel.sum() == pytest.approx(1)
        assert kernel.shape == (21, 21)
        if shape != "path":
            assert np.allclose(kernel, kernel[::-1, ::-1], atol=1e-12)


def test_gaussian_is_the_bell_with_its_covariance() -> None:
    sigma, degrees = (3.0, 1.2), 30.0
    kernel = blur_kernels.gaussian(blur_kernels.grid(41), sigma, degrees)
    down, right = np.mgrid[:41, :41] - 20
    turn = np.radians(degrees)
    axis = np.array([np.cos(turn), np.sin(turn)])  # right, down
    expected = sigma[0] ** 2 * np.outer(axis, axis) + sigma[1] ** 2 * (np.eye(2) - np.outer(axis, axis))
    moments = [[(kernel * a * b).sum() for b in (right, down)] for a in (right, down)]
    assert np.allclose(moments, expected, atol=0.02)


def test_isotropic_gaussian_is_scipys() -> None:
    line = scipy.signal.windows.gaussian(21, 1.7)
    expected = np.outer(line, line) / line.sum() ** 2
    assert np.allclose(blur_kernels.gaussian(blur_kernels.grid(21), (1.7, 1.7)), expected, atol=1e-12)


def test_generalized_and_plateau_contain_what_they_generalise() -> None:
    at, sigma = blur_kernels.grid(21), (2.0, 1.0)
    assert np.allclose(blur_kernels.generalized(at, sigma, 20, 1.0), blur_kernels.gaussian(at, sigma, 20))
    ratio = blur_kernels.plateau(at, sigma, 0, 1.5)[10, 12] / blur_kernels.plateau(at, sigma, 0, 1.5)[10, 10]
    assert ratio == pytest.approx(1 / (1 + (2 / 2.0) ** 3))


def test_bessel_function_is_scipys() -> None:
    x = np.linspace(0, 80, 2001)
    assert np.abs(blur_kernels.bessel_j1(x) - scipy.special.j1(x)).max() < 1e-13


@pytest.mark.parametrize("cutoff", [np.pi / 3, 2.0])
def test_sinc_keeps_what_is_below_its_cutoff(cutoff: float) -> None:
    kernel = blur_kernels.sinc(blur_kernels.grid(81), cutoff)
    spectrum = np.abs(np.fft.fft2(np.fft.ifftshift(np.pad(kernel, 44))))
    frequency = np.hypot(*np.meshgrid(*[2 * np.pi * np.fft.fftfreq(169)] * 2))
    assert spectrum[frequency < 0.8 * cutoff] == pytest.approx(1, abs=0.1)
    assert spectrum[(frequency > 1.2 * cutoff) & (frequency < np.pi)].max() < 0.1


def test_disk_box_and_line_have_their_size() -> None:
    at = blur_kernels.grid(31)
    assert np.count_nonzero(blur_kernels.box(at, 5)) == 25
    assert blur_kernels.box(at, 5)[15, 15] == pytest.approx(1 / 25)
    assert 1 / blur_kernels.disk(at, 8).max() == pytest.approx(np.pi * 8**2, rel=0.01)
    level = blur_kernels.line(at, 9, 0)
    assert np.count_nonzero(level) == 9
    assert level[15, 11:20] == pytest.approx(1 / 9)
    assert np.allclose(blur_kernels.line(at, 9, 90), level.T)
    assert np.allclose(blur_kernels.line(at, 9, 30), blur_kernels.line(at, 9, -30)[::-1])


def test_a_path_is_connected_and_spans_its_length() -> None:
    for key in range(10):
        kernel = blur_kernels.path(blur_kernels.grid(25), 15.0, key)
        rows, columns = np.nonzero(kernel)
        assert 14 <= max(np.ptp(rows), np.ptp(columns)) <= 17
        assert scipy.ndimage.label(kernel > 0, np.ones((3, 3)))[1] == 1


def test_shift_moves_the_middle() -> None:
    for shape in ("iso", "disk", "box"):
        params = {"shape": shape, "size": 25, "sigma": [1.6, 1.6], "angle": 0.0, "length": 5.0}
        assert middle(kernel_of(params, 1.5)) == pytest.approx((1.5, 1.5), abs=0.01)
    params = {"shape": "iso", "size": 25, "sigma": [0.01, 0.01], "angle": 0.0}
    assert kernel_of(params, 1.5).sum() == pytest.approx(1)  # not 0 / 0


def test_blur_with_shift_and_subsample_align_like_a_resize() -> None:
    ramp = np.tile(np.arange(64, dtype=np.float32) / 64, (64, 1))[None, None].repeat(3, axis=1)
    blur = {"op": "blur", "shape": "iso", "size": 25, "sigma": 2.0, "shift": 1.5}
    chain = load_chain({"rounds": False, "steps": [blur, {"op": "subsample"}]})
    lr = chain.apply(ramp, [chain.sample(0)], 4)
    centres = (np.arange(16) * 4 + 1.5) / 64
    assert np.abs(lr[0, 0, 8, 3:-3] - centres[3:-3]).max() < 1e-4


@pytest.mark.parametrize("border", list(MODES))
@pytest.mark.parametrize("kind", ["iso", "aniso", "sinc", "path", "line"])
def test_filtering_is_scipys(kind: str, border: Any) -> None:
    x = photographs(33, 40)
    op = Blur(shape={kind: 1.0}, size=(21, 21))
    some = [kernel_of(op.sample(generator(number))) for number in range(2)]
    expected = [
        scipy.ndimage.correlate(image.astype(np.float64), kernel[None], mode=MODES[border])
        for image, kernel in zip(x, some, strict=True)
    ]
    tensor = torch.from_numpy(np.ascontiguousarray(x))
    for result in (filter2d(x, some, border), filter2d(tensor, some, border)):
        assert np.abs(np.asarray(result) - expected).max() < 0.05 / 255


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [LARGEST_DIRECT, LARGEST_DIRECT + 2, 21])
def test_every_way_to_filter_is_scipys(size: int, channels: int) -> None:
    rng = np.random.default_rng(size)
    x = rng.random((1, channels, 37, LARGEST_PART + 5), np.float32)
    line = np.arange(1.0, size + 1)  # not symmetric, so that a flip would show
    full = rng.random((size, size))
    for weights in (full, np.outer(line, line**2)):
        kernel = weights / weights.sum()
        expected = scipy.ndimage.correlate(x[0].astype(np.float64), trimmed(kernel)[None], mode="mirror")
        assert np.abs(filter2d(x, [kernel])[0] - expected).max() < NEGLIGIBLE


def test_a_kernel_larger_than_the_image_wraps_and_mirrors_on() -> None:
    x, kernel = photographs(5, 7), blur_kernels.gaussian(blur_kernels.grid(21), (4.0, 2.0), 30)
    for border, mode in MODES.items():
        expected = scipy.ndimage.correlate(x[0].astype(np.float64), kernel[None], mode=mode)
        for batch in (x, torch.from_numpy(np.ascontiguousarray(x))):
            result = np.asarray(filter2d(batch, [kernel] * 2, border))
            assert np.abs(result[0] - expected).max() < 0.05 / 255


def test_trimming_loses_next_to_nothing_and_keeps_the_sum() -> None:
    wide = blur_kernels.gaussian(blur_kernels.grid(41), (1.5, 1.5))
    small = trimmed(wide)
    assert len(small) < 15
    assert small.sum() == pytest.approx(1)
    lost = wide.copy()
    cut = (41 - len(small)) // 2
    lost[cut:-cut, cut:-cut] = 0
    assert 0 < lost.sum() <= NEGLIGIBLE
    ring = blur_kernels.sinc(blur_kernels.grid(21), 1.2)
    assert np.allclose(trimmed(ring), ring)


def test_sparse_kernels_lose_next_to_nothing_and_keep_the_sum() -> None:
    kernel = blur_kernels.gaussian(blur_kernels.grid(11), (3.0, 0.5), 40)
    thin = sparse(kernel)
    assert np.count_nonzero(thin) < 60
    assert thin.sum() == pytest.approx(1)
    assert 0 < kernel[thin == 0].sum() <= NEGLIGIBLE
    assert np.array_equal(sparse(np.ones((3, 3))), np.ones((3, 3)))


@pytest.mark.parametrize("width", [200, 333, 683])
@pytest.mark.parametrize("channels", [1, 3])
def test_columns_are_filtered_in_strips_as_in_one(width: int, channels: int) -> None:
    rng = np.random.default_rng(width)
    image = rng.random((60, width, channels), np.float32)
    for count in (9, 13, 51):
        taps = rng.random(count)
        across = cv2.filter2D(image, -1, taps[None], borderType=cv2.BORDER_REFLECT_101)
        whole = cv2.filter2D(across, -1, taps[:, None], borderType=cv2.BORDER_REFLECT_101)
        assert np.array_equal(filter_lines(image, taps, taps), whole.reshape(image.shape))


def test_what_is_merged_or_split_into_is_not_aligned() -> None:
    for by in (1, 2, 3):
        one = backend.unaligned((5, 7, 3), np.float32, by)
        assert one.shape == (5, 7, 3)
        assert one.ctypes.data % 16 == 4 * by


def test_kernel_size_is_what_is_drawn() -> None:
    sizes = {Blur(size=(7, 11)).sample(generator(number))["size"] for number in range(60)}
    assert sizes == {7, 9, 11}


def test_median_is_scipys() -> None:
    x = photographs(20, 24)
    for size in (3, 5, 7):
        for batch in (x, torch.from_numpy(np.ascontiguousarray(x))):
            result = np.asarray(MedianBlur().apply(batch, [{"size": size}] * 2))
            expected = scipy.ndimage.median_filter(x, (1, 1, size, size), mode="nearest")
            assert np.abs(result - expected).max() < 1e-6


def test_kernels_of_a_file_convolve(tmp_path: Path) -> None:
    x = photographs(20, 24)
    plain = np.load(KERNELS)
    op = KernelBlur(file=str(KERNELS))
    digest = read_kernels(str(KERNELS)).sha256
    result = op.apply(x, [{"kernel": number, "sha256": digest} for number in range(2)])
    for image, kernel, blurred in zip(x, plain, result, strict=True):
        normal = kernel / kernel.sum()
        expected = scipy.ndimage.convolve(image.astype(np.float64), normal[None], mode="mirror")
        assert np.abs(blurred - expected).max() < 0.05 / 255
    assert {op.sample(generator(number))["kernel"] for number in range(20)} == {0, 1}


def test_even_kernels_have_their_middle_where_scipy_has_it(tmp_path: Path) -> None:
    path, kernel = tmp_path / "even.npy", np.arange(24.0).reshape(6, 4)
    np.save(path, kernel)
    x = photographs(20, 24, count=1)
    found = read_kernels(str(path))
    expected = scipy.ndimage.convolve(x[0].astype(np.float64), (kernel / kernel.sum())[None], mode="mirror")
    assert np.abs(filter2d(x, found.kernels)[0] - expected).max() < 0.05 / 255


def test_mat_files_with_cells_are_read(tmp_path: Path) -> None:
    path = tmp_path / "kernels.mat"
    cells = np.empty((1, 2), object)
    cells[0, 0], cells[0, 1] = np.ones((5, 5)), np.eye(7)
    scipy.io.savemat(path, {"kernels": cells, "note": "measured"})
    assert [len(kernel) for kernel in read_kernels(str(path)).kernels] == [5, 7]


def test_files_that_hold_no_kernels_are_refused(tmp_path: Path) -> None:
    pickled, flat, gone = tmp_path / "pickled.npy", tmp_path / "flat.npy", tmp_path / "gone.npy"
    np.save(pickled, np.array([{"a": 1}], object), allow_pickle=True)
    np.save(flat, np.ones(9))
    zero = tmp_path / "zero.npy"
    np.save(zero, np.zeros((3, 3)))
    for path, what in (
        (pickled, "plain numbers"),
        (flat, "holds no kernel"),
        (gone, "cannot be read"),
        (zero, "sum to above 0"),
    ):
        with pytest.raises(RecipeError, match=what):
            load_chain([{"op": "kernel_blur", "file": str(path)}])


def test_a_changed_kernel_file_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "kernels.npy"
    np.save(path, np.ones((3, 3)))
    op = KernelBlur(file=str(path))
    params = json.loads(json.dumps([op.sample(generator(0))]))
    assert op.apply(photographs(8, 8, count=1), params).shape == (1, 3, 8, 8)
    params[0]["sha256"] = "0" * 64
    with pytest.raises(UsageError, match="is not the file"):
        op.apply(photographs(8, 8, count=1), params)


def test_padding_is_numpys() -> None:
    x = photographs(3, 5)
    for rule, mode in (("reflect", "reflect"), ("replicate", "edge"), ("wrap", "wrap")):
        expected = np.pad(x, ((0, 0), (0, 0), (4, 9), (7, 1)), mode=mode)
        for batch in (x, torch.from_numpy(np.ascontiguousarray(x))):
            result = np.asarray(backend.pad(batch, 7, 1, 4, 9, rule))
            assert np.array_equal(result, expected)
