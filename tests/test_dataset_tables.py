"""Training on what `datasets` wrote to this disk: its files here are made by it, not by srdata."""

from __future__ import annotations

import io
import multiprocessing
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import datasets
import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from tables import Pair, encoded, noise_pairs, rows_of, table, write_imagefolder
from torch.utils.data import DataLoader

from srdata.data.datasets.paired import PairedDataset
from srdata.data.loading.loader import Loader
from srdata.errors import ImageError, SourceError, UnknownNameError, UsageError
from srdata.store.windows import Windows

PAIRS = noise_pairs(6)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


def parquet(folder: Path) -> Path:
    (folder / "data").mkdir(parents=True)
    table(PAIRS).to_parquet(folder / "data/train-00000-of-00001.parquet")
    return folder


def parquet_file(folder: Path) -> Path:
    return parquet(folder) / "data/train-00000-of-00001.parquet"


def saved(folder: Path) -> Path:
    table(PAIRS).save_to_disk(folder)
    return folder


def saved_splits(folder: Path) -> Path:
    datasets.DatasetDict({"train": table(PAIRS)}).save_to_disk(folder)
    return folder


def in_shards(folder: Path) -> Path:
    table(PAIRS).save_to_disk(folder, num_shards=3)
    return folder


def imagefolder(folder: Path) -> Path:
    return write_imagefolder(folder, PAIRS)


FORMS = [parquet, parquet_file, saved, saved_splits, in_shards, imagefolder]


def same(data: PairedDataset, pairs: dict[str, Pair]) -> bool:
    items = [(item["key"], item["lr"], item["hr"]) for item in data]
    return [key for key, _, _ in items] == list(pairs) and all(
        np.array_equal(lr.permute(1, 2, 0).numpy(), pairs[key][0])
        and np.array_equal(hr.permute(1, 2, 0).numpy(), pairs[key][1])
        for key, lr, hr in items
    )


@pytest.mark.parametrize("write", FORMS, ids=lambda write: write.__name__)
def test_whole_images_are_the_pixels_that_were_written(write: Callable[[Path], Path], tmp_path: Path) -> None:
    data = PairedDataset(write(tmp_path / "here"), dtype=torch.uint8)
    assert same(data, PAIRS)
    assert (str(data.scale), data.only, data.sizes.tolist()) == ("4", None, [[24, 32]] * 6)


@pytest.mark.parametrize("write", FORMS, ids=lambda write: write.__name__)
def test_it_is_pickled_without_its_rows(write: Callable[[Path], Path], tmp_path: Path) -> None:
    data = PairedDataset(write(tmp_path / "here"), dtype=torch.uint8)
    pickled = pickle.dumps(data)
    assert len(pickled) < 4000 < sum(len(encoded(high)) for _, high in PAIRS.values())
    assert same(pickle.loads(pickled), PAIRS)  # noqa: S301


def test_crops_are_cut_at_the_same_place_of_both_sides(tmp_path: Path) -> None:
    pairs = {key: (high[::4, ::4], high) for key, (_, high) in PAIRS.items()}
    table(pairs).save_to_disk(tmp_path / "here")
    data = PairedDataset(tmp_path / "here", patch_size=8, dihedral=False, seed=3, dtype=torch.uint8)
    for epoch in range(3):
        data.set_epoch(epoch)
        for item in data:
            assert torch.equal(item["lr"], item["hr"][:, ::4, ::4])


def test_the_crops_are_those_of_any_other_source(tmp_path: Path) -> None:
    table(PAIRS).save_to_disk(tmp_path / "here")
    for key, (low, high) in PAIRS.items():
        for side, image in (("lr", low), ("hr", high)):
            (tmp_path / side).mkdir(exist_ok=True)
            (tmp_path / side / f"{key}.png").write_bytes(encoded(image))
    ours = PairedDataset(tmp_path / "here", patch_size=8, dihedral=True, seed=5)
    other = PairedDataset(hr=tmp_path / "hr", lr=tmp_path / "lr", patch_size=8, dihedral=True, seed=5)
    for mine, theirs in zip(ours, other, strict=True):
        assert torch.equal(mine["hr"], theirs["hr"])
        assert torch.equal(mine["lr"], theirs["lr"])


def test_windows_are_cut_from_rows(tmp_path: Path) -> None:
    data = PairedDataset(saved(tmp_path / "here"), windows=Windows(size=16, step=8, threshold=0))
    assert len(data) == 6 * 2 * 3
    assert data.keys[:2] == ["000_s001", "000_s002"]
    with pytest.raises(UsageError, match="choose some with windows=Windows"):
        PairedDataset(tmp_path / "here", windows=True)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_workers_give_what_the_process_itself_gives(method: str, tmp_path: Path) -> None:
    data = PairedDataset(parquet(tmp_path / "here"), patch_size=8, seed=1)
    here = [data[number]["hr"] for number in range(6)]  # read before a fork
    context = multiprocessing.get_context(method)
    batches = DataLoader(data, batch_size=3, num_workers=2, multiprocessing_context=context)
    there = [one for batch in batches for one in batch["hr"]]
    assert all(map(torch.equal, here, there))


def test_the_loader_takes_it(tmp_path: Path) -> None:
    data = PairedDataset(parquet(tmp_path / "here"))
    loaders = [Loader(data, 3, patch_size=8, augment=["dihedral"], workers=n) for n in (0, 2)]
    for one, other in zip(*loaders, strict=True):
        assert one.keys == other.keys
        assert torch.equal(one.hr, other.hr)


def test_one_side_alone_leaves_the_other_unread(tmp_path: Path) -> None:
    rows = [{"hr": {"bytes": encoded(high)}, "lr": {"bytes": b"no image"}} for _, high in PAIRS.values()]
    rows_of(rows).save_to_disk(tmp_path / "here")
    data = PairedDataset(tmp_path / "here", only="hr", scale=4, patch_size=16)
    assert set(data[0]) == {"hr", "key"}
    assert str(data.scale) == "4"


@pytest.mark.parametrize("name", ["image", "hr"])
def test_one_column_of_images_is_hr(name: str, tmp_path: Path) -> None:
    rows_of([{name: {"bytes": encoded(high)}} for _, high in PAIRS.values()]).save_to_disk(tmp_path / "here")
    data = PairedDataset(tmp_path / "here", dtype=torch.uint8)
    assert (data.only, data.keys[:2]) == ("hr", ["000000", "000001"])
    assert np.array_equal(data[2]["hr"].permute(1, 2, 0).numpy(), PAIRS["002"][1])
    batch = next(iter(Loader(data, 4, degrade="bicubic", scale=4, patch_size=16)))
    assert batch.lr.shape == (4, 3, 4, 4)
    with pytest.raises(UsageError, match="has no LR images, so only='lr' leaves nothing"):
        PairedDataset(tmp_path / "here", only="lr")


def test_columns_are_named(tmp_path: Path) -> None:
    table(PAIRS, lr="lq", hr="gt", key="id").save_to_disk(tmp_path / "here")
    columns = {"hr": "gt", "lr": "lq", "key": "id"}
    assert same(PairedDataset(tmp_path / "here", columns=columns, dtype=torch.uint8), PAIRS)
    assert PairedDataset(tmp_path / "here", columns={"hr": "gt"}).only == "hr"
    assert PairedDataset(tmp_path / "here", columns={"lr": "lq"}).only == "lr"


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (
            None,
            "which columns are HR and LR is not clear, it has images in lq, gt, lr_x2, other",
        ),
        ({"hr": "HR"}, "has no column 'HR', it has images in lq, gt, lr_x2, other"),
        ({"hr": "key"}, "column 'key' holds string, no images; it has images in lq, gt, lr_x2"),
        ({"gt": "gt"}, "unknown role of a column 'gt'.*known: hr, key, lr"),
    ],
)
def test_wrong_columns_are_told_with_those_that_are_there(
    columns: dict[str, str] | None, message: str, tmp_path: Path
) -> None:
    rows = []
    for key, (low, high) in PAIRS.items():
        images = {"lq": encoded(low), "gt": encoded(high), "lr_x2": encoded(high[::2, ::2])}
        rows.append({**{name: {"bytes": data} for name, data in images.items()}, "key": key})
    rows_of(rows).save_to_disk(tmp_path / "here")
    with pytest.raises(UsageError, match=message):
        PairedDataset(tmp_path / "here", columns=columns)


def test_paths_as_text_are_no_images(tmp_path: Path) -> None:
    datasets.Dataset.from_dict({"hr": ["/a.png"], "lr": ["/b.png"]}).save_to_disk(tmp_path / "here")
    with pytest.raises(UsageError, match="column 'hr' holds string, no images"):
        PairedDataset(tmp_path / "here")


def test_names_come_from_the_files_where_no_column_has_them(tmp_path: Path) -> None:
    data = PairedDataset(imagefolder(tmp_path / "here"))
    assert data.keys == list(PAIRS)
    rows = [{"hr": {"bytes": encoded(high), "path": f"a/{key}.v2.png"}} for key, (_, high) in PAIRS.items()]
    rows_of(rows).save_to_disk(tmp_path / "there")
    assert PairedDataset(tmp_path / "there").keys[0] == "000.v2"


def test_files_in_zip_archives(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    with zipfile.ZipFile(tmp_path / "here/train.zip", "w") as archive:
        for key, (_, high) in PAIRS.items():
            archive.writestr(f"{key}.png", encoded(high))
        archive.writestr("metadata.csv", "file_name\n" + "\n".join(f"{key}.png" for key in PAIRS))
    (tmp_path / "here/README.md").write_text(
        "---\nconfigs:\n- config_name: default\n  data_files: train.zip\n---\n"
    )
    data = PairedDataset(tmp_path / "here", dtype=torch.uint8)
    assert data.keys == list(PAIRS)
    assert np.array_equal(data[1]["hr"].permute(1, 2, 0).numpy(), PAIRS["001"][1])


def test_images_are_turned_upright_as_datasets_does(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(PAIRS["000"][1], "JPEG", exif=exif.tobytes(), quality=95)
    rows_of([{"hr": {"bytes": data}}]).save_to_disk(tmp_path / "here")
    theirs = np.asarray(datasets.load_from_disk(tmp_path / "here")[0]["hr"])
    assert np.array_equal(theirs, np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data)))))
    mine = PairedDataset(tmp_path / "here", dtype=torch.uint8)
    assert mine.sizes.tolist() == [[32, 24]]
    assert np.array_equal(mine[0]["hr"].permute(1, 2, 0).numpy(), theirs)


def test_a_damaged_row_is_named_with_its_column(tmp_path: Path) -> None:
    good = encoded(PAIRS["000"][1])
    rows_of([{"hr": {"bytes": good}}, {"hr": {"bytes": good[: len(good) // 2]}}]).save_to_disk(
        tmp_path / "cut"
    )
    data = PairedDataset(tmp_path / "cut")
    assert data[0]
    with pytest.raises(ImageError, match=r"cut train: row 1, column 'hr': damaged image"):
        data[1]
    for name, bad in (("html", b"<html>"), ("empty", b"")):
        rows_of([{"hr": {"bytes": good}}, {"hr": {"bytes": bad}}]).save_to_disk(tmp_path / name)
        with pytest.raises(ImageError, match=rf"{name} train: row 1, column 'hr': an (HTML page|empty file)"):
            PairedDataset(tmp_path / name)


def test_a_row_without_an_image_is_an_error(tmp_path: Path) -> None:
    rows_of([{"hr": {"bytes": encoded(PAIRS["000"][1])}}, {"hr": None}]).save_to_disk(tmp_path / "here")
    with pytest.raises(ImageError, match="row 1, column 'hr': holds no image"):
        PairedDataset(tmp_path / "here")


@pytest.mark.parametrize(
    "path", ["{}/secret.png", "{}/here/../secret.png", "zip://a::file://{}/secret.png::{}/here/a"]
)
def test_a_path_that_leads_elsewhere_is_not_followed(path: str, tmp_path: Path) -> None:
    """A data set may come from anyone, and could name any file of this machine as an image."""
    (tmp_path / "secret.png").write_bytes(encoded(PAIRS["000"][1]))
    (tmp_path / "here").mkdir()
    (tmp_path / "here/inside.png").write_bytes(encoded(PAIRS["000"][1]))

    rows = datasets.Dataset.from_dict({"hr": [{"bytes": None, "path": path.format(tmp_path, tmp_path)}]})
    rows.to_parquet(tmp_path / "here/train.parquet")
    with pytest.raises(ImageError, match=r"has the path .* in place of an image"):
        PairedDataset(tmp_path / "here")


def test_sizes_that_are_no_pair(tmp_path: Path) -> None:
    wrong = {**PAIRS, "005": (PAIRS["005"][0][:-1], PAIRS["005"][1])}
    table(wrong).save_to_disk(tmp_path / "here")
    with pytest.raises(UsageError, match=r"scale 4 does not fit 1 of 6 pairs: 005 \(HR 32x24, LR 8x5\)"):
        PairedDataset(tmp_path / "here")


def test_splits_and_configs_are_chosen(tmp_path: Path) -> None:
    both = datasets.DatasetDict({"train": table(PAIRS), "test": table(noise_pairs(2))})
    both.save_to_disk(tmp_path / "here")
    with pytest.raises(UsageError, match="here holds the splits train, test: choose one with split="):
        PairedDataset(tmp_path / "here")
    assert len(PairedDataset(tmp_path / "here", split="test")) == 2
    with pytest.raises(UnknownNameError, match="has no split 'valid', it has train, test"):
        PairedDataset(tmp_path / "here", split="valid")
    with pytest.raises(UnknownNameError, match="has no config 'x4', it has none: leave config= out"):
        PairedDataset(parquet(tmp_path / "there"), config="x4")


def test_an_empty_table_and_a_damaged_file(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    table({}).to_parquet(tmp_path / "empty/train.parquet")
    with pytest.raises(SourceError, match=r"empty cannot be loaded .*corresponds to no data"):
        PairedDataset(tmp_path / "empty")
    file = parquet_file(tmp_path / "here")
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(SourceError, match=r"here cannot be loaded \(.*Parquet.*\): get it again"):
        PairedDataset(tmp_path / "here")


def test_a_revision_is_of_the_hub(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="revision='v1' is of a data set of the Hub"):
        PairedDataset(saved(tmp_path / "here"), revision="v1")


@pytest.mark.parametrize("folder", [".", "train.parquet", "data/train.parquet"])
def test_a_table_in_parts_is_one_as_spark_and_dask_write_them(folder: str, tmp_path: Path) -> None:
    """In a folder that is called like a file."""
    pairs = noise_pairs(3)
    (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    table(pairs).to_parquet(str(tmp_path / folder / "part.0.parquet"))
    for place in (tmp_path, tmp_path / folder):
        assert list(PairedDataset(place).keys) == list(pairs)


def test_a_folder_of_prepared_sets_is_not_taken_for_a_table(tmp_path: Path) -> None:
    (tmp_path / "root/one").mkdir(parents=True)
    (tmp_path / "root/one/index.parquet").write_bytes(b"")
    with pytest.raises(UsageError, match="is no prepared set"):
        PairedDataset(tmp_path / "root")
