"""What a loader makes of its crops: colours, ranges, augmentations, degradations, schedules."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pairs import Pair, write_folders, write_shards
from scipy import stats
from skimage.color import rgb2ycbcr

from srdata import Loader, PairedDataset, degrade, imresize
from srdata.augment import Sides, load_augment
from srdata.data.arbitrary_scale.scale_pairs import ArbitraryScale
from srdata.data.loading import residency
from srdata.data.loading.model_input import DIV2K_MEAN
from srdata.data.loading.online_lr import Degrading, DrawAddresses
from srdata.data.sampling.orders import Shuffled, Weighted
from srdata.data.sampling.schedule import Moment, Schedule
from srdata.degrade.chain import load_chain
from srdata.errors import RecipeError, UnknownNameError, UsageError
from srdata.images import list_images, read_image
from srdata.scale import Scale

FOUR = Scale(4)
BLURRED = [{"op": "blur", "sigma": [0.5, 3]}, {"op": "imresize"}, {"op": "jpeg", "quality": [30, 95]}]


@pytest.fixture(scope="module")
def pairs(photographs: Path) -> dict[str, Pair]:
    found: dict[str, Pair] = {}
    for number, path in enumerate(list_images(photographs)):
        hr = read_image(path)[100:260, 100:300]
        found[f"{number + 1:04d}"] = (imresize(hr, 1 / 4), hr)
    return found


@pytest.fixture(scope="module")
def prepared(pairs: dict[str, Pair], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shards(tmp_path_factory.mktemp("set"), pairs, FOUR)


@pytest.fixture
def data(prepared: Path) -> PairedDataset:
    return PairedDataset(prepared, patch_size=64)


def one(data: PairedDataset, **settings: Any) -> Any:
    return next(iter(Loader(data, 5, workers=0, **settings)))


def test_types_and_memory_formats(data: PairedDataset) -> None:
    plain = one(data)
    assert plain.hr.dtype == torch.float32
    assert plain.hr.is_contiguous()
    for dtype in (torch.float16, torch.bfloat16, torch.uint8):
        for channels_last in (False, True):
            batch = one(data, dtype=dtype, channels_last=channels_last)
            expected = (
                (plain.hr * 255).round().to(torch.uint8) if dtype == torch.uint8 else plain.hr.to(dtype)
            )
            assert torch.equal(batch.hr, expected)
            layout = torch.channels_last if channels_last else torch.contiguous_format
            assert batch.hr.is_contiguous(memory_format=layout)
            assert batch.lr.is_contiguous(memory_format=layout)
    assert torch.equal(one(data, channels_last=True).lr, plain.lr)


def test_colours_against_scikit_image(data: PairedDataset) -> None:
    rgb = one(data).hr.permute(0, 2, 3, 1).numpy().astype(np.float64)
    expected = torch.from_numpy(rgb2ycbcr(rgb) / 255).permute(0, 3, 1, 2)
    assert torch.allclose(one(data, color="ycbcr").hr.double(), expected, atol=1e-6)
    y = one(data, color="y")
    assert y.lr.shape == (5, 1, 16, 16)
    assert torch.allclose(y.hr.double(), expected[:, :1], atol=1e-6)
    grey = one(data, color="grey", degrade="denoise-gray-25", scale=1)
    three = one(data, degrade="denoise-gray-25", scale=1)
    assert grey.lr.shape == (5, 1, 64, 64)
    assert torch.equal(grey.lr.expand(-1, 3, -1, -1), three.lr)


def test_range_mean_and_std_by_hand(data: PairedDataset) -> None:
    plain = one(data)
    assert torch.equal(one(data, value_range=(0, 255)).hr, plain.hr * 255)
    assert torch.allclose(one(data, value_range=(-1, 1)).hr, plain.hr * 2 - 1, atol=1e-7)
    mean = torch.tensor(DIV2K_MEAN).reshape(3, 1, 1)
    edsr = one(data, value_range=(0, 255), mean=DIV2K_MEAN)
    assert torch.allclose(edsr.lr, 255 * (plain.lr - mean), atol=1e-4)
    scaled = one(data, mean=(0.5, 0.4, 0.3), std=(0.2, 0.25, 0.5))
    by_hand = (plain.lr - torch.tensor((0.5, 0.4, 0.3)).reshape(3, 1, 1)) / torch.tensor(
        (0.2, 0.25, 0.5)
    ).reshape(3, 1, 1)
    assert torch.allclose(scaled.lr, by_hand, atol=1e-6)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"color": "hsv"}, "unknown color 'hsv' .known: grey, rgb, y, ycbcr."),
        ({"mean": (0.5,)}, r"mean \(0.5,\) must hold 3 numbers"),
        ({"color": "y", "std": (1, 1, 1)}, r"std \(1.0, 1.0, 1.0\) must hold 1 number,"),
        ({"std": (1, 0, 1)}, "must be above 0"),
        ({"value_range": (1, 0)}, "must rise"),
        ({"dtype": torch.int32}, "dtype torch.int32 is not offered"),
        ({"dtype": torch.uint8, "color": "y"}, "dtype uint8 keeps the stored samples"),
        ({"upsample": "lanczos"}, "upsample 'lanczos' must be nearest or bicubic"),
        ({"batch_size": 0}, "batch_size 0 must be at least 1"),
        ({"batch_size": 6}, "an epoch of 5 items has no batch of 6: give repeat=2, or drop_last=False"),
        ({"patch_size": 63}, "patch_size 63 is no multiple of 4"),
        ({"patch_size": 400}, "patch_size 400 is larger than 5 of 5 items"),
        ({"repeat": 0}, "repeat 0 must be at least 1"),
        ({"workers": -1}, "workers -1 must be 0, which reads in line, or more"),
        ({"ahead": 0}, "ahead 0 must be at least 1"),
        ({"kind": "fiber"}, "unknown kind of worker 'fiber'"),
        ({"residency": "disk"}, "unknown residency 'disk'"),
        ({"residency": "host", "kind": "process"}, "shares images between threads: take kind='thread'"),
        ({"rank": 2, "world_size": 2}, "rank 2 must lie between 0 and world_size 2 - 1"),
        ({"rank": 1}, "give rank= and world_size= together, or neither"),
        ({"augment": ["dihedrl"]}, "unknown augmentation 'dihedrl', did you mean 'dihedral'"),
        ({"degrade": "bsrgn"}, "did you mean 'bsrgan"),
        ({"degrade": "bsrgan", "group": 0}, "group 0 must be at least 1"),
        ({"degrade": "bsrgan", "margin": 6}, "margin 6 must be a multiple of 4 HR pixels"),
        ({"degrade": "bsrgan", "scale": 2}, "the degradation 'BSRGAN x4' is made for x4, not for x2"),
        ({"group": 2}, "group=2 is of a degradation: give degrade= as well, or leave it out"),
        ({"margin": 8}, "margin=8 is of a degradation"),
        ({"loose": 8}, "loose=8 is of a degradation"),
        ({"anywhere": True}, "anywhere=True is of a degradation"),
        ({"degrade": "bsrgan", "anywhere": True}, "anywhere= places a patch within its margin"),
        ({"plain_hr": True}, "plain_hr=True is of a degradation"),
        ({"scale": 2}, "scale=2 is not that of the data, 4: give degrade= as well"),
        ({"device": "gpu0"}, "there is no device 'gpu0': give 'cpu'"),
        ({"device": "cuda:99"}, "torch finds no cuda:99 here: give device='cpu'"),
    ],
)
def test_settings_that_cannot_be(data: PairedDataset, settings: dict[str, Any], message: str) -> None:
    with pytest.raises((UsageError, UnknownNameError, RecipeError), match=message):
        Loader(data, **{"batch_size": 5, **settings})


@pytest.mark.parametrize("degradation", [BLURRED, "bicubic"])
def test_degradations_are_those_of_offline(degradation: Any, prepared: Path, pairs: dict[str, Pair]) -> None:
    """Whole images in their first epoch get the δ of `srdata.degrade`, and its LR within a level."""
    for batch in Loader(PairedDataset(prepared), 1, degrade=degradation, seed=7, shuffle=False):
        made = degrade(pairs[batch.keys[0]][1], degradation, 4, seed=7, key=batch.keys[0])
        assert batch.params[0]["degradation"] == made.delta
        levels = (batch.lr[0] * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
        difference = np.abs(levels.astype(int) - made.lr.astype(int))
        assert (difference > 1).mean() < 1e-3


def test_loose_crops_lie_on_the_grid_of_blocks_or_anywhere(data: PairedDataset) -> None:
    settings: dict[str, Any] = {"degrade": "jpeg-car-10", "scale": 1, "repeat": 20, "workers": 0}
    whole = Loader(data, 20, patch_size=72, **settings)
    loose = Loader(data, 20, patch_size=64, loose=8, **settings)
    corners = []
    for large, small in zip(whole, loose, strict=True):
        for number, note in enumerate(small.params):
            *delta, last = note["degradation"]
            assert delta == large.params[number]["degradation"]
            top, left = last["params"]["top"], last["params"]["left"]
            corners.append((top, left))
            for side in ("lr", "hr"):
                part = getattr(large, side)[number, :, top : top + 64, left : left + 64]
                assert torch.equal(getattr(small, side)[number], part)
    on_grid = corners.count((0, 0)) / len(corners)
    assert 0.35 < on_grid < 0.65  # ½, and the few of the others that fall there
    assert {top for top, _ in corners} == {left for _, left in corners} == set(range(9))
    with pytest.raises(UsageError, match="loose 6 must be a multiple of 4 HR pixels, without margin"):
        Loader(data, 5, degrade="bicubic", patch_size=64, loose=6)


def test_a_patch_lies_anywhere_in_what_is_degraded_with_it(data: PairedDataset) -> None:
    """Both sides at one place, which is drawn for each image; `margin` alone takes the middle."""
    settings: dict[str, Any] = {"degrade": BLURRED, "repeat": 20, "workers": 0, "plain_hr": True}
    whole = Loader(data, 20, patch_size=72, **settings)
    some = Loader(data, 20, patch_size=56, margin=8, anywhere=True, **settings)
    corners = set()
    for large, small in zip(whole, some, strict=True):
        for number, note in enumerate(small.params):
            *delta, last = note["degradation"]
            assert delta == large.params[number]["degradation"]
            corners.add((last["params"]["top"], last["params"]["left"]))
            for name, cell in (("lr", 1), ("hr", 4), ("hr_plain", 4)):
                top, left = (place * cell for place in last["params"].values())
                part = large.tensors[name][number, :, top : top + 14 * cell, left : left + 14 * cell]
                assert torch.equal(small.tensors[name][number], part)
    assert corners == {(top, left) for top in range(5) for left in range(5)}


def test_places_of_patches_are_those_of_real_esrgan() -> None:
    """64 of 100 LR pixels begin at randint(0, 36) along each side, as in BasicSR's `paired_random_crop`."""
    making = Degrading(load_chain("bicubic"), Scale(4), margin=72, anywhere=True)
    images: list[Any] = [(1, visit, "a") for visit in range(10_000)]
    deltas = making.draw(DrawAddresses(images, (1,), [], None))
    places = [(delta[-1]["params"]["top"], delta[-1]["params"]["left"]) for delta in deltas]
    assert len(set(places)) > 1360  # of 37 * 37: one of them is missed by chance
    for side in zip(*places, strict=True):
        assert stats.chisquare(np.bincount(side)).pvalue > 1e-4
    assert stats.chisquare(np.bincount([37 * top + left for top, left in places])).pvalue > 1e-4


def test_lr_is_not_made_of_lr(prepared: Path) -> None:
    with pytest.raises(UsageError, match="degrade= makes LR of HR, which only='lr' leaves out"):
        Loader(PairedDataset(prepared, only="lr", patch_size=64), 5, degrade="bicubic")


def test_plain_hr_is_hr_without_a_degradation(data: PairedDataset) -> None:
    augment = [{"augment": "dihedral", "law": "h_only"}, "rgb_permute"]
    batch = one(data, degrade="realesrgan-x4", augment=augment, plain_hr=True, value_range=(0, 255), seed=3)
    plain = one(data, degrade="bicubic", augment=augment, value_range=(0, 255), seed=3)
    assert torch.equal(batch.hr_plain, plain.hr)
    assert not torch.equal(batch.hr_plain, batch.hr)
    sharp = one(data, degrade="realesrgan-x4", augment=augment, value_range=(0, 255), seed=3)
    assert torch.equal(batch.hr, sharp.hr)
    assert "hr_plain" not in sharp.tensors


def test_a_degradation_can_be_applied_again_from_what_a_batch_says(data: PairedDataset) -> None:
    batch = one(data, degrade="realesrgan-x4", augment=["dihedral"], seed=3)
    plain = one(data, augment=["dihedral"], seed=3)
    chain = load_chain("realesrgan-x4")
    again = chain.pair(plain.hr, [note["degradation"] for note in batch.params], 4)
    assert torch.equal(again.lr, batch.lr)
    assert torch.equal(again.hr, batch.hr)
    assert not torch.equal(batch.lr, plain.lr)


def test_augmentations_can_be_applied_again_from_what_a_batch_says(data: PairedDataset) -> None:
    spec = ["dihedral", {"augment": "mixup", "p": 1.0}, "cutmix", "rgb_permute"]
    batch, plain = one(data, augment=spec, seed=3), one(data, seed=3)
    pipeline = load_augment(spec)
    again = pipeline.apply(Sides(plain.lr, plain.hr), [note["augment"] for note in batch.params])
    assert torch.equal(again.lr, batch.lr)
    assert torch.equal(again.hr, batch.hr)


def test_a_group_shares_what_decides_sizes(data: PairedDataset) -> None:
    def sizes(group: int | None) -> list[str]:
        loader = Loader(data, 4, degrade="realesrgan-x4", group=group, repeat=8, workers=0)
        return [
            str(next(step for step in note["degradation"] if step["op"] == "resize"))
            for batch in islice(loader, 2)
            for note in batch.params
        ]

    whole, twos, ones = sizes(None), sizes(2), sizes(1)
    assert len(set(whole[:4])) == len(set(whole[4:])) == 1
    assert [len(set(twos[n : n + 2])) for n in range(0, 8, 2)] == [1, 1, 1, 1]
    assert len(set(whole)) == 2
    assert len(set(twos)) > 2
    assert len(set(ones)) > 4


def test_a_margin_keeps_the_border_of_a_crop_out_of_the_patch(
    prepared: Path, data: PairedDataset, pairs: dict[str, Pair]
) -> None:
    """With a margin the LR patch is a part of the LR image, as no kernel reaches beyond what was read."""
    batch = one(data, degrade="bicubic", margin=16, patch_size=48, shuffle=False)
    assert batch.hr.shape[2:] == (48, 48)
    assert batch.lr.shape[2:] == (12, 12)
    for lr, key in zip(
        (batch.lr * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy(), batch.keys, strict=True
    ):
        windows = np.lib.stride_tricks.sliding_window_view(pairs[key][0], lr.shape)[:, :, 0]
        assert (np.abs(windows.astype(int) - lr).max(axis=(2, 3, 4)) <= 1).any()
    without = one(data, degrade="bicubic", patch_size=48, shuffle=False)
    assert not torch.equal(without.lr, batch.lr)
    with pytest.raises(
        UsageError, match="margin= or loose= is read around a patch: give patch_size= as well"
    ):
        Loader(PairedDataset(prepared), 1, degrade="bicubic", margin=16)


def test_hr_alone_is_degraded_at_the_scale_that_is_given(
    prepared: Path, pairs: dict[str, Pair], tmp_path: Path
) -> None:
    folder = write_folders(tmp_path, pairs, FOUR)
    for data in (PairedDataset(prepared, only="hr"), PairedDataset(hr=folder / "HR")):
        loader = Loader(data, 5, degrade="bicubic", scale=2, patch_size=64)
        batch = next(iter(loader))
        assert batch.lr.shape[2:] == (32, 32)
        assert loader.scale == batch.scale == 2
        for lr, hr in zip(batch.lr, batch.hr, strict=True):
            low, high = ((side * 255).round().to(torch.uint8).permute(1, 2, 0).numpy() for side in (lr, hr))
            assert (low == imresize(high, 1 / 2)).all()
        assert next(iter(Loader(data, 5, degrade="realesrgan-x4", patch_size=64))).scale == 4
        with pytest.raises(UsageError, match="say for which scale"):
            Loader(data, 5, degrade="bicubic", patch_size=64)
        with pytest.raises(UsageError, match="patch_size 63 is no multiple of 2, which scale 2 needs"):
            Loader(data, 5, degrade="bicubic", scale=2, patch_size=63)


def test_lr_enlarged(data: PairedDataset) -> None:
    plain = one(data)
    near = one(data, upsample="nearest")
    assert torch.equal(near.lr[:, :, ::4, ::4], plain.lr)
    assert torch.equal(near.lr[:, :, 3::4, 3::4], plain.lr)
    smooth = one(data, upsample="bicubic")
    assert torch.allclose(smooth.lr, imresize(plain.lr, 4), atol=1e-6)
    mixed = one(data, upsample="nearest", augment=["cutblur"])
    assert mixed.lr.shape == mixed.hr.shape
    with pytest.raises(UsageError, match="needs LR of the size of HR: give upsample='nearest' as well"):
        Loader(data, 5, augment=["rgb_permute", "cutblur"])


def test_any_scale(prepared: Path) -> None:
    form = ArbitraryScale(low=1, high=4, lr_patch=16, queries=50)
    loader = Loader(
        PairedDataset(prepared, only="hr"), 5, degrade=form, augment=["dihedral"], value_range=(-1, 1)
    )
    batch = next(iter(loader))
    assert {name: tuple(tensor.shape) for name, tensor in batch.tensors.items()} == {
        "lr": (5, 3, 16, 16),
        "coord": (5, 50, 2),
        "cell": (5, 50, 2),
        "rgb": (5, 50, 3),
    }
    assert batch.rgb.min() < -0.5
    assert batch.coord.abs().max() < 1
    scales = [note["degradation"]["scale"] for note in batch.params]
    assert len(set(scales)) == 5
    turns = [note["degradation"]["turn"] for note in batch.params]
    assert [note["augment"][0]["params"]["turn"] for note in batch.params] == turns
    assert len(set(turns)) > 1
    plain = next(iter(Loader(PairedDataset(prepared, only="hr"), 5, patch_size=64)))
    expected = form.make(plain.hr, [note["degradation"] for note in batch.params])
    assert torch.allclose(batch.rgb, expected["rgb"] * 2 - 1)
    assert torch.allclose(batch.lr, expected["lr"] * 2 - 1)


def test_schedules(data: PairedDataset) -> None:
    loader = Loader(
        data,
        Schedule({0: 2, 2: 5}, unit="epoch"),
        patch_size=Schedule({0: 32, 5: 64}),
        degrade=Schedule({0: "bicubic", 5: BLURRED}),
        augment=Schedule({0: (), 1: ["dihedral"]}, unit="epoch"),
        repeat=3,
    )
    seen = []
    for _ in range(3):
        assert len(loader) == (7 if loader.state_dict()["epoch"] < 2 else 3)
        for batch in loader:
            ops = len(batch.params[0]["degradation"])
            seen.append((len(batch), batch.hr.shape[-1], ops, "augment" in batch.params[0]))
    assert seen == [
        *[(2, 32, 1, False)] * 5,
        *[(2, 64, 3, False)] * 2,
        *[(2, 64, 3, True)] * 7,
        *[(5, 64, 3, True)] * 3,
    ]
    resumed = Loader(
        data, Schedule({0: 2, 2: 5}, unit="epoch"), patch_size=Schedule({0: 32, 5: 64}), repeat=3
    )
    for stop, sizes in ((4, [32, 64, 64]), (14, [64, 64, 64])):
        resumed.load_state_dict({"seed": 0, "epoch": stop // 7, "batch": stop % 7})
        assert [batch.hr.shape[-1] for batch in islice(resumed.forever(), 3)] == sizes
    assert Schedule({0: "a", 7: "b"}).at(Moment(99, 6)) == "a"
    for wrong in ({}, {1: 2}, {0: 1, -3: 2}):
        with pytest.raises(UsageError, match="a schedule begins at 0"):
            Schedule(wrong)
    with pytest.raises(UsageError, match="unit 'step' of a schedule must be iteration or epoch"):
        Schedule({0: 1}, unit="step")  # type: ignore[arg-type]


def test_a_schedule_of_orders(data: PairedDataset) -> None:
    """A curriculum of difficulty: first some items alone, then all."""
    easy = Weighted([1, 1, 0, 0, 0], length=20)
    loader = Loader(data, 5, order=Schedule({0: easy, 6: Shuffled(4)}))
    keys = [set(batch.keys) for _ in range(3) for batch in loader]
    assert all(found <= {"0001", "0002"} for found in keys[:6])
    assert all(len(found) == 5 for found in keys[8:12])
    assert len(keys) == 12
    by_epoch = Loader(data, 5, order=Schedule({0: Shuffled(), 1: Shuffled(4)}, unit="epoch"), drop_last=False)
    assert [len(list(by_epoch)) for _ in range(3)] == [1, 4, 4]
    with pytest.raises(
        UsageError, match=r"orders of \[5, 20\] positions change with the epoch: give unit='epoch'"
    ):
        Loader(data, 5, order=Schedule({0: Shuffled(), 6: Shuffled(4)}))


def test_where_images_are_kept_is_decided_by_memory_and_said(
    pairs: dict[str, Pair],
    prepared: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    folder = write_folders(tmp_path / "folders", pairs, FOUR)
    sets = {"raw": prepared, "png": write_shards(tmp_path / "png", pairs, FOUR, "png"), "files": folder}
    bytes_of_pairs = sum(lr.nbytes + hr.nbytes for lr, hr in pairs.values())
    caplog.set_level("INFO", logger="srdata")
    for free, expected in ((2 * bytes_of_pairs, "host"), (2 * bytes_of_pairs - 2, "mapped")):
        monkeypatch.setattr(residency, "host_bytes", lambda free=free: free)
        for name, path in sets.items():
            loader = Loader(PairedDataset(path, patch_size=48), 5)
            assert loader.residency == ("mapped" if name == "raw" else expected)
            assert (
                f"residency {loader.residency}: images take 0.0 GB, 0.0 GB free on the host"
                in caplog.messages[-1]
            )
        assert Loader(PairedDataset(folder, patch_size=48), 5, kind="process").residency == "mapped"
        shared = Loader(PairedDataset(folder, patch_size=48), 5, rank=0, world_size=2)
        assert shared.residency == "mapped", "each rank of a machine keeps its own"


def test_the_memory_of_this_machine() -> None:
    assert 1 << 20 < residency.host_bytes() < 1 << 45
