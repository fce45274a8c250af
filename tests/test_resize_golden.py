"""imresize against what MATLAB made: the LR files of published benchmarks, answers for small matrices."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from srdata.resize import imresize


def read(path: Path) -> NDArray[np.uint8]:
    image = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
    assert image is not None, path
    return image


def set5(golden: Path, scale: int) -> list[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    """The (HR, LR) pairs of Set5, HR cropped to a multiple of the scale."""
    pairs = []
    for path in sorted((golden / "set5" / "HR").glob("*.png")):
        hr = read(path)
        height, width = (side // scale * scale for side in hr.shape[:2])
        lr = read(golden / "set5" / "LR_bicubic" / f"X{scale}" / f"{path.stem}x{scale}.png")
        pairs.append((hr[:height, :width], lr))
    assert len(pairs) == 5
    return pairs


def differing(pairs, **options) -> int:
    return sum(
        int(
            (imresize(hr, size=lr.shape[:2], **options) != lr).sum()
            + (imresize(hr, scale, **options) != lr).sum()
        )
        for scale, hr, lr in pairs
    )


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_set5_is_made_again_sample_for_sample(golden, scale):
    assert differing((1 / scale, hr, lr) for hr, lr in set5(golden, scale)) == 0


def test_set5_x8_was_rounded_once(golden):
    pairs = [(1 / 8, hr, lr) for hr, lr in set5(golden, 8)]
    assert differing(pairs, rounding="once") == 0
    assert differing(pairs) > 0


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_older_matlab_repeated_the_edge(golden, scale):
    folder = golden / "set5-replicate" / f"X{scale}"
    pairs = [
        (1 / scale, read(path), read(path.with_name(path.name.replace("_HR", "_LR"))))
        for path in sorted(folder.glob("*_HR.png"))
    ]
    assert len(pairs) == 5
    assert differing(pairs, border="replicate") == 0
    assert differing(pairs, border="symmetric") > 0


def test_doubles_agree_with_matlab(golden):
    with np.load(golden / "imresize_double.npz") as answers:
        cases = json.loads(str(answers["cases"]))
        for name, case in cases.items():
            image, answer = answers[f"{name}__input"], answers[f"{name}__answer"]
            resized = imresize(image, size=tuple(case["size"]), antialias=case["antialias"])
            assert resized.dtype == np.float64
            np.testing.assert_allclose(resized, answer, rtol=0, atol=1e-12, err_msg=name)
    assert len(cases) > 10


def luma(image: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Y of BT.601 in studio range, as MATLAB's rgb2ycbcr defines it, unrounded."""
    return 16 + image @ np.array([65.481, 128.553, 24.966]) / 255


def psnr(one: NDArray[np.float64], other: NDArray[np.float64], border: int) -> float:
    error = (one - other)[border:-border, border:-border]
    return float(10 * np.log10(255**2 / np.mean(error**2)))


TABLE = {2: 33.66, 3: 30.39, 4: 28.42}  # Set5, bicubic: the first row of nearly every paper's table


@pytest.mark.parametrize(("scale", "published"), TABLE.items())
def test_bicubic_row_of_the_papers(golden, scale, published):
    """The mean PSNR on Y of enlarged Set5, border of `scale` pixels cut off, two decimals as published.

    The row comes from evaluation code of SRCNN's kind: the double Y channel is reduced and enlarged without
    rounding, and both it and the HR are rounded to whole levels at the end. Measured: 33.656, 30.390, 28.420.
    """
    values = []
    for hr, _ in set5(golden, scale):
        y = luma(hr)
        enlarged = imresize(imresize(y, 1 / scale), scale)
        values.append(psnr(np.clip(np.floor(enlarged + 0.5), 0, 255), np.floor(y + 0.5), scale))
    assert np.mean(values) == pytest.approx(published, abs=0.005)


@pytest.mark.parametrize(("scale", "published"), TABLE.items())
def test_enlarged_lr_files_score_as_in_the_papers(golden, scale, published):
    """The same table from the shipped LR files: RGB enlarged as uint8, then the unrounded Y of both.

    Measured: 33.673, 30.403, 28.429 dB. (With Y rounded to whole levels: 33.640, 30.385, 28.416.)
    """
    values = [psnr(luma(imresize(lr, scale)), luma(hr), scale) for hr, lr in set5(golden, scale)]
    assert np.mean(values) == pytest.approx(published, abs=0.02)
