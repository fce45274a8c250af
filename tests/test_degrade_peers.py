"""What is drawn, against the samplers of Real-ESRGAN and KAIR themselves: 10,000 draws on either side.

The peers run on a tiny image; the functions that get their draws are replaced by ones that note them. Every
parameter is compared by a two-sample Kolmogorov-Smirnov test, every choice by a test of homogeneity.
"""

from __future__ import annotations

import math
import random
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from test_degrade_presets import leaves

from srdata.degrade.chain import load_chain

pytestmark = [pytest.mark.peers, pytest.mark.slow]

DRAWS = 10_000
SURE = 1e-4
SIDE = 400_000  # of the HR image
Notes = dict[str, list[Any]]


@pytest.fixture(scope="module")
def degraders() -> Any:
    return pytest.importorskip("benchmarks.degraders", reason="run python -m pytest in the repository")


def seed() -> None:
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002  # the peers draw from numpy's global generator
    torch.manual_seed(1)


def agree_in_law(ours: Notes, theirs: Notes) -> None:
    """Every parameter that either side noted has one law on both sides."""
    assert set(ours) == set(theirs)
    wrong = {}
    for name in ours:
        if isinstance(ours[name][0], float):
            value = stats.ks_2samp(ours[name], theirs[name]).pvalue
        else:
            value = homogeneity(ours[name], theirs[name])
        if value < SURE:
            wrong[name] = (value, ours[name][:5], theirs[name][:5])
    assert not wrong


def homogeneity(one: list[Any], other: list[Any]) -> float:
    known = sorted({*one, *other}, key=str)
    if len(known) == 1:
        return 1.0
    return float(stats.chi2_contingency([[side.count(key) for key in known] for side in (one, other)]).pvalue)


# Real-ESRGAN: kernels by its data set, the rest by feed_data


def their_kernels(parts: dict[str, Any], degraders: Any, monkeypatch: pytest.MonkeyPatch) -> Notes:
    notes: Notes = defaultdict(list)
    stage = [0]

    def note(shape: str, size: int, **drawn: float) -> np.ndarray:
        notes[f"{stage[0]} shape"].append(shape)
        notes[f"{stage[0]} size"].append(size)
        for name, value in drawn.items():
            notes[f"{stage[0]} {shape} {name}"].append(float(value))
        stage[0] = (stage[0] + 1) % 3
        return np.zeros((size, size))

    def sinc(cutoff: float, size: int, pad_to: int = 0) -> np.ndarray:
        wide = "wide" if size >= 13 else "narrow"
        kernel = note("sinc", size, **{f"cutoff {wide}" if stage[0] < 2 else "cutoff": cutoff})
        return np.pad(kernel, (21 - size) // 2) if pad_to else kernel

    def bell(kind: str) -> Any:
        def kernel(size: int, x: float, y: float, angle: float, *beta: float, isotropic: bool) -> np.ndarray:
            drawn = {"x": x} if isotropic else {"x": x, "y": y, "angle": math.degrees(angle)}
            if beta:
                drawn["beta"] = beta[0]
            return note(f"{kind}{'iso' if isotropic else 'aniso'}", size, **drawn)

        return kernel

    degradations = parts["degradations"]
    monkeypatch.setattr(parts["data"], "circular_lowpass_kernel", sinc)
    monkeypatch.setattr(degradations, "bivariate_Gaussian", bell(""))
    monkeypatch.setattr(degradations, "bivariate_generalized_Gaussian", bell("generalized_"))
    monkeypatch.setattr(degradations, "bivariate_plateau", bell("plateau_"))

    image = np.zeros((400, 400, 3), np.float32)
    # an item starts here; its last kernel is not always drawn
    monkeypatch.setattr(parts["data"], "augment", lambda gt, *_: stage.__setitem__(0, 0) or gt)
    monkeypatch.setattr(parts["data"], "img2tensor", lambda images, **_: [torch.zeros(1)])
    degraders.kernels_of(parts, image, DRAWS)
    return notes


def our_kernels(found: dict[Any, list[dict[str, Any]]]) -> Notes:
    notes: Notes = defaultdict(list)
    for stage, blurs in enumerate((found[1,], found[5, 0, 0], found[8, 0, 1, 0, 0])):
        for blur in blurs:
            shape, size = blur["shape"], blur["size"]
            notes[f"{stage} shape"].append(shape)
            notes[f"{stage} size"].append(size)
            name = f"{stage} {shape}"
            if shape == "sinc":
                wide = " wide" if size >= 13 else " narrow"
                notes[f"{name} cutoff{wide if stage < 2 else ''}"].append(blur["cutoff"])
                continue
            notes[f"{name} x"].append(blur["sigma"][0])
            if shape.endswith("aniso"):
                notes[f"{name} y"].append(blur["sigma"][1])
                notes[f"{name} angle"].append(blur["angle"])
            if "beta" in blur:
                notes[f"{name} beta"].append(blur["beta"])
    return notes


def ours(name: str) -> dict[Any, list[dict[str, Any]]]:
    chain, found = load_chain(name), defaultdict(list)
    for number in range(DRAWS):
        for place, step in leaves(chain.sample("peers", number)):
            found[place].append({"op": step["op"], **step["params"]})
    return found


def test_real_esrgan_kernels(peers: Path, degraders: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = degraders.real_esrgan(peers)
    seed()
    agree_in_law(our_kernels(ours("realesrgan-x4")), their_kernels(parts, degraders, monkeypatch))


def their_steps(parts: dict[str, Any], degraders: Any, monkeypatch: pytest.MonkeyPatch) -> Notes:
    """What feed_data draws, for an image so large (and never looked at) that sizes tell the factors."""
    notes: Notes = defaultdict(list)
    item: list[tuple[str, Any]] = []
    model = degraders.synthesizer(parts)
    model.usm_sharpener = lambda x: x
    model.jpeger = lambda x, quality: item.append(("jpeg", float(quality[0]))) or x

    def interpolate(
        x: torch.Tensor, size: Any = None, scale_factor: Any = None, mode: str = ""
    ) -> torch.Tensor:
        item.append(("resize", (size, scale_factor, mode)))
        return torch.zeros(1, 3, 8, 8)

    def noise(kind: str) -> Any:
        def draw(x: torch.Tensor, drawn: torch.Tensor, gray: torch.Tensor) -> torch.Tensor:
            item.append((kind, (float(drawn[0]), bool(gray[0]))))
            return torch.zeros_like(x)

        return draw

    def filter2d(x: torch.Tensor, kernel: str) -> torch.Tensor:
        item.append(("blur", kernel))
        return x

    monkeypatch.setattr(parts["model"], "filter2D", filter2d)
    monkeypatch.setattr(parts["model"].F, "interpolate", interpolate)
    monkeypatch.setattr(parts["model"], "paired_random_crop", lambda hr, lr, *_: (hr, lr))
    monkeypatch.setattr(parts["degradations"], "generate_gaussian_noise_pt", noise("gaussian"))
    monkeypatch.setattr(parts["degradations"], "generate_poisson_noise_pt", noise("poisson"))

    class Name(str):
        def to(self, device: str) -> str:
            return str(self)

    names = {name: Name(name) for name in ("kernel1", "kernel2", "sinc_kernel")}
    for _ in range(DRAWS):
        item.clear()
        model.feed_data({"gt": torch.zeros(1, 3, 1, 1).expand(1, 3, SIDE, SIDE), **names})
        note_item(notes, item)
    return notes


def note_item(notes: Notes, item: list[tuple[str, Any]]) -> None:
    resizes = [drawn for kind, drawn in item if kind == "resize"]
    notes["factor 1"].append(float(resizes[0][1]))
    notes["factor 2"].append(resizes[1][0][0] / (SIDE / 4))
    for number, (_, _, mode) in enumerate(resizes):
        notes[f"mode {number}"].append(mode)
    notes["second blur"].append(("blur", "kernel2") in item)
    noises = [(kind, drawn) for kind, drawn in item if kind in {"gaussian", "poisson"}]
    for number, (kind, (drawn, gray)) in enumerate(noises):
        notes[f"noise {number}"].append(kind)
        notes[f"{kind} {number}"].append(drawn)
        notes[f"{kind} {number} gray"].append(gray)
    qualities = [drawn for kind, drawn in item if kind == "jpeg"]
    for number, quality in enumerate(qualities):
        notes[f"quality {number}"].append(quality)
    kinds = [kind for kind, _ in item]
    notes["jpeg last"].append(kinds[-1] == "jpeg")


def our_steps(found: dict[Any, list[dict[str, Any]]]) -> Notes:
    notes: Notes = defaultdict(list)
    for number, place in enumerate([(2,), (6,)], 1):
        notes[f"factor {number}"] = [one["factor"] for one in found[place]]
    notes["factor 2"] = [int(factor * SIDE / 4) / (SIDE / 4) for factor in notes["factor 2"]]
    for number, place in enumerate([(2,), (6,), (8, 0, 0)]):
        notes[f"mode {number}"] = [one["method"] for one in found[place]]
    notes["second blur"] = [one["applied"] for one in found[5,]]
    for number, place in enumerate((3, 7)):
        notes[f"noise {number}"] = [("gaussian", "poisson")[one["branch"]] for one in found[place,]]
        normal, counts = found[place, 0, 0], found[place, 1, 0]
        notes[f"gaussian {number}"] = [one["sigma"][0] for one in normal]
        notes[f"gaussian {number} gray"] = [one["kind"] == "gray" for one in normal]
        notes[f"poisson {number}"] = [one["scale"] for one in counts]
        notes[f"poisson {number} gray"] = [one["gray"] for one in counts]
    for number, place in enumerate([(4,), (8, 1, 0)]):
        # ours are whole: spread over the unit about them, and stretched to the ends of the continuous law
        rng = np.random.default_rng(number)
        whole = np.array([one["quality"] for one in found[place]])
        notes[f"quality {number}"] = list(30 + (whole - 30 + rng.random(len(whole))) * 65 / 66)
    notes["jpeg last"] = [one["order"] == [0, 1] for one in found[8,]]
    return notes


def test_real_esrgan_steps(peers: Path, degraders: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = degraders.real_esrgan(peers)
    seed()
    agree_in_law(our_steps(ours("realesrgan-x4")), their_steps(parts, degraders, monkeypatch))


# KAIR


def their_bsrgan(degraders: Any, peers: Path, monkeypatch: pytest.MonkeyPatch) -> Notes:
    """What degradation_bsrgan draws for an image of 64x64, the scale of a part being noted with it."""
    blind, notes = degraders.kair(peers), defaultdict(list)
    state: dict[str, Any] = {}
    real = {name: getattr(blind, name) for name in ("add_blur", "add_Gaussian_noise", "add_JPEG_noise")}

    def skew(ksize: int, theta: float, l1: float, l2: float) -> np.ndarray:
        notes[f"{state['scale']} aniso size"].append(ksize)
        for name, value in (("angle", math.degrees(theta)), ("first", l1), ("second", l2)):
            notes[f"{state['scale']} aniso {name}"].append(float(value))
        return np.ones((1, 1))

    def even(kind: str, size: int, sigma: float) -> np.ndarray:
        part = "shifted" if size == 25 and state["step"] != "blur" else "iso"
        notes[f"{state['scale']} {part} sigma"].append(float(sigma))
        if part == "iso":
            notes[f"{state['scale']} iso size"].append(size)
        return np.ones((1, 1))

    def step(name: str) -> Any:
        def call(image: np.ndarray, **settings: Any) -> np.ndarray:
            state["step"] = name
            state["order"].append(name)
            if "sf" in settings:
                state["scale"] = settings["sf"]
            made = real[{"blur": "add_blur", "noise": "add_Gaussian_noise", "jpeg": "add_JPEG_noise"}[name]](
                image, **settings
            )
            state["step"] = ""
            return made

        return call

    def encode(_: str, image: np.ndarray, settings: list[int]) -> Any:
        notes["quality"].append(settings[1])
        return True, image

    def normal(_: float, sigma: float, shape: tuple[int, ...]) -> np.ndarray:
        notes["noise"].append("gray" if shape[-1] == 1 else "color")
        notes["sigma"].append(round(sigma * 255))
        return np.zeros(shape)

    def correlated(_: Any, covariance: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        notes["noise"].append("correlated")
        notes["covariance trace"].append(float(np.trace(covariance)))
        notes["covariance off"].append(float(covariance[0, 1]))
        return np.zeros((*shape, 3))

    def uniform(low: float, high: float) -> float:
        drawn = random_uniform(low, high)
        if low == 1:  # the divisor of the first of the two downscalings
            notes[f"{high // 2} divisor"].append(float(drawn))
        return drawn

    random_uniform = random.uniform
    monkeypatch.setattr(blind, "anisotropic_Gaussian", skew)
    monkeypatch.setattr(blind, "fspecial", even)
    monkeypatch.setattr(blind, "shift_pixel", lambda kernel, scale: kernel)
    monkeypatch.setattr(blind.ndimage.filters, "convolve", lambda image, *_, **__: image)
    for name, function in (("blur", "add_blur"), ("noise", "add_Gaussian_noise"), ("jpeg", "add_JPEG_noise")):
        monkeypatch.setattr(blind, function, step(name))
    monkeypatch.setattr(blind.cv2, "imencode", encode)
    monkeypatch.setattr(blind.cv2, "imdecode", lambda image, flag: image)
    monkeypatch.setattr(blind.random, "uniform", uniform)
    monkeypatch.setattr(np.random, "normal", normal)
    monkeypatch.setattr(np.random, "multivariate_normal", correlated)
    image = np.zeros((64, 64, 3), np.float32)
    for _ in range(DRAWS):
        state.update(order=[], step="", scale=4)
        blind.degradation_bsrgan(image, 4, 4)
        notes["noise before jpeg"].append(state["order"].index("noise") < state["order"].index("jpeg"))
        notes["jpegs"].append(state["order"].count("jpeg"))
        notes["scale"].append(state["scale"])
    return notes


def our_bsrgan(found: dict[Any, list[dict[str, Any]]]) -> Notes:
    notes: Notes = defaultdict(list)
    for scale, core in ((2, (0, 0, 1)), (4, (0, 1, 0))):
        for item in (0, 1):
            for blur in found[(*core, item, 0, 0, 0)]:
                notes[f"{scale} aniso size"].append(blur["size"])
                for name, value in (
                    ("angle", blur["angle"]),
                    ("first", blur["sigma"][0] ** 2),
                    ("second", blur["sigma"][1] ** 2),
                ):
                    notes[f"{scale} aniso {name}"].append(value)
            for blur in found[(*core, item, 0, 1, 0)]:
                notes[f"{scale} iso sigma"].append(blur["sigma"][0])
                notes[f"{scale} iso size"].append(blur["size"])
        notes[f"{scale} shifted sigma"] = [one["sigma"][0] for one in found[(*core, 2, 0, 1, 0)]]
        notes[f"{scale} divisor"] = [1 / one["factor"] for one in found[(*core, 2, 0, 0, 0)]]
        for noise in found[(*core, 4, 0)]:
            notes["noise"].append(noise["kind"])
            if noise["kind"] != "correlated":
                notes["sigma"].append(int(noise["sigma"][0]))
                continue
            mixing = np.array(noise["mixing"])
            covariance = mixing.T @ mixing
            notes["covariance trace"].append(float(np.trace(covariance)))
            notes["covariance off"].append(float(covariance[0, 1]))
        shuffles, maybes = found[core], found[(*core, 5, 0)]
        for shuffle, maybe in zip(shuffles, maybes, strict=True):
            order = shuffle["order"]
            notes["noise before jpeg"].append(not maybe["applied"] or order.index(4) < order.index(5))
            notes["jpegs"].append(1 + maybe["applied"])
            notes["scale"].append(scale)
        notes["quality"] += [one["quality"] for one in found[(*core, 5, 0, 0, 0)]]
    notes["quality"] += [one["quality"] for one in found[1,]]
    return notes


def test_bsrgan(peers: Path, degraders: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    degraders.kair(peers)
    mine = our_bsrgan(ours("bsrgan"))
    seed()
    agree_in_law(mine, their_bsrgan(degraders, peers, monkeypatch))


def test_another_law_is_noticed() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(AssertionError):
        agree_in_law({"sigma": list(rng.random(DRAWS))}, {"sigma": list(rng.random(DRAWS) * 1.05)})
    with pytest.raises(AssertionError):
        agree_in_law({"kind": ["a", "b"] * 5000}, {"kind": ["a", "b", "b"] * 3000})
