"""The bicubic rows that papers print, and the protocol that gives them."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from conftest import checkout

from srdata.images import read_image, write_png
from srdata.metrics import evaluate_bicubic
from srdata.metrics.result import Evaluation
from srdata.preparation import prepare

# PSNR and SSIM at x2, x3 and x4, as in DRCN, VDSR, DRRN, RCAN and others.
PUBLISHED = {
    "Set5": ((33.66, 0.9299), (30.39, 0.8682), (28.42, 0.8104)),
    "Set14": ((30.24, 0.8688), (27.55, 0.7742), (26.00, 0.7027)),
    "BSD100": ((29.56, 0.8431), (27.21, 0.7385), (25.96, 0.6675)),
    "Urban100": ((26.88, 0.8403), (24.46, 0.7349), (23.14, 0.6577)),
}
SCALES = (2, 3, 4)


@pytest.mark.parametrize("scale", SCALES)
def test_published_bicubic_is_reproduced(golden: Path, tmp_path: Path, scale: int) -> None:
    result = evaluate_bicubic("set5", scale, "published", from_dir=golden / "set5", root=tmp_path)
    assert len(result.keys) == 5
    assert (round(result.psnr, 2), round(result.ssim, 4)) == PUBLISHED["Set5"][scale - 2]


@pytest.mark.peers
@pytest.mark.slow
@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("name", ["Set14", "BSD100", "Urban100"])
def test_published_bicubic_of_larger_sets(name: str, scale: int) -> None:
    """To half of the last digit, and one in SSIM of Urban100 x3 that is 0.734845."""
    result = evaluate_bicubic(name, scale, "published", hr=selfexsr(name, scale))
    assert_published(result, name, scale)


@pytest.mark.peers
@pytest.mark.slow
@pytest.mark.parametrize("layout", ["lmdb", "folder"])
@pytest.mark.parametrize("scale", SCALES)
def test_published_bicubic_of_a_prepared_set14(tmp_path: Path, scale: int, layout: str) -> None:
    """Of which one image is a grey file."""
    folder = selfexsr("Set14", scale)
    named = {"hr": "{key}_HR.png", "lr": "{key}_LR.png"}
    prepared = prepare(folder, scale=scale, layout=layout, root=tmp_path, **named, jobs=1)
    result = evaluate_bicubic(prepared.path, scale, "published")
    assert result.columns == evaluate_bicubic("Set14", scale, "published", hr=folder).columns
    assert_published(result, "Set14", scale)


def assert_published(result: Evaluation, name: str, scale: int) -> None:
    expected_psnr, expected_ssim = PUBLISHED[name][scale - 2]
    assert result.psnr == pytest.approx(expected_psnr, abs=0.005)
    assert result.ssim == pytest.approx(expected_ssim, abs=0.00006)


def selfexsr(name: str, scale: int) -> Path:
    """The HR images of SelfExSR; those of Urban100 are whole only in the folder of x4."""
    return checkout("SelfExSR") / "data" / name / f"image_SRF_{4 if name == 'Urban100' else scale}"


def test_other_protocols_do_not_give_the_published_bicubic(golden: Path, tmp_path: Path) -> None:
    """So that the right one is no matter of taste: enlarged 8-bit LR files are 0.0007 better in SSIM."""
    result = evaluate_bicubic("set5", 4, "basicsr_y", from_dir=golden / "set5", root=tmp_path)
    assert result.ssim - PUBLISHED["Set5"][2][1] == pytest.approx(0.0007, abs=0.0001)


@pytest.mark.parametrize(("level", "nearest"), [(0, 16), (255, 235), (100, 100)])
def test_the_published_bicubic_is_clipped_to_16_and_235(tmp_path: Path, level: int, nearest: int) -> None:
    write_png(tmp_path / "one.png", np.full((24, 24), level, np.uint8))
    missed = 20 * math.log10(255 / abs(level - nearest)) if level != nearest else math.inf
    assert evaluate_bicubic(tmp_path, 2, "published").psnr == pytest.approx(missed)
    assert evaluate_bicubic(tmp_path, 2, "srcnn_y").psnr == math.inf


def test_the_border_of_published_lr_files_does_not_count(tmp_path: Path, photographs: Path) -> None:
    """LR files of Set14 have one of an older MATLAB; the tables are of Y, whose LR is in no file."""
    names = "baboon barbara bridge coastguard comic face flowers foreman lenna man monarch pepper ppt3 zebra"
    image = read_image(photographs / "coffee.png")[100:140, 100:160]
    for name in names.split():
        write_png(tmp_path / "Set14" / "HR" / f"{name}.png", image)
    for protocol, alike in (("drcn_y", True), ("basicsr_y", False)):
        known = evaluate_bicubic("set14", 2, protocol, from_dir=tmp_path, root=tmp_path)
        assert (known.columns == evaluate_bicubic(tmp_path / "Set14", 2, protocol).columns) is alike
