"""Where crops lie: at random, in the middle, off the border, or reduced from much of an image.

What is reduced is compared with the code of ResShift and of guided-diffusion, written out here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from srdata import Loader, PairedDataset, prepare
from srdata.data import Schedule
from srdata.errors import UnknownNameError, UsageError
from srdata.images import list_images, read_image


@pytest.fixture(scope="module")
def small(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Parts of photographs, 72x60 and 60x72."""
    folder = tmp_path_factory.mktemp("small")
    for number, path in enumerate(list_images(photographs)[:4]):
        rows, columns = (72, 60) if number % 2 else (60, 72)
        Image.fromarray(read_image(path)[100 : 100 + rows, 60 : 60 + columns]).save(folder / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def prepared(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prepared")
    return prepare(photographs, scale=4, lmdb=True, root=folder, jobs=1, windows=None).path


def hr(batch: Any) -> np.ndarray:
    return batch.hr.permute(0, 2, 3, 1).numpy() * 255


def test_a_random_square_is_reduced_as_by_resshift(small: Path) -> None:
    data = PairedDataset(hr=small, patch_size=32, take="square")
    seen = set()
    for batch in Loader(data, 4, repeat=8, seed=3):
        for key, crop in zip(batch.keys, hr(batch), strict=True):
            image = read_image(small / f"{key}.png").astype(np.float32)
            squares = [image[t : t + 60, x : x + 60] for t in range(13) for x in range(13)]
            theirs = [
                cv2.resize(one, dsize=(32, 32), interpolation=cv2.INTER_AREA)
                for one in squares
                if one.shape == (60, 60, 3)
            ]
            errors = [float(np.abs(crop - one).max()) for one in theirs]
            assert min(errors) < 1e-3
            seen.add((key, int(np.argmin(errors))))
    assert len(seen) > 12  # of 32


def center_crop_arr(pil_image: Image.Image, image_size: int) -> np.ndarray:
    """diffbir/dataset/utils.py, from guided-diffusion."""
    while min(*pil_image.size) >= 2 * image_size:
        pil_image = pil_image.resize(tuple(x // 2 for x in pil_image.size), resample=Image.BOX)  # type: ignore[arg-type]
    scale = image_size / min(*pil_image.size)
    pil_image = pil_image.resize(tuple(round(x * scale) for x in pil_image.size), resample=Image.BICUBIC)  # type: ignore[arg-type]
    arr = np.array(pil_image)
    crop_y = (arr.shape[0] - image_size) // 2
    crop_x = (arr.shape[1] - image_size) // 2
    return arr[crop_y : crop_y + image_size, crop_x : crop_x + image_size]


@pytest.mark.parametrize("side", [24, 40, 96])  # 96 enlarges
def test_the_middle_square_is_that_of_guided_diffusion(small: Path, side: int) -> None:
    data = PairedDataset(hr=small, patch_size=side, take="centre-square")
    for batch in Loader(data, 2, shuffle=False):
        for key, crop in zip(batch.keys, hr(batch), strict=True):
            theirs = center_crop_arr(Image.open(small / f"{key}.png"), side)
            assert np.array_equal(np.rint(crop), theirs)


def test_the_middle_of_a_pair(prepared: Path) -> None:
    data = PairedDataset(prepared, patch_size=32, take="centre")
    whole = PairedDataset(prepared)
    for item, of in zip(data, whole, strict=True):  # type: ignore[call-overload]  # both have a length
        for side, length in (("hr", 32), ("lr", 32 // data.scale.numerator)):
            image, cell = of[side], length // (32 // data.scale.numerator)
            top, left = ((size // cell - length // cell) // 2 * cell for size in image.shape[1:])
            assert (item[side] == image[:, top : top + length, left : left + length]).all()


def test_patches_keep_off_the_border(tmp_path: Path) -> None:
    """Of an image in which each pixel is its place, all places but the border come, and no others."""
    place = np.stack(np.broadcast_arrays(*np.ogrid[:72, :60], 0), -1).astype(np.uint8)
    Image.fromarray(place).save(tmp_path / "0.png")
    data = PairedDataset(hr=tmp_path, patch_size=16, border=5, dtype=torch.uint8)
    corners = np.array([data[epoch, 0]["hr"][:2, 0, 0].tolist() for epoch in range(600)])
    assert corners.min(0).tolist() == [5, 5]
    assert corners.max(0).tolist() == [72 - 5 - 16, 60 - 5 - 16]
    with pytest.raises(UsageError, match="patch_size 52 with its border is larger than 1 of 1 item: "):
        PairedDataset(hr=tmp_path, patch_size=52, border=5)
    assert PairedDataset(hr=tmp_path, patch_size=52, border=29, pad="reflect")[0]["hr"].shape == (3, 52, 52)
    for settings in ({"pad": "reflect"}, {"take": "centre-square"}):
        with pytest.raises(
            UsageError, match=r"nothing is left of 1 of 1 item without the border of 30 pixels: 0 \(60x72\)"
        ):
            PairedDataset(hr=tmp_path, patch_size=52, border=30, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"take": "center"}, "unknown take 'center', did you mean 'centre'"),
        ({"take": "square", "patch_size": None}, "take='square' is of patches: give patch_size= as well"),
        ({"border": 6}, "border 6 is no multiple of 4, which scale 4 needs: take 4 or 8"),
    ],
)
def test_settings_that_cannot_be(prepared: Path, settings: dict[str, Any], message: str) -> None:
    with pytest.raises((UsageError, UnknownNameError), match=message):
        PairedDataset(prepared, **{"patch_size": 16, **settings})


def test_reduced_crops_are_hr_alone(prepared: Path) -> None:
    with pytest.raises(UsageError, match="take='square' gives HR that no stored LR faces: give only='hr'"):
        PairedDataset(prepared, patch_size=16, take="square")[0]


def test_batches_that_shrink_by_iteration_keep_the_length_of_epochs(prepared: Path) -> None:
    """As in Restormer: of what a step loads the first images are taken, and the epoch goes on by all."""
    data = PairedDataset(prepared, patch_size=16)
    sizes = {"batch_size": Schedule({0: 4, 3: 2, 5: 1}), "patch_size": Schedule({0: 16, 3: 32})}
    changing, plain = Loader(data, repeat=4, seed=5, **sizes), Loader(data, 4, repeat=4, seed=5)
    assert len(changing) == len(plain)
    for start in (0, len(plain)):
        for number, (few, all_) in enumerate(zip(changing, plain, strict=True), start):
            assert few.keys == all_.keys[: len(few)]
            assert len(few) == (4 if number < 3 else 2 if number < 5 else 1)
            assert few.hr.shape[-1] == (16 if number < 3 else 32)
    state = changing.state_dict()
    resumed = Loader(data, repeat=4, seed=5, **sizes)
    resumed.load_state_dict(state)
    assert next(iter(resumed)).keys == next(iter(changing)).keys
