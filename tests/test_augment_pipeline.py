"""How augmentations are asked for, put in order and drawn by address."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from srdata.augment import AUGMENTATIONS, PRESETS, Pipeline, Sides, load_augment
from srdata.augment.flips import Dihedral
from srdata.augment.mixing import Mixup
from srdata.dihedral.array_turns import turn_all
from srdata.errors import RecipeError, UnknownNameError, UsageError

IMAGES = [(1, 0, key) for key in ("0001", "0002", "0003", "0004")]
BATCH = (1, 0, 12)


def names(pipeline: Pipeline) -> list[str]:
    return [one.name for one in pipeline.augmentations]


def test_what_a_user_may_write() -> None:
    assert load_augment(None) == load_augment([]) == Pipeline()
    assert load_augment("dihedral").augmentations == (Dihedral(),)
    assert load_augment({"augment": "mixup", "p": 0.5}).augmentations == (Mixup(p=0.5),)
    assert load_augment(Mixup()) == load_augment(["mixup"]) == load_augment([Mixup()])
    assert names(load_augment(["swinfir", {"augment": "cutout"}])) == [
        "dihedral",
        "rgb_permute",
        "mixup",
        "cutout",
    ]
    pipeline = load_augment("etds")
    assert load_augment(pipeline) is pipeline


@pytest.mark.parametrize(
    ("spec", "kind", "message"),
    [
        ("dihedrl", UnknownNameError, r"unknown augmentation 'dihedrl', did you mean 'dihedral'\?"),
        ("swinfr", UnknownNameError, r"did you mean 'swinfir'\?"),
        ({"augment": "mixp"}, UnknownNameError, r"did you mean 'mixup'\?"),
        ({"p": 0.5}, RecipeError, "augment: must say which it is: augment is missing"),
        (
            {"augment": "mixup", "alfa": 1},
            RecipeError,
            "augment: alfa: is not known here, did you mean 'alpha'",
        ),
        (["dihedral", {"augment": "mixup", "p": 2}], RecipeError, r"augment\[1\]: p: 2 must be within 0 … 1"),
        ({"augment": "mixup", "alpha": 0}, RecipeError, "augment: alpha: 0 must be above 0"),
        ({"augment": "mixup", "per": "item"}, RecipeError, 'per: must be one of image, batch, not "item"'),
        ({"augment": "dihedral", "law": "d4"}, RecipeError, "law: must be one of uniform, hv_only, h_only"),
        ({"augment": "resizemix", "ratio": [0.8, 0.1]}, RecipeError, "ratio: the range .* is empty"),
        ({"augment": "mixture"}, RecipeError, "of: is missing"),
        ({"augment": "mixture", "of": ["cutmx"]}, RecipeError, r"of\[0\]: must be one of .*'cutmix'"),
        ({"augment": "mixture", "of": ["blend", {"augment": "mixup", "p": -1}]}, RecipeError, r"of\[1\]\.p"),
        ({"augment": "mixture", "of": ["blend"], "weights": [1, 2]}, RecipeError, "2 numbers for 1 aug"),
        ({"augment": "mixture", "of": ["blend"], "weights": [0]}, RecipeError, "must be positive"),
        (["cutout", "mixup"], RecipeError, "mixup mixes images that cutout has masked: let it come first"),
        (3, RecipeError, "must be a name, a mapping or a list of these, not 3"),
        ([["dihedral"]], RecipeError, r"augment\[0\]: must be a name or a mapping"),
    ],
)
def test_mistakes_are_named_with_their_place(spec: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        load_augment(spec)


@pytest.mark.parametrize("name", list(PRESETS))
def test_every_preset_loads_and_runs(name: str) -> None:
    pipeline = load_augment(name)
    assert names(pipeline)[0] == "dihedral"
    assert pipeline.same_size == name.startswith("cutblur")
    size = 16 if pipeline.same_size else 8
    lr, hr = torch.rand(4, 3, size, size), torch.rand(4, 3, 16, 16)
    for number in range(10):
        result = pipeline.apply(Sides(lr, hr), pipeline.sample(IMAGES, (1, 0, number)))
        assert (result.lr.shape, result.hr.shape) == (lr.shape, hr.shape)
        assert (result.mask is not None) == name.startswith("cutblur")


def test_what_a_pipeline_says_of_itself() -> None:
    assert load_augment(["dihedral", "rgb_permute", "cutmix", "invert", "cutout"]).bytes_too
    assert not load_augment(["dihedral", "mixup"]).bytes_too
    assert load_augment({"augment": "mixture", "of": ["cutmix", "cutblur"]}).bytes_too
    assert not load_augment({"augment": "mixture", "of": ["cutmix", "blend"]}).bytes_too
    assert load_augment({"augment": "mixture", "of": ["cutmix", "cutblur"]}).same_size
    assert not load_augment("swinfir").same_size


def test_an_empty_pipeline_does_nothing() -> None:
    sides = Sides(torch.rand(4, 3, 2, 2), None)
    pipeline = Pipeline()
    assert pipeline.sample(IMAGES, BATCH) == [[], [], [], []]
    assert pipeline.apply(sides, [[]] * 4) is sides
    assert pipeline.split_dihedral() == (None, pipeline)


def test_the_dihedral_may_be_done_on_the_host() -> None:
    pipeline = load_augment(["dihedral", "rgb_permute"])
    levels = np.random.default_rng(0).integers(0, 256, (4, 6, 6, 3), np.uint8)
    there = torch.from_numpy(levels.transpose(0, 3, 1, 2).copy())
    steps = pipeline.sample(IMAGES, BATCH)
    first, rest = pipeline.split_dihedral()
    assert first == Dihedral()
    turned = turn_all(levels, [one[0]["params"]["turn"] for one in steps])
    host = Sides(torch.from_numpy(turned.transpose(0, 3, 1, 2).copy()), None)
    ours = rest.apply(host, [one[1:] for one in steps])
    assert torch.equal(ours.lr, pipeline.apply(Sides(there, None), steps).lr)


def test_only_a_leading_dihedral_is_split_off() -> None:
    pipeline = load_augment(["invert", "dihedral"])
    assert pipeline.split_dihedral() == (None, pipeline)


def test_others_before_an_augmentation_do_not_change_its_draws() -> None:
    alone = load_augment("mixup").sample(IMAGES, BATCH)
    among = load_augment(["dihedral", "rgb_permute", "mixup", "invert"]).sample(IMAGES, BATCH)
    assert [one[0] for one in alone] == [one[2] for one in among]


def test_a_second_one_draws_for_itself() -> None:
    [image, *_] = load_augment(["mixup", "mixup"]).sample(IMAGES, BATCH)
    assert image[0]["params"]["weight"] != image[1]["params"]["weight"]


def test_draws_depend_on_image_and_batch_addresses() -> None:
    pipeline = load_augment(["dihedral", "mixup"])
    one, other = pipeline.sample(IMAGES, BATCH), pipeline.sample(IMAGES, (1, 0, 13))
    assert [drawn[0] for drawn in one] == [drawn[0] for drawn in other]
    assert one[0][1]["params"]["weight"] != other[0][1]["params"]["weight"]
    swapped = pipeline.sample(IMAGES[::-1], BATCH)
    assert [drawn[0] for drawn in swapped] == [drawn[0] for drawn in one[::-1]]


def test_parts_of_a_mixture_draw_at_their_own_place() -> None:
    """So that a part more at the end leaves the draws of the others as they are."""
    short, long = (
        {"augment": "mixture", "of": ["mixup", "blend", *more], "weights": [1, 1, *[0] * len(more)]}
        for more in ([], ["cutmix"])
    )
    assert load_augment(short).sample(IMAGES, BATCH) == load_augment(long).sample(IMAGES, BATCH)


def test_steps_of_others_are_refused() -> None:
    sides = Sides(torch.rand(4, 3, 4, 4), None)
    steps = load_augment("mixup").sample(IMAGES, BATCH)
    with pytest.raises(UsageError, match=r"drawn by \['mixup'\], and these augmentations are \['blend'\]"):
        load_augment("blend").apply(sides, steps)
    with pytest.raises(UsageError, match="steps are for 3 images, and there are 4"):
        load_augment("mixup").apply(sides, steps[:3])


def test_uint8_is_refused_by_name() -> None:
    pipeline = load_augment(["dihedral", "mixup", "blend"])
    sides = Sides(torch.zeros(4, 3, 4, 4, dtype=torch.uint8), None)
    with pytest.raises(UsageError, match=r"^blend, mixup cannot work on uint8: give floats in 0–1$"):
        pipeline.apply(sides, pipeline.sample(IMAGES, BATCH))


def test_a_batch_of_nothing_is_refused() -> None:
    pipeline = load_augment("colour_jitter")
    with pytest.raises(UsageError, match="without LR and without HR cannot be augmented"):
        pipeline.apply(Sides(None, None), pipeline.sample(IMAGES, BATCH))


def test_a_mixture_may_hold_every_other_augmentation() -> None:
    others = [name for name in AUGMENTATIONS if name != "mixture"]
    assert [
        one.name for one in load_augment({"augment": "mixture", "of": others}).augmentations[0].parts()
    ] == others
