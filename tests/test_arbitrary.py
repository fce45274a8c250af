"""Arbitrary scale: LIIF's coordinates, and LR that is the bicubic of what the coordinates cover."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import ValidationError
from torch import Tensor
from torch.nn.functional import grid_sample

from srdata import imresize
from srdata.errors import UsageError
from srdata.images import list_images, read_image
from srdata.rng import generator
from srdata.train.arbitrary import META_SR, ArbitraryScale, coordinates

pytestmark = pytest.mark.usefixtures("one_torch_thread")

SMALL = ArbitraryScale(lr_patch=8, queries=64)


def crops(count: int, form: ArbitraryScale) -> Tensor:
    size = (count, 3, form.hr_patch, form.hr_patch)
    return torch.rand(size, generator=torch.Generator().manual_seed(2))


def draws(count: int, form: ArbitraryScale, seed: int = 1):
    return [form.sample(generator(seed, place), generator(seed, "batch")) for place in range(count)]


def liifs_coordinates(height: int, width: int) -> Tensor:
    """LIIF's definition: from -1 in steps of 2r, where r is half a pixel; rows first."""
    sequences = []
    for count in (height, width):
        r = 2 / (2 * count)
        sequences.append(-1 + r + (2 * r) * torch.arange(count).float())
    return torch.stack(torch.meshgrid(*sequences, indexing="ij"), dim=-1).view(-1, 2)


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (48, 48), (7, 192)])
def test_coordinates_are_liifs(size: tuple[int, int]) -> None:
    torch.testing.assert_close(coordinates(*size), liifs_coordinates(*size), rtol=0, atol=3e-7)


def test_four_by_four_by_hand() -> None:
    form = ArbitraryScale(low=2, high=2, lr_patch=2, queries=None, per="batch", rounds=False)
    hr = torch.arange(16.0).reshape(1, 1, 4, 4) / 16
    made = form.make(hr, draws(1, form))
    line = [-0.75, -0.25, 0.25, 0.75]
    assert made["coord"].tolist() == [[[y, x] for y in line for x in line]]
    assert made["cell"].tolist() == [[[0.5, 0.5]] * 16]
    assert made["rgb"].tolist() == [[[value / 16] for value in range(16)]]
    assert torch.equal(made["hr"], hr)
    torch.testing.assert_close(made["lr"], imresize(hr, 1 / 2))


def test_a_square_inside_its_crop_by_hand() -> None:
    form = ArbitraryScale(low=1, high=2, lr_patch=2, queries=3)
    hr = torch.arange(16.0).reshape(1, 1, 4, 4) / 255
    made = form.make(hr, [{"scale": 1.4, "top": 1, "left": 0, "queries": 5}])  # round(2.8) = 3 pixels
    values = (made["rgb"][0, :, 0] * 255).round().int().tolist()
    inside = {
        4: (0, 0),
        5: (0, 1),
        6: (0, 2),
        8: (1, 0),
        9: (1, 1),
        10: (1, 2),
        12: (2, 0),
        13: (2, 1),
        14: (2, 2),
    }
    assert len(set(values)) == 3
    wanted = [[(2 * place + 1) / 3 - 1 for place in inside[value]] for value in values]
    torch.testing.assert_close(made["coord"][0], torch.tensor(wanted))
    torch.testing.assert_close(made["cell"], torch.full((1, 3, 2), 2 / 3))


def test_rgb_is_what_grid_sample_finds_at_the_coordinates() -> None:
    """torch's own reading of coordinates from -1 to 1, edges at the edges, wants (x, y)."""
    form, hr = SMALL, crops(6, SMALL)
    params = draws(6, form)
    made = form.make(hr, params)
    assert made["coord"].shape == (6, 64, 2)
    assert len({one["scale"] for one in params}) == 6
    for place, one in enumerate(params):
        side = form.side(one["scale"])
        square = hr[place, None, :, one["top"] :, one["left"] :][:, :, :side, :side]
        found = grid_sample(square, made["coord"][place, None, None].flip(-1), "nearest", align_corners=False)
        assert torch.equal(found[0, :, 0].T, made["rgb"][place])
        assert len(made["coord"][place].unique(dim=0)) == 64  # no pixel is taken twice
        assert (made["cell"][place] == np.float32(2 / side)).all()


def test_lr_is_imresize_of_the_square_alone() -> None:
    form = ArbitraryScale(lr_patch=16, queries=None, per="batch", rounds=False)
    each = form.model_copy(update={"per": "image", "queries": 100})
    hr = crops(5, each)
    params = draws(5, each)
    lr = each.make(hr, params)["lr"]
    rounded = each.model_copy(update={"rounds": True}).make(hr, params)["lr"]
    for place, one in enumerate(params):
        side = form.side(one["scale"])
        square = hr[place, None, :, one["top"] :, one["left"] :][:, :, :side, :side]
        wanted = imresize(square, size=(16, 16))
        torch.testing.assert_close(lr[place, None], wanted, rtol=0, atol=1e-6)
        levels = rounded[place] * 255
        torch.testing.assert_close(levels, levels.round(), rtol=0, atol=1e-4)
        assert (levels - wanted[0].clamp(0, 1) * 255).abs().max() < 0.501


def test_pillows_bicubic_of_a_photograph_differs_little(photographs) -> None:
    """LIIF's LR, by Pillow: within a level away from the border, where the kernel is whole."""
    form = ArbitraryScale(low=2.5, high=2.5, lr_patch=40, queries=1)
    image = read_image(list_images(photographs)[1])[50:150, 60:160]
    hr = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255
    lr = (form.make(hr, draws(1, form))["lr"][0] * 255).permute(1, 2, 0).numpy()
    theirs = np.asarray(Image.fromarray(image).resize((40, 40), Image.Resampling.BICUBIC), np.float32)
    difference = np.abs(lr - theirs)
    assert difference[2:-2, 2:-2].max() < 1.01
    assert difference.mean() < 0.5
    assert difference.max() < 24


def test_an_image_does_not_depend_on_the_others_of_its_batch() -> None:
    hr, params = crops(5, SMALL), draws(5, SMALL)
    whole = SMALL.make(hr, params)
    alone = SMALL.make(hr[3:4], params[3:4])
    assert all(torch.equal(whole[name][3:4], alone[name]) for name in alone)


def test_draws_are_plain_and_cover_the_range() -> None:
    form = ArbitraryScale()
    params = draws(4000, form)
    assert json.loads(json.dumps(params)) == params
    scales = np.array([one["scale"] for one in params])
    assert scales.min() < 1.01
    assert scales.max() > 3.99
    assert abs(scales.mean() - 2.5) < 0.05
    ends = [form.hr_patch - form.side(one["scale"]) - one["top"] for one in params]
    assert min(ends) == 0
    assert min(one["left"] for one in params) == 0
    assert len({one["queries"] for one in params}) == 4000


def test_meta_sr_has_a_scale_of_its_grid_for_each_batch() -> None:
    batches = [draws(3, META_SR, seed) for seed in range(400)]
    assert all(len({one["scale"] for one in batch}) == 1 for batch in batches)
    assert {batch[0]["scale"] for batch in batches} == {tenths / 10 for tenths in range(11, 41)}
    assert META_SR.side(2.3) == 115  # int(50 * 2.3) is 114
    assert META_SR.hr_patch == 200 + 2 * 8
    params = [{**one, "scale": 1.3} for one in draws(2, META_SR)]
    params = [{**one, "top": 8, "left": 9} for one in params]
    hr = crops(2, META_SR)
    made = META_SR.make(hr, params)
    assert made["lr"].shape == (2, 3, 50, 50)
    assert torch.equal(made["hr"], hr[:, :, 8:73, 9:74])
    assert torch.equal(made["rgb"].transpose(1, 2).reshape(2, 3, 65, 65), made["hr"])
    torch.testing.assert_close(made["coord"][0], coordinates(65, 65))


@pytest.mark.parametrize(("scale", "step"), [(1.1, 10), (2.0, 1), (2.5, 2), (3.3, 10), (3.8, 5), (4.0, 1)])
def test_meta_srs_patches_are_cut_out_of_lr_images(scale: float, step: int, photographs) -> None:
    """LR patches that begin at a multiple of `step` face HR patches that begin at a whole pixel."""
    image = read_image(list_images(photographs)[1])[:440, :440]
    whole = imresize(image, 1 / scale)
    row, column = (start // step * step for start in (20, 31))
    top, left = round(row * scale) - 8, round(column * scale) - 8
    size = META_SR.hr_patch
    hr = torch.from_numpy(image[top : top + size, left : left + size]).permute(2, 0, 1)[None] / 255
    made = META_SR.make(hr, [{"scale": scale, "top": 8, "left": 8, "queries": 0}])
    found = (made["lr"][0] * 255).permute(1, 2, 0).numpy()
    difference = np.abs(found - whole[row : row + 50, column : column + 50])
    assert (difference > 0.01).mean() < 0.005  # ties between levels
    assert difference.max() < 1.01


def test_liifs_sizes() -> None:
    form = ArbitraryScale()
    assert (form.low, form.high, form.lr_patch, form.queries) == (1, 4, 48, 2304)
    assert [form.side(scale) for scale in (1, 1.01, 1.02, 2.5, 3.999, 4)] == [48, 48, 49, 120, 192, 192]
    made = form.make(crops(2, form), draws(2, form))
    assert {name: tuple(tensor.shape) for name, tensor in made.items()} == {
        "lr": (2, 3, 48, 48),
        "coord": (2, 2304, 2),
        "cell": (2, 2304, 2),
        "rgb": (2, 2304, 3),
    }
    assert all(tensor.dtype == torch.float32 for tensor in made.values())


def test_crops_are_never_written() -> None:
    hr = crops(2, META_SR)
    before = hr.clone()
    made = META_SR.make(hr, draws(2, META_SR))
    for tensor in made.values():
        assert tensor.untyped_storage().data_ptr() != hr.untyped_storage().data_ptr()
    assert torch.equal(hr, before)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"low": 3, "high": 2}, "low 3 is above high 2"),
        ({"low": 0.5}, "greater than or equal to 1"),
        ({"queries": None}, "as many for each image only with per: batch"),
        ({"lr_patch": 40}, "an image has only 1600 HR pixels at 1"),
    ],
)
def test_settings_that_make_no_sense(settings, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ArbitraryScale(**settings)


def test_crops_and_draws_that_do_not_fit() -> None:
    params = draws(2, SMALL)
    with pytest.raises(
        UsageError, match=r"HR crops of 32x32, one for each of 2 draws, not .* \(2, 3, 31, 32\)"
    ):
        SMALL.make(torch.zeros(2, 3, 31, 32), params)
    with pytest.raises(UsageError, match="one for each of 2 draws"):
        SMALL.make(torch.zeros(3, 3, 32, 32), params)
    mixed = [META_SR.sample(generator(place)) for place in range(3)]
    with pytest.raises(UsageError, match="the scales of a batch differ: give sample a `shared` generator"):
        META_SR.make(crops(3, META_SR), mixed)


@pytest.mark.cuda
def test_a_device_gives_the_same_and_is_not_waited_for() -> None:
    form = ArbitraryScale()
    hr, params = crops(4, form), draws(4, form)
    wanted = form.make(hr, params)
    there = hr.cuda()
    form.make(there, params)
    torch.cuda.set_sync_debug_mode("error")
    try:
        made = form.make(there, params)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    for name, tensor in made.items():
        torch.testing.assert_close(
            tensor.cpu(), wanted[name], rtol=0, atol=1e-5 if name != "lr" else 1.01 / 255
        )
