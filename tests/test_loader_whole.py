"""LR of crops that equals the LR of whole images, in floats, and images that are enlarged to the patch."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pairs import write_folders, write_shards
from torch import Tensor

from srdata import Loader, PairedDataset, imresize
from srdata.data.datasets.mixed import Mixed
from srdata.errors import UnknownNameError, UsageError
from srdata.images import Pixels, list_images, read_image
from srdata.scale import Scale
from srdata.store.windows import Windows

Floats = NDArray[np.float32]

FOUR = Scale(4)
SIZES = [(163, 201), (100, 122), (97, 260), (49, 240), (250, 30), (17, 33)]  # the last three are too small
LARGE, PATCH = 3, 96
SETTINGS: dict[str, Any] = {"degrade": "bicubic-float", "margin": 12, "mirrored": True}


@pytest.fixture(scope="module")
def images(photographs: Path) -> dict[str, Pixels]:
    paths = list_images(photographs)
    return {
        f"{number:04d}": read_image(paths[number % len(paths)])[-height:, -width:]
        for number, (height, width) in enumerate(SIZES)
    }


@pytest.fixture(scope="module")
def folder(images: dict[str, Pixels], tmp_path_factory: pytest.TempPathFactory) -> Path:
    pairs = {
        key: (imresize(image[: len(image) // 4 * 4, : image.shape[1] // 4 * 4], 1 / 4), image)
        for key, image in images.items()
    }
    return write_shards(tmp_path_factory.mktemp("set"), pairs, FOUR)


def hats_pair(image: Pixels, patch: int, scale: int) -> tuple[Floats, Floats]:
    """HR and LR of a whole image as HAT has them before it crops: both in floats, and at least a patch."""
    height, width = (side // scale * scale for side in image.shape[:2])
    hr = image[:height, :width].astype(np.float32) / 255
    hr = cv2.resize(hr, (max(width, patch), max(height, patch)))
    return hr, imresize(hr, 1 / scale).astype(np.float32)


class Found(NamedTuple):
    """Where a patch was found, on the grid of LR, and how it is turned."""

    top: int
    left: int
    turn: int


def turned(image: Floats, turn: int) -> Floats:
    image = image.transpose(1, 0, 2) if turn & 4 else image
    return image[:: -1 if turn & 2 else 1, :: -1 if turn & 1 else 1]


def find(patch: Floats, whole: Floats, scale: int, turns: int) -> Found:
    """The one place at which a patch of HR lies in an image."""
    side = len(patch)
    for turn in range(turns):
        for top in range(0, len(whole) - side + 1, scale):
            for left in range(0, whole.shape[1] - side + 1, scale):
                here = whole[top : top + side, left : left + side]
                if np.abs(turned(here, turn)[::7, ::7] - patch[::7, ::7]).max() < 1e-6:
                    assert np.abs(turned(here, turn) - patch).max() < 1e-6
                    return Found(top // scale, left // scale, turn)
    pytest.fail("this patch is nowhere in its image")


def floats(image: Tensor) -> Floats:
    found: Floats = image.permute(1, 2, 0).cpu().numpy()
    return found


def check(batch: Any, images: dict[str, Pixels], scale: int, patch: int, turns: int = 1) -> list[Found]:
    """Every pair of a batch is a crop of what HAT makes of the whole image."""
    found = []
    for key, hr, lr in zip(batch.keys, batch.hr, batch.lr, strict=True):
        high, low = hats_pair(images[key.split("_")[0]], patch, scale)
        at = find(floats(hr), high, scale, turns)
        side = patch // scale
        wanted = turned(low[at.top : at.top + side, at.left : at.left + side], at.turn)
        assert np.abs(floats(lr) - wanted).max() < 1e-6
        found.append(at)
    return found


@pytest.mark.parametrize("residency", ["mapped", "host", "device"])
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_lr_is_a_crop_of_the_lr_of_the_whole_image(
    scale: int, residency: Any, folder: Path, images: dict[str, Pixels]
) -> None:
    """Inside and at every border, to 1e-6."""
    data = PairedDataset(folder, only="hr", scale=scale).subset(range(LARGE))
    loader = Loader(
        data, 6, patch_size=PATCH, repeat=20, workers=0, residency=residency, **SETTINGS, scale=scale
    )
    for batch in loader:
        check(batch, images, scale, PATCH)


def test_patches_lie_everywhere(folder: Path, images: dict[str, Pixels]) -> None:
    """At the border as well, which a margin inside the image keeps them from."""
    data = PairedDataset(folder, only="hr", scale=4).subset([1])
    loader = Loader(data, 40, patch_size=PATCH, repeat=160, workers=0, **SETTINGS)
    seen = {(at.top, at.left) for batch in loader for at in check(batch, images, 4, PATCH)}
    assert seen == {(top, left) for top in range(2) for left in range(7)}  # of 100 x 120 pixels


def test_floats_go_beyond_the_range(tmp_path: Path) -> None:
    edges = np.zeros((96, 128, 3), np.uint8)
    edges[:, 48:] = 255
    write_folders(tmp_path, {"edges": (imresize(edges, 1 / 4), edges)}, FOUR)
    data = PairedDataset(hr=tmp_path / "HR", scale=4)
    batch = next(iter(Loader(data, 1, patch_size=96, **SETTINGS)))
    assert batch.lr.max() > 1.01
    assert batch.lr.min() < -0.01
    assert torch.equal(batch.hr, batch.hr.clamp(0, 1))


def test_around_a_window_lies_the_image(folder: Path, images: dict[str, Pixels]) -> None:
    windows = Windows(size=96, step=48, threshold=0)
    data = PairedDataset(folder, only="hr", scale=4, windows=windows)
    large = [number for number, key in enumerate(data.keys) if int(key[:4]) < LARGE]
    for batch in Loader(data.subset(large), 4, patch_size=48, repeat=3, workers=0, **SETTINGS):
        check(batch, images, 4, 48)


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.cuda)])
def test_small_images_are_enlarged_as_hat_does(device: str, folder: Path, images: dict[str, Pixels]) -> None:
    """Along the axes that are too short alone, in floats; then LR is made, both are cropped and turned."""
    data = PairedDataset(folder, only="hr", scale=4, pad="enlarge", patch_size=PATCH)
    loader = Loader(data, 6, repeat=12, augment=["dihedral"], device=device, **SETTINGS)
    assert loader.residency != "device"
    turns = set()
    for batch in loader:
        turns.update(at.turn for at in check(batch, images, 4, PATCH, turns=8))
    assert len(turns) == 8


def test_small_images_beside_large_ones_of_another_set(folder: Path, images: dict[str, Pixels]) -> None:
    data = PairedDataset(folder, only="hr", scale=4, pad="enlarge", patch_size=PATCH)
    large = PairedDataset(folder, only="hr", scale=4).subset(range(LARGE))
    loader = Loader(Mixed([large, data]), 8, patch_size=PATCH, workers=0, **SETTINGS)
    check(next(iter(loader)), images, 4, PATCH)


def test_items_are_enlarged_in_floats_and_bytes_rounded(folder: Path, images: dict[str, Pixels]) -> None:
    data = PairedDataset(folder, only="hr", pad="enlarge", patch_size=PATCH)
    wanted, _ = hats_pair(images["0005"], PATCH, 1)
    assert np.abs(floats(data[5]["hr"]) - wanted).max() < 1e-6
    assert (np.abs(wanted * 255 - np.rint(wanted * 255)) > 0.1).any()
    batch = data.batch([0, 5])
    assert batch.hr.dtype == np.uint8
    assert np.abs(batch.hr[1] - wanted * 255).max() < 0.501
    levels = PairedDataset(folder, only="hr", pad="enlarge", patch_size=PATCH, dtype=torch.uint8)
    assert (levels[5]["hr"].permute(1, 2, 0).numpy() == batch.hr[1]).all()


def test_what_cannot_be_whole(folder: Path) -> None:
    data = PairedDataset(folder, only="hr", scale=4).subset(range(LARGE))
    with pytest.raises(UsageError, match="mirrored= says what a margin is beyond an image: give margin="):
        Loader(data, 1, degrade="bicubic-float", mirrored=True, patch_size=PATCH)
    with pytest.raises(UsageError, match="on the grid of LR: open the data set with scale=2 as well"):
        Loader(data, 1, scale=2, patch_size=PATCH, **SETTINGS)
    with pytest.raises(UsageError, match="is read around a patch: give patch_size= as well"):
        Loader(data, 1, **SETTINGS)
    with pytest.raises(UnknownNameError, match="unknown pad 'enlarg', did you mean 'enlarge'"):
        PairedDataset(folder, patch_size=PATCH, pad="enlarg")
    with pytest.raises(UsageError, match="gives HR that no stored LR faces: give only='hr', or degrade="):
        PairedDataset(folder, patch_size=PATCH, pad="enlarge")[0]
