"""What `PairedDataset` takes for a source, and what it says when there is none or a choice is open."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from pairs import position_pairs, positions, where, write_folders, write_lmdbs, write_shards

from srdata import PairedDataset, imresize, prepare
from srdata.data.datasets import open_source
from srdata.errors import CorruptRecordError, ImageError, SetError, UnknownNameError, UsageError
from srdata.images import ImagePolicy, encode_png, read_image, write_png
from srdata.scale import Scale
from srdata.store.windows import Windows

FOUR = Scale(4)


@pytest.fixture
def photo_folder(photographs: Path, tmp_path: Path) -> Path:
    """Three photographs of different sizes; one is smaller than a window of 240 pixels."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, size in (("astronaut", (300, 411)), ("coffee", (250, 260)), ("chelsea", (130, 290))):
        image = read_image(photographs / f"{name}.png")[: size[0], : size[1]]
        cv2.imwrite(str(folder / f"{name}.png"), image[..., ::-1])
    return folder


def test_prepared_sets_of_every_layout_hold_the_same(photo_folder: Path, tmp_path: Path) -> None:
    """By `prepare` itself; BasicSR's layout holds the sub-images of the others, in its own order."""
    sets = {
        layout: PairedDataset(
            prepare(photo_folder, scale=4, layout=layout, root=tmp_path, jobs=1, name=layout), windows=True
        )
        for layout in ("lmdb", "folder", "basicsr")
    }
    items = {layout: {item["key"]: item for item in data} for layout, data in sets.items()}  # type: ignore[attr-defined]
    assert set(items["lmdb"]) == set(items["folder"]) == set(items["basicsr"])
    for key, item in items["lmdb"].items():
        for layout in ("folder", "basicsr"):
            for side in ("lr", "hr"):
                assert torch.equal(items[layout][key][side], item[side])
    whole = PairedDataset(tmp_path / "folder")
    assert whole.keys == ["astronaut", "chelsea", "coffee"]
    assert whole.sizes.tolist() == [[300, 408], [128, 288], [248, 260]]


def test_lr_images_of_the_published_set5(golden: Path) -> None:
    for scale in (2, 3, 4, 8):
        data = PairedDataset(golden / "set5", scale=scale)
        assert data.keys == ["baby", "bird", "butterfly", "head", "woman"]
        for item in data:  # type: ignore[attr-defined]  # by __getitem__
            hr = read_image(golden / f"set5/HR/{item['key']}.png")
            lr = read_image(golden / f"set5/LR_bicubic/X{scale}/{item['key']}x{scale}.png")
            assert tuple(item["hr"].shape) == (3, lr.shape[0] * scale, lr.shape[1] * scale)
            assert (item["lr"] * 255 == torch.from_numpy(lr).permute(2, 0, 1)).all()
            height, width = item["hr"].shape[1:]
            assert (item["hr"] * 255 == torch.from_numpy(hr[:height, :width]).permute(2, 0, 1)).all()


def several(root: Path) -> Path:
    """Two splits, two tracks, two scales."""
    for prefix in ("DIV2K_train_", "DIV2K_valid_"):
        for track in ("bicubic", "unknown"):
            for scale in (Scale(2), FOUR):
                write_folders(root, position_pairs(scale, [(48, 48)]), scale, prefix, track)
    return root


def test_choosing_among_what_a_folder_holds(tmp_path: Path) -> None:
    root = several(tmp_path)
    for split in ("train", "validation"):
        for scale in (2, "x4"):
            data = PairedDataset(root, split=split, track="unknown", scale=scale)
            assert data.scale == Scale(scale)
            assert len(data) == 1


OPEN = {
    "holds the splits train, validation: choose one with split=": {},
    "holds the tracks bicubic, unknown: choose one with track=": {"split": "train"},
    "holds the scales 2, 4: choose one with scale=": {"split": "train", "track": "bicubic"},
    "has no split 'test', it has train, validation": {"split": "test"},
    "has no track 'bicubik', it has bicubic, unknown": {"split": "train", "track": "bicubik"},
    "has no scale '3', it has 2, 4": {"split": "train", "track": "bicubic", "scale": 3},
}


@pytest.mark.parametrize("message", OPEN)
def test_choices_that_are_open_or_wrong_list_what_there_is(message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        PairedDataset(several(tmp_path), **OPEN[message])  # type: ignore[arg-type]
    assert str(caught.value) == f"{tmp_path} {message}"


def test_splits_and_scales_of_a_prepared_set(tmp_path: Path) -> None:
    pairs = position_pairs(FOUR, [(48, 48), (48, 96), (96, 48)])
    path = write_shards(tmp_path, pairs, FOUR, splits={"0002": "validation"})
    with pytest.raises(UsageError, match="holds the splits train, validation: choose one with split="):
        PairedDataset(path)
    assert PairedDataset(path, split="train").keys == ["0001", "0003"]
    data = PairedDataset(path, split="validation", scale=4)
    assert data.keys == ["0002"]
    assert (data.batch([0]).hr[0] == pairs["0002"][1]).all()
    with pytest.raises(UnknownNameError, match=r"has no scale '2', it has 4$"):
        PairedDataset(path, split="train", scale=2)
    with pytest.raises(UnknownNameError, match=r"has no split 'valid', it has train, validation$"):
        PairedDataset(path, split="valid")
    with pytest.raises(UsageError, match=r"and here are none: choose some with windows=Windows\(size=480"):
        PairedDataset(path, split="train", windows=True)


NOWHERE: dict[str, Callable[[Path], dict[str, Path | str]]] = {
    "there is no .*/nothing: prepare it first": lambda root: {"path": root / "nothing"},
    "is no prepared set .* prepare it with `srdata prepare .* --scale 4 --lmdb`, or give two folders": (
        lambda root: {"path": root / "full_HR"}
    ),
    "give either the path of a prepared set or a folder, or hr=, lr= or both": lambda root: {},
    "give either the path of a prepared set or a folder, or hr=, lr=": lambda root: {
        "path": root,
        "hr": root,
    },
    "only='lr', but the other side is all that is given": lambda root: {"hr": root, "only": "lr"},
    "unknown side 'gt' .known: hr, lr.": lambda root: {"path": root, "only": "gt"},
    "there is no folder .*/nothing": lambda root: {"hr": root / "full_HR", "lr": root / "nothing"},
    "is one LMDB: give the one with HR images as hr=": lambda root: {"path": root / "hr.lmdb"},
    "hr.lmdb and .*: one is an LMDB and the other is not": (
        lambda root: {"hr": root / "hr.lmdb", "lr": root / "full_HR"}
    ),
    "holds no image": lambda root: {"hr": root / "full_HR", "lr": root / "empty"},
}


@pytest.mark.parametrize("message", NOWHERE)
def test_where_there_is_nothing_to_read(message: str, tmp_path: Path) -> None:
    pairs = position_pairs(FOUR, [(48, 48)])
    write_folders(tmp_path, pairs, FOUR, "full_")
    write_lmdbs(tmp_path, pairs)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=message):
        PairedDataset(**NOWHERE[message](tmp_path))  # type: ignore[arg-type]


def test_sets_that_are_not_finished_or_not_sets(tmp_path: Path) -> None:
    folder = write_folders(tmp_path / "half", position_pairs(FOUR, [(48, 48)]), FOUR, "mine_train_")
    (folder / open_source.UNFINISHED).touch()
    with pytest.raises(UsageError, match="half is not finished: run the same `srdata prepare`"):
        PairedDataset(folder)
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad/set.json").write_text("{")
    with pytest.raises(SetError, match=r"set.json is damaged"):
        PairedDataset(tmp_path / "bad")


def test_images_without_partner_are_listed(tmp_path: Path) -> None:
    write_folders(tmp_path, position_pairs(FOUR, [(48, 48)] * 14), FOUR)
    for number in range(1, 13):
        (tmp_path / f"LR_bicubic/X4/{number:04d}x4.png").unlink()
    write_png(tmp_path / "LR_bicubic/X4/otherx4.png", positions(12, 12))
    with pytest.raises(UsageError) as caught:
        PairedDataset(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}: no LR image in LR_bicubic/X4 for 12 HR images of HR: 0001, 0002, 0003, 0004, 0005, "
        "0006, 0007, 0008, 0009, 0010 and 2 more; no HR image in HR for 1 LR image of LR_bicubic/X4: "
        "otherx4; to take the pairs that are whole, "
        f"srdata prepare {tmp_path} --hr HR --lr LR_bicubic/X4 --scale 4"
    )


def test_a_better_template_is_proposed(tmp_path: Path) -> None:
    pairs = position_pairs(FOUR, [(48, 48)] * 2)
    write_folders(tmp_path, pairs, FOUR)
    hr, lr = tmp_path / "HR", tmp_path / "LR_bicubic/X4"
    with pytest.raises(UsageError, match=r"; try template='\{key\}x4'$"):
        PairedDataset(hr=hr, lr=lr)
    assert len(PairedDataset(hr=hr, lr=lr, template="{key}x4")) == 2
    with pytest.raises(UsageError, match=r"template '\{name\}' cannot be filled: \{key\} is all it may name"):
        PairedDataset(hr=hr, lr=lr, template="{name}")
    with pytest.raises(UsageError, match=r"template 'x4' must hold \{key\}"):
        PairedDataset(hr=hr, lr=lr, template="x4")


def test_lmdbs_whose_keys_differ_need_a_template(tmp_path: Path) -> None:
    pairs = position_pairs(FOUR, [(48, 48)] * 2)
    hr, _ = write_lmdbs(tmp_path / "a", pairs)
    _, lr = write_lmdbs(tmp_path / "b", {f"{key}x4": pair for key, pair in pairs.items()})
    with pytest.raises(UsageError, match=r"try template='\{key\}x4'"):
        PairedDataset(hr=hr, lr=lr)
    data = PairedDataset(hr=hr, lr=lr, template="{key}x4")
    assert (data.batch([1]).hr[0] == pairs["0002"][1]).all()


def test_sizes_that_do_not_match_are_listed(tmp_path: Path) -> None:
    pairs = position_pairs(FOUR, [(48, 48)] * 3)
    pairs["0002"] = (positions(11, 12), positions(48, 48))
    write_folders(tmp_path, pairs, FOUR)
    with pytest.raises(UsageError) as caught:
        PairedDataset(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}: HR and LR_bicubic/X4 do not all match at x4, as 0002 is 48x48 in HR and 12x11 in LR: "
        f"to take those that do, srdata prepare {tmp_path} --hr HR --lr LR_bicubic/X4 --scale 4"
    )
    folders = {"hr": tmp_path / "HR", "lr": tmp_path / "LR_bicubic/X4", "template": "{key}x4"}
    with pytest.raises(UsageError, match="scale 2 does not fit 3 of 3 pairs: 0001"):
        PairedDataset(**folders, scale=2)  # type: ignore[arg-type]
    write_png(tmp_path / "HR/0001.png", positions(48, 42))
    with pytest.raises(UsageError, match="cannot tell the scale of HR 42x48 and LR 12x12: give scale="):
        PairedDataset(**folders)  # type: ignore[arg-type]


def test_one_name_with_two_suffixes(tmp_path: Path) -> None:
    write_folders(tmp_path, position_pairs(FOUR, [(48, 48)]), FOUR)
    cv2.imwrite(str(tmp_path / "HR/0001.bmp"), positions(48, 48))
    with pytest.raises(UsageError, match=r"holds 'HR/0001' twice, as 0001.bmp and 0001.png: remove one"):
        PairedDataset(tmp_path)


def test_images_in_folders_within_the_folder(tmp_path: Path) -> None:
    pairs = {f"{group}/0001": pair for group in "ab" for pair in position_pairs(FOUR, [(48, 48)]).values()}
    assert PairedDataset(write_folders(tmp_path, pairs, FOUR)).keys == ["a/0001", "b/0001"]


def test_the_image_policy_decides_what_is_admitted(tmp_path: Path) -> None:
    lr, hr = position_pairs(FOUR, [(48, 48)])["0001"]
    folder = write_folders(tmp_path, {"0001": (lr, hr)}, FOUR)
    cv2.imwrite(str(tmp_path / "HR/0001.png"), hr[..., ::-1].astype(np.uint16) * 257)
    data = PairedDataset(folder)
    with pytest.raises(ImageError, match=r"HR/0001.png: has 16 bits a sample: .* --images depth16=round"):
        data[0]
    data = PairedDataset(folder, images=ImagePolicy(depth16="round"))
    assert (data.batch([0]).hr[0] == hr).all()


def rewrite(path: Path, data: bytes) -> None:
    """Put a file with other bytes in the place of one that may be mapped."""
    path.unlink()
    path.write_bytes(data)


def test_records_that_are_corrupt_are_named(tmp_path: Path) -> None:
    pairs = position_pairs(FOUR, [(48, 48)] * 4)
    png = write_shards(tmp_path / "png", pairs, FOUR, "png")
    shard = png / "shards/00001.lmdb"
    rewrite(shard, shard.read_bytes().replace(b"IDAT", b"IDAX"))
    data = PairedDataset(png, patch_size=48)
    assert data[2]["key"] == "0003"
    with pytest.raises(CorruptRecordError, match="image '0004', layer hr, block 0 has not the hash"):
        data[3]
    with pytest.raises(CorruptRecordError, match="image '0004', layer hr, block 0 is no PNG image"):
        PairedDataset(png, patch_size=48, verify=False)[3]


def test_flipped_bits_are_found_unless_that_is_declined(tmp_path: Path) -> None:
    pairs = position_pairs(FOUR, [(48, 48)] * 4)
    folder = write_shards(tmp_path, pairs, FOUR)
    shard, pixels = folder / "shards/00001.lmdb", pairs["0004"][1].tobytes()
    whole = shard.read_bytes()
    assert whole.count(pixels) == 1
    assert PairedDataset(folder, patch_size=48)[3]["key"] == "0004"
    rewrite(shard, whole.replace(pixels, pixels[:-1] + b"\0"))
    with pytest.raises(CorruptRecordError, match="image '0004', layer hr, block 0 has not the hash"):
        PairedDataset(folder, patch_size=48)[3]
    assert PairedDataset(folder, patch_size=48, verify=False)[3]["key"] == "0004"
    rewrite(shard, whole[:-4096])
    with pytest.raises(CorruptRecordError, match=r"00001.lmdb has .* bytes, not"):
        PairedDataset(folder, patch_size=48)[3]


def test_image_files_that_are_damaged_or_gone_are_named(tmp_path: Path) -> None:
    pairs = position_pairs(FOUR, [(48, 48)] * 3)
    write_folders(tmp_path, pairs, FOUR)
    data = PairedDataset(tmp_path)
    (tmp_path / "HR/0001.png").write_bytes(encode_png(pairs["0001"][1])[:-40])
    (tmp_path / "HR/0002.png").unlink()
    write_png(tmp_path / "HR/0003.png", positions(44, 44))
    for index, message in enumerate(
        (
            r"HR/0001.png: damaged image .*: get the file again",
            r"HR/0002.png: cannot be read: No such file",
            r"0003: is smaller than when the data set was opened",
        )
    ):
        with pytest.raises(ImageError, match=message):
            data[index]


def test_meta_info_without_sizes_is_completed_from_the_images(tmp_path: Path) -> None:
    hr, lr = write_lmdbs(tmp_path, position_pairs(FOUR, [(48, 48), (20, 96)]))
    for path in (hr, lr):
        (path / "meta_info.txt").write_text("0001.png\n0002.png\n")
    assert PairedDataset(hr=hr, lr=lr).sizes.tolist() == [[48, 48], [20, 96]]


def test_lmdbs_with_the_names_that_basicsr_uses(photographs: Path, tmp_path: Path) -> None:
    """Found by name; sub-images are what windows=True asks for."""
    hr = read_image(photographs / "coffee.png")[:96, :96]
    first, second = write_lmdbs(tmp_path, {"0001_s001": (imresize(hr, 1 / 4), hr)})
    shutil.move(first, tmp_path / "DIV2K_train_HR_sub.lmdb")
    shutil.move(second, tmp_path / "DIV2K_train_LR_bicubic_X4_sub.lmdb")
    data = PairedDataset(tmp_path, windows=True, split="train", scale=4)
    assert data.keys == ["0001_s001"]
    assert (data.batch([0]).hr[0] == hr).all()
    smaller = PairedDataset(tmp_path, windows=Windows(size=48, step=48))
    assert smaller.keys[-1] == "0001_s001_s004"


@pytest.mark.parametrize("write", [write_shards, write_folders])
def test_one_side_alone(write: Callable[..., Path], tmp_path: Path) -> None:
    path = write(tmp_path, position_pairs(FOUR, [(48, 64), (80, 48)]), FOUR)
    both = PairedDataset(path, scale=4, patch_size=32, dihedral=True)
    pairs = both.batch([0, 1], epoch=3)
    for side in ("hr", "lr"):
        data = PairedDataset(path, scale=4, patch_size=32, dihedral=True, only=side)
        alone = data.batch([0, 1], epoch=3)
        assert (getattr(alone, side) == getattr(pairs, side)).all()
        other = "lr" if side == "hr" else "hr"
        assert getattr(alone, other).shape == (2, 0, 0, 3)
        assert data[0].keys() == {side, "key"}
        assert torch.equal(data[(3, 1)][side], both[(3, 1)][side])


def test_hr_alone_needs_no_scale_and_one_folder_is_enough(tmp_path: Path) -> None:
    pairs = position_pairs(FOUR, [(48, 60)])
    shards = write_shards(tmp_path / "set", pairs, FOUR)
    folder = write_folders(tmp_path / "folders", pairs, FOUR)
    for data in (PairedDataset(shards, only="hr"), PairedDataset(hr=folder / "HR")):
        assert (data.batch([0]).hr[0] == pairs["0001"][1]).all()
        assert data.scale == 1
    low = PairedDataset(lr=folder / "LR_bicubic/X4", patch_size=5)
    assert low.keys == ["0001x4"]
    top, left, _ = where(low.batch([0]).lr[0, 0, 0])
    assert (low.batch([0]).lr[0] == pairs["0001"][0][top : top + 5, left : left + 5]).all()


def test_padding_one_side(tmp_path: Path) -> None:
    path = write_shards(tmp_path, position_pairs(FOUR, [(16, 16), (40, 20)]), FOUR)
    both = PairedDataset(path, patch_size=24, pad="edge").batch([0, 1])
    assert (PairedDataset(path, patch_size=24, pad="edge", only="lr").batch([0, 1]).lr == both.lr).all()
    assert (
        PairedDataset(path, patch_size=24, pad="edge", only="hr", scale=4).batch([0, 1]).hr == both.hr
    ).all()
