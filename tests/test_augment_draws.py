"""The laws by which augmentations draw: against numpy and the published procedures, enumerated."""

from __future__ import annotations

from collections import Counter
from itertools import permutations, product
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from srdata.augment import load_augment
from srdata.augment.boxes import spans
from srdata.degrade.model.distributions import symmetric_beta
from srdata.rng import generator

UNLIKELY = 1e-4


def params_of(spec: Any, count: int = 1, batches: int = 1) -> list[list[dict[str, Any]]]:
    """What one augmentation draws for `count` images in each of `batches`."""
    pipeline = load_augment(spec)
    return [
        [
            step["params"]
            for [step] in pipeline.sample([(0, number, key) for key in range(count)], (0, number))
        ]
        for number in range(batches)
    ]


def flat(spec: Any, count: int) -> list[dict[str, Any]]:
    [params] = params_of(spec, count)
    return params


def likely(counts: Counter[Any], expected: dict[Any, float]) -> bool:
    """Whether counts are what these probabilities give, by chi-square; nothing else may have been drawn."""
    total = sum(counts.values())
    names = [name for name, p in expected.items() if p > 0]
    if set(counts) - set(names):
        return False
    observed, wanted = [counts[name] for name in names], [total * expected[name] for name in names]
    return bool(stats.chisquare(observed, wanted).pvalue > UNLIKELY)


def turn_number(move: Any) -> int:
    """The number of a symmetry of the square, found by what it does to a picture."""
    picture = np.arange(9).reshape(3, 3)
    for turn in range(8):
        image: NDArray[Any] = picture.T if turn & 4 else picture
        image = image[::-1] if turn & 2 else image
        image = image[:, ::-1] if turn & 1 else image
        if np.array_equal(image, move(picture)):
            return turn
    raise AssertionError("no symmetry of the square")


def law(moves: list[Any]) -> dict[int, float]:
    """The law of moves that are all alike."""
    counts = Counter(turn_number(move) for move in moves)
    return {turn: count / len(moves) for turn, count in counts.items()}


KAIR = [
    lambda x: x,
    lambda x: np.flipud(np.rot90(x)),
    np.flipud,
    lambda x: np.rot90(x, k=3),
    lambda x: np.flipud(np.rot90(x, k=2)),
    np.rot90,
    lambda x: np.rot90(x, k=2),
    lambda x: np.flipud(np.rot90(x, k=3)),
]


def edsr(h: bool, v: bool, t: bool) -> Any:
    def move(x: NDArray[Any]) -> NDArray[Any]:
        x = np.fliplr(x) if h else x
        x = np.flipud(x) if v else x
        return x.T if t else x

    return move


def flipped_and_turned(flip: int | None, quarters: int) -> Any:
    return lambda x: np.rot90(x if flip is None else np.flip(x, flip), quarters)


EDSR = [edsr(*flags) for flags in product((False, True), repeat=3)]
RAMIT = [flipped_and_turned(flip, k) for flip in (None, 1) for k in range(4)]
OMNISR = [flipped_and_turned(flip, k) for flip in (None, 0, 1) for k in range(4)]
FLIPS = [edsr(h, v, False) for h, v in product((False, True), repeat=2)]
MIRROR = [edsr(h, False, False) for h in (False, True)]


@pytest.mark.parametrize(
    ("spec", "moves"),
    [
        ("edsr", EDSR),
        ("basicsr", EDSR),
        ("swinir", KAIR),
        ("ramit", RAMIT),
        ("omnisr", OMNISR),
        ("realesrgan", MIRROR),
        ({"augment": "dihedral", "law": "hv_only"}, FLIPS),
    ],
    ids=["edsr", "basicsr", "swinir", "ramit", "omnisr", "realesrgan", "hv_only"],
)
def test_turns_have_the_law_of_the_published_procedure(spec: Any, moves: list[Any]) -> None:
    drawn = Counter(one["turn"] for one in flat(spec, 4000))
    assert likely(drawn, law(moves))


def test_the_check_of_laws_can_fail() -> None:
    drawn = Counter(one["turn"] for one in flat("omnisr", 4000))
    assert not likely(drawn, law(EDSR))


@pytest.mark.parametrize("p", [1.0, 0.5, 0.6])
def test_orders_of_channels(p: float) -> None:
    drawn = Counter(tuple(one["order"]) for one in flat({"augment": "rgb_permute", "p": p}, 4000))
    expected = dict.fromkeys(permutations(range(3)), p / 6)
    expected[0, 1, 2] += 1 - p
    assert likely(drawn, expected)


@pytest.mark.parametrize("a", [0.15, 0.5, 0.7, 1.0, 1.2, 6.0])
def test_symmetric_beta_is_numpys(a: float) -> None:
    rng = generator("beta", int(100 * a))
    ours = [symmetric_beta(rng, a) for _ in range(5000)]
    theirs = np.random.default_rng(1).beta(a, a, 5000)
    assert stats.ks_2samp(ours, theirs).pvalue > UNLIKELY
    assert stats.kstest(ours, stats.beta(a, a).cdf).pvalue > UNLIKELY
    assert stats.ks_2samp(ours, np.random.default_rng(1).beta(1.7 * a, 1.7 * a, 5000)).pvalue < UNLIKELY


@pytest.mark.parametrize("a", [1e-3, 1e4])
def test_symmetric_beta_holds_at_extremes(a: float) -> None:
    rng = generator("extreme")
    ours = np.array([symmetric_beta(rng, a) for _ in range(1000)])
    assert ((ours >= 0) & (ours <= 1)).all()
    assert abs(ours.mean() - 0.5) < 0.1


def test_mixup_of_rcan_it_mixes_three_in_ten_by_its_law() -> None:
    *_, mixup = load_augment("rcan-it").augmentations
    drawn = [
        step["params"] for [step] in load_augment([mixup]).sample([(0, key) for key in range(6000)], (0,))
    ]
    weights = [one["weight"] for one in drawn if "partner" in one]
    assert stats.binomtest(len(weights), 6000, 0.3).pvalue > UNLIKELY
    assert stats.kstest(weights, stats.beta(0.15, 0.15).cdf).pvalue > UNLIKELY


def test_mixup_of_swinfir_mixes_half_of_the_batches_by_one_weight() -> None:
    *_, mixup = load_augment("swinfir").augmentations
    batches = params_of([mixup], count=3, batches=2000)
    mixed = [batch for batch in batches if "partner" in batch[0]]
    assert stats.binomtest(len(mixed), 2000, 0.5).pvalue > UNLIKELY
    assert all(len({one["weight"] for one in batch}) == 1 for batch in batches)
    assert stats.kstest([batch[0]["weight"] for batch in mixed], stats.beta(1.2, 1.2).cdf).pvalue > UNLIKELY


def test_partners_are_a_random_permutation() -> None:
    batches = params_of("mixup", count=3, batches=3000)
    drawn = Counter(tuple(one["partner"] for one in batch) for batch in batches)
    assert likely(drawn, dict.fromkeys(permutations(range(3)), 1 / 6))


def test_every_image_of_a_large_batch_is_a_partner_once() -> None:
    [batch] = params_of({"augment": "cutmix", "per": "image"}, count=40)
    assert sorted(one["partner"] for one in batch) == list(range(40))


def test_an_image_alone_is_its_own_partner() -> None:
    assert flat("mixup", 1)[0]["partner"] == 0


def test_blend_draws_as_cutblur_does() -> None:
    batches = params_of("blend", count=2, batches=2000)
    weights = [batch[0]["weight"] for batch in batches]
    assert stats.kstest(weights, stats.uniform(0.6, 0.4).cdf).pvalue > UNLIKELY
    assert all(batch[0]["weight"] == batch[1]["weight"] for batch in batches)
    colours = [value for batch in batches for one in batch for value in one["colour"]]
    assert stats.kstest(colours, stats.uniform(0, 1).cdf).pvalue > UNLIKELY
    assert batches[0][0]["colour"] != batches[0][1]["colour"]


@pytest.mark.parametrize("name", ["cutmix", "cutmixup", "cutblur"])
def test_boxes_are_drawn_as_cutblur_does(name: str) -> None:
    drawn = flat({"augment": name, "per": "image"}, 4000)
    ratios = [one["ratio"] for one in drawn]
    assert stats.kstest(ratios, stats.norm(0.7, 0.01).cdf).pvalue > UNLIKELY
    height, width = 24, 20
    rng = np.random.default_rng(3)
    expected = []
    for ratio in ratios:
        high, wide = int(height * ratio), int(width * ratio)
        top, left = rng.integers(0, height - high + 1), rng.integers(0, width - wide + 1)
        expected.append([top, top + high, left, left + wide])
    ours = spans(drawn, height, width)
    assert ((ours >= 0) & (ours <= [height, height, width, width])).all()
    for place in range(4):
        assert stats.ks_2samp(ours[:, place], np.array(expected)[:, place]).pvalue > UNLIKELY


@pytest.mark.parametrize("name", ["cutmixup", "cutblur"])
def test_inside_and_outside_are_as_likely(name: str) -> None:
    drawn = Counter(one["outside"] for one in flat({"augment": name, "per": "image"}, 3000))
    assert likely(drawn, {True: 0.5, False: 0.5})


def test_cutmixup_pastes_where_it_does_not_mix() -> None:
    drawn = flat({"augment": "cutmixup", "per": "image", "mixed": 0.3}, 3000)
    weights = [one["weight"] for one in drawn if one["weight"]]
    assert stats.binomtest(len(weights), 3000, 0.3).pvalue > UNLIKELY
    assert stats.kstest(weights, stats.beta(1.2, 1.2).cdf).pvalue > UNLIKELY


def test_a_full_box_stays_in_the_image() -> None:
    drawn = flat({"augment": "cutmix", "per": "image", "ratio": 1.0}, 200)
    assert max(one["ratio"] for one in drawn) == 1
    assert spans(drawn, 8, 8)[:, [1, 3]].max() == 8


@pytest.mark.parametrize(
    ("preset", "weights", "p"),
    [
        ("cutblur-moa", [1 / 7] * 7, 1.0),
        ("cutblur-realsr", [0.1] * 6 + [0.4], 1.0),
        ("cutblur-denoise", [1 / 7] * 7, 0.6),
        ("cutblur-carn", [1 / 7] * 7, 0.2),
    ],
)
def test_cutblurs_mixture_takes_one_for_each_batch(preset: str, weights: list[float], p: float) -> None:
    _, mixture = load_augment(preset).augmentations
    batches = params_of([mixture], count=2, batches=2000)
    assert all(batch[0]["branch"] == batch[1]["branch"] for batch in batches)
    drawn = Counter(batch[0]["branch"] for batch in batches)
    assert likely(drawn, dict(enumerate(weights)))
    mixups = [batch[0]["params"]["weight"] != 1.0 for batch in batches if batch[0]["branch"] == 2]
    assert stats.binomtest(sum(mixups), len(mixups), p).pvalue > UNLIKELY


def test_a_mixture_per_image_draws_for_each() -> None:
    spec = {"augment": "mixture", "of": ["invert", "blend"], "weights": [1, 3], "per": "image", "p": 0.5}
    drawn = Counter(one["branch"] for one in flat(spec, 4000))
    assert likely(drawn, {None: 0.5, 0: 0.125, 1: 0.375})


def test_invert_and_jitter() -> None:
    assert stats.binomtest(sum(one["inverted"] for one in flat("invert", 3000)), 3000, 0.5).pvalue > UNLIKELY
    drawn = flat({"augment": "colour_jitter", "hue": [-30, 60]}, 3000)
    assert stats.kstest([one["hue"] for one in drawn], stats.uniform(-30, 90).cdf).pvalue > UNLIKELY
    assert stats.kstest([one["contrast"] for one in drawn], stats.uniform(0.98, 0.04).cdf).pvalue > UNLIKELY


def test_cutout_erases_as_many_pixels_as_it_says() -> None:
    import torch

    from srdata.augment import Sides

    pipeline = load_augment({"augment": "cutout", "amount": 0.05})
    lr = torch.ones(8, 3, 64, 64)
    result = pipeline.apply(Sides(lr, None), pipeline.sample([(0, key) for key in range(8)], (0,)))
    erased = int((result.lr[:, 0] == 0).sum())
    assert stats.binomtest(erased, 8 * 64 * 64, 0.05).pvalue > UNLIKELY
