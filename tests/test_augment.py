"""What every augmentation promises, checked over the whole table: see `srdata.augment.augmentation`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch

from srdata.augment import AUGMENTATIONS, PRESETS, Augmentation, Pipeline, Sides, Step, load_augment
from srdata.augment.augmentation import Draws
from srdata.errors import UsageError
from srdata.rng import Generators, generator

# A line for each branch of an augmentation worth a run of its own.
EXAMPLES: dict[str, list[dict[str, Any]]] = {
    "dihedral": [{}, {"law": "omnisr"}, {"law": "h_only", "per": "batch"}],
    "rgb_permute": [{}, {"p": 0.5}, {"per": "batch"}],
    "invert": [{}],
    "colour_jitter": [
        {"brightness": [0.5, 1.5], "contrast": [0.5, 1.5], "hue": [-90, 90]},
        {"saturation": 0},
    ],
    "blend": [{}, {"per": "image", "alpha": 0.1}],
    "mixup": [{}, {"per": "image", "p": 0.3, "alpha": 0.15}],
    "cutmix": [{}, {"per": "image", "ratio": 0.4}],
    "cutmixup": [{}, {"per": "image", "mixed": 0.5}],
    "resizemix": [{}, {"per": "image", "ratio": [0.5, 0.9]}],
    "cutout": [{"amount": 0.2}, {"per": "image", "amount": 0.2, "p": 0.5}],
    "cutblur": [{}, {"per": "image", "ratio": 0.4}],
    "mixture": [
        {"of": ["blend", "cutmix", {"augment": "rgb_permute", "per": "batch"}]},
        {"of": ["mixup", {"augment": "cutout", "amount": 0.2}, "dihedral"], "per": "image", "p": 0.8},
        {"of": ["cutmix", "invert", "rgb_permute"], "weights": [2, 1, 1], "per": "image"},
    ],
}
CASES = [(name, number) for name in AUGMENTATIONS for number in range(len(EXAMPLES[name]))]
COUNT = 6

each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{case[1]}")


def of_case(case: tuple[str, int]) -> Pipeline:
    name, number = case
    return load_augment({"augment": name, **EXAMPLES[name][number]})


def drawn(pipeline: Pipeline, seed: int = 0, count: int = COUNT) -> list[list[Step]]:
    """What is drawn for images named "a", "b", …, as it comes back out of JSON."""
    images = [(seed, 0, "abcdefghijkl"[place]) for place in range(count)]
    told: list[list[Step]] = json.loads(json.dumps(pipeline.sample(images, (seed, 0, 7))))
    return told


def batch(pipeline: Pipeline, size: tuple[int, int] = (12, 12), scale: int = 2) -> Sides:
    """Random pixels in whole 8-bit levels."""
    rng = np.random.default_rng(5)
    scale = 1 if pipeline.same_size else scale
    sizes = [size, (scale * size[0], scale * size[1])]
    levels = [torch.from_numpy(rng.integers(0, 256, (COUNT, 3, *one), np.uint8)) for one in sizes]
    return Sides(*(side / 255 for side in levels))


def sides_of(sides: Sides) -> list[torch.Tensor]:
    return [side for side in sides if side is not None]


def same(one: Sides, other: Sides) -> bool:
    pairs = zip(sides_of(one), sides_of(other), strict=True)
    return all(torch.equal(first, second) for first, second in pairs)


def near(one: Sides, other: Sides, margin: float = 1e-6) -> bool:
    pairs = zip(sides_of(one), sides_of(other), strict=True)
    return all(float((first.float() - second.float()).abs().max()) <= margin for first, second in pairs)


def busy(pipeline: Pipeline, sides: Sides) -> list[list[Step]]:
    """Steps that change something."""
    for seed in range(50):
        steps = drawn(pipeline, seed)
        if not torch.equal(pipeline.apply(sides, steps).lr, sides.lr):
            return steps
    raise AssertionError("nothing is ever changed")


def test_every_augmentation_has_examples() -> None:
    assert set(EXAMPLES) == set(AUGMENTATIONS)
    assert all(kind.model_fields["augment"].default == name for name, kind in AUGMENTATIONS.items())


def test_names_of_augmentations_and_presets_are_apart() -> None:
    assert not set(AUGMENTATIONS) & set(PRESETS)


@each_case
def test_same_address_same_draw_and_other_address_other_draw(case: Any) -> None:
    pipeline = of_case(case)
    assert drawn(pipeline) == drawn(pipeline)
    assert len({json.dumps(drawn(pipeline, seed)) for seed in range(40)}) > 1


@each_case
def test_draws_by_random_alone(case: Any) -> None:
    class OnlyRandom:
        def __init__(self, rng: np.random.Generator) -> None:
            self.random = rng.random

    class Only(Generators):
        def at(self, *address: Any) -> Any:
            return OnlyRandom(generator(*address))

    [one] = of_case(case).augmentations
    images = [(0, 0, key) for key in "abcdef"]
    draws = Draws(images, (0, 0, 7), Only()).inside("augment", one.name, 0)
    assert one.draw(draws) == [step["params"] for [step] in drawn(of_case(case))]


@each_case
def test_input_is_untouched_and_steps_are_too(case: Any) -> None:
    pipeline = of_case(case)
    sides = batch(pipeline)
    steps = busy(pipeline, sides)
    before, told = [side.clone() for side in sides_of(sides)], json.dumps(steps)
    pipeline.apply(sides, steps)
    assert all(torch.equal(one, other) for one, other in zip(before, sides_of(sides), strict=True))
    assert json.dumps(steps) == told


@each_case
@pytest.mark.parametrize("size", [(12, 12), (7, 7)])
def test_shapes_types_and_range_stay(case: Any, size: tuple[int, int]) -> None:
    pipeline = of_case(case)
    sides = batch(pipeline, size)
    for seed in range(8):
        result = pipeline.apply(sides, drawn(pipeline, seed))
        for before, after in zip(sides_of(sides), sides_of(result), strict=False):
            assert (before.shape, before.dtype) == (after.shape, after.dtype)
            assert 0 <= float(after.min()) <= float(after.max()) <= 1
        if result.mask is not None:
            assert result.mask.dtype == torch.bool
            assert result.mask.shape == (COUNT, 1, *result.hr.shape[2:])


@each_case
def test_replay_gives_the_same_pixels(case: Any) -> None:
    pipeline = of_case(case)
    sides = batch(pipeline)
    steps = busy(pipeline, sides)
    assert same(pipeline.apply(sides, steps), pipeline.apply(sides, steps))


@each_case
def test_alone_is_as_within_a_batch(case: Any) -> None:
    pipeline = of_case(case)
    if any(part.mixes for one in pipeline.augmentations for part in one.parts()):
        pytest.skip("takes from other images")
    sides = batch(pipeline)
    steps = busy(pipeline, sides)
    whole = pipeline.apply(sides, steps)
    for place in range(COUNT):
        one = Sides(*(side[place : place + 1] for side in sides[:2]))
        alone = pipeline.apply(one, steps[place : place + 1])
        expected = Sides(*(None if side is None else side[place : place + 1] for side in whole))
        assert near(alone, expected)


@each_case
def test_draws_of_an_image_do_not_depend_on_the_batch(case: Any) -> None:
    pipeline = of_case(case)
    few, many = drawn(pipeline, count=3), drawn(pipeline, count=9)
    without_partners = [[without_partner(steps) for steps in one] for one in (few, many)]
    assert without_partners[0] == without_partners[1][:3]


def without_partner(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_partner(inner) for name, inner in value.items() if name != "partner"}
    return [without_partner(inner) for inner in value] if isinstance(value, list) else value


@each_case
def test_per_batch_draws_alike_and_per_image_does_not(case: Any) -> None:
    [one] = of_case(case).augmentations
    own = {"partner", "colour", "key", "params"}
    differ = set()
    for seed in range(30):
        params = [step["params"] for [step] in drawn(Pipeline((one,)), seed)]
        shared = {json.dumps({k: v for k, v in drawn.items() if k not in own}) for drawn in params}
        differ.add(len(shared) > 1)
    assert differ == {False} if one.per == "batch" else True in differ


@each_case
def test_bytes_and_floats_are_one(case: Any) -> None:
    pipeline = of_case(case)
    sides = batch(pipeline)
    steps = busy(pipeline, sides)
    levels = sides.each(lambda side: (side * 255).round().to(torch.uint8))
    if not pipeline.bytes_too:
        with pytest.raises(UsageError, match="cannot work on uint8: give floats"):
            pipeline.apply(levels, steps)
        return
    result, expected = pipeline.apply(levels, steps), pipeline.apply(sides, steps)
    assert result.lr.dtype == torch.uint8
    assert near(result.each(lambda side: side / 255), expected)


@each_case
def test_neutral_parameters_change_nothing(case: Any) -> None:
    [one] = of_case(case).augmentations
    sides = batch(Pipeline((one,)))
    result = one.apply(sides, [one.neutral] * COUNT)
    assert same(result._replace(mask=None), sides)
    assert result.mask is None or bool(result.mask.all())


@each_case
def test_p_zero_does_nothing_and_p_one_always_does(case: Any) -> None:
    name, number = case
    never, always = ({"augment": name, **EXAMPLES[name][number], "p": p} for p in (0, 1))
    for seed in range(10):
        steps = drawn(load_augment(never), seed)
        assert all(step["params"] == AUGMENTATIONS[name].neutral for [step] in steps)
    if name not in {"dihedral", "rgb_permute"}:  # of whose draws one changes nothing
        steps = drawn(load_augment(always))
        assert all(step["params"] != AUGMENTATIONS[name].neutral for [step] in steps)


@each_case
def test_lr_alone_is_augmented_as_with_hr(case: Any) -> None:
    pipeline = of_case(case)
    sides = batch(pipeline)
    steps = busy(pipeline, sides)
    if pipeline.same_size:
        with pytest.raises(UsageError, match="only one of them: leave it out"):
            pipeline.apply(Sides(sides.lr, None), steps)
        return
    lr, expected = (pipeline.apply(one, steps).lr for one in (Sides(sides.lr, None), sides))
    margin = 0.02 if case[0] == "colour_jitter" else 0  # contrast turns about the mean of LR then
    assert float((lr - expected).abs().max()) <= margin


@each_case
def test_hr_alone_is_augmented_unless_lr_is_what_it_is_about(case: Any) -> None:
    pipeline = of_case(case)
    sides = batch(pipeline)
    steps = busy(pipeline, sides)
    if case[0] in {"cutblur", "cutout"} or case == ("mixture", 1):
        with pytest.raises(UsageError, match="leave it out"):
            pipeline.apply(Sides(None, sides.hr), steps)
        return
    result = pipeline.apply(Sides(None, sides.hr), steps)
    assert result.lr is None
    assert not torch.equal(result.hr, sides.hr)


@each_case
def test_nothing_is_read_back_from_the_device(case: Any) -> None:
    """A meta tensor has no samples: whatever would wait for them, or take its shape from them, fails."""
    pipeline = of_case(case)
    if any(part.masks for one in pipeline.augmentations for part in one.parts()):
        pytest.skip("there is no generator for this kind of device")
    sides = batch(pipeline)
    result = pipeline.apply(sides.each(lambda side: side.to("meta")), busy(pipeline, sides))
    assert result.hr.is_meta
    assert result.hr.shape == sides.hr.shape


def test_the_check_above_can_fail() -> None:
    with pytest.raises((RuntimeError, NotImplementedError)):
        bool(torch.zeros(2, device="meta").any())


@pytest.mark.cuda
@each_case
def test_cuda_gives_the_same_without_waiting(case: Any) -> None:
    pipeline = of_case(case)
    sides = batch(pipeline)
    steps = busy(pipeline, sides)
    there = Sides(*(side.cuda() for side in sides[:2]))
    torch.cuda.set_sync_debug_mode("error")
    try:
        result = pipeline.apply(there, steps)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    if case[0] != "cutout" and case != ("mixture", 1):  # whose noise is another on another kind of device
        here = Sides(*(None if side is None else side.cpu() for side in result))
        assert near(here, pipeline.apply(sides, steps), 1e-5)


@each_case
def test_settings_are_frozen_and_read_back(case: Any) -> None:
    [one] = of_case(case).augmentations
    assert load_augment(json.loads(one.model_dump_json())).augmentations == (one,)
    with pytest.raises(ValueError, match="frozen"):
        one.p = 0.5


def downscale(hr: torch.Tensor, scale: int) -> torch.Tensor:
    """The mean of squares: it commutes with all that keeps to the LR grid."""
    return torch.nn.functional.avg_pool2d(hr, scale)


ALIGNED: Sequence[tuple[str, dict[str, Any]]] = [
    ("dihedral", {}),
    ("rgb_permute", {}),
    ("invert", {}),
    ("colour_jitter", {"contrast": [0.5, 1.2], "brightness": [0.8, 1.1], "hue": [-30, 30]}),
    ("blend", {"alpha": 0.2}),
    ("mixup", {"per": "image"}),
    ("cutmix", {"per": "image", "ratio": 0.5}),
    ("cutmixup", {"per": "image", "ratio": 0.5}),
    ("mixture", {"of": ["dihedral", "cutmix", "blend", "mixup"], "per": "image"}),
]


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize(("name", "settings"), ALIGNED, ids=[name for name, _ in ALIGNED])
def test_lr_of_the_augmented_hr_is_the_augmented_lr(name: str, settings: Any, scale: int) -> None:
    pipeline = load_augment({"augment": name, **settings})
    hr = torch.from_numpy(np.random.default_rng(0).uniform(0.4, 0.6, (COUNT, 3, 9 * scale, 9 * scale)))
    sides = Sides(downscale(hr, scale), hr)
    moved = 0.0
    for seed in range(5):
        result = pipeline.apply(sides, drawn(pipeline, seed))
        assert float((downscale(result.hr, scale) - result.lr).abs().max()) < 1e-6
        moved = max(moved, float((result.lr - sides.lr).abs().max()))
    assert moved > 0.01


def test_what_leaks_or_differs_is_the_rest_of_the_table() -> None:
    """Resizemix is near, cutout lacks pixels and cutblur leaks; and the check above sees each of them."""
    unaligned = set(AUGMENTATIONS) - {name for name, _ in ALIGNED}
    assert unaligned == {"resizemix", "cutout", "cutblur"}
    hr = torch.from_numpy(np.random.default_rng(0).uniform(0, 1, (COUNT, 3, 24, 24)))
    for name in unaligned:
        pipeline = load_augment({"augment": name, **({"amount": 0.3} if name == "cutout" else {})})
        lr = downscale(hr, 2)
        lr = lr.repeat_interleave(2, 2).repeat_interleave(2, 3) if pipeline.same_size else lr
        result = pipeline.apply(Sides(lr, hr), drawn(pipeline, 1))
        again = downscale(result.hr, 2)
        again = again.repeat_interleave(2, 2).repeat_interleave(2, 3) if pipeline.same_size else again
        assert float((again - result.lr).abs().max()) > 0.01
    assert "leaks HR into LR" in str(AUGMENTATIONS["cutblur"].__doc__)


def test_every_docstring_says_what_is_drawn_how_it_aligns_and_whence_it_comes() -> None:
    for kind in AUGMENTATIONS.values():
        assert issubclass(kind, Augmentation)
        for part in ("\n    Draws: ", "\n    Alignment: ", "\n    Source: "):
            assert part in str(kind.__doc__), kind
