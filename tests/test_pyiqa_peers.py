"""Metrics of pyiqa as scores: the values that pyiqa itself gives, of weights that are here and never run."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import torch
from conftest import checkout

from srdata.colour import luma
from srdata.curation.pyiqa_metrics import load_metric
from srdata.curation.source_scores import Seen
from srdata.curation.wanted_scores import find_scores
from srdata.errors import UsageError
from srdata.images import Pixels, read_image
from srdata.niqe import load_natural, naturalness

pytestmark = [
    pytest.mark.peers,
    pytest.mark.skipif(importlib.util.find_spec("pyiqa") is None, reason="pyiqa is not installed"),
    pytest.mark.filterwarnings("ignore"),  # theirs
]
PLAIN = (
    "chelsea.png",
    "coffee.png",
    "rocket.jpg",
)  # without flat blocks, whose statistics are rounding alone


@pytest.fixture(scope="module")
def natural() -> Path:
    return checkout("BasicSR") / "basicsr" / "metrics" / "niqe_pris_params.npz"


@pytest.fixture
def weights(natural: Path, tmp_path: Path) -> Path:
    """NIQE's model as pyiqa reads it."""
    model = load_natural(natural)
    path = tmp_path / "niqe.mat"
    scipy.io.savemat(path, {"mu_prisparam": model.mean[None], "cov_prisparam": model.covariance})
    return path


def scores(metric: str, weights: Path | None, images: list[Pixels]) -> list[float]:
    files = {} if weights is None else {"theirs": weights}
    (wanted,) = find_scores(["theirs"], {"theirs": f"pyiqa:{metric}"}, files)
    return wanted.of([Seen(image, b"") for image in images])


@pytest.mark.parametrize("name", PLAIN)
def test_niqe_is_pyiqas_of_the_same_y(photographs: Path, natural: Path, weights: Path, name: str) -> None:
    """By itself pyiqa takes Y of YIQ, from 0 to 255; we take that of BasicSR and MATLAB, from 16 to 235."""
    import pyiqa

    image = read_image(photographs / name)
    y = (luma(image / 255, axis=-1)[..., 0] * 255).round() / 255
    metric = pyiqa.create_metric("niqe", device=torch.device("cpu"), pretrained_model_path=str(weights))
    theirs = float(metric(torch.from_numpy(y)[None, None]))
    assert naturalness(image, load_natural(natural)) == pytest.approx(theirs, rel=5e-4)


@pytest.mark.parametrize("metric", ["niqe", "piqe", "brisque"])
def test_a_score_is_what_pyiqa_gives_alone_and_in_a_batch(
    photographs: Path, weights: Path, tmp_path: Path, metric: str
) -> None:
    import pyiqa

    file: Path | None = {"niqe": weights, "piqe": None}.get(metric, tmp_path / "vectors.pth")
    if metric == "brisque":
        random = torch.Generator().manual_seed(1)
        torch.save((torch.randn(774, generator=random), torch.randn(774, 36, generator=random)), file)
    options = {} if file is None else {"pretrained_model_path": str(file)}
    theirs = pyiqa.create_metric(metric, device=torch.device("cpu"), **options)
    image = read_image(photographs / "coffee.png")
    tiles = [image[:200, left : left + 200] for left in range(0, 400, 20)]
    batch = torch.from_numpy(np.stack(tiles)).permute(0, 3, 1, 2).float() / 255
    expected = [float(theirs(one[None])) for one in batch]
    assert scores(metric, file, tiles) == pytest.approx(expected, rel=1e-4, abs=1e-3)


def test_weights_are_neither_fetched_nor_unpickled(
    tmp_path: Path, weights: Path, photographs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyiqa.utils.download_util

    (tmp_path / "run").mkdir()
    bad = tmp_path / "bad.pth"
    torch.save((Runs(tmp_path / "run" / "it"), 1), bad)
    with pytest.raises(UsageError, match=r"brisque cannot be made of .*bad\.pth without a download"):
        load_metric("pyiqa:brisque", bad)
    assert not (tmp_path / "run" / "it").exists()
    with pytest.raises(UsageError, match="takes no file of weights: give a function of yours") as refused:
        load_metric("pyiqa:pi", bad)
    assert "\n" not in str(refused.value)
    with pytest.raises(UsageError, match="piqe has no weights: leave --weights out"):
        find_scores(["p"], {"p": "pyiqa:piqe"}, {"p": bad})
    assert find_scores(["p"], {"p": "pyiqa:piqe"})[0].version.startswith("pyiqa:piqe#")
    monkeypatch.setattr(pyiqa.utils.download_util, "DEFAULT_CACHE_DIR", str(tmp_path))
    with pytest.raises(UsageError, match="nothing is downloaded here"):
        load_metric("pyiqa:cnniqa", None)
    with pytest.raises(UsageError, match="fails on an image of 8x8 pixels"):
        scores("niqe", weights, [read_image(photographs / "coffee.png")[:8, :8]])


class Runs:
    """What makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (str(self.path), "w")
