"""Stereo: the two views of a scene are cut at one place, and everything is done to both alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from srdata.augment import Sides, load_augment
from srdata.data.datasets.mixed import Mixed
from srdata.data.datasets.paired import PairedDataset
from srdata.data.loading.loader import Loader
from srdata.errors import UsageError
from srdata.images import Pixels
from srdata.scale import Scale
from srdata.store.windows import Windows
from tests.pairs import positions, where, write_folders, write_shards

FOUR = Scale(4)
LR = ("_L", "_R")


def scenes(names: dict[str, int], height: int = 96, width: int = 128) -> dict[str, tuple[Pixels, Pixels]]:
    """Images that say in each pixel where it is, and the number of the image."""
    return {
        name: (positions(height // 4, width // 4, number), positions(height, width, number))
        for name, number in names.items()
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two scenes, whose right images have a number more than the left; the left ones come first."""
    names = {"01_L": 0, "02_L": 2, "01_R": 1, "02_R": 3}
    return write_shards(tmp_path_factory.mktemp("stereo"), scenes(names), FOUR)


def test_both_views_are_cut_at_the_same_place(folder: Path) -> None:
    data = PairedDataset(folder, views=LR, patch_size=16, seed=5)
    assert data.keys == ["01", "02"]
    seen = set()
    for epoch in range(8):
        pairs = data.batch(range(2), epoch)
        assert pairs.lr.shape == (2, 4, 4, 6)
        assert pairs.hr.shape == (2, 16, 16, 6)
        for item in range(2):
            row, column, number = where(pairs.hr[item, 0, 0, :3])
            assert number == 2 * item
            assert where(pairs.hr[item, 0, 0, 3:]) == (row, column, number + 1)
            assert where(pairs.lr[item, 0, 0, :3]) == (row // 4, column // 4, number)
            assert where(pairs.lr[item, 0, 0, 3:]) == (row // 4, column // 4, number + 1)
            seen.add((row, column))
    assert len(seen) > 8


@pytest.mark.parametrize("residency", ["mapped", "host", "device"])
def test_batches_have_the_left_view_and_then_the_right(folder: Path, residency: Any) -> None:
    """Turned alike: where rows fall and columns rise in one view, they do in the other."""
    data = PairedDataset(folder, views=LR, patch_size=16)
    turns = set()
    for batch in Loader(data, 2, augment=["dihedral"], repeat=9, dtype=torch.uint8, residency=residency):
        assert batch.lr.shape == (2, 6, 4, 4)
        assert batch.hr.shape == (2, 6, 16, 16)
        for side in (batch.lr.int(), batch.hr.int()):
            assert (side[:, :2] == side[:, 3:5]).all(), "row and column"
            assert (side[:, 5] - side[:, 2] == 64).all(), "the next image"
        turns |= {one["augment"][0]["params"]["turn"] for one in batch.params}
    assert len(turns) > 4


def test_channels_are_permuted_alike_in_both_views() -> None:
    """SwinFIR permutes the channels of each of the four images by one order, then puts views together."""
    left, right = torch.rand(2, 8, 3, 4, 4)
    pipeline = load_augment(["rgb_permute"])
    steps = pipeline.sample([(0, 0, str(number)) for number in range(8)], (0, 0, 0))
    sides = pipeline.apply(Sides(torch.cat([left, right], 1), torch.cat([right, left], 1)), steps)
    orders = [one[0]["params"]["order"] for one in steps]
    assert len({tuple(order) for order in orders}) > 2
    for number, order in enumerate(orders):
        assert torch.equal(sides.lr[number], torch.cat([left[number][order], right[number][order]]))  # type: ignore[index]
        assert torch.equal(sides.hr[number], torch.cat([right[number][order], left[number][order]]))  # type: ignore[index]


def test_colours_that_are_mixed_in_are_those_of_both_views() -> None:
    black = torch.zeros(2, 6, 4, 4)
    pipeline = load_augment([{"augment": "blend", "alpha": 0.5}])
    steps = pipeline.sample([(0, 0, "a"), (0, 0, "b")], (0, 0, 0))
    blended = pipeline.apply(Sides(black, black), steps).main()
    for image, [step] in zip(blended, steps, strict=True):
        colour = torch.tensor(step["params"]["colour"]) * (1 - step["params"]["weight"])
        assert torch.allclose(image[:, 0, 0], torch.cat([colour, colour]))


@pytest.mark.parametrize(
    ("name", "channels", "message"),
    [
        ("colour_jitter", 6, "colour_jitter takes single images, not two views"),
        ("rgb_permute", 4, "rgb_permute needs RGB, this batch has 4 channels"),
    ],
)
def test_channels_that_an_augmentation_cannot_take(name: str, channels: int, message: str) -> None:
    pipeline, images = load_augment([name]), torch.rand(2, channels, 4, 4)
    steps = pipeline.sample([(0, 0, "a"), (0, 0, "d")], (0, 0, 0))
    with pytest.raises(UsageError, match=message):
        pipeline.apply(Sides(images, images), steps)


def test_mean_and_std_are_those_of_each_view(folder: Path) -> None:
    data = PairedDataset(folder, views=LR, patch_size=16)
    [plain] = Loader(data, 2)
    [ranged] = Loader(data, 2, mean=(0.1, 0.2, 0.3), std=(1, 2, 4))
    for view in (slice(3), slice(3, 6)):
        mean, std = torch.tensor([[0.1, 0.2, 0.3], [1, 2, 4]])[..., None, None]
        assert torch.allclose(ranged.hr[:, view], (plain.hr[:, view] - mean) / std)


def test_windows_and_whole_images_of_files(tmp_path: Path) -> None:
    """Sub-images that are files have the mark within their names, as SwinFIR's have."""
    pairs = scenes({"01_L_s001": 0, "01_L_s002": 2, "01_R_s001": 1, "01_R_s002": 3})
    write_folders(tmp_path / "set", pairs, FOUR, "set_train_", "bicubic")
    data = PairedDataset(tmp_path / "set", views=LR, split="train")
    assert data.keys == ["01_s001", "01_s002"]
    assert data[1]["hr"].shape == (6, 96, 128)
    assert where((data[1]["hr"][3:, 7, 9] * 255).round().numpy()) == (7, 9, 3)
    windows = PairedDataset(tmp_path / "set", views=LR, split="train", windows=Windows(size=64, step=32))
    assert len(windows) == 2 * 2 * 3
    assert where(windows.batch([5]).hr[0, 0, 0, 3:]) == (32, 64, 1)
    hr = PairedDataset(tmp_path / "set", views=LR, split="train", only="hr")
    assert set(hr[0]) == {"hr", "key"}
    assert hr[0]["hr"].shape == (6, 96, 128)


def test_images_without_their_other_view(folder: Path, tmp_path: Path) -> None:
    alone = write_shards(tmp_path / "alone", scenes({"01_L": 0, "01_R": 1, "02_L": 2, "x": 3}), FOUR)
    with pytest.raises(UsageError, match="2 images have no other view, by _L and _R in the names: 02_L, x"):
        PairedDataset(alone, views=LR)
    with pytest.raises(UsageError, match="4 images have no other view, by _l and _r"):
        PairedDataset(folder, views=("_l", "_r"))
    with pytest.raises(UsageError, match="must be two marks that differ"):
        PairedDataset(folder, views=("_L", "_L"))
    sizes = scenes({"01_L": 0, "02_L": 1, "02_R": 1}) | scenes({"01_R": 1}, width=96)
    with pytest.raises(UsageError, match="the views differ in size: 01"):
        PairedDataset(write_shards(tmp_path / "sizes", sizes, FOUR), views=LR)


def test_what_two_views_cannot_be(folder: Path) -> None:
    data = PairedDataset(folder, views=LR, patch_size=16)
    for wrong in ({"degrade": "bicubic"}, {"color": "y"}, {"color": "grey"}):
        with pytest.raises(UsageError, match="two views are read as they are stored: leave out"):
            Loader(data, 2, **wrong)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="single images and of two views cannot share a batch"):
        Mixed([data, PairedDataset(folder, patch_size=16)])
    with pytest.raises(UsageError, match="scores are of the windows of a prepared set"):
        data.scores()


def test_the_scenes_of_a_pickled_set_are_the_same(folder: Path) -> None:
    data = PairedDataset(folder, views=LR, patch_size=16)
    found = [
        batch.hr.numpy()
        for kind in ("thread", "process")
        for batch in Loader(data, 2, kind=kind, workers=1)  # type: ignore[arg-type]
    ]
    assert (found[0] == found[1]).all()
    assert np.ptp(found[0]) > 0
