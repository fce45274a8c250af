"""What augmentations do to pixels: against numpy, Pillow, OpenCV and numbers made by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image, ImageEnhance

from srdata.augment import Sides, load_augment
from srdata.augment.colours import ColourJitter
from srdata.dihedral.array_turns import turn_all
from srdata.errors import UsageError
from srdata.images import read_image

NO_BOX = {"ratio": 0.0, "top": 0.0, "left": 0.0}


def done(name: str, sides: Sides, params: list[dict[str, Any]], **settings: Any) -> Sides:
    pipeline = load_augment({"augment": name, **settings})
    return pipeline.apply(sides, [[{"augment": name, "params": one}] for one in params])


def ramp(count: int, height: int, width: int, channels: int = 3) -> torch.Tensor:
    """Every sample another number."""
    numbers = torch.arange(count * channels * height * width, dtype=torch.float32)
    return numbers.reshape(count, channels, height, width) / numbers.numel()


def by_numpy(image: NDArray[Any], turn: int) -> NDArray[Any]:
    """The definition of `srdata.dihedral.array_turns` on CHW."""
    image = image.swapaxes(1, 2) if turn & 4 else image
    image = image[:, ::-1] if turn & 2 else image
    return image[:, :, ::-1] if turn & 1 else image


@pytest.mark.parametrize("side", [1, 4, 5])
@pytest.mark.parametrize("kind", [torch.float32, torch.uint8])
def test_the_eight_turns_are_numpys(side: int, kind: torch.dtype) -> None:
    lr, hr = (
        (ramp(8, size, size) * 255).to(kind) if kind == torch.uint8 else ramp(8, size, size)
        for size in (side, 3 * side)
    )
    result = done("dihedral", Sides(lr, hr), [{"turn": turn} for turn in range(8)])
    for before, after in ((lr, result.lr), (hr, result.hr)):
        for turn in range(8):
            assert np.array_equal(after[turn], by_numpy(before[turn].numpy(), turn))


def test_the_eight_turns_are_those_of_the_host() -> None:
    images = np.random.default_rng(0).integers(0, 256, (8, 9, 9, 3), np.uint8)
    there = torch.from_numpy(images.transpose(0, 3, 1, 2).copy())
    result = done("dihedral", Sides(there, None), [{"turn": turn} for turn in range(8)])
    assert np.array_equal(result.lr.numpy().transpose(0, 2, 3, 1), turn_all(images, list(range(8))))


@pytest.mark.parametrize("turns", [[4, 7, 5], [0, 3, 2]])
def test_images_that_are_not_square_turn_all_or_none(turns: list[int]) -> None:
    lr, hr = ramp(3, 5, 7), ramp(3, 10, 14)
    result = done("dihedral", Sides(lr, hr), [{"turn": turn} for turn in turns])
    for place, turn in enumerate(turns):
        assert np.array_equal(result.lr[place], by_numpy(lr[place].numpy(), turn))
        assert np.array_equal(result.hr[place], by_numpy(hr[place].numpy(), turn))


def test_some_transposed_and_some_not_is_refused_with_what_to_do() -> None:
    with pytest.raises(
        UsageError, match=r"images of 7x5 cannot be transposed one by one.*law: hv_only.*batch"
    ):
        done("dihedral", Sides(ramp(2, 5, 7), None), [{"turn": 4}, {"turn": 1}])


def test_per_batch_images_that_are_not_square_always_turn() -> None:
    pipeline = load_augment({"augment": "dihedral", "per": "batch"})
    shapes = set()
    for number in range(20):
        steps = pipeline.sample([(0, 0, "a"), (0, 0, "b")], (0, 0, number))
        shapes.add(tuple(pipeline.apply(Sides(ramp(2, 5, 7), None), steps).lr.shape[2:]))
    assert shapes == {(5, 7), (7, 5)}


def test_the_mask_turns_along() -> None:
    mask = torch.zeros(1, 1, 4, 4, dtype=torch.bool)
    mask[0, 0, 0, 1] = True
    result = done("dihedral", Sides(ramp(1, 2, 2), ramp(1, 4, 4), mask), [{"turn": 5}])
    assert np.array_equal(result.mask[0], by_numpy(mask[0].numpy(), 5))


def test_channels_by_hand() -> None:
    image = torch.tensor([0.1, 0.2, 0.3]).reshape(1, 3, 1, 1).repeat(2, 1, 2, 2)
    result = done("rgb_permute", Sides(image, image), [{"order": [2, 0, 1]}, {"order": [0, 1, 2]}])
    assert result.hr[:, :, 0, 0].numpy() == pytest.approx(np.array([[0.3, 0.1, 0.2], [0.1, 0.2, 0.3]]))


def test_channels_of_grey_images_are_refused() -> None:
    with pytest.raises(UsageError, match="rgb_permute needs RGB, this batch has 1 channel: leave it out"):
        done("rgb_permute", Sides(ramp(1, 2, 2, 1), None), [{"order": [2, 0, 1]}])


def test_negative_by_hand() -> None:
    levels = torch.tensor([0, 1, 255], dtype=torch.uint8).reshape(1, 1, 1, 3).repeat(2, 3, 1, 1)
    result = done("invert", Sides(None, levels), [{"inverted": True}, {"inverted": False}])
    assert result.hr[:, 0, 0].tolist() == [[255, 254, 0], [0, 1, 255]]


def test_blend_by_hand() -> None:
    image = torch.full((2, 3, 2, 2), 0.5)
    params = [{"weight": 0.75, "colour": [1.0, 0.0, 0.5]}, {"weight": 1.0, "colour": [1.0, 1.0, 1.0]}]
    result = done("blend", Sides(image, image.repeat(1, 1, 2, 2)), params)
    for side in (result.lr, result.hr):
        assert side[0, :, 0, 1].tolist() == [0.625, 0.375, 0.5]
        assert torch.equal(side[1], torch.full_like(side[1], 0.5))


def test_mixup_by_hand() -> None:
    image = torch.tensor([0.0, 0.4, 0.8]).reshape(3, 1, 1, 1).repeat(1, 3, 2, 2)
    params = [{"weight": w, "partner": p} for w, p in ((0.25, 2), (1.0, 0), (0.5, 1))]
    result = done("mixup", Sides(image, image), params)
    assert result.lr[:, 0, 0, 0].tolist() == pytest.approx([0.6, 0.4, 0.6])
    assert torch.equal(result.lr, result.hr)


BOXES = [
    ({"ratio": 0.5, "top": 0.999, "left": 0.0}, (slice(2, 4), slice(0, 2))),  # 3 places: 0, 1, 2
    ({"ratio": 0.5, "top": 0.34, "left": 0.5}, (slice(1, 3), slice(1, 3))),
    ({"ratio": 0.74, "top": 0.0, "left": 0.999}, (slice(0, 2), slice(2, 4))),  # 2.96 pixels are 2
    ({"ratio": 1.0, "top": 0.9, "left": 0.9}, (slice(0, 4), slice(0, 4))),
    ({"ratio": 0.0, "top": 0.9, "left": 0.9}, (slice(0, 0), slice(0, 0))),
]


@pytest.mark.parametrize(("box", "place"), BOXES)
@pytest.mark.parametrize("scale", [1, 2, 3])
def test_cutmix_by_slices(box: dict[str, float], place: tuple[slice, slice], scale: int) -> None:
    lr, hr = ramp(2, 4, 4), ramp(2, 4 * scale, 4 * scale)
    result = done("cutmix", Sides(lr, hr), [{**box, "partner": 1}, {**NO_BOX, "partner": 0}])
    larger = tuple(slice(scale * one.start, scale * one.stop) for one in place)
    for before, after, where in ((lr, result.lr, place), (hr, result.hr, larger)):
        expected = before.numpy().copy()
        expected[(0, slice(None), *where)] = before.numpy()[(1, slice(None), *where)]
        assert np.array_equal(after, expected)


def test_boxes_at_a_broken_scale_lie_on_the_cells_of_both_grids() -> None:
    """At x1.5 two LR pixels face three HR pixels: of 8 and 12 pixels, 4 cells."""
    lr, hr = torch.zeros(2, 1, 8, 8), torch.zeros(2, 1, 12, 12)
    lr[1], hr[1] = 1, 1
    box = {"ratio": 0.5, "top": 0.5, "left": 0.0, "partner": 1}
    result = done("cutmix", Sides(lr, hr), [box, NO_BOX])
    assert np.flatnonzero(result.lr[0, 0, :, 0]).tolist() == [2, 3, 4, 5]
    assert np.flatnonzero(result.hr[0, 0, :, 0]).tolist() == [3, 4, 5, 6, 7, 8]


@pytest.mark.parametrize("outside", [False, True])
def test_cutmixup_by_slices(outside: bool) -> None:
    lr, hr = ramp(2, 4, 4), ramp(2, 8, 8)
    params = {**BOXES[1][0], "weight": 0.25, "outside": outside, "partner": 1}
    result = done("cutmixup", Sides(lr, hr), [params, {**NO_BOX, "weight": 1.0, "outside": False}])
    for before, after, where in (
        (lr.numpy(), result.lr, (slice(1, 3), slice(1, 3))),
        (hr.numpy(), result.hr, (slice(2, 6), slice(2, 6))),
    ):
        mixed = 0.25 * before[0] + 0.75 * before[1]
        base, pasted = (mixed, before[0]) if outside else (before[0], mixed)
        expected = base.copy()
        expected[(slice(None), *where)] = pasted[(slice(None), *where)]
        assert np.allclose(after[0], expected, atol=1e-7)
        assert np.array_equal(after[1], before[1])


@pytest.mark.parametrize("outside", [False, True])
def test_cutblur_by_slices(outside: bool) -> None:
    lr, hr = ramp(1, 4, 4), 1 - ramp(1, 4, 4)
    result = done("cutblur", Sides(lr, hr), [{**BOXES[1][0], "outside": outside}])
    base, shown = (hr, lr) if outside else (lr, hr)
    expected = base.clone()
    expected[..., 1:3, 1:3] = shown[..., 1:3, 1:3]
    assert torch.equal(result.lr, expected)
    assert torch.equal(result.hr, hr)


def test_cutblur_needs_lr_of_the_size_of_hr() -> None:
    with pytest.raises(UsageError, match=r"not LR 4x4 and HR 8x8: enlarge LR first, or leave it out"):
        done("cutblur", Sides(ramp(1, 4, 4), ramp(1, 8, 8)), [{**BOXES[1][0], "outside": True}])


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_cutout_erases_lr_and_masks_what_faces_it(scale: int) -> None:
    lr, hr = ramp(2, 8, 8) + 0.1, ramp(2, 8 * scale, 8 * scale)
    params = [{"amount": 0.3, "key": 7}, {"amount": 0.3, "key": 8}]
    result = done("cutout", Sides(lr, hr), params)
    erased = (result.lr == 0).numpy()
    assert (erased == erased[:, :1]).all()
    assert np.array_equal(result.lr.numpy()[~erased], lr.numpy()[~erased])
    assert torch.equal(result.hr, hr)
    assert np.array_equal(result.mask, ~np.kron(erased[:, :1], np.ones((1, 1, scale, scale), bool)))
    assert not np.array_equal(erased[0], erased[1])
    assert 0 < erased.mean() < 0.6


def test_two_cutouts_mask_both() -> None:
    lr = ramp(1, 8, 8) + 0.1
    first = done("cutout", Sides(lr, None), [{"amount": 0.3, "key": 7}])
    second = done("cutout", Sides(lr, None), [{"amount": 0.3, "key": 8}])
    both = done("cutout", first, [{"amount": 0.3, "key": 8}])
    assert torch.equal(both.mask, first.mask & second.mask)


def test_a_pipeline_with_cutout_always_gives_a_mask() -> None:
    pipeline = load_augment({"augment": "cutout", "p": 0})
    result = pipeline.apply(Sides(ramp(1, 4, 4), ramp(1, 8, 8)), pipeline.sample([(0, "a")], (0,)))
    assert result.mask.shape == (1, 1, 8, 8)
    assert bool(result.mask.all())


def test_resizemix_is_pillows_bicubic(photographs: Path) -> None:
    pictures = [read_image(photographs / f"{name}.png")[:128, :160] for name in ("chelsea", "coffee")]
    hr = torch.from_numpy(np.stack(pictures).transpose(0, 3, 1, 2).astype(np.float32) / 255)
    lr = torch.nn.functional.avg_pool2d(hr, 4)
    box = {"ratio": 0.5, "top": 0.999, "left": 0.5, "partner": 1}
    result = done("resizemix", Sides(lr, hr), [box, NO_BOX])
    smaller = np.asarray(Image.fromarray(pictures[1]).resize((80, 64), Image.Resampling.BICUBIC))
    pasted = result.hr[0, :, 64:, 40:120].numpy().transpose(1, 2, 0) * 255
    assert np.abs(pasted - smaller).max() < 1.01
    unchanged = torch.ones(128, 160, dtype=torch.bool)
    unchanged[64:, 40:120] = False
    assert torch.equal(result.hr[0][:, unchanged], hr[0][:, unchanged])
    assert torch.equal(result.hr[1], hr[1])
    changed = (result.lr[0] != lr[0]).any(0).nonzero()
    assert changed.min(0).values.tolist() == [16, 10]
    assert changed.max(0).values.tolist() == [31, 29]


def test_resizemix_is_near_the_downscale_of_its_hr(photographs: Path) -> None:
    pictures = [read_image(photographs / f"{name}.png")[:128, :128] for name in ("chelsea", "coffee")]
    hr = torch.from_numpy(np.stack(pictures).transpose(0, 3, 1, 2).astype(np.float32) / 255)
    box = {"ratio": 0.6, "top": 0.4, "left": 0.5}
    result = done(
        "resizemix",
        Sides(torch.nn.functional.avg_pool2d(hr, 2), hr),
        [{**box, "partner": 1}, {**box, "partner": 0}],
    )
    error = torch.nn.functional.avg_pool2d(result.hr, 2) - result.lr
    assert float(error.square().mean().sqrt()) < 0.02  # 34 dB


ENHANCERS = {
    "brightness": ImageEnhance.Brightness,
    "contrast": ImageEnhance.Contrast,
    "saturation": ImageEnhance.Color,
}


@pytest.mark.parametrize("factor", [0.0, 0.6, 1.4])
@pytest.mark.parametrize("name", list(ENHANCERS))
def test_jitter_is_what_pillow_does(name: str, factor: float, photographs: Path) -> None:
    picture = read_image(photographs / "astronaut.png")[:96, 150:300]
    hr = torch.from_numpy(picture.transpose(2, 0, 1)[None].astype(np.float32) / 255)
    params = {**ColourJitter.neutral, name: factor}
    ours = done("colour_jitter", Sides(None, hr), [params]).hr[0].numpy().transpose(1, 2, 0) * 255
    expected = np.asarray(ENHANCERS[name](Image.fromarray(picture)).enhance(factor)).astype(float)
    assert np.abs(ours - expected).max() < 2  # Pillow rounds the grey first, and cuts decimals off


def test_a_third_of_a_turn_of_hue_moves_the_primaries_on() -> None:
    pixel = torch.tensor([0.7, 0.2, 0.1]).reshape(1, 3, 1, 1)
    turned = [
        done("colour_jitter", Sides(None, pixel), [{**ColourJitter.neutral, "hue": hue}])
        .hr.flatten()
        .tolist()
        for hue in (120.0, -120.0, 360.0)
    ]
    assert np.allclose(turned, [[0.1, 0.7, 0.2], [0.2, 0.1, 0.7], [0.7, 0.2, 0.1]], atol=1e-6)


def test_hue_keeps_greys_and_the_mean_of_the_channels() -> None:
    image = torch.rand(4, 3, 5, 5, generator=torch.Generator().manual_seed(0)) * 0.2 + 0.4
    image[0] = image[0, :1]
    params = [{**ColourJitter.neutral, "hue": hue} for hue in (77.0, 30.0, -45.0, 180.0)]
    result = done("colour_jitter", Sides(None, image), params).hr
    assert torch.allclose(result[0], image[0], atol=1e-6)
    assert torch.allclose(result.mean(1), image.mean(1), atol=1e-6)
    assert not torch.allclose(result[1], image[1], atol=1e-2)


def test_jitter_of_grey_images_is_that_of_grey_rgb() -> None:
    grey = ramp(2, 5, 5, 1)
    params = [{"brightness": 0.9, "contrast": 1.2, "saturation": 1.5, "hue": 40.0}] * 2
    one, three = (
        done("colour_jitter", Sides(None, side), params).hr for side in (grey, grey.repeat(1, 3, 1, 1))
    )
    assert torch.allclose(one.repeat(1, 3, 1, 1), three, atol=1e-6)


def test_jitter_is_clipped() -> None:
    result = done("colour_jitter", Sides(None, ramp(1, 4, 4)), [{**ColourJitter.neutral, "brightness": 3.0}])
    assert torch.equal(result.hr, (ramp(1, 4, 4) * 3).clamp(0, 1))


def test_a_mixture_per_image_takes_partners_as_they_were() -> None:
    image = torch.tensor([0.0, 0.4, 0.8]).reshape(3, 1, 1, 1).repeat(1, 3, 2, 2)
    params = [
        {"branch": 0, "params": {"inverted": True}},
        {"branch": 1, "params": {"weight": 0.5, "partner": 0}},
        {"branch": None},
    ]
    result = done("mixture", Sides(image, image), params, of=["invert", "mixup"], per="image")
    assert result.hr[:, 0, 0, 0].tolist() == pytest.approx([1.0, 0.2, 0.8])


def test_a_mixture_masks_only_images_that_are_cut_out() -> None:
    image = ramp(3, 6, 6) + 0.1
    params = [
        {"branch": 0, "params": {"inverted": True}},
        {"branch": 1, "params": {"amount": 0.5, "key": 3}},
        {"branch": None},
    ]
    result = done("mixture", Sides(image, image), params, of=["invert", "cutout"], per="image")
    assert bool(result.mask[0].all())
    assert not bool(result.mask[1].all())
    assert bool(result.mask[2].all())
    assert np.array_equal(result.lr[0], 1 - image[0])


def test_results_keep_their_type() -> None:
    image = ramp(2, 4, 4).to(torch.bfloat16)
    params = [{"weight": 0.5, "partner": 1}] * 2
    assert done("mixup", Sides(image, image), params).hr.dtype == torch.bfloat16
