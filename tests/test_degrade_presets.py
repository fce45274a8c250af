"""The presets: each works, says what it reproduces, and draws what the papers and configurations state.

The ranges and odds stand here a second time, as the sources have them, and every drawn parameter is compared
with its law by a Kolmogorov-Smirnov test; `test_degrade_peers.py` does so against the sources' own code.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from math import pi
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from degrade_examples import photographs
from scipy import stats

from srdata import catalog, imresize
from srdata.catalog import Shelf
from srdata.degrade.chain import load_chain, load_device_chain
from srdata.degrade.model.composite import Step
from srdata.degrade.numerics import backend
from srdata.degrade.whole_images import degrade, replay

NAMES = catalog.names(Shelf.DEGRADATIONS)
ASKED = {
    "bicubic",
    "blur-downsample",
    "bicubic-noise",
    "srmd",
    "dpsr",
    "usrnet",
    "bsrgan",
    "bsrgan-plus",
    "realesrgan-x4",
    "realesrnet-x4",
    "real-hat-gan",
    "swinir-real",
    "swin2sr-compressed",
    "jpeg-car",
    "denoise-gray",
    "denoise-color",
    "ipt",
    "stablesr",
    "neosr-otf",
    "redux-otf",
    "anime-wtp",
}
DRAWS = 3000
SURE = 1e-4  # a law that holds is rejected once in 10,000 comparisons


def test_all_that_were_asked_for_are_there() -> None:
    assert set(NAMES) >= ASKED


@pytest.mark.parametrize("name", NAMES)
def test_preset_makes_lr_and_makes_it_again(name: str) -> None:
    chain = load_chain(name)
    assert chain.title
    assert chain.source.repository.startswith("https://")
    assert chain.source.paper
    scale = chain.scales[0] if chain.scales else 2
    hr = backend.to_levels(backend.images(photographs(72, 96))[0])
    for number in range(3):
        lr, _, delta = degrade(hr, chain, scale, key=str(number))
        assert lr.shape == (72 / scale, 96 / scale, 3)
        assert lr.dtype == np.uint8
        again = replay(hr, load_chain(chain.resolved()), json.loads(json.dumps(delta)), scale)
        assert np.array_equal(lr, again)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("anime-wtp", "apisr")])  # have WebP
def test_preset_runs_on_tensors(name: str) -> None:
    chain, x = load_device_chain(name), photographs(72, 96)
    scale = chain.scales[0] if chain.scales else 2
    deltas = chain.sample_batch(["a", "b"], 0, 0, group=2)
    lr = chain.apply(torch.from_numpy(np.ascontiguousarray(x)), deltas, scale)
    assert lr.shape == (2, 3, 72 / scale, 96 / scale)
    assert abs(float(lr.mean()) - float(chain.apply(x, deltas, scale).mean())) < 3 / 255


def leaves(steps: list[Step], path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Step]]:
    """Every drawn step with the place in the chain at which it stands; also the choices themselves."""
    for number, step in enumerate(steps):
        place, params = (*path, number), step["params"]
        yield place, step
        inner = params.get("steps", [])
        if "order" in params:
            for item, within in enumerate(inner):
                yield from leaves(within, (*place, item))
        else:
            yield from leaves(inner, (*place, params.get("branch", 0)))


@cache
def drawn(name: str) -> dict[tuple[Any, ...], list[dict[str, Any]]]:
    """What was drawn at each place of a preset, for as many images as took that way."""
    chain, found = load_chain(name), defaultdict(list)
    for number in range(DRAWS):
        for place, step in leaves(chain.sample("law", number)):
            found[place].append({"op": step["op"], **step["params"]})
    return found


def check_uniform(values: Any, low: float, high: float) -> None:
    assert stats.kstest(np.asarray(values), "uniform", (low, high - low)).pvalue > SURE


def check_whole(values: Any, low: int, high: int, step: int = 1) -> None:
    counts = np.bincount((np.asarray(values) - low).astype(int) // step, minlength=(high - low) // step + 1)
    assert set(values) == set(range(low, high + 1, step))
    assert stats.chisquare(counts).pvalue > SURE


def check_odds(values: list[Any], odds: dict[Any, float]) -> None:
    total = sum(odds.values())
    counts = [values.count(key) for key in odds]
    assert sum(counts) == len(values)
    assert stats.chisquare(counts, [len(values) * odd / total for odd in odds.values()]).pvalue > SURE


SHAPES = {
    "sinc": 0.1,
    "iso": 0.405,
    "aniso": 0.225,
    "generalized_iso": 0.108,
    "generalized_aniso": 0.027,
    "plateau_iso": 0.108,
    "plateau_aniso": 0.027,
}


def check_mixed_blur(blurs: list[dict[str, Any]], sigma: tuple[float, float]) -> None:
    check_odds([blur["shape"] for blur in blurs], SHAPES)
    check_whole([blur["size"] for blur in blurs], 7, 21, 2)
    bells = [blur for blur in blurs if blur["shape"] != "sinc"]
    check_uniform([blur["sigma"][0] for blur in bells], *sigma)
    skew = [blur for blur in bells if blur["shape"].endswith("aniso")]
    check_uniform([blur["sigma"][1] for blur in skew], *sigma)
    check_uniform([blur["angle"] for blur in skew], -180, 180)
    rings = [blur for blur in blurs if blur["shape"] == "sinc"]
    check_uniform([blur["cutoff"] for blur in rings if blur["size"] < 13], pi / 3, pi)
    check_uniform([blur["cutoff"] for blur in rings if blur["size"] >= 13], pi / 5, pi)
    beta = np.array([blur["beta"] for blur in bells if blur["shape"].startswith("generalized")])
    check_uniform(beta[beta < 1], 0.5, 1)
    check_uniform(beta[beta >= 1], 1, 4)
    assert (beta < 1).mean() == pytest.approx(0.5, abs=0.1)
    flat = np.array([blur["beta"] for blur in bells if blur["shape"].startswith("plateau")])
    assert (flat == 1).mean() == pytest.approx(0.5, abs=0.1)
    check_uniform(flat[flat > 1], 1, 2)


def check_factors(resizes: list[dict[str, Any]], low: float, high: float, odds: tuple[float, ...]) -> None:
    factors = np.array([resize["factor"] for resize in resizes])
    shares = [(factors > 1).mean(), (factors < 1).mean(), (factors == 1).mean()]
    assert shares == pytest.approx(odds, abs=0.04)
    check_uniform(factors[factors > 1], 1, high)
    check_uniform(factors[factors < 1], low, 1)
    check_odds([resize["method"] for resize in resizes], {"area": 1, "bilinear": 1, "bicubic": 1})


def check_noise(found: dict[Any, list[dict[str, Any]]], place: int, sigma: Any, poisson: Any) -> None:
    check_odds([one["branch"] for one in found[place,]], {0: 1, 1: 1})
    normal, counts = found[place, 0, 0], found[place, 1, 0]
    check_uniform([one["sigma"][0] for one in normal], *sigma)
    check_odds([one["kind"] for one in normal], {"color": 0.6, "gray": 0.4})
    check_uniform([one["scale"] for one in counts], *poisson)
    check_odds([one["gray"] for one in counts], {False: 0.6, True: 0.4})


@pytest.mark.parametrize("name", ["stablesr", "seesr"])
def test_one_lr_of_a_hundred_is_hrs_own_reduction(name: str) -> None:
    chain, hr = load_chain(name), backend.to_levels(backend.images(photographs(72, 96))[0])
    branches = [one["branch"] for one in drawn(name)[1,]]
    assert stats.binomtest(branches.count(1), DRAWS, 0.01).pvalue > SURE
    lr = replay(hr, chain, json.loads(json.dumps(chain.sample("law", branches.index(1)))), 4)
    _, sharpened, _ = degrade(hr, chain, 4, key="any")
    apart = np.abs(imresize(sharpened, 0.25).astype(int) - lr)  # MATLAB clips and rounds in between
    assert (apart <= 1).mean() > 0.99


def test_resshift_draws_what_its_options_say() -> None:
    """kernel_range1 and 2 of its data set; the second degradation where random() < 0.5."""
    found = drawn("resshift")
    check_whole([one["size"] for one in found[0,]], 3, 19, 2)
    check_odds([one["applied"] for one in found[4,]], {True: 1, False: 1})
    assert {
        one["size"] for place, some in found.items() for one in some if one["op"] == "blur" and place[0]
    } == {
        3,
        5,
        7,
        9,
        11,
        13,
    }


def test_codeformer_divides_by_what_it_draws() -> None:
    found = drawn("codeformer")
    check_uniform([1 / one["factor"] for one in found[1,]], 1, 12)
    check_uniform([one["sigma"][0] for one in found[0,]], 0.1, 12)
    check_whole([one["quality"] for one in found[3,]], 30, 100)


def test_apisr_draws_where_it_resizes_and_its_codecs() -> None:
    found = drawn("apisr")
    for place in (0, 2):
        orders = [tuple(one["order"]) for one in found[place,]]
        check_odds(orders, {(0, 1, 2): 1, (1, 0, 2): 1, (1, 2, 0): 1})
    check_odds([one["branch"] for one in found[1,]], {0: 0.4, 1: 0.6})
    odds = (0.06, 0.1, 0.1, 0.12, 0.12, 0.3, 0.2)
    check_odds([one["branch"] for one in found[4,]], dict(enumerate(odds)))


@pytest.mark.parametrize("name", ["realesrgan-x4", "realesrnet-x4", "real-hat-gan"])
def test_real_esrgan_draws_what_its_options_say(name: str) -> None:
    found = drawn(name)
    assert [found[place,][0]["op"] for place in range(9)] == [
        *("unsharp_mask", "blur", "resize", "one_of", "jpeg", "maybe", "resize", "one_of", "shuffled")
    ]
    check_mixed_blur(found[1,], (0.2, 3.0))
    check_factors(found[2,], 0.15, 1.5, (0.2, 0.7, 0.1))
    check_noise(found, 3, (1, 30), (0.05, 3))
    check_whole([one["quality"] for one in found[4,]], 30, 95)
    check_odds([one["applied"] for one in found[5,]], {True: 0.8, False: 0.2})
    check_mixed_blur(found[5, 0, 0], (0.2, 1.5))
    check_factors(found[6,], 0.3, 1.2, (0.3, 0.4, 0.3))
    check_noise(found, 7, (1, 25), (0.05, 2.5))
    check_odds([tuple(one["order"]) for one in found[8,]], {(0, 1): 1, (1, 0): 1})
    check_odds([one["applied"] for one in found[8, 0, 1]], {True: 0.8, False: 0.2})
    check_uniform([one["cutoff"] for one in found[8, 0, 1, 0, 0]], pi / 3, pi)
    check_whole([one["size"] for one in found[8, 0, 1, 0, 0]], 7, 21, 2)
    check_whole([one["quality"] for one in found[8, 1, 0]], 30, 95)


def check_bsrgan_core(found: dict[Any, list[dict[str, Any]]], at: tuple[Any, ...], scale: int) -> None:
    orders = [tuple(one["order"]) for one in found[at]]
    assert all(order.index(2) < order.index(3) for order in orders)
    assert stats.chisquare(np.bincount([order.index(0) for order in orders])).pvalue > SURE
    assert stats.chisquare(np.bincount([order.index(5) for order in orders])).pvalue > SURE
    for item in (0, 1):
        check_odds([one["branch"] for one in found[(*at, item, 0)]], {0: 1, 1: 1})
        skew, even = found[(*at, item, 0, 0, 0)], found[(*at, item, 0, 1, 0)]
        for axis in (0, 1):
            check_uniform([one["sigma"][axis] ** 2 for one in skew], 0, 4 + scale)
        check_uniform([one["angle"] for one in skew], 0, 180)
        check_uniform([one["sigma"][0] for one in even], 0, 2 + 0.2 * scale)
        check_whole([one["size"] for one in [*skew, *even]], 7, 25, 2)
    check_odds([one["branch"] for one in found[(*at, 2, 0)]], {0: 0.75, 1: 0.25})
    check_uniform([1 / one["factor"] for one in found[(*at, 2, 0, 0, 0)]], 1, 2 * scale)
    check_uniform([one["sigma"][0] for one in found[(*at, 2, 0, 1, 0)]], 0.1, 0.6 * scale)
    check_odds([one["method"] for one in found[(*at, 3, 0)]], {"area": 1, "bilinear": 1, "bicubic": 1})
    noise = found[(*at, 4, 0)]
    check_odds([one["kind"] for one in noise], {"color": 0.4, "gray": 0.4, "correlated": 0.2})
    check_whole([int(one["sigma"][0]) for one in noise if "sigma" in one], 2, 25)
    check_odds([one["applied"] for one in found[(*at, 5, 0)]], {True: 0.9, False: 0.1})
    check_whole([one["quality"] for one in found[(*at, 5, 0, 0, 0)]], 30, 95)


@pytest.mark.parametrize("name", ["bsrgan", "swinir-real"])
def test_bsrgan_draws_what_its_code_says(name: str) -> None:
    found = drawn(name)
    check_odds([one["branch"] for one in found[0,]], {0: 0.25, 1: 0.75})
    check_odds([one["branch"] for one in found[0, 0, 0]], {0: 1, 1: 1})
    check_bsrgan_core(found, (0, 0, 1), 2)
    check_bsrgan_core(found, (0, 1, 0), 4)
    check_whole([one["quality"] for one in found[1,]], 30, 95)


def test_bsrgan_plus_draws_what_its_code_says() -> None:
    found = drawn("bsrgan-plus")
    check_odds([one["branch"] for one in found[0,]], {0: 0.1, 1: 0.9})
    assert [len(found[0, 0, 0][0]["order"]), len(found[0, 1, 2][0]["order"])] == [11, 3]
    resizes = found[0, 1, 1]
    factors = np.array([one["factor"] for one in resizes])
    check_uniform(factors[factors < 1], 0.125, 1)
    check_uniform(factors[factors > 1], 1, 2)
    assert [(factors > 1).mean(), (factors < 1).mean()] == pytest.approx([0.2, 0.7], abs=0.03)
    rare = found[0, 1, 2, 1, 0]
    check_odds([one["applied"] for one in rare], {True: 0.1, False: 0.9})
    check_uniform([np.log10(one["photons"]) for one in found[0, 1, 2, 1, 0, 0, 0]], 2, 4)


def test_srmd_draws_nested_variances() -> None:
    found = drawn("srmd")
    first, second = (np.array([one["sigma"][axis] ** 2 for one in found[0,]]) for axis in (0, 1))
    check_uniform(first, 0.1, 10.1)
    check_uniform((second - 0.1) / (first - 0.1), 0, 1)
    check_odds([one["branch"] for one in found[2,]], {0: 0.1, 1: 0.9})


def test_a_wrong_law_is_noticed() -> None:
    factors = [one["factor"] for one in drawn("realesrgan-x4")[2,]]
    with pytest.raises(AssertionError):
        check_uniform([factor for factor in factors if factor < 1], 0.2, 1)
    qualities = [one["quality"] for one in drawn("realesrgan-x4")[4,]]
    with pytest.raises(AssertionError):
        check_whole(qualities, 30, 96)
    with pytest.raises(AssertionError):
        check_odds(
            [one["method"] for one in drawn("realesrgan-x4")[2,]], {"area": 2, "bilinear": 1, "bicubic": 1}
        )


def test_jpeg_of_three_equal_channels_is_that_of_a_grey_image() -> None:
    """SwinIR's grey JPEG task, as KAIR's data/dataset_jpeg.py makes its pairs."""
    chain = load_chain("jpeg-car-gray")
    image = backend.to_levels(backend.images(photographs(72, 96))[0])
    for number in range(8):
        delta = chain.sample(number)
        lr, hr = chain.pair_image(image, delta, 1)
        quality = (10, 20, 30, 40)[delta[1]["params"]["branch"]]
        _, file = cv2.imencode(".jpg", hr[..., 0], [cv2.IMWRITE_JPEG_QUALITY, quality])
        grey = cv2.imdecode(file, cv2.IMREAD_GRAYSCALE)
        assert np.array_equal(lr, np.broadcast_to(grey[..., None], lr.shape))
