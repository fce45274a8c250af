"""Folders and files of pairs as people bring them: everything that reads them finds the same pairs."""

from __future__ import annotations

import io
import json
import tarfile
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
from srdata.data import StreamedPairs
from srdata.discovery.inspection import inspect
from srdata.duplicates.copies import Gallery
from srdata.exporting.export_set import export
from srdata.images import encode_png, read_image, write_png
from srdata.metrics import evaluate
from srdata.preparation import plan, prepare
from srdata.prepared.set_images import PreparedImages
from srdata.publishing import publish
from srdata.scale import Scale

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
    "bicLRx4": ("{k}.png", "{k}_bicLRx4.png"),
    "HR and bicLRx4": ("{k}_HR.png", "{k}_bicLRx4.png"),
    "x4 beside": ("{k}.png", "{k}x4.png"),
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
