"""`PairedDataset`: the right pixels, aligned to the pixel, drawn as they are addressed."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from pairs import (
    Pair,
    position_pairs,
    where,
    write_folders,
    write_lmdbs,
    write_shards,
)
from scipy import stats
from torch.utils.data import DataLoader

from srdata import Loader, PairedDataset, imresize
from srdata.data.crops.padding import PADS
from srdata.errors import UnknownNameError, UsageError
from srdata.images import Pixels, list_images, read_image
from srdata.scale import Scale
from srdata.store.codecs import CODECS
from srdata.store.windows import Windows

FOUR = Scale(4)
PLACES = [(14, 22), (24, 6), (1, 43), (25, 35), (23, 4)]


@pytest.fixture(scope="module")
def pairs(photographs: Path) -> dict[str, Pair]:
    """The photographs, cut to odd sizes, and their bicubic LR images; HR may be larger than LR covers."""
    found: dict[str, Pair] = {}
    for number, path in enumerate(list_images(photographs)):
        hr = read_image(path)[100 + number :, 50:][: 203 + number, : 301 - number]
        lr = imresize(hr[: FOUR.crop(hr.shape[0]), : FOUR.crop(hr.shape[1])], 1 / 4)
        found[f"{number + 1:04d}"] = (lr, hr)
    return found


def covered(pair: Pair) -> Pixels:
    """The part of HR that LR covers."""
    lr, hr = pair
    return hr[: lr.shape[0] * 4, : lr.shape[1] * 4]


@pytest.fixture(
    scope="module", params=[*CODECS, "EDSR folders", "benchmark folders", "two folders", "two LMDBs"]
)
def source(
    request: pytest.FixtureRequest, pairs: dict[str, Pair], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path | str]:
    """The arguments that name one kind of source that holds `pairs`."""
    folder = tmp_path_factory.mktemp("source")
    if request.param in CODECS:
        cropped = {key: (lr, covered((lr, hr))) for key, (lr, hr) in pairs.items()}
        return {"path": write_shards(folder, cropped, FOUR, request.param)}
    if request.param == "EDSR folders":
        return {"path": write_folders(folder, pairs, FOUR, "DIV2K_train_")}
    if request.param == "benchmark folders":
        return {"path": write_folders(folder, pairs, FOUR)}
    if request.param == "two folders":
        write_folders(folder, pairs, FOUR, "mine_", "own")
        return {"hr": folder / "mine_HR", "lr": folder / "mine_LR_own/X4", "template": "{key}x4"}
    hr, lr = write_lmdbs(folder, pairs)
    return {"hr": hr, "lr": lr}


def tensor_of(image: Pixels) -> torch.Tensor:
    return torch.from_numpy(image.astype(np.float32) / 255).permute(2, 0, 1)


def test_whole_images_come_out_of_every_kind_of_source(
    source: dict[str, Path], pairs: dict[str, Pair]
) -> None:
    data = PairedDataset(**source)  # type: ignore[arg-type]  # all of them are paths
    assert data.keys == list(pairs)
    assert data.scale == 4
    for item, (key, pair) in zip(data, pairs.items(), strict=True):  # type: ignore[call-overload]  # by index
        assert item["key"] == key
        assert item["hr"].dtype == torch.float32
        assert torch.equal(item["lr"], tensor_of(pair[0]))
        assert torch.equal(item["hr"], tensor_of(covered(pair)))
    assert data.sizes.tolist() == [list(covered(pair).shape[:2]) for pair in pairs.values()]


def test_windows_are_the_sub_images_that_basicsr_cuts(
    source: dict[str, Path], pairs: dict[str, Pair]
) -> None:
    """Positions by BasicSR's rule, written out here for one image of 200 x 300 pixels."""
    data = PairedDataset(**source, windows=Windows(size=120, step=80, threshold=0))  # type: ignore[arg-type]
    lr, hr = pairs["0001"]
    tops, lefts = [0, 80], [0, 80, 160, 180]
    assert hr.shape[0] // 4 * 4 == 200
    assert hr.shape[1] // 4 * 4 == 300
    assert data.keys[:9] == [*(f"0001_s{n:03d}" for n in range(1, 9)), "0002_s001"]
    for n, (top, left) in enumerate((top, left) for top in tops for left in lefts):
        item = data[n]
        assert torch.equal(item["hr"], tensor_of(hr[top : top + 120, left : left + 120]))
        assert torch.equal(item["lr"], tensor_of(lr[top // 4 :, left // 4 :][:30, :30]))


def place_of(crop: Pixels, image: Pixels) -> tuple[int, int]:
    """Where `crop` lies in `image`."""
    windows = np.lib.stride_tricks.sliding_window_view(image, crop.shape)[:, :, 0]
    found = np.argwhere((windows == crop).all(axis=(2, 3, 4)))
    assert len(found) == 1
    return int(found[0, 0]), int(found[0, 1])


def test_crops_are_the_same_from_every_kind_of_source(
    source: dict[str, Path], pairs: dict[str, Pair]
) -> None:
    """The LR crop is looked up in the photograph; the HR crop must lie at four times its place.

    The places are pinned: if they change, so does everybody's training.
    """
    data = PairedDataset(**source, patch_size=48, seed=5)  # type: ignore[arg-type]
    batch = data.batch(range(len(data)), epoch=3)
    places = []
    for number, pair in enumerate(pairs.values()):
        top, left = place_of(batch.lr[number], pair[0])
        assert (batch.hr[number] == pair[1][4 * top :, 4 * left :][:48, :48]).all()
        places.append((top, left))
    assert batch.keys == list(pairs)
    assert places == PLACES


@pytest.mark.parametrize("scale", ["2", "3", "4", "8", "1.5", "1.25"])
@pytest.mark.parametrize("windows", [None, Windows(size=120, step=120)])
def test_crops_are_aligned_at_every_scale(scale: str, windows: Windows | None, tmp_path: Path) -> None:
    factor = Scale(scale)
    p, q = factor.as_integer_ratio()
    sizes = [(factor.crop(high), factor.crop(wide)) for high, wide in ((240, 240), (250, 360), (131, 601))]
    pairs = position_pairs(factor, sizes)
    write = write_folders if 48 % p else write_shards
    data = PairedDataset(write(tmp_path, pairs, factor), windows=windows or False, patch_size=6 * p)
    found = set()
    for epoch in range(20):
        batch = data.batch(range(len(data)), epoch)
        for lr, hr in zip(batch.lr, batch.hr, strict=True):
            top, left, number = where(lr[0, 0])
            assert (top % q, left % q) == (0, 0)
            assert where(hr[0, 0]) == (top // q * p, left // q * p, number)
            assert where(lr[-1, -1]) == (top + 6 * q - 1, left + 6 * q - 1, number)
            assert where(hr[-1, -1]) == (top // q * p + 6 * p - 1, left // q * p + 6 * p - 1, number)
            found.add((top, left, number))
    assert len(found) > 10 * len(data)


def test_every_position_is_drawn_equally_often(tmp_path: Path) -> None:
    """7 x 5 places of a patch of 6 cells in 12 x 10: chi-square, and none of them is never drawn."""
    data = PairedDataset(write_shards(tmp_path, position_pairs(FOUR, [(48, 40)]), FOUR), patch_size=24)
    counts = np.zeros((7, 5))
    for epoch in range(7000):
        top, left, _ = where(data.batch([0], epoch).lr[0, 0, 0])
        counts[top, left] += 1
    assert stats.chisquare(counts.ravel()).pvalue > 1e-3
    assert counts.min() > 100


def test_a_patch_as_large_as_the_image_is_the_image(tmp_path: Path) -> None:
    pairs = position_pairs(FOUR, [(48, 48)])
    data = PairedDataset(write_shards(tmp_path, pairs, FOUR), patch_size=48)
    assert (data.batch([0]).hr[0] == pairs["0001"][1]).all()


@pytest.fixture(scope="module")
def prepared(pairs: dict[str, Pair], tmp_path_factory: pytest.TempPathFactory) -> Path:
    cropped = {key: (lr, covered((lr, hr))) for key, (lr, hr) in pairs.items()}
    windows = Windows(size=96, step=48)
    return write_shards(tmp_path_factory.mktemp("set"), cropped, FOUR, windows=windows)


def test_draws_depend_on_seed_epoch_and_item_alone(prepared: Path) -> None:
    data = PairedDataset(prepared, windows=True, patch_size=48, dihedral=True, seed=1)
    items = np.random.default_rng(0).permutation(len(data))
    whole = data.batch(items, 2)
    for n in (0, 7, 31):
        alone = data.batch([items[n]], 2)
        assert (alone.hr[0] == whole.hr[n]).all()
        assert alone.keys == [whole.keys[n]]
    again = PairedDataset(prepared, windows=True, patch_size=48, dihedral=True, seed=1).batch(items, 2)
    assert again.hr.tobytes() == whole.hr.tobytes()
    other_seed = PairedDataset(prepared, windows=True, patch_size=48, dihedral=True, seed=2)
    for other in (data.batch(items, 3), other_seed.batch(items, 2)):
        assert np.mean([(a == b).all() for a, b in zip(other.hr, whole.hr, strict=True)]) < 0.05


def test_indices_say_the_epoch_or_take_the_one_that_is_set(prepared: Path) -> None:
    data = PairedDataset(prepared, windows=True, patch_size=48)
    epochs = {epoch: data.batch([4], epoch).hr.tobytes() for epoch in range(4)}
    assert len(set(epochs.values())) == 4

    def drawn(index: int | tuple[int, int]) -> int:
        image = (data[index]["hr"] * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
        return next(epoch for epoch, pixels in epochs.items() if pixels == image.tobytes())

    assert [drawn((epoch, 4)) for epoch in range(4)] == [0, 1, 2, 3]
    assert drawn(4) == 0
    data.set_epoch(3)
    assert drawn(4) == drawn(4 - len(data)) == 3
    assert drawn((1, 4)) == 1
    assert data.batch([4]).hr.tobytes() == epochs[3]
    with pytest.raises(UsageError, match=r"epoch -1 is below 0"):
        data.set_epoch(-1)


def test_the_eight_turns_are_those_of_numpy_and_keep_hr_and_lr_together(tmp_path: Path) -> None:
    pairs = position_pairs(FOUR, [(20, 20)] * 3)
    data = PairedDataset(write_shards(tmp_path, pairs, FOUR), patch_size=20, dihedral=True)
    eight = [lambda x, k=k, f=f: np.rot90(x.swapaxes(0, 1) if f else x, k) for k in range(4) for f in (0, 1)]
    counts = np.zeros(8)
    for epoch in range(800):
        batch = data.batch(range(3), epoch)
        for lr, hr, pair in zip(batch.lr, batch.hr, pairs.values(), strict=True):
            same = [(hr == turn(pair[1])).all() for turn in eight]
            assert sum(same) == 1
            counts[same.index(True)] += 1
            assert (lr == eight[same.index(True)](pair[0])).all()
    assert stats.chisquare(counts).pvalue > 1e-3


def test_mirrored_alone_also_where_a_loader_turns(tmp_path: Path) -> None:
    pairs = position_pairs(FOUR, [(20, 20)] * 2)
    path = write_shards(tmp_path, pairs, FOUR)
    data = PairedDataset(path, dihedral="mirror")
    counts = np.zeros(2)
    loader = Loader(data, 2, repeat=300, dtype=torch.uint8, shuffle=False, augment=["dihedral"])
    for epoch, batch in enumerate(loader):
        for hr, same, pair in zip(batch.hr, data.batch([0, 1], epoch).hr, pairs.values(), strict=True):
            image = hr.permute(1, 2, 0).numpy()
            assert (image == same).all()
            found = [(image == one).all() for one in (pair[1], pair[1][:, ::-1])]
            assert sum(found) == 1
            counts[found.index(True)] += 1
    assert stats.chisquare(counts).pvalue > 1e-3
    with pytest.raises(UsageError, match="dihedral 'mirrored' must be True, False or 'mirror'"):
        PairedDataset(path, dihedral="mirrored")  # type: ignore[arg-type]


def test_whole_images_that_are_not_square_are_turned_too(tmp_path: Path) -> None:
    pairs = position_pairs(FOUR, [(20, 32), (20, 32)])
    data = PairedDataset(write_shards(tmp_path, pairs, FOUR), dihedral=True)
    shapes = set()
    for epoch in range(20):
        for item in data.__getitems__([(epoch, 0), (epoch, 1)]):
            shapes.add(tuple(item["hr"].shape))
            lr, hr = (
                (item[side] * 255).round().to(torch.uint8).permute(1, 2, 0).numpy() for side in ("lr", "hr")
            )
            top, left, number = where(hr[0, 0])
            assert where(lr[0, 0]) == (top // 4, left // 4, number)
            top, left, number = where(hr[-1, -1])
            assert where(lr[-1, -1]) == (top // 4, left // 4, number)
    assert shapes == {(3, 20, 32), (3, 32, 20)}


def test_dtypes(prepared: Path) -> None:
    exact = PairedDataset(prepared, windows=True).batch([3]).hr
    for dtype in (torch.float32, torch.float16, torch.bfloat16):
        hr = PairedDataset(prepared, windows=True, dtype=dtype)[3]["hr"]
        assert torch.equal(hr, tensor_of(exact[0]).to(dtype))
    hr = PairedDataset(prepared, windows=True, dtype=torch.uint8)[3]["hr"]
    assert (hr.permute(1, 2, 0).numpy() == exact[0]).all()
    with pytest.raises(UsageError, match=r"dtype torch.int32 is not offered: choose among torch.float32, "):
        PairedDataset(prepared, dtype=torch.int32)


def test_padding_by_hand(tmp_path: Path) -> None:
    """One row of two cells at scale 2, enlarged to a square of four."""
    lr = np.array([[[1], [2]]], np.uint8).repeat(3, axis=2)
    hr = np.array([[[10], [11], [12], [13]], [[20], [21], [22], [23]]], np.uint8).repeat(3, axis=2)
    folder = write_folders(tmp_path, {"small": (lr, hr)}, Scale(2))
    expected = {
        "reflect": ([1, 2, 2, 1], [10, 11, 12, 13, 13, 12, 11, 10], [10, 20, 20, 10, 10, 20, 20, 10]),
        "edge": ([1, 2, 2, 2], [10, 11, 12, 13, 13, 13, 13, 13], [10, 20, 20, 20, 20, 20, 20, 20]),
        "constant": ([1, 2, 0, 0], [10, 11, 12, 13, 0, 0, 0, 0], [10, 20, 0, 0, 0, 0, 0, 0]),
    }
    assert set(expected) == set(PADS)
    for pad, (low, across, down) in expected.items():
        batch = PairedDataset(folder, patch_size=8, pad=pad).batch([0])
        assert batch.lr[0, 0, :, 0].tolist() == low
        assert batch.hr[0, 0, :, 1].tolist() == across
        assert batch.hr[0, :, 0, 2].tolist() == down


def test_a_flat_colour_is_drawn_for_each_small_image_and_epoch(tmp_path: Path) -> None:
    """In the place of the whole image, also where one of its sides is long enough."""
    data = PairedDataset(
        write_shards(tmp_path / "set", position_pairs(FOUR, [(96, 96), (20, 96)]), FOUR),
        patch_size=48,
        pad="flat",
    )
    colours = set()
    for epoch in range(300):
        batch = data.batch([0, 1], epoch)
        large, small = batch.hr
        assert len(np.unique(large.reshape(-1, 3), axis=0)) > 100
        assert (small == small[0, 0]).all()
        assert (batch.lr[1] == small[0, 0]).all()
        colours.add(tuple(small[0, 0].tolist()))
    assert len(colours) > 295
    levels = np.array(sorted(colours))
    assert (levels.min(0) < 10).all()
    assert (levels.max(0) > 245).all()
    assert (abs(np.corrcoef(levels.T) - np.eye(3)) < 0.25).all()


def test_reflected_pairs_are_still_a_photograph_and_its_lr(pairs: dict[str, Pair], tmp_path: Path) -> None:
    """MATLAB's border is the same mirror: the LR of the padded HR is the padded LR, but at the new border."""
    hr = pairs["0001"][1][:160, :240]
    folder = write_folders(tmp_path, {"0001": (imresize(hr, 1 / 4), hr)}, FOUR)
    batch = PairedDataset(folder, patch_size=400, pad="reflect").batch([0])
    assert batch.hr.shape == (1, 400, 400, 3)
    assert (imresize(batch.hr[0], 1 / 4)[:98, :98] == batch.lr[0][:98, :98]).all()


def test_padding_touches_small_images_only(tmp_path: Path) -> None:
    pairs = position_pairs(FOUR, [(96, 96), (20, 96), (96, 32)])
    data = PairedDataset(write_shards(tmp_path / "all", pairs, FOUR), patch_size=48, pad="edge")
    large = {"0001": pairs["0001"]}
    plain = PairedDataset(write_shards(tmp_path / "large", large, FOUR), patch_size=48)
    for epoch in range(20):
        batch = data.batch(range(3), epoch)
        assert (batch.hr[0] == plain.batch([0], epoch).hr[0]).all()
        for lr, hr in zip(batch.lr, batch.hr, strict=True):
            top, left, number = where(lr[0, 0])
            assert where(hr[0, 0]) == (4 * top, 4 * left, number)
        assert where(batch.hr[1, -1, -1])[0] == 19
        assert where(batch.hr[2, -1, -1])[1] == 31


def test_images_smaller_than_a_window_are_items_of_their_own(tmp_path: Path) -> None:
    pairs = position_pairs(FOUR, [(96, 96), (40, 208), (96, 144), (20, 20)])
    windows = Windows(size=96, step=48)
    data = PairedDataset(write_shards(tmp_path, pairs, FOUR), windows=windows)
    assert data.keys == ["0001_s001", "0002_s001", "0003_s001", "0003_s002", "0004_s001"]
    assert data.sizes.tolist() == [[96, 96], [40, 208], [96, 96], [96, 96], [20, 20]]
    items = data.__getitems__([4, 3, 1])
    assert [item["key"] for item in items] == ["0004_s001", "0003_s002", "0002_s001"]
    assert [tuple(item["hr"].shape[1:]) for item in items] == [(20, 20), (96, 96), (40, 208)]
    assert where((items[1]["hr"][:, 0, 0] * 255).round().to(torch.uint8).numpy()) == (0, 48, 2)
    assert where((items[2]["hr"][:, -1, -1] * 255).round().to(torch.uint8).numpy()) == (39, 207, 1)
    patches = PairedDataset(tmp_path, windows=windows, patch_size=20)
    assert patches.batch(range(5)).keys == data.keys
    with pytest.raises(UsageError, match=r"patch_size 40 is larger than 1 of 5 items: 0004_s001 \(20x20\);"):
        PairedDataset(tmp_path, windows=windows, patch_size=40)
    with pytest.raises(UsageError, match=r"patch_size 100 is larger than 5 of 5 items: 0001_s001 \(96x96\)"):
        PairedDataset(tmp_path, windows=windows, patch_size=100)


def test_a_plain_dataloader(prepared: Path) -> None:
    data = PairedDataset(prepared, windows=True, patch_size=48)
    seen = []
    for batch in DataLoader(data, batch_size=7, shuffle=True):
        assert batch["lr"].shape[1:] == (3, 12, 12)
        assert batch["hr"].shape[1:] == (3, 48, 48)
        seen += batch["key"]
    assert sorted(seen) == sorted(data.keys)
    alone = next(iter(DataLoader(data, batch_size=None)))
    assert torch.equal(alone["hr"], data[0]["hr"])


def test_pickling_keeps_everything(source: dict[str, Path]) -> None:
    data = PairedDataset(**source, patch_size=48, dihedral=True, seed=9)  # type: ignore[arg-type]
    data.set_epoch(4)
    first = data.batch(range(len(data)))
    copy = pickle.loads(pickle.dumps(data))  # noqa: S301  # our own bytes
    second = copy.batch(range(len(copy)))
    assert second.hr.tobytes() == first.hr.tobytes()
    assert second.keys == first.keys
    copy.set_epoch(5)
    assert data.batch([0]).hr.tobytes() == first.hr[:1].tobytes()


def test_batches_go_into_given_memory(source: dict[str, Path]) -> None:
    data = PairedDataset(**source, patch_size=48, dihedral=True)  # type: ignore[arg-type]
    fresh = data.batch(range(5), 1)
    memory = torch.zeros(7, 12, 12, 3, dtype=torch.uint8), torch.zeros(7, 48, 48, 3, dtype=torch.uint8)
    out = memory[0][1:6].numpy(), memory[1][1:6].numpy()
    given = data.batch(range(5), 1, out)
    assert given.lr is out[0]
    assert given.hr is out[1]
    for tensor, image in zip(memory, fresh[:2], strict=True):
        assert (tensor[1:6].numpy() == image).all()
        assert not tensor[0].any()
        assert not tensor[6].any()
    with pytest.raises(UsageError, match=r"shapes \(4, 12, 12, 3\), \(4, 48, 48, 3\)"):
        data.batch(range(4), out=out)
    for side in out:
        side.flags.writeable = False
    with pytest.raises(UsageError, match="out= is read-only, nothing can be written there"):
        data.batch(range(5), out=out)
    with pytest.raises(UsageError, match="out= takes square crops where they are turned: give patch_size="):
        PairedDataset(**source, dihedral=True).batch([0], out=out)  # type: ignore[arg-type]


def test_two_datasets_on_one_set(prepared: Path) -> None:
    images, windows = PairedDataset(prepared), PairedDataset(prepared, windows=True)
    assert torch.equal(images[1]["hr"][:, :96, :96], windows[windows.keys.index("0002_s001")]["hr"])
    del images
    assert windows[0]["key"] == "0001_s001"


def test_indices_beyond_the_end(prepared: Path) -> None:
    data = PairedDataset(prepared)
    assert data[-1]["key"] == data[len(data) - 1]["key"] == "0005"
    for index in (5, -6):
        with pytest.raises(IndexError, match=f"item {index} of 5"):
            data[index]
    with pytest.raises(UsageError, match="items of different sizes make no batch: give patch_size="):
        data.batch([0, 1])


def test_patch_sizes_and_pads_that_do_not_fit(prepared: Path) -> None:
    for wrong, advice in ((190, "take 188 or 192"), (3, "take 4"), (0, "take 4")):
        with pytest.raises(UsageError, match=f"patch_size {wrong} is no multiple of 4, .* {advice}$"):
            PairedDataset(prepared, patch_size=wrong)
    with pytest.raises(UnknownNameError, match="unknown pad 'reflct', did you mean 'reflect'"):
        PairedDataset(prepared, patch_size=48, pad="reflct")
    with pytest.raises(UsageError, match="pad='edge' is of patches: give patch_size= as well"):
        PairedDataset(prepared, pad="edge")
    with pytest.raises(UsageError, match="seed -1 must lie between"):
        PairedDataset(prepared, seed=-1)


def test_images_smaller_than_the_patch_are_listed(tmp_path: Path) -> None:
    pairs = position_pairs(FOUR, [(96, 96)] + [(20 + 4 * n, 96) for n in range(12)])
    with pytest.raises(UsageError) as caught:
        PairedDataset(write_shards(tmp_path, pairs, FOUR), patch_size=96)
    assert str(caught.value) == (
        "patch_size 96 is larger than 12 of 13 items: 0002 (96x20), 0003 (96x24), 0004 (96x28), "
        "0005 (96x32), 0006 (96x36), 0007 (96x40), 0008 (96x44), 0009 (96x48), 0010 (96x52), 0011 (96x56) "
        "and 2 more; take smaller patches, or pad='reflect'"
    )
