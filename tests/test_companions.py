"""Images of one folder, each with a smaller companion whose name is its own and the same words more."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from srdata import PairedDataset
from srdata.cli import run
from srdata.discovery.inspection import inspect
from srdata.errors import UsageError
from srdata.images import write_png
from srdata.preparation import plan
from srdata.prepared.set_images import PreparedImages
from srdata.store.set_json import read_set

Images = dict[str, tuple[int, int]]  # name → height and width
SIZES = {"0001": (64, 80), "0002": (72, 80), "0003": (80, 88)}


def smaller(by: int, sizes: Images = SIZES) -> Images:
    return {key: (height // by, width // by) for key, (height, width) in sizes.items()}


def called(pattern: str, sizes: Images) -> Images:
    return {pattern.format(k=key): size for key, size in sizes.items()}


def write(folder: Path, images: Images) -> Path:
    for number, (name, size) in enumerate(images.items()):
        write_png(folder / f"{name}.png", np.full((*size, 3), number, np.uint8))
    return folder


# How HR and LR are called; of each all readers find three pairs, with these keys.
PAIRS = {
    "a suffix": ("{k}", "{k}_small"),
    "a prefix": ("{k}", "thumb_{k}"),
    "no sign between": ("{k}", "{k}s"),
    "a suffix of two words": ("{k}", "{k}-web version"),
    "the larger has more": ("{k}", "{k}_upscaled"),
    "letters of another script": ("{k}", "{k}小"),
    "in a folder": ("images/{k}", "images/{k}_small"),
    "in a folder, a prefix": ("images/{k}", "images/s_{k}"),
    "in a folder of a split": ("train/{k}", "train/{k}_small"),
    "in a folder that says HR": ("HR/{k}", "HR/{k}_small"),
    "a folder for each": ("{k}/view", "{k}/seen"),
    "a side and a number": ("hr{k}", "lr{k}"),
    "a side, a sign and a number": ("HR-{k}", "LR-{k}"),
}


@pytest.mark.parametrize("how", PAIRS)
def test_pairs_are_found(how: str, tmp_path: Path) -> None:
    hr, lr = PAIRS[how]
    by = {hr: SIZES, lr: smaller(4)} if how != "the larger has more" else {lr: SIZES, hr: smaller(4)}
    root = write(
        tmp_path / "in", {k: v for pattern, sizes in by.items() for k, v in called(pattern, sizes).items()}
    )
    assert not inspect(root).problems
    assert re.search("pairs +3 at x4", plan(root, scale=4))
    data = PairedDataset(root)
    assert len(data) == 3
    assert data[0]["lr"].shape[1] * 4 == data[0]["hr"].shape[1]
    assert run(["prepare", str(root), "--root", str(tmp_path / "data"), "--name", "made", "--jobs", "1"]) == 0
    images = PreparedImages(tmp_path / "data/made")
    assert [images.index.key(row) for row in range(3)] == list(SIZES)
    assert [images.read(row, "x4").shape[:2] for row in range(3)] == list(smaller(4).values())


def test_two_scales(tmp_path: Path) -> None:
    images = SIZES | called("{k}_half", smaller(2)) | called("{k}_quarter", smaller(4))
    root = write(tmp_path / "in", images)
    assert "pairs     3 at x2" in plan(root, scale=2)
    assert "pairs     3 at x4" in plan(root, scale=4)


# What is HR alone: how many images.
ALONE: dict[str, Images] = {
    "numbers in folders": {"x/1": (64, 64), "x/2": (32, 32), "y/1": (64, 64), "y/2": (32, 32)},
    "words in folders, of other ratios": {"x/a": (64, 64), "x/b": (32, 32), "y/a": (64, 64), "y/b": (16, 16)},
    "a burst and its edited versions": SIZES | called("{k}_edit", SIZES),
    "edited versions of other sizes": SIZES | {"0001_a": (60, 44), "0002_a": (31, 80), "0003_a": (77, 20)},
    "numbers with one digit more": {"0001": (64, 80), "00012": (32, 40), "0002": (64, 80), "00022": (32, 40)},
    "one of many": {f"im{n}a": (64, 80) for n in range(8)} | {"im1a_small": (16, 20)},
    "counted from one": {str(n): (8 * n, 8 * n) for n in range(1, 24)},
    "two cameras": called("IMG_{k}", SIZES) | called("DSC_{k}", dict.fromkeys(SIZES, (48, 60))),
    "two subjects, one of half the size": called("cat_{k}", SIZES) | called("dog_{k}", smaller(2)),
    "two cameras of one shape": called("IMG_{k}", SIZES)
    | called("DSC_{k}", {k: (h * 3 // 4, w * 3 // 4) for k, (h, w) in SIZES.items()}),
    "frames of films": {f"film{n}/{k}": size for n in range(3) for k, size in SIZES.items()},
    "classes": {f"{c}/{k}": (h + n, w) for n, c in enumerate("abc") for k, (h, w) in SIZES.items()},
    "words in words": {"cat": (64, 80), "cats": (50, 70), "bobcat": (40, 44)},
}


@pytest.mark.parametrize("case", ALONE)
def test_what_is_hr_alone(case: str, tmp_path: Path) -> None:
    root = write(tmp_path / "in", ALONE[case])
    assert not inspect(root).problems
    assert f"images    {len(ALONE[case])}" in plan(root, scale=2)


# What is refused: what is said, and how many pairs the command takes, if one is told.
UNCLEAR: dict[str, tuple[Images, str, int]] = {
    "one without a companion": (
        SIZES | called("{k}_small", smaller(4)) | {"0009": (64, 80)},
        "no LR image in {key}_small for 1 HR image of ./{key}: 0009",
        3,
    ),
    "one of another size": (
        SIZES | called("thumb_{k}", smaller(4)) | {"thumb_0002": (17, 20)},
        "./{key} and thumb_{key} do not all match at x4",
        2,
    ),
    "two of one scale": (
        SIZES | called("{k}_a", smaller(4)) | called("{k}_b", smaller(4)),
        "{key}_a and {key}_b may both be the LR images of ./{key} at x4",
        3,
    ),
    "thumbnails of one width": (
        {"a": (66, 100), "b": (100, 100), "c": (120, 160), "a_t": (21, 32), "b_t": (32, 32), "c_t": (24, 32)},
        "to make LR anew from HR, take {key}_t out of it",
        0,
    ),
}


@pytest.mark.parametrize("case", UNCLEAR)
def test_what_is_not_clear_is_refused(case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images, message, taken = UNCLEAR[case]
    root = write(tmp_path / "in", images)
    options = ["--root", str(tmp_path / "root"), "--lmdb", "--jobs", "1"]
    assert run(["prepare", str(root), *options]) == 2
    error = capsys.readouterr().err
    assert message in error
    with pytest.raises(UsageError, match=re.escape(message)):
        PairedDataset(root)
    if taken:
        command = shlex.split(error[error.index("srdata prepare ") :])
        assert run([*command[1:], *options, "--name", "taken"]) == 0
        assert sum(read_set(tmp_path / "root/taken").counts.values()) == taken
    else:
        for path in root.glob("*_t.png"):
            path.unlink()
        assert run(["prepare", str(root), "--scale", "2", *options]) == 0


def test_full_size_is_hr_beside_parts_of_it(tmp_path: Path) -> None:
    images = called("1x/{k}", SIZES) | called("0.5x/{k}", smaller(2)) | called("0.25x/{k}", smaller(4))
    root = write(tmp_path / "in", images)
    assert not inspect(root).problems
    for scale in (2, 4):
        assert f"pairs     3 at x{scale}: HR in {root}/1x" in plan(root, scale=scale)
