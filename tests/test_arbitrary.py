"""Arbitrary scale: LIIF's coordinates, and LR that is the bicubic of what the coordinates cover."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from pydantic import ValidationError
from torch import Tensor
from torch.nn.functional import grid_sample

from srdata import Loader, PairedDataset, imresize
from srdata.data.arbitrary_scale.scale_pairs import META_SR, ArbitraryScale, coordinates
from srdata.data.crops.regions import Spot
from srdata.errors import UsageError
from srdata.images import list_images, read_image, write_png
from srdata.rng import generator

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
    form = ArbitraryScale(
        low=2, high=2, lr_patch=2, queries=None, per="batch", bicubic="matlab", rounds=False
    )
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
    form = ArbitraryScale(lr_patch=16, queries=None, per="batch", bicubic="matlab", rounds=False)
    each = form.model_copy(update={"per": "image", "queries": 100})
    hr = crops(5, each)
    params = draws(5, each)
    lr = each.make(hr, params)["lr"]
    levels = (hr * 255).round()
    rounded = each.model_copy(update={"rounds": True}).make(levels / 255, params)["lr"]
    for place, one in enumerate(params):
        side = form.side(one["scale"])
        square, eight = (
            images[place, :, one["top"] :, one["left"] :][:, :side, :side] for images in (hr, levels)
        )
        wanted = imresize(square[None], size=(16, 16))[0]
        torch.testing.assert_close(lr[place], wanted, rtol=0, atol=1e-6)
        assert (as_bytes(rounded[place]) == imresize(as_bytes(eight / 255), size=(16, 16))).all()


def by_pillow(square: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    return np.asarray(Image.fromarray(square).resize((size, size), Image.Resampling.BICUBIC))


def as_bytes(image: Tensor) -> NDArray[np.uint8]:
    levels = image * 255
    torch.testing.assert_close(levels, levels.round(), rtol=0, atol=1e-4)
    found: NDArray[np.uint8] = levels.round().byte().permute(1, 2, 0).numpy()
    return found


def test_lr_is_pillows_bit_for_bit(photographs: Path) -> None:
    form = ArbitraryScale(lr_patch=31, queries=1, step=1 / 31, per="batch")  # every side from 31 to 124
    images = [read_image(path)[50:174, 60:184] for path in list_images(photographs)]
    images.append(np.random.default_rng(3).integers(0, 2, (124, 124, 3), np.uint8) * 255)  # beyond 0 … 255
    hr = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 255
    for side in range(31, 125):
        params = [{"scale": side / 31, "top": (124 - side) // 2, "left": 0, "queries": 1}] * len(images)
        made = form.make(hr, params)
        for image, square, lr in zip(images, made["hr"], made["lr"], strict=True):
            top = params[0]["top"]
            assert (as_bytes(square) == image[top : top + side, :side]).all()
            assert (as_bytes(lr) == by_pillow(as_bytes(square), 31)).all()


def liifs_sample(square: NDArray[np.uint8], flips: tuple[bool, bool, bool]) -> tuple[Tensor, Tensor, Tensor]:
    """LIIF's `sr-implicit-downsampled` of a cropped square: LR, the coordinates of all pixels, and these.

    Shrunk first; then both are flipped top and bottom, left and right, and transposed.
    """
    sides = []
    for image in (by_pillow(square, 16), square):
        down, across, transposed = flips
        image = image[::-1] if down else image
        image = image[:, ::-1] if across else image
        image = image.transpose(1, 0, 2) if transposed else image
        sides.append(torch.from_numpy(image.copy()).permute(2, 0, 1) / 255)
    lr, hr = sides
    return lr, liifs_coordinates(len(square), len(square)), hr.flatten(1).T


def test_batches_are_liifs(photographs: Path, tmp_path: Path) -> None:
    for number, path in enumerate(list_images(photographs)):
        write_png(tmp_path / f"{number}.png", read_image(path)[:120, :140])
    form, data = ArbitraryScale(lr_patch=16, queries=256), PairedDataset(hr=tmp_path)
    batches = Loader(data, 4, degrade=form, augment=["dihedral"], value_range=(-1, 1), workers=0, repeat=20)
    crops = Loader(data, 4, patch_size=form.hr_patch, workers=0, repeat=20)
    seen = set()
    for batch, crop in zip(batches, crops, strict=True):
        for place, note in enumerate(batch.params):
            drawn = note["degradation"]
            side = round(16 * drawn["scale"])
            square = as_bytes(crop.hr[place])[drawn["top"] :, drawn["left"] :][:side, :side]
            found = []
            for flips in product((False, True), repeat=3):
                lr, coordinates, values = liifs_sample(square, flips)
                if torch.equal(batch.lr[place], lr * 2 - 1):
                    found.append(flips)
                    near = torch.cdist(batch.coord[place], coordinates).argmin(dim=1)
                    assert len(near.unique()) == 256  # sampled without replacement
                    torch.testing.assert_close(batch.coord[place], coordinates[near], rtol=0, atol=3e-7)
                    assert torch.equal(batch.rgb[place], values[near] * 2 - 1)
            assert len(found) == 1
            seen.update(found)
            torch.testing.assert_close(batch.cell[place], torch.full((256, 2), 2 / side))
    assert len(seen) == 8


def test_a_square_is_as_likely_at_each_place_of_its_image() -> None:
    """A crop takes 6 pixels of 8, a square 3 of these: drawn there anew, the middle would come more often."""
    form = ArbitraryScale(low=1, high=2, step=1, lr_patch=3, queries=1)
    counts = np.zeros((2, 6), int)
    for number in range(12_000):
        rng = generator(7, number)
        corner = tuple(rng.integers(0, 3, 2).tolist())
        drawn = form.sample(rng, spot=Spot(corner, (3, 3)))
        if drawn["scale"] == 1:
            counts[0, corner[0] + drawn["top"]] += 1
            counts[1, corner[1] + drawn["left"]] += 1
    assert (np.abs(counts - 1000) < 120).all()


def test_what_is_turned_is_what_was_not() -> None:
    form = ArbitraryScale(lr_patch=8, queries=None, per="batch", bicubic="matlab", rounds=False)
    hr = crops(8, form)
    params = draws(8, form)
    plain = form.make(hr, params)
    made = form.make(hr, [{**one, "turn": turn} for turn, one in enumerate(params)])
    for turn in range(8):
        for name in ("lr", "hr"):
            wanted = plain[name][turn]
            wanted = wanted.transpose(1, 2) if turn & 4 else wanted
            wanted = wanted.flip(1) if turn & 2 else wanted
            wanted = wanted.flip(2) if turn & 1 else wanted
            assert torch.equal(made[name][turn], wanted)
    assert torch.equal(made["rgb"].transpose(1, 2), made["hr"].flatten(2))


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
def test_meta_srs_patches_are_cut_out_of_lr_images(scale: float, step: int, photographs: Path) -> None:
    """LR patches that begin at a multiple of `step` face HR patches that begin at a whole pixel."""
    image = read_image(list_images(photographs)[1])[:440, :440]
    whole = imresize(image, 1 / scale)
    row, column = (start // step * step for start in (20, 31))
    top, left = round(row * scale) - 8, round(column * scale) - 8
    size = META_SR.hr_patch
    hr = torch.from_numpy(image[top : top + size, left : left + size]).permute(2, 0, 1)[None] / 255
    made = META_SR.make(hr, [{"scale": scale, "top": 8, "left": 8, "queries": 0}])
    found, wanted = as_bytes(made["lr"][0]).astype(int), whole[row : row + 50, column : column + 50]
    assert np.abs(found - wanted).max() <= 1
    assert (found != wanted).mean() < 1e-3  # sums that lie between two levels


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
        ({"rounds": False}, "Pillow's bicubic is in 8 bits; take bicubic: matlab"),
        ({"margin": 8}, "Pillow's bicubic is of the square alone; take bicubic: matlab"),
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
@pytest.mark.parametrize("bicubic", ["pillow", "matlab"])
def test_a_device_gives_the_same_and_is_not_waited_for(bicubic: Literal["pillow", "matlab"]) -> None:
    form = ArbitraryScale(bicubic=bicubic)
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
        level = name == "lr" and bicubic == "matlab"
        torch.testing.assert_close(tensor.cpu(), wanted[name], rtol=0, atol=1.01 / 255 if level else 1e-5)
