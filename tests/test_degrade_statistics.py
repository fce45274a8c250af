"""LR images, against those of the authors' own modules: 20 crops, 20 seeds, and a law for each statistic.

Real-ESRGAN's model in BasicSR makes the LR of StableSR and neosr too, by their option files: their code is a
copy of its. Statistics of 400 images are compared by a two-sample Kolmogorov-Smirnov test.
"""

from __future__ import annotations

import random
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
import yaml
from conftest import checkout
from scipy import stats

from srdata import imresize
from srdata.degrade.chain import load_chain
from srdata.images import list_images, read_image

pytestmark = [pytest.mark.peers, pytest.mark.slow]

CROPS, SEEDS, SIDE = 20, 20, 400
SURE = 0.05  # for all statistics together: shared by them, as a law that holds fails each so often
LAPLACIAN = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
RADIUS = np.hypot(*np.meshgrid(np.arange(-50, 50), np.arange(-50, 50)))


def crops(photographs: Path) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    large = [image for image in map(read_image, list_images(photographs)) if min(image.shape[:2]) >= SIDE]
    found = []
    for number in range(CROPS):
        image = large[number % len(large)]
        top, left = (int(rng.integers(side - SIDE + 1)) for side in image.shape[:2])
        found.append(np.ascontiguousarray(image[top : top + SIDE, left : left + SIDE]))
    return found


def statistics(lr: np.ndarray, hr: np.ndarray) -> Iterator[tuple[str, float]]:
    """Of an LR image of 100x100: how far from bicubic, noise, blocks, bands, place, and tones."""
    reference = imresize(hr, 1 / 4)
    error = float(((lr.astype(float) - reference) ** 2).mean())
    yield "psnr", 10 * np.log10(255**2 / max(error, 1e-6))
    planes = np.moveaxis(cv2.cvtColor(lr, cv2.COLOR_RGB2YCrCb).astype(np.float32), 2, 0)
    for name, plane in zip(("y", "cr", "cb"), planes, strict=True):
        yield f"noise {name}", float(np.abs(cv2.filter2D(plane, -1, LAPLACIAN)[1:-1, 1:-1]).mean())
    luma = planes[0]
    steps = np.abs(np.diff(luma, axis=1)).mean(0)
    yield "blocks", float(steps[7::8].mean() - np.delete(steps, np.arange(7, len(steps), 8)).mean())
    power = np.abs(np.fft.fftshift(np.fft.fft2(luma - luma.mean()))) ** 2
    for band in range(8):
        ring = (band * 6.25 <= RADIUS) & ((band + 1) * 6.25 > RADIUS)
        yield f"band {band}", float(np.log(power[ring].mean() + 1))
    grey = cv2.cvtColor(reference, cv2.COLOR_RGB2GRAY).astype(np.float32)
    moved, _ = cv2.phaseCorrelate(grey, luma, cv2.createHanningWindow((100, 100), cv2.CV_32F))
    yield from zip(("shift x", "shift y"), moved, strict=True)
    yield "mean", float(luma.mean())
    yield "contrast", float(luma.std())
    yield "clipped", float(((lr == 0) | (lr == 255)).mean())
    yield "chroma", float(planes[1:].std((1, 2)).mean())


def options_of(name: str, peers: Path, of_real_esrgan: dict[str, Any]) -> dict[str, Any]:
    """The options of an author's file, as Real-ESRGAN's model reads them."""
    if name == "stablesr":
        text = (peers / "StableSR/configs/stableSRNew/v2-finetune_text_T_512.yaml").read_text()
        config = yaml.safe_load(text)
        train = config["data"]["params"]["train"]["params"]
        return {**of_real_esrgan, **config["degradation"], "datasets": {"train": train}}
    if name == "neosr-otf":
        config = tomllib.loads((peers / "neosr/options/train_span_otf.toml").read_text())["degradations"]
        flips = {"use_hflip": True, "use_rot": True}
        return {**of_real_esrgan, **config, "datasets": {"train": {**config, **flips}}}
    return of_real_esrgan


Theirs = Callable[[np.ndarray], Iterator[np.ndarray]]  # LR images of an HR image, one for each seed


def of_real_esrgan(name: str, peers: Path, degraders: Any, monkeypatch: pytest.MonkeyPatch) -> Theirs:
    """Real-ESRGAN's model by the options of an author; it sharpens HR where they do."""
    parts = dict(degraders.real_esrgan(peers))
    parts["options"] = options_of(name, peers, parts["options"])
    monkeypatch.setattr(parts["model"], "paired_random_crop", lambda hr, lr, *_: (hr, lr))
    model = degraders.synthesizer(parts)
    sharpen = model.usm_sharpener if load_chain(f"{name}-authors").hr else lambda image: image

    def degraded(hr: np.ndarray) -> Iterator[np.ndarray]:
        gt = tensor(hr)
        sharpened = sharpen(gt)
        model.usm_sharpener = lambda _: sharpened
        kernels = degraders.kernels_of(parts, hr.astype(np.float32) / 255, SEEDS)
        for seed in range(SEEDS):
            drawn = {key: kernels[key][seed : seed + 1] for key in ("kernel1", "kernel2", "sinc_kernel")}
            model.feed_data({"gt": gt, **drawn})
            yield levels(model.lq)

    return degraded


def of_redux(_: str, peers: Path, degraders: Any, monkeypatch: pytest.MonkeyPatch) -> Theirs:
    """The model of traiNNer-redux by its options for SPAN, whose kernels change nothing."""
    model, same = degraders.redux(peers), torch.zeros(1, 21, 21)
    same[:, 10, 10] = 1

    def degraded(hr: np.ndarray) -> Iterator[np.ndarray]:
        for _ in range(SEEDS):
            model.feed_data({"gt": tensor(hr), **dict.fromkeys(("kernel1", "kernel2", "sinc_kernel"), same)})
            yield levels(model.lq)

    return degraded


def tensor(image: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255


def levels(batch: torch.Tensor) -> np.ndarray:
    return (batch[0].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)


PEERS = {  # with the checkout that each needs
    "realesrgan-x4": (of_real_esrgan, "Real-ESRGAN"),
    "stablesr": (of_real_esrgan, "StableSR"),
    "neosr-otf": (of_real_esrgan, "neosr"),
    "redux-otf": (of_redux, "traiNNer-redux"),
}


@pytest.mark.parametrize("name", PEERS)
def test_lr_has_the_statistics_of_the_authors(
    name: str, peers: Path, photographs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    degraders = pytest.importorskip("benchmarks.degraders", reason="run python -m pytest in the repository")
    model, needed = PEERS[name]
    checkout(needed)
    theirs, chain = model(name, peers, degraders, monkeypatch), load_chain(f"{name}-authors")
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002  # the peers draw from numpy's global generator
    torch.manual_seed(1)
    found: dict[str, tuple[list[float], list[float]]] = {}
    for number, hr in enumerate(crops(photographs)):
        for seed, lr in enumerate(theirs(hr)):
            ours = chain.pair_image(hr, chain.sample("statistics", number, seed), 4).lr
            for side, image in enumerate((lr, ours)):
                for key, value in statistics(image, hr):
                    found.setdefault(key, ([], []))[side].append(value)
    values = {key: float(stats.ks_2samp(*sides).pvalue) for key, sides in found.items()}
    assert min(values.values()) >= SURE / len(values), values
