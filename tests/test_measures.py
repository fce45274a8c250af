"""Measures besides PSNR and SSIM, against values of other libraries and networks written out here."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.io import savemat
from scipy.stats import gennorm
from torch import nn

from srdata.errors import UnknownNameError, UsageError
from srdata.images import Pixels, read_image, write_png
from srdata.metrics import evaluate, evaluate_bicubic
from srdata.metrics.evaluation import evaluate_alone
from srdata.metrics.measures.fsim import feature_similarity, phase_congruency
from srdata.metrics.measures.measure_table import MEASURES, ROLES, find_measures
from srdata.metrics.measures.perceptual import dists, lpips
from srdata.niqe import Natural, fit_gaussian, load_natural, naturalness
from srdata.resize import imresize

# Of coffee.png against itself by bicubic x4 there and back: piq 0.8.0 (GMSD, FSIM, FSIMc), and pytorch-msssim
# 1.0.0 on Y of the first 288 rows and 400 columns, which are even at all five sizes.
OF_COFFEE = {"gmsd": 0.0969999772, "fsim": 0.9267023, "fsimc": 0.9262235}
MS_SSIM_OF_COFFEE = 0.9500807


@pytest.fixture(scope="module")
def pair(photographs: Path) -> tuple[Pixels, Pixels]:
    hr = read_image(photographs / "coffee.png")
    return imresize(imresize(hr, 1 / 4), size=hr.shape[:2]), hr


def measured(name: str, sr: Pixels, hr: Pixels, weights: dict[str, str | Path] | None = None) -> float:
    return find_measures([name], weights)[0].task(sr, hr, "key")


@pytest.mark.parametrize("name", list(OF_COFFEE))
def test_values_are_those_of_piq(name: str, pair: tuple[Pixels, Pixels]) -> None:
    """FSIM's constants are rounded there in single precision and differently near 0."""
    assert measured(name, *pair) == pytest.approx(OF_COFFEE[name], abs=1e-9 if name == "gmsd" else 2e-6)


def test_ms_ssim_is_that_of_pytorch_msssim(pair: tuple[Pixels, Pixels]) -> None:
    """Whose window is in single precision."""
    sr, hr = (image[:288, :400] for image in pair)
    assert measured("ms_ssim", sr, hr) == pytest.approx(MS_SSIM_OF_COFFEE, abs=2e-6)


@pytest.mark.parametrize(("name", "equal"), [("ms_ssim", 1), ("gmsd", 0), ("fsim", 1), ("fsimc", 1)])
def test_equal_images_and_worse_images(name: str, equal: int, pair: tuple[Pixels, Pixels]) -> None:
    sr, hr = pair
    worse = imresize(imresize(hr, 1 / 8), size=hr.shape[:2])
    assert measured(name, hr, hr) == pytest.approx(equal, abs=1e-9)
    assert abs(measured(name, worse, hr) - equal) > abs(measured(name, sr, hr) - equal) > 0.01


def test_ms_ssim_needs_176_pixels(pair: tuple[Pixels, Pixels]) -> None:
    sr, hr = (image[:175] for image in pair)
    with pytest.raises(UsageError, match="at least 176x176 pixels: 600x175 is less"):
        measured("ms_ssim", sr, hr)


def test_odd_sides_are_measured(pair: tuple[Pixels, Pixels]) -> None:
    sr, hr = (image[:-1, :-3] for image in pair)
    for name in ("ms_ssim", *OF_COFFEE):
        assert measured(name, sr, hr) == pytest.approx(measured(name, *pair), abs=0.01)


def test_flat_images_have_no_features_but_a_similarity() -> None:
    flat = np.full((40, 40, 3), 100, np.uint8)
    assert feature_similarity(flat, flat) == (1, 1)


def test_phases_agree_at_an_edge_of_any_contrast() -> None:
    """What phase congruency is for (Kovesi 1999)."""
    step = np.zeros((64, 64))
    step[:, 32:] = 200
    congruency = phase_congruency(step)
    assert congruency[32, 8:56].argmax() in (23, 24)  # the other edge is where the image begins anew
    assert congruency[32, 31] > 0.75
    np.testing.assert_allclose(phase_congruency(step / 8), congruency, atol=1e-3)


def alexnet() -> nn.Sequential:
    """`features` of torchvision's AlexNet (Krizhevsky, One weird trick, 2014)."""
    return nn.Sequential(
        nn.Conv2d(3, 64, 11, 4, 2),
        nn.ReLU(),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(64, 192, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(192, 384, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(256, 256, 3, padding=1),
        nn.ReLU(),
    )


def vgg16() -> nn.Sequential:
    """`features` of torchvision's VGG-16."""
    layers: list[nn.Module] = []
    channels = 3
    for number in (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512):
        layers += [nn.Conv2d(channels, number, 3, padding=1), nn.ReLU()] if number else [nn.MaxPool2d(2, 2)]
        channels = number or channels
    return nn.Sequential(*layers)


TAPS = {"alexnet": (1, 4, 7, 9, 11), "vgg16": (3, 8, 15, 22, 29)}
WIDTHS = {"alexnet": (64, 192, 384, 256, 256), "vgg16": (64, 128, 256, 512, 512)}


@pytest.fixture(scope="module")
def networks() -> dict[str, nn.Sequential]:
    torch.manual_seed(0)
    return {"alexnet": alexnet(), "vgg16": vgg16()}


@pytest.fixture(scope="module")
def batches() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    hr = torch.rand(2, 3, 65, 70, generator=generator)
    return (hr + 0.1 * torch.randn(hr.shape, generator=generator)).clamp(0, 1), hr


def state_of(network: nn.Sequential) -> dict[str, torch.Tensor]:
    return {f"features.{name}": value.detach() for name, value in network.state_dict().items()}


def features(network: nn.Sequential, image: torch.Tensor, taps: tuple[int, ...]) -> list[torch.Tensor]:
    found = []
    for number, layer in enumerate(network):
        image = layer(image)
        if number in taps:
            found.append(image)
    return found


@pytest.mark.parametrize("name", ["alexnet", "vgg16"])
def test_lpips_is_the_weighted_distance_of_unit_features(
    name: str, networks: dict[str, nn.Sequential], batches: tuple[torch.Tensor, torch.Tensor]
) -> None:
    network = networks[name]
    shift, spread = torch.tensor([-0.030, -0.088, -0.188]), torch.tensor([0.458, 0.448, 0.450])
    linear = {f"lin{i}.model.1.weight": torch.rand(1, width, 1, 1) for i, width in enumerate(WIDTHS[name])}
    expected = torch.zeros(2)
    with torch.no_grad():
        inside = [(2 * one - 1 - shift.view(3, 1, 1)) / spread.view(3, 1, 1) for one in batches]
        for number, (one, other) in enumerate(
            zip(*(features(network, image, TAPS[name]) for image in inside), strict=True)
        ):
            one, other = (x / x.norm(dim=1, keepdim=True) for x in (one, other))
            expected += ((one - other) ** 2 * linear[f"lin{number}.model.1.weight"]).sum(1).mean((1, 2))
        found = lpips(*batches, state_of(network), linear, vgg=name == "vgg16")
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-5)


def test_dists_is_the_weighted_similarity_of_means_and_deviations(
    networks: dict[str, nn.Sequential], batches: tuple[torch.Tensor, torch.Tensor]
) -> None:
    channels = (3, *WIDTHS["vgg16"])
    alpha, beta = torch.rand(2, 1, sum(channels), 1, 1)
    mean, spread = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    hann = np.hanning(5)[1:-1]
    kernel = torch.tensor(np.outer(hann, hann) / np.outer(hann, hann).sum(), dtype=torch.float32)

    class Soft(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            weights = kernel.expand(x.shape[1], 1, 3, 3)
            return (nn.functional.conv2d(x**2, weights, None, 2, 1, groups=x.shape[1]) + 1e-12).sqrt()

    soft = nn.Sequential(*(Soft() if isinstance(one, nn.MaxPool2d) else one for one in networks["vgg16"]))
    score = torch.zeros(2)
    with torch.no_grad():
        inside = [(one - mean.view(3, 1, 1)) / spread.view(3, 1, 1) for one in batches]
        stages = [[one, *features(soft, x, TAPS["vgg16"])] for one, x in zip(batches, inside, strict=True)]
        start = 0
        for one, other in zip(*stages, strict=True):
            part = slice(start, start + one.shape[1])
            start = part.stop
            m, n = one.mean((2, 3)), other.mean((2, 3))
            v, w = one.var((2, 3), correction=0), other.var((2, 3), correction=0)
            c = ((one - m[..., None, None]) * (other - n[..., None, None])).mean((2, 3))
            score += (alpha[0, part, 0, 0] * (2 * m * n + 1e-6) / (m**2 + n**2 + 1e-6)).sum(1)
            score += (beta[0, part, 0, 0] * (2 * c + 1e-6) / (v + w + 1e-6)).sum(1)
        found = dists(*batches, state_of(networks["vgg16"]), {"alpha": alpha, "beta": beta})
    torch.testing.assert_close(found, 1 - score / (alpha.sum() + beta.sum()), atol=2e-5, rtol=0)


def test_weights_are_files_of_the_user(
    tmp_path: Path, networks: dict[str, nn.Sequential], pair: tuple[Pixels, Pixels]
) -> None:
    linear = {
        f"lin{i}.model.1.weight": torch.rand(1, width, 1, 1) for i, width in enumerate(WIDTHS["alexnet"])
    }
    torch.save(state_of(networks["alexnet"]), tmp_path / "alexnet.pth")
    torch.save(linear, tmp_path / "alex.pth")
    sr, hr = (image[:65, :70] for image in pair)
    files: dict[str, str | Path] = {"alexnet": tmp_path / "alexnet.pth", "lpips_alex": tmp_path / "alex.pth"}
    value = measured("lpips", sr, hr, files)
    assert value > 0
    assert measured("lpips", hr, hr, files) == 0
    with pytest.raises(UsageError, match=r"hold nothing as lin0\.model\.1\.weight, not \(1, 64, 1, 1\)"):
        measured("lpips", sr, hr, {**files, "lpips_alex": tmp_path / "alexnet.pth"})
    with pytest.raises(UsageError, match="cannot read the weights"):
        measured("lpips", sr, hr, {**files, "lpips_alex": tmp_path / "nothing.pth"})
    with pytest.raises(UsageError, match=r"lpips needs weights that you have: give lpips_alex=FILE"):
        find_measures(["lpips"], {"alexnet": tmp_path / "alexnet.pth"})
    assert {role for one in MEASURES.values() for role in one.needs} == set(ROLES)


@pytest.mark.parametrize("shape", [0.7, 1.0, 2.0, 3.5])
def test_the_shape_of_samples_is_found_again(shape: float) -> None:
    samples = gennorm.rvs(shape, size=400_000, random_state=0)
    found, left, right = fit_gaussian(samples)
    assert found == pytest.approx(shape, rel=0.03)
    assert left == pytest.approx(1, rel=0.03)
    assert right == pytest.approx(1, rel=0.03)


def test_two_sides_are_fitted_apart() -> None:
    samples = np.abs(np.random.default_rng(0).normal(size=400_000))
    halves = np.concatenate([-samples[:100_000], 3 * samples[100_000:]])  # as many as the sides are wide
    shape, left, right = fit_gaussian(halves)
    assert shape == pytest.approx(2, abs=0.05)
    assert right / left == pytest.approx(3, rel=0.02)


@pytest.fixture
def model(tmp_path: Path, photographs: Path) -> Path:
    """A model in BasicSR's form; any mean and covariance are one."""
    path = tmp_path / "model.npz"
    np.savez(path, mu_pris_param=np.full((1, 36), 0.5), cov_pris_param=np.eye(36))
    return path


def test_niqe_grows_with_the_distance_from_the_model(photographs: Path, model: Path) -> None:
    image = read_image(photographs / "coffee.png")
    natural = load_natural(model)
    near = naturalness(image, natural)
    far = naturalness(image, Natural(natural.mean + 10, natural.covariance))
    assert far > near > 0
    noisy = image ^ np.random.default_rng(0).integers(0, 64, image.shape, np.uint8)
    assert naturalness(noisy, natural) != near
    beyond = image.copy()
    beyond[384:] = 0  # 400 rows: behind the last whole block
    assert naturalness(beyond, natural) == near


def test_models_of_niqe_are_read_or_refused(
    tmp_path: Path, model: Path, photographs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    savemat(tmp_path / "model.mat", {"mu_prisparam": np.full((1, 36), 0.5), "cov_prisparam": np.eye(36)})
    image = read_image(photographs / "coffee.png")
    assert naturalness(image, load_natural(tmp_path / "model.mat")) == naturalness(image, load_natural(model))
    np.savez(tmp_path / "other.npz", something=np.ones(3))
    with pytest.raises(UsageError, match="is no model of NIQE"):
        load_natural(tmp_path / "other.npz")
    (tmp_path / "text.npz").write_text("no")
    with pytest.raises(UsageError, match="cannot read the model of NIQE"):
        load_natural(tmp_path / "text.npz")
    with pytest.raises(UsageError, match="at least two blocks of 96 pixels: 100x100"):
        naturalness(image[:100, :100], load_natural(model))
    with pytest.raises(UsageError, match="not flat"):
        naturalness(np.zeros((200, 200, 3), np.uint8), load_natural(model))
    monkeypatch.setitem(sys.modules, "scipy.io", None)
    load_natural.cache_clear()
    assert load_natural(tmp_path / "model.mat").mean.shape == (36,), "scipy is not needed"
    (tmp_path / "model.mat").write_bytes((tmp_path / "model.mat").read_bytes()[:300])
    load_natural.cache_clear()
    with pytest.raises(UsageError, match=r"model\.mat: is a damaged \.mat file"):
        load_natural(tmp_path / "model.mat")


def brightness(sr: Pixels, hr: Pixels, key: str) -> float:
    """How much brighter SR is; the tests' own task.

    More about it.
    """
    assert sr.shape == hr.shape
    assert sr.dtype == hr.dtype == np.uint8
    assert sr.shape[2] == 3
    return float(sr.mean() - hr.mean()) + (key == "coffee")


def test_functions_of_the_user_are_measures(
    tmp_path: Path, photographs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("coffee", "chelsea"):
        image = read_image(photographs / f"{name}.png")[:41, :40] // 2
        image = image[..., 0] if name == "chelsea" else image  # a grey file
        write_png(tmp_path / "hr" / f"{name}.png", image)
        write_png(tmp_path / "sr" / f"{name}.png", image[:40] + np.uint8(7))
    result = evaluate(tmp_path / "sr", tmp_path / "hr", 4, measures=[brightness])
    assert result.columns[-1].values == pytest.approx((7, 8))
    assert result.mean("brightness") == pytest.approx(7.5)
    assert "brightness: How much brighter SR is; the tests' own task." in result.render()
    assert result.definitions[-1].source == f"{__name__}:brightness"
    (tmp_path / "tasks.py").write_text("def two(sr, hr, key):\n    return 2\n\n\nthree = 3\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert evaluate_bicubic(tmp_path / "hr", 4, measures=["tasks:two"]).mean("two") == 2
    for wrong, message in (
        ("tasks:none", "cannot find the function tasks:none"),
        ("nowhere:two", "cannot find the function nowhere:two"),
        ("tasks:three", "is 3, not a function"),
    ):
        with pytest.raises(UsageError, match=message):
            find_measures([wrong])


def test_images_without_hr_are_measured_by_niqe_alone(tmp_path: Path, photographs: Path, model: Path) -> None:
    write_png(tmp_path / "sr" / "coffee.png", read_image(photographs / "coffee.png"))
    result = evaluate_alone(tmp_path / "sr", ["niqe"], {"niqe": model})
    assert [one.quantity for one in result.columns] == ["niqe"]
    assert result.render().splitlines()[-1].split()[0] == "mean"
    with pytest.raises(UnknownNameError, match="unknown number 'PSNR'"):
        _ = result.psnr


def test_a_measure_says_in_a_sentence_what_it_is() -> None:
    found: Any = MEASURES
    for name, one in found.items():
        assert one.name == name
        assert one.what.endswith(".")
        assert one.source
