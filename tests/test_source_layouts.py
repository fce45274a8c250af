"""Folders and files of pairs as people bring them: everything that reads them finds the same pairs."""

from __future__ import annotations

import io
import json
import re
import shlex
import tarfile
import unicodedata
from collections.abc import Callable
from pathlib import Path

import cv2
import datasets
import lmdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from pairs import Pair, write_lmdbs, write_shards

from srdata import PairedDataset
from srdata.cli import run
from srdata.data import StreamedPairs
from srdata.discovery.inspection import inspect
from srdata.duplicates.copies import Gallery
from srdata.errors import UsageError
from srdata.exporting.export_set import export
from srdata.images import encode_png, read_image, write_png
from srdata.metrics import evaluate
from srdata.preparation import plan, prepare
from srdata.prepared.set_images import PreparedImages
from srdata.publishing import publish
from srdata.scale import Scale
from srdata.store.set_json import read_set

Pairs = dict[str, Pair]  # key → LR, HR
KEYS = ("0001", "0002", "0003")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


@pytest.fixture(scope="module")
def pairs(photographs: Path) -> Pairs:
    """Parts of photographs, and LR images that no degradation gives: they are turned round."""
    found = {}
    for number, (key, name) in enumerate(zip(KEYS, ("astronaut", "chelsea", "coffee"), strict=True)):
        hr = np.ascontiguousarray(read_image(photographs / f"{name}.png")[40 : 104 + 8 * number, 90:170])
        found[key] = np.ascontiguousarray(hr[::-4, ::-4]), hr
    return found


# How HR and LR images are called, and what stands before the keys that they get.
NAMES: dict[str, tuple[str, str] | tuple[str, str, str]] = {
    "HR and LR": ("HR/{k}.png", "LR/{k}.png"),
    "small letters": ("hr/{k}.png", "lr/{k}.png"),
    "mixed letters": ("Hr/{k}.png", "lR/{k}.png"),
    "GT and LQ": ("GT/{k}.png", "LQ/{k}.png"),
    "high and low": ("high/{k}.png", "low/{k}.png"),
    "high_res and low_res": ("high_res/{k}.png", "low_res/{k}.png"),
    "HighResolution": ("HighResolution/{k}.png", "LowResolution/{k}.png"),
    "target and input": ("target/{k}.png", "input/{k}.png"),
    "ground_truth": ("ground_truth/{k}.png", "input/{k}.png"),
    "ref and dist": ("ref/{k}.png", "dist/{k}.png"),
    "sharp and blur": ("sharp/{k}.png", "blur/{k}.png"),
    "clean and noisy": ("clean/{k}.png", "noisy/{k}.png"),
    "LR_x4": ("HR/{k}.png", "LR_x4/{k}.png"),
    "LRx4": ("HR/{k}.png", "LRx4/{k}.png"),
    "X4": ("HR/{k}.png", "X4/{k}.png"),
    "X4 in HR": ("HR/{k}.png", "HR/X4/{k}.png"),
    "LR in HR": ("HR/{k}.png", "HR/LR_x4/{k}.png"),
    "lr_x4": ("gt/{k}.png", "lr_x4/{k}.png"),
    "LR, a folder a scale": ("HR/{k}.png", "LR/x4/{k}.png"),
    "train above": ("train/HR/{k}.png", "train/LR/{k}.png"),
    "train below": ("HR/train/{k}.png", "LR/train/{k}.png"),
    "EDSR": ("DIV2K_train_HR/{k}.png", "DIV2K_train_LR_bicubic/X4/{k}x4.png"),
    "one level above EDSR": ("DIV2K/DIV2K_train_HR/{k}.png", "DIV2K/DIV2K_train_LR_bicubic/X4/{k}x4.png"),
    "two levels above EDSR": (
        "a/DIV2K/DIV2K_train_HR/{k}.png",
        "a/DIV2K/DIV2K_train_LR_unknown/X4/{k}x4.png",
    ),
    "sub-images of BasicSR": (
        "DIV2K_train_HR_sub/{k}_s001.png",
        "DIV2K_train_LR_bicubic/X4_sub/{k}_s001.png",
    ),
    "x4 in small letters": ("HR/{k}.png", "LR_bicubic/x4/{k}.png"),
    "benchmark": ("benchmark/Set5/HR/{k}.png", "benchmark/Set5/LR_bicubic/X4/{k}x4.png"),
    "GTmod12": ("GTmod12/{k}.png", "LRbicx4/{k}.png"),
    "RCAN": ("HR/Set5/x4/{k}_HR_x4.png", "LR/LRBI/Set5/x4/{k}_LRBI_x4.png", "Set5/"),
    "KAIR": ("trainsets/trainH/{k}.png", "trainsets/trainL/{k}.png"),
    "_HR and _LR": ("{k}_HR.png", "{k}_LR.png"),
    "hr and lr behind a number": ("img{k}hr.png", "img{k}lr.png", "img"),
    "a folder for each pair, with words of one's own": ("scenes/{k}/view.png", "scenes/{k}/seen.png"),
    "HR and LRx4 behind a number": ("{k}HR.png", "{k}LRx4.png"),
    "bicLRx4": ("{k}.png", "{k}_bicLRx4.png"),
    "HR and bicLRx4": ("{k}_HR.png", "{k}_bicLRx4.png"),
    "x4 beside": ("{k}.png", "{k}x4.png"),
    "x4 beside, in a folder": ("set/{k}.png", "set/{k}x4.png", "set/"),
    "SelfExSR": ("image_SRF_4/img_{k}_SRF_4_HR.png", "image_SRF_4/img_{k}_SRF_4_LR.png", "img_"),
    "RealSR": ("Train/4/Canon_{k}_HR.png", "Train/4/Canon_{k}_LR4.png", "Canon_"),
    "hr_ and lr_": ("hr_{k}.png", "lr_{k}.png"),
    "a folder a scene": ("{k}/hr.png", "{k}/lr.png"),
    "marks in both": ("HR/{k}_HR.png", "LR/{k}_LR.png"),
    "sizes alone": ("trainA/{k}.png", "trainB/{k}.png"),
    "sizes alone, LR first": ("trainB/{k}.png", "trainA/{k}.png"),
    "sizes alone, deep": ("data/photos/big/{k}.png", "data/photos/small/{k}.png"),
    "sizes alone, folders in them": ("big/a/{k}.png", "small/a/{k}.png", "a/"),
    "LR in the folder of HR": ("{k}.png", "LR/{k}.png"),
    "thumbnails": ("{k}.png", "thumbs/{k}.png"),
    "folders in both": ("HR/a/b/{k}.png", "LR/a/b/{k}.png", "a/b/"),
    "blanks and umlauts": ("meine Größe HR/{k}.png", "meine Größe LR/{k}.png"),
    "other suffixes": ("HR/{k}.bmp", "LR/{k}.PNG"),
    "REDS": ("train/train_sharp/000/{k}.png", "train/train_sharp_bicubic/X4/000/{k}.png", "000/"),
}


def write_names(root: Path, pairs: Pairs, hr: str, lr: str, prefix: str = "") -> Pairs:
    """Image files with these names; gives the keys that they should get."""
    for key, (low, high) in pairs.items():
        for template, image in ((hr, high), (lr, low)):
            path = root / template.format(k=key)
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), image[..., ::-1])
    window = "_s001" if "_s001" in hr else ""
    return {f"{prefix}{key}{window}": pair for key, pair in pairs.items()}


def tar_of_folders(root: Path, pairs: Pairs) -> Pairs:
    root.mkdir()
    with tarfile.open(root / "set.tar", "w") as tar:
        for side, folder in ((1, "hr"), (0, "lr")):
            for key, pair in pairs.items():
                data = encode_png(pair[side])
                info = tarfile.TarInfo(f"{folder}/{key}.png")
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    return pairs


def lmdb_of_both(root: Path, pairs: Pairs) -> Pairs:
    """TextZoom's: image_hr-000000001, image_lr-000000001."""
    root.mkdir()
    with lmdb.open(str(root), map_size=1 << 24) as file, file.begin(write=True) as writing:
        for key, (low, high) in pairs.items():
            writing.put(f"image_hr-{key}".encode(), encode_png(high))
            writing.put(f"image_lr-{key}".encode(), encode_png(low))
    return pairs


def two_lmdbs(root: Path, pairs: Pairs) -> Pairs:
    write_lmdbs(root, pairs)
    return pairs


def metadata(root: Path, pairs: Pairs, form: str) -> Pairs:
    """An ImageFolder whose metadata names both files of a row."""
    rows = [{"hr_file_name": f"a/{key}.png", "lr_file_name": f"b/{key}.png"} for key in pairs]
    write_names(root, pairs, "a/{k}.png", "b/{k}.png")
    if form == "jsonl":
        text = "".join(json.dumps(row) + "\n" for row in rows)
    else:
        text = "\n".join([",".join(rows[0]), *(",".join(row.values()) for row in rows)])
    (root / f"metadata.{form}").write_text(text)
    return pairs


def parquet(root: Path, pairs: Pairs, hr: str, lr: str) -> Pairs:
    """A table of two columns of images, as `datasets` keeps them."""
    root.mkdir()
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    rows = [
        {
            side: {"bytes": encode_png(pair[number]), "path": f"{key}.png"}
            for side, number in ((hr, 1), (lr, 0))
        }
        for key, pair in pairs.items()
    ]
    features = {side: {"_type": "Image"} for side in (hr, lr)}
    schema = pa.schema(
        [(side, image) for side in (hr, lr)], {"huggingface": json.dumps({"info": {"features": features}})}
    )
    pq.write_table(pa.Table.from_pylist(rows, schema), root / "train.parquet")
    return pairs


def exported(root: Path, pairs: Pairs, form: str) -> Pairs:
    export(write_shards(root.parent / "set", pairs, Scale(4)), form, root, windows=False, jobs=1)
    return pairs


def published(root: Path, pairs: Pairs, form: str) -> Pairs:
    source = root.parent / "mine"
    write_names(source, pairs, "HR/{k}.png", "LR/{k}.png")
    built = prepare(source, lmdb=True, root=root.parent / "prepared", jobs=1)
    publish(built, out=root, form=form, i_have_the_rights=True, jobs=1)  # type: ignore[arg-type]
    return pairs


Write = Callable[[Path, Pairs], Pairs]
FORMS: dict[str, Write] = {
    "a tar of hr/ and lr/": tar_of_folders,
    "one LMDB of both": lmdb_of_both,
    "two LMDBs": two_lmdbs,
    "metadata.jsonl": lambda root, pairs: metadata(root, pairs, "jsonl"),
    "metadata.csv": lambda root, pairs: metadata(root, pairs, "csv"),
    "image and label": lambda root, pairs: parquet(root, pairs, "label", "image"),
    "image and conditioning_image": lambda root, pairs: parquet(root, pairs, "image", "conditioning_image"),
    "gt and lq": lambda root, pairs: parquet(root, pairs, "gt", "lq"),
    "columns by sizes": lambda root, pairs: parquet(root, pairs, "one", "other"),
    "exported for KAIR": lambda root, pairs: exported(root, pairs, "kair"),
    "exported for EDSR": lambda root, pairs: exported(root, pairs, "folder"),
    "exported as tars": lambda root, pairs: exported(root, pairs, "webdataset"),
    "exported as HDF5": lambda root, pairs: exported(root, pairs, "hdf5"),
    "published as files": lambda root, pairs: published(root, pairs, "imagefolder"),
    "published as tables": lambda root, pairs: published(root, pairs, "parquet"),
}
LAYOUTS: dict[str, Write] = {
    **{
        name: lambda root, pairs, names=names: write_names(root, pairs, *names)  # type: ignore[misc]
        for name, names in NAMES.items()
    },
    **FORMS,
}


def test_the_table_is_long_enough() -> None:
    assert len(LAYOUTS) >= 40


@pytest.mark.parametrize("layout", LAYOUTS)
def test_all_who_read_a_folder_find_the_same_pairs(layout: str, pairs: Pairs, tmp_path: Path) -> None:
    root = tmp_path / "in"
    wanted = LAYOUTS[layout](root, pairs)
    told = inspect(root)
    assert told.problems == []
    assert told.text.count("pairs     3 at x4") == 1
    assert "pairs     3 at x4" in plan(root)
    built = prepare(root, lmdb=True, root=tmp_path / "root", jobs=1)
    assert built.content.scales == ("4",)
    images = PreparedImages(built)
    assert set(images.index.keys.to_pylist()) == set(wanted)
    for row in range(3):
        low, high = wanted[images.index.key(row)]
        assert np.array_equal(images.read(row, "x4"), low), "LR as it is"
        assert np.array_equal(images.read(row, "hr"), high)
    data = PairedDataset(root, dtype=torch.uint8)
    assert set(data.keys) == set(wanted)
    for item in data:  # type: ignore[attr-defined]  # by __getitem__
        low, high = wanted[item["key"]]
        assert np.array_equal(item["lr"].permute(1, 2, 0).numpy(), low)
        assert np.array_equal(item["hr"].permute(1, 2, 0).numpy(), high)
    for key, (_, high) in wanted.items():
        write_png(tmp_path / "sr" / f"{key}.png", high)
    result = evaluate(tmp_path / "sr", root, 4)
    assert set(result.keys) == set(wanted)
    assert result.psnr == float("inf"), "HR is HR"
    assert len(Gallery(root)) == 3, "what is searched for copies"


@pytest.mark.parametrize(
    "layout", ["LRx4", "_HR and _LR", "one LMDB of both", "gt and lq", "a tar of hr/ and lr/"]
)
def test_streams_hold_the_same_pairs(layout: str, pairs: Pairs, tmp_path: Path) -> None:
    wanted = LAYOUTS[layout](tmp_path / "in", pairs)
    found = {item["key"]: item for item in StreamedPairs(tmp_path / "in", dtype=torch.uint8, buffer=2)}
    assert set(found) == set(wanted)
    for key, (low, high) in wanted.items():
        assert np.array_equal(found[key]["lr"].permute(1, 2, 0).numpy(), low)
        assert np.array_equal(found[key]["hr"].permute(1, 2, 0).numpy(), high)


# What is not clear


def write(root: Path, images: dict[str, np.ndarray]) -> Path:
    for name, image in images.items():
        path = root / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), image[..., ::-1])
    return root


def both(pairs: Pairs, hr: str, lr: str) -> dict[str, np.ndarray]:
    """Images by name, where {k} stands for the key."""
    high = {hr.format(k=key): image for key, (_, image) in pairs.items()}
    return high | {lr.format(k=key): image for key, (image, _) in pairs.items()}


def without(images: dict[str, np.ndarray], name: str) -> dict[str, np.ndarray]:
    return {key: image for key, image in images.items() if key != name}


def of_size(images: dict[str, np.ndarray], name: str, height: int, width: int) -> dict[str, np.ndarray]:
    """The images of which the name begins so, cut to this size."""
    return {key: im[:height, :width] if key.startswith(name) else im for key, im in images.items()}


Make = Callable[[Pairs], dict[str, np.ndarray]]
# What is made, what is said of it, and how many images the command that is printed takes.
UNCLEAR: dict[str, tuple[Make, str, int]] = {
    "two candidates for LR": (
        lambda pairs: both(pairs, "HR/{k}", "LR/{k}") | both(pairs, "HR/{k}", "LQ/{k}"),
        "LQ and LR may both be the LR images of HR at x4",
        3,
    ),
    "two candidates for HR": (
        lambda pairs: both(pairs, "HR/{k}", "LR/{k}") | both(pairs, "GT/{k}", "LR/{k}"),
        "GT and HR may both be the HR images of LR",
        3,
    ),
    "an HR image without LR": (
        lambda pairs: without(both(pairs, "my HR/{k}", "my LR/{k}"), "my LR/0002"),
        "no LR image in my LR for 1 HR image of my HR: 0002",
        2,
    ),
    "an LR image without HR": (
        lambda pairs: without(both(pairs, "HR/{k}", "LR_bicubic/X4/{k}x4"), "HR/0002"),
        "no HR image in HR for 1 LR image of LR_bicubic/X4: 0002x4",
        2,
    ),
    "a partner is missing among suffixes": (
        lambda pairs: without(both(pairs, "{k}_HR", "{k}_LR4"), "0002_LR4"),
        "no LR image in {key}_LR4 for 1 HR image of {key}_HR: 0002",
        2,
    ),
    "names in another case": (
        lambda pairs: both(pairs, "HR/a{k}", "LR/A{k}"),
        "names differ in upper and lower case alone: a0001 and A0001",
        3,
    ),
    "no names in common": (
        lambda pairs: both(pairs, "HR/{k}", "LR/z{k}"),
        "no image has its partner by name",
        3,
    ),
    "a ratio of 4.5": (
        lambda pairs: of_size(of_size(both(pairs, "HR/{k}", "LR/{k}"), "HR", 63, 72), "LR", 14, 16),
        "HR and LR have no whole scale, as 0001 is 72x63 in HR and 16x14 in LR",
        3,
    ),
    "a ratio that is no scale": (
        lambda pairs: of_size(of_size(both(pairs, "HR/{k}", "LR/{k}"), "HR", 60, 70), "LR", 15, 18),
        "HR and LR are of no one scale, as 0001 is 70x60 in HR and 18x15 in LR: to make LR anew",
        3,
    ),
    "LR that lies sideways": (
        lambda pairs: both(sideways(pairs), "HR/{k}", "LR/{k}"),
        "the images of one side lie sideways, as 0001 is 80x64 in HR and 16x20 in LR: turn them by 90",
        3,
    ),
    "LR of a named scale that lies sideways": (
        lambda pairs: both(sideways(pairs), "HR/{k}", "LR_bicubic/X4/{k}x4"),
        "the images of one side lie sideways, as 0001 is 80x64 in HR and 16x20 in LR: turn them by 90",
        3,
    ),
    "folders of any names, one of which lies sideways": (
        lambda pairs: both(sideways(pairs), "a/{k}", "b/{k}"),
        "the images of one side lie sideways, as 0001 is 80x64 in HR and 16x20 in LR: turn them by 90",
        3,
    ),
    "one LR image that lies sideways": (
        lambda pairs: both({**pairs, **sideways({"0001": pairs["0001"]})}, "HR/{k}", "LR/{k}"),
        "HR and LR do not all match at x4, as 0001 is 80x64 in HR and 16x20 in LR (sideways)",
        2,
    ),
    "one pair of another size": (
        lambda pairs: of_size(both(pairs, "HR/{k}", "LR/{k}"), "LR/0002", 9, 20),
        "HR and LR do not all match at x4, as 0002 is 80x72 in HR and 20x9 in LR",
        2,
    ),
    "another scale than the name says": (
        lambda pairs: both(pairs, "HR/{k}", "LR_x2/{k}"),
        "HR and LR_x2 have no whole scale, as 0001 is 80x64 in HR and 20x16 in LR",
        3,
    ),
    "LR that is larger": (
        lambda pairs: both(pairs, "LR/{k}", "HR/{k}"),
        "by its name LR holds the LR images of HR, but 0001 is 20x16 in HR and 80x64 in LR",
        3,
    ),
    "x4 that is larger": (
        lambda pairs: both(pairs, "{k}x4", "{k}"),
        "by its name {key}x4 holds the LR images of ./{key}",
        3,
    ),
    "a folder of the same sizes": (
        lambda pairs: both({key: (hr, hr) for key, (_, hr) in pairs.items()}, "gt/{k}", "jpeg10/{k}"),
        "gt and jpeg10 hold images of the same names and sizes: if these are pairs, ",
        3,
    ),
    "thumbnails of no scale": (
        lambda pairs: of_size(of_size(both(pairs, "{k}", "thumbs/{k}"), "0", 60, 80), "thumbs", 15, 19),
        "thumbs are of no one scale",
        3,
    ),
}


def sideways(pairs: Pairs) -> Pairs:
    return {key: (np.ascontiguousarray(lr.swapaxes(0, 1)), hr) for key, (lr, hr) in pairs.items()}


@pytest.mark.parametrize("case", UNCLEAR)
def test_what_is_not_clear_is_refused_with_a_command_that_works(
    case: str, pairs: Pairs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make, message, taken = UNCLEAR[case]
    root = write(tmp_path / "my images", make(pairs))
    options = ["--root", str(tmp_path / "root"), "--lmdb", "--jobs", "1"]
    for more in ([], ["--dry-run"]):
        assert run(["prepare", str(root), *options, *more]) == 2
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1
    assert any(message in problem for problem in inspect(root).problems)
    with pytest.raises(UsageError, match=re.escape(message)):
        PairedDataset(root)
    command = shlex.split(error[error.index("srdata prepare ") :])
    assert run([*command[1:], *options, "--name", "taken"]) == 0
    assert sum(read_set(tmp_path / "root/taken").counts.values()) == taken


def test_lr_alone_is_refused_and_never_becomes_hr(pairs: Pairs, tmp_path: Path) -> None:
    for name in ("lr", "LR_bicubic/X4", "my lq"):
        root = write(
            tmp_path / name.replace("/", ""), {f"{name}/{key}": lr for key, (lr, _) in pairs.items()}
        )
        with pytest.raises(
            UsageError, match="named as LR, and no HR images have these names: give the folder"
        ):
            prepare(root, scale=4, root=tmp_path)
        with pytest.raises(UsageError) as refused:
            PairedDataset(root / name)
        assert "srdata prepare" not in str(refused.value)


def test_images_that_are_alone_are_hr(pairs: Pairs, tmp_path: Path) -> None:
    """Classes of images with the same names, and HR folders of two splits."""
    classes = write(tmp_path / "classes", both(pairs, "cats/{k}", "dogs/{k}"))
    for key in pairs:
        cv2.imwrite(str(classes / f"dogs/{key}.png"), pairs[key][1][: 50 + int(key), ::-1])
    assert set(
        PreparedImages(prepare(classes, scale=4, root=tmp_path, lmdb=True, jobs=1)).index.keys.to_pylist()
    ) == {f"{kind}/{key}" for kind in ("cats", "dogs") for key in pairs}
    hr = {
        f"DIV2K_{split}_HR/{split[0]}{key}": hr
        for key, (_, hr) in pairs.items()
        for split in ("train", "valid")
    }
    built = prepare(write(tmp_path / "hr", hr), scale=4, root=tmp_path, lmdb=True, jobs=1)
    assert built.content.counts == {"train": 3, "validation": 3}
    assert PairedDataset(tmp_path / "hr", only="hr", split="train").keys == ["t0001", "t0002", "t0003"]
    with pytest.raises(
        UsageError, match=r"tell no pairs: prepare it with `srdata prepare .*/hr --scale 4 --lmdb`"
    ):
        PairedDataset(tmp_path / "hr")


def test_splits_with_the_same_names_have_them_in_their_keys(pairs: Pairs, tmp_path: Path) -> None:
    images = both(pairs, "Train/4/Canon_{k}_HR", "Train/4/Canon_{k}_LR4")
    images |= both(pairs, "Test/4/Canon_{k}_HR", "Test/4/Canon_{k}_LR4")
    root = write(tmp_path / "in", images)
    wanted = {f"{split}/Canon_{key}" for split in ("train", "test") for key in pairs}
    built = prepare(root, lmdb=True, root=tmp_path, jobs=1)
    assert set(PreparedImages(built).index.keys.to_pylist()) == wanted
    assert PairedDataset(root, split="test").keys == [f"test/Canon_{key}" for key in pairs]
    assert (
        evaluate(write(tmp_path / "sr", {f"Canon_{key}": hr for key, (_, hr) in pairs.items()}), root, 4).psnr
        > 99
    )


def test_realsr_has_the_split_in_its_keys(pairs: Pairs, tmp_path: Path) -> None:
    images: dict[str, np.ndarray] = {}
    for split in ("Train", "Test"):
        images |= both(
            pairs, f"RealSR(V3)/Canon/{split}/4/Canon_{{k}}_HR", f"RealSR(V3)/Canon/{split}/4/Canon_{{k}}_LR4"
        )
    root = write(tmp_path / "in", images)
    built = prepare("realsr", scale=4, lmdb=True, from_dir=root, root=tmp_path / "root", jobs=1)
    keys = PreparedImages(built).index.keys.to_pylist()
    assert set(keys) == {f"{split}/Canon_{key}" for split in ("train", "test") for key in pairs}


def test_each_scale_may_have_hr_images_of_its_own(pairs: Pairs, tmp_path: Path) -> None:
    images: dict[str, np.ndarray] = {}
    for scale in (2, 4):
        for key, (_, hr) in pairs.items():
            images[f"HR/x{scale}/{key}_HR_x{scale}"] = hr[:, 8 * scale :]
            images[f"LR/LRBI/x{scale}/{key}_LRBI_x{scale}"] = hr[::scale, 8 * scale :: scale]
    root = write(tmp_path / "in", images)
    with pytest.raises(UsageError, match="HR images of its own for each scale: give --scale 2 or --scale 4"):
        prepare(root, root=tmp_path)
    built = PreparedImages(prepare(root, scale=2, lmdb=True, root=tmp_path, jobs=1))
    assert np.array_equal(built.read(0, "hr"), pairs["0001"][1][:, 16:])
    assert PairedDataset(root, scale=4).sizes.tolist()[0] == [64, 48]


def test_several_scales_and_an_original_beside_them(pairs: Pairs, tmp_path: Path) -> None:
    """BasicSR's test sets; `original` is the same images before they were cut."""
    images: dict[str, np.ndarray] = {}
    for key, (_, hr) in pairs.items():
        images |= {f"original/{key}": hr, f"GTmod12/{key}": hr[:60, :72]}
        images |= {f"LRbicx{scale}/{key}": hr[:60:scale, :72:scale] for scale in (2, 3, 4)}
    root = write(tmp_path / "in", images)
    assert prepare(root, lmdb=True, root=tmp_path, jobs=1).content.scales == ("2", "3", "4")
    assert PairedDataset(root, scale=3).sizes.tolist() == [[60, 72]] * 3
    (problem,) = inspect(root).problems
    assert "original/0001.png" in problem


def test_names_in_two_forms_of_unicode_are_one(pairs: Pairs, tmp_path: Path) -> None:
    name = "größe é"
    high, low = (unicodedata.normalize(form, name) for form in ("NFD", "NFC"))
    lr, hr = pairs["0001"]
    root = write(tmp_path / "in", {f"HR/{high}": hr, f"LR/{low}": lr})
    assert inspect(root).problems == []
    assert PairedDataset(root).keys == [low]
    write(root, {f"HR/{low}": hr})
    assert any("in two forms of Unicode" in problem for problem in inspect(root).problems)


def test_images_of_one_size_are_pairs_where_names_say_so(pairs: Pairs, tmp_path: Path) -> None:
    same = {key: (hr[:, ::-1], hr) for key, (_, hr) in pairs.items()}
    assert str(PairedDataset(write(tmp_path / "named", both(same, "clean/{k}", "noisy/{k}"))).scale) == "1"
    assert inspect(write(tmp_path / "other", both(same, "a/{k}", "b/{k}"))).text.count("pairs") == 0


def test_a_contact_sheet_beside_pairs_is_left_out_and_told(pairs: Pairs, tmp_path: Path) -> None:
    root = write(tmp_path / "in", both(pairs, "hr/{k}", "lr/{k}") | {"contact": pairs["0001"][1]})
    assert prepare(root, lmdb=True, root=tmp_path, jobs=1).content.counts == {"train": 3}
    assert inspect(root).problems == ["not used: 1 (an image that is not part of this): contact.png"]


def test_lists_of_lmdbs_with_a_byte_order_mark_and_keys_with_dots(pairs: Pairs, tmp_path: Path) -> None:
    dotted = {key.replace("0", "0.", 1): pair for key, pair in pairs.items()}
    for side, name in ((1, "hr.lmdb"), (0, "lr.lmdb")):
        (tmp_path / "in" / name).mkdir(parents=True)
        with (
            lmdb.open(str(tmp_path / "in" / name), map_size=1 << 24) as file,
            file.begin(write=True) as writing,
        ):
            for key, pair in dotted.items():
                writing.put(key.encode(), encode_png(pair[side]))
        (tmp_path / "in" / name / "meta_info.txt").write_text(
            "".join(f"{key}.png\n" for key in dotted), encoding="utf-8-sig"
        )
    built = prepare(tmp_path / "in", lmdb=True, root=tmp_path, jobs=1)
    assert set(PreparedImages(built).index.keys.to_pylist()) == set(dotted)
    for given in ({"path": tmp_path / "in"}, {"hr": tmp_path / "in/hr.lmdb", "lr": tmp_path / "in/lr.lmdb"}):
        assert set(PairedDataset(**given).keys) == set(dotted)  # type: ignore[arg-type]


def test_a_smaller_version_is_the_hr_of_none(pairs: Pairs, tmp_path: Path) -> None:
    images: dict[str, np.ndarray] = {}
    for key, (lr, hr) in pairs.items():
        images |= {f"full/{key}": hr, f"half/{key}": hr[::2, ::2], f"quarter/{key}": lr}
    root = write(tmp_path / "in", images)
    assert prepare(root, lmdb=True, root=tmp_path, jobs=1).content.scales == ("2", "4")
    assert PairedDataset(root, scale=4).sizes.tolist()[0] == [64, 80]
