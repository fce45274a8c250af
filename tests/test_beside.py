"""Texts, numbers and arrays beside images: from a folder or table to batches, and out again by `datasets`."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import safetensors.torch
import torch
from torch.utils.data import DataLoader

from srdata import Loader, PairedDataset, export, prepare, publish
from srdata.cli import run
from srdata.data import Companions, Mixed, Prompt, StreamedPairs
from srdata.errors import CorruptRecordError, UnknownNameError, UsageError
from srdata.images import list_images, read_image
from srdata.preparation import annotate
from srdata.set_repair import repair
from srdata.store.set_json import SET_FILE

KEYS = ("astronaut", "chelsea", "rocket")
CAPTIONS = {"astronaut": "a woman in a suit", "chelsea": 'a "cat", lying', "rocket": "a rocket\nat night"}
TAGS = {"astronaut": ["woman", "flag"], "rocket": ["sky", "smoke", "rocket"]}


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "tables")


@pytest.fixture(scope="module")
def photos(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for path in list_images(photographs):
        if path.stem in KEYS:
            shutil.copy(path, folder)
    return folder


@pytest.fixture(scope="module")
def plain(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepare(photos, scale=4, lmdb=True, root=tmp_path_factory.mktemp("data"), jobs=1).path


@pytest.fixture
def prepared(plain: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(plain, tmp_path / "set"))


def texts_of(data: Any, name: str) -> dict[str, Any]:
    return {item["key"]: item[name] for item in data}


def sources(folder: Path) -> dict[str, Path]:
    """The captions in every form that is taken."""
    (folder / "txt/deeper").mkdir(parents=True)
    for key, text in CAPTIONS.items():
        (folder / "txt/deeper" / f"{key}.txt").write_text(f"{text}\n")
    rows = [{"file_name": f"images/{key}.png", "caption": text} for key, text in CAPTIONS.items()]
    table = pa.Table.from_pylist([{"key": row["file_name"][7:-4], "caption": row["caption"]} for row in rows])
    pq.write_table(table, folder / "captions.parquet")
    (folder / "captions.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    quoted = (f'{row["file_name"]},"{row["caption"].replace(chr(34), chr(34) * 2)}"\n' for row in rows)
    (folder / "captions.csv").write_text("file_name,caption\n" + "".join(quoted))
    return {path.suffix or "txt": path for path in folder.iterdir()}


def texts(folder: Path) -> Path:
    return sources(folder / "told")["txt"]


@pytest.mark.parametrize("form", ["txt", ".parquet", ".jsonl", ".csv"])
def test_captions_of_every_form_are_beside_their_images(photos: Path, tmp_path: Path, form: str) -> None:
    source = sources(tmp_path)[form]
    data = PairedDataset(hr=photos, beside={"caption": source})
    assert texts_of(data, "caption") == CAPTIONS


def test_a_set_keeps_what_is_told_of_its_images(prepared: Path, tmp_path: Path) -> None:
    """Through a loader, torch's own, subsets and windows; and when the set is prepared or mended again."""
    assert run(["annotate", str(prepared), str(texts(tmp_path))]) == 0
    table = [{"key": key, "tags": TAGS.get(key), "score": len(key) / 2} for key in KEYS]
    pq.write_table(pa.Table.from_pylist(table), tmp_path / "more.parquet")
    assert annotate(prepared, tmp_path / "more.parquet") == {"tags": 2, "score": 3}
    data = PairedDataset(prepared, windows=True, patch_size=64, beside=["caption", "tags", "score"])
    for batch in Loader(data, 4, shuffle=False, drop_last=False):
        images = [key.partition("_s")[0] for key in batch.keys]
        assert batch.caption == [CAPTIONS[key] for key in images]
        assert batch.tags == [TAGS.get(key) for key in images]
        assert batch.columns["score"] == [len(key) / 2 for key in images]
    loaded = next(iter(DataLoader(data.subset([2, 1]), 2)))
    assert loaded["caption"] == [CAPTIONS[key.partition("_s")[0]] for key in loaded["key"]]
    assert run(["verify", str(prepared)]) == 0
    with pytest.raises(UsageError, match="has a column tags already: give another --column, or --replace"):
        annotate(prepared, tmp_path / "more.parquet")
    assert run(["annotate", str(prepared), str(tmp_path / "more.parquet"), "--replace"]) == 0


def test_columns_outlive_damage(prepared: Path, photos: Path, tmp_path: Path) -> None:
    annotate(prepared, texts(tmp_path), column="text")
    (prepared / "index.parquet").write_bytes(b"gone")
    repair(prepared)
    said = (prepared / SET_FILE).read_text()
    (prepared / SET_FILE).write_text(said.replace('"counts"', '"counted"'))
    repair(prepared, from_dir=photos, jobs=1)
    assert texts_of(PairedDataset(prepared, beside=["text"]), "text") == CAPTIONS
    column = prepared / "columns/text.parquet"
    column.write_bytes(column.read_bytes()[:-9])
    with pytest.raises(CorruptRecordError, match="run `srdata annotate` with its source again"):
        PairedDataset(prepared, beside=["text"])
    assert annotate(prepared, tmp_path / "told/txt", column="text", replace=True) == {"text": 3}
    assert texts_of(PairedDataset(prepared, beside=["text"]), "text") == CAPTIONS


def test_what_is_missing_in_a_set_is_added_as_told(prepared: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError) as told:
        PairedDataset(prepared, beside=["text"])
    command = re.search("`srdata (.*)`", str(told.value))
    assert command is not None
    assert run(command[1].replace("FILE", str(texts(tmp_path))).split()) == 0
    assert texts_of(PairedDataset(prepared, beside=["text"]), "text") == CAPTIONS


@pytest.mark.parametrize("form", ["parquet", "imagefolder", "webdataset"])
def test_columns_are_published_and_read_by_datasets(prepared: Path, tmp_path: Path, form: Any) -> None:
    annotate(prepared, texts(tmp_path))
    pq.write_table(
        pa.Table.from_pylist([{"key": key, "tags": TAGS.get(key, ["cat"])} for key in KEYS]),
        tmp_path / "t.parquet",
    )
    annotate(prepared, tmp_path / "t.parquet")
    publish(prepared, to="lab/photos", out=tmp_path / "out", form=form, licence="cc0-1.0")
    config = "bicubic_x4"
    rows = datasets.load_dataset(
        str(tmp_path / "out"), config, split="train", cache_dir=str(tmp_path / "cache")
    )
    if form == "webdataset":
        found = {row["__key__"]: row["caption.txt"] for row in rows}
        assert {row["__key__"]: row["json"]["tags"] for row in rows} == {**TAGS, "chelsea": ["cat"]}
    else:
        found = {row["key"]: row["caption"] for row in rows}
        assert {row["key"]: row["tags"] for row in rows} == {**TAGS, "chelsea": ["cat"]}
    assert found == CAPTIONS
    data = PairedDataset(tmp_path / "out", config=config, split="train", beside=["caption"])
    assert texts_of(data, "caption") == CAPTIONS


def test_texts_are_exported_to_tars(prepared: Path, tmp_path: Path) -> None:
    annotate(prepared, texts(tmp_path))
    export(prepared, "webdataset", tmp_path / "out", jobs=1)
    rows = datasets.load_dataset("webdataset", data_files=str(tmp_path / "out/*.tar"), split="train")
    assert {row["__key__"]: row["caption.txt"] for row in rows} == CAPTIONS


def test_prompts_follow_their_law(photos: Path, tmp_path: Path) -> None:
    """Half of them are empty, a fifth of the others are short, and of several texts each is as likely."""
    rows = [{"key": key, "long": CAPTIONS[key], "short": ["one", "two"]} for key in KEYS[:2]]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "texts.parquet")
    where = dict.fromkeys(("long", "short"), tmp_path / "texts.parquet")
    prompt = Prompt(columns={"short": 0.2, "long": 0.8}, empty=0.5)
    data = PairedDataset(hr=photos, patch_size=16, beside=where, prompt=prompt)
    loader = Loader(data, 30, repeat=1000, seed=1)
    seen = Counter(
        (key, text) for batch in loader for key, text in zip(batch.keys, batch.prompt, strict=True)
    )
    assert seen["rocket", ""] == 1000  # of which nothing is told
    for key in KEYS[:2]:
        wanted = {"": 500, CAPTIONS[key]: 400, "one": 50, "two": 50}
        for text, count in wanted.items():
            assert abs(seen[key, text] - count) < 5 * np.sqrt(count)
    again = Loader(data, 10, repeat=1000, seed=1, workers=0)
    prompts = [text for batch in Loader(data, 30, repeat=1000, seed=1) for text in batch.prompt]
    assert [text for batch in again for text in batch.prompt] == prompts


def test_a_set_without_texts_has_empty_prompts_in_a_mixture(photos: Path, tmp_path: Path) -> None:
    told = PairedDataset(hr=photos, patch_size=16, prompt="caption", beside={"caption": texts(tmp_path)})
    mixed = Mixed([told, PairedDataset(hr=photos, patch_size=16)])
    batch = next(iter(Loader(mixed, 6)))
    assert sorted(batch.prompt) == sorted(["", "", "", *CAPTIONS.values()])


def save(path: Path, array: np.ndarray) -> None:
    if path.suffix == ".npy":
        np.save(path, array)
    elif path.suffix == ".pt":
        torch.save(torch.from_numpy(array), path)
    else:
        safetensors.torch.save_file({"latent": torch.from_numpy(array)}, path)


@pytest.mark.parametrize("suffix", [".npy", ".pt", ".safetensors"])
def test_arrays_are_cropped_and_turned_with_their_images(
    plain: Path, photos: Path, tmp_path: Path, suffix: str
) -> None:
    """The mean of each 8x8 pixels, as a network that reduces 8 times has them, is that of the patch."""
    for key in KEYS:
        image = read_image(next(photos.glob(f"{key}.*"))).astype(np.float32) / 255
        rows, columns = (side // 8 for side in image.shape[:2])
        means = image[: rows * 8, : columns * 8].reshape(rows, 8, columns, 8, 3).mean((1, 3))
        save(tmp_path / f"{key}{suffix}", np.ascontiguousarray(means.transpose(2, 0, 1)))
    data = PairedDataset(plain, patch_size=64, beside={"latent": Companions(tmp_path, pixels=8)})
    for batch in Loader(data, 3, augment=["dihedral"], repeat=5):
        assert batch.latent.shape == (3, 3, 8, 8)
        wanted = torch.nn.functional.avg_pool2d(batch.hr, 8)
        assert torch.allclose(batch.latent, wanted, atol=1e-5)
    whole = PairedDataset(plain, beside={"latent": tmp_path})
    latent = whole[0]["latent"]  # type: ignore[typeddict-item]  # it has what is asked for
    assert (latent.numpy() == means_of(tmp_path / f"{whole[0]['key']}{suffix}")).all()


def means_of(file: Path) -> np.ndarray:
    if file.suffix == ".npy":
        return np.load(file)
    return (torch.load(file) if file.suffix == ".pt" else safetensors.torch.load_file(file)["latent"]).numpy()


@pytest.mark.parametrize("settings", [{"augment": ["realesrgan"]}, {"degrade": "bsrgan", "margin": 8}])
def test_arrays_that_would_not_follow_are_refused(
    plain: Path, tmp_path: Path, settings: dict[str, Any]
) -> None:
    for key in KEYS:
        np.save(tmp_path / f"{key}.npy", np.zeros((128, 128)))
    data = PairedDataset(plain, patch_size=64, beside={"mask": Companions(tmp_path, pixels=4)})
    with pytest.raises(UsageError, match="follow crops and the eight turns alone"):
        Loader(data, 3, **settings)


class Code:
    def __reduce__(self) -> Any:
        return (Path.touch, (Path("ran"),))


def test_no_code_in_arrays_runs(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for key in KEYS:
        torch.save(Code(), tmp_path / f"{key}.pt")
    data = PairedDataset(hr=photos, beside={"latent": Companions(tmp_path)})
    with pytest.raises(CorruptRecordError, match=r"astronaut\.pt holds no plain array"):
        data[0]
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,caption\nnobody,x\n", "tells of 'nobody', the images are .*: name them by their keys"),
        ("caption\nx\n", "none of which names images: call it key"),
        ("key\nrocket\n", "tells nothing of them"),
        ("key,caption\na/rocket,x\nb/rocket,y\n", "which both may be 'rocket'"),
        ("key,score\nrocket,1\nrocket,2\n", "several values of an image, which only texts may have"),
        ("key,caption\nrocket\n", "cannot be read as csv"),
    ],
)
def test_tables_that_cannot_be(photos: Path, tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "told.csv").write_text(text)
    with pytest.raises(UsageError, match=message):
        PairedDataset(hr=photos, beside={"caption": tmp_path / "told.csv"})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"beside": ["caption"]},
            "has no column 'caption', it has none: add it with `srdata annotate",
        ),
        ({"prompt": "caption"}, "has no column 'caption'"),
        ({"beside": {"caption": "nowhere.csv"}}, "has no column 'nowhere.csv'"),
        (
            {"beside": {"latent": "."}},
            "has no latent of astronaut, .*: call arrays after images, as",
        ),
    ],
)
def test_what_is_not_there_is_told(
    plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises((UsageError, UnknownNameError), match=message):
        PairedDataset(plain, **settings)


@pytest.mark.parametrize("form", ["parquet", "webdataset", None])
def test_streams_have_texts_and_prompts(prepared: Path, tmp_path: Path, form: Any) -> None:
    annotate(prepared, texts(tmp_path))
    where, config = prepared, None
    if form is not None:
        publish(prepared, to="lab/photos", out=tmp_path / "out", form=form, licence="cc0-1.0")
        where, config = tmp_path / "out", "bicubic_x4"
    data = StreamedPairs(
        where,
        config=config,
        split="train",
        patch_size=16,
        beside=["caption"],
        prompt=Prompt(columns="caption", empty=0.5),
        cache=tmp_path / "cache",
    )
    batches = list(Loader(data, 3, repeat=20))
    told = [pair for batch in batches for pair in zip(batch.keys, batch.caption, batch.prompt, strict=True)]
    assert all(caption == CAPTIONS[key] and prompt in ("", caption) for key, caption, prompt in told)
    assert 15 < sum(prompt == "" for *_, prompt in told) < 45
