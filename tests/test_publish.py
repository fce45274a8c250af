"""The folder of a published set: forms that `datasets` reads, card, rights; nothing of a network."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import socket
import tarfile
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote

import datasets
import numpy as np
import pyarrow.parquet as pq
import pytest
from conftest import MakeSample
from huggingface_hub import DatasetCard
from hypothesis import given
from hypothesis import strategies as st
from killed_runs import content

from srdata import catalog, prepare
from srdata.catalog import Shelf
from srdata.cli import run
from srdata.common.chunks import chunked
from srdata.degrade.chain import load_chain
from srdata.errors import CorruptRecordError, LicenceError, SetError, StorageFullError, UsageError
from srdata.exporting.escaped_keys import file_stem
from srdata.exporting.samples import EncodedLayer, Sample
from srdata.exporting.set_names import chain_name
from srdata.fetch.manifest import load_manifest
from srdata.images import decode_image, write_png
from srdata.prepared.licences import Terms, refuse_unless_allowed
from srdata.prepared.set_images import PreparedImages
from srdata.publishing import build_repository, publish
from srdata.publishing.formats import FORMS, Config, PiecePlace, write_imagefolder, write_parquet
from srdata.publishing.written_pieces import Piece, WrittenPieces
from srdata.recipes.read_recipe import read_set_recipe
from srdata.scale import Scale
from srdata.vocabulary import PublishForm

X4 = Config("bicubic", Scale(4))


@pytest.fixture(scope="module")
def prepared(sample: MakeSample) -> Path:
    """A set in shards, at two scales of which neither divides the other."""
    return sample(scale=(3, 4), lmdb=True)


@pytest.fixture(scope="module")
def in_folders(sample: MakeSample) -> Path:
    return sample(scale=4)


def stored(folder: Path, layer: str) -> dict[str, np.ndarray]:
    """Every image of a layer by its key."""
    images = PreparedImages(folder)
    return {images.index.key(row): images.read(row, layer) for row in range(len(images.index))}


def digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def pairs(rows: datasets.Dataset | datasets.IterableDataset) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """LR and HR by key, whatever the form calls its columns."""
    flat = ({**row, **row.get("json", {})} for row in rows)
    return {
        row["key"]: tuple(np.asarray(row.get(side, row.get(f"{side}.png"))) for side in ("lr", "hr"))
        for row in flat
    }


@pytest.mark.parametrize("form", FORMS)
def test_datasets_loads_every_form_pixel_for_pixel(prepared: Path, tmp_path: Path, form: PublishForm) -> None:
    out = tmp_path / "out"
    publish(prepared, out=out, form=form, jobs=1)
    for scale, streaming in ((Scale(3), False), (Scale(4), True)):
        rows = datasets.load_dataset(
            str(out), f"bicubic_{scale.label}", split="train", streaming=streaming, cache_dir=str(tmp_path)
        )
        found = pairs(rows)
        hr, lr = stored(prepared, "hr"), stored(prepared, scale.label)
        assert list(found) == list(hr)
        for key, (low, high) in found.items():
            assert np.array_equal(low, lr[key])
            covered = hr[key][: scale.crop(hr[key].shape[0]), : scale.crop(hr[key].shape[1])]
            assert np.array_equal(high, covered)
            assert high.shape[:2] == (low.shape[0] * int(scale), low.shape[1] * int(scale))


def test_what_was_drawn_goes_along(tmp_path: Path) -> None:
    made = prepare("sample", scale=4, degradation="bsrgan", lmdb=True, root=tmp_path, jobs=1)
    publish(made, out=tmp_path / "out", form="parquet", jobs=1)
    rows = datasets.load_dataset(
        str(tmp_path / "out"), "bsrgan_x4", split="train", cache_dir=str(tmp_path / "c")
    )
    index = PreparedImages(made).index
    for row in rows:
        assert json.loads(row["params"]) == index.params(index.row(row["key"]))["x4"]
        assert (row["scale"], row["degradation"]) == (4, "bsrgan")


def test_the_same_set_gives_the_same_bytes(prepared: Path, tmp_path: Path) -> None:
    for form in FORMS:
        for jobs in (1, 2):
            publish(prepared, out=tmp_path / f"{form}{jobs}", form=form, jobs=jobs)
        assert digests(tmp_path / f"{form}1") == digests(tmp_path / f"{form}2")


def test_png_files_are_published_as_they_are(in_folders: Path, tmp_path: Path) -> None:
    files = {path.stem: path.read_bytes() for path in (in_folders / "sample_train_HR").iterdir()}
    publish(in_folders, out=tmp_path / "out", form="parquet", jobs=1)
    [path] = (tmp_path / "out/data").rglob("*.parquet")
    rows = pq.read_table(path).to_pylist()
    assert {row["key"]: row["hr"]["bytes"] for row in rows} == files
    assert [row["lr"]["path"] for row in rows][:2] == ["astronautx4.png", "chelseax4.png"]


def pair(key: str, lr: bytes = b"", hr: bytes = b"") -> Sample:
    return Sample(key, key, "train", {"x4": EncodedLayer(lr, 0, 0), "hr": EncodedLayer(hr, 0, 0)}, "", {})


def test_tables_have_the_types_and_sizes_that_the_hub_takes(tmp_path: Path) -> None:
    data = np.random.default_rng(0).bytes(4800)
    entries = [pair(f"{number:04d}", data[:400], data) for number in range(250)]
    write_parquet(PiecePlace(tmp_path, "train", 0, 0), iter(entries[:200]), X4)
    [path] = tmp_path.iterdir()
    first = pq.ParquetFile(path)
    kinds = datasets.Features(
        {
            name: datasets.Image() if kind == "image" else datasets.Value(kind)
            for name, kind in X4.features.items()
        }
    )
    assert first.schema_arrow.equals(kinds.arrow_schema, check_metadata=True)
    groups = [first.metadata.row_group(i) for i in range(first.num_row_groups)]
    assert [group.num_rows for group in groups] == [100, 100]
    column = {groups[0].column(i).path_in_schema: groups[0].column(i) for i in range(groups[0].num_columns)}
    assert column["hr.bytes"].compression == "UNCOMPRESSED"
    assert column["hr.bytes"].has_offset_index, "a page index"
    assert not column["hr.bytes"].is_stats_set


def test_a_group_of_rows_stays_small_in_memory(tmp_path: Path) -> None:
    entries = (pair(str(number), hr=bytes(30 << 20)) for number in range(5))
    write_parquet(PiecePlace(tmp_path, "train", 0, 0), entries, X4)
    [path] = tmp_path.iterdir()
    assert [pq.ParquetFile(path).metadata.row_group(i).num_rows for i in range(2)] == [3, 2]


def test_folders_hold_no_more_files_than_the_hub_takes(tmp_path: Path) -> None:
    write_imagefolder(PiecePlace(tmp_path, "train", 0, 0), (pair(str(i)) for i in range(5001)), X4)
    folders = [path for path in (tmp_path / "train").iterdir() if path.is_dir()]
    assert {path.name: len(list(path.iterdir())) for path in folders} == {
        "hr": 5000,
        "lr": 5000,
        "hr-1": 1,
        "lr-1": 1,
    }
    last = json.loads((tmp_path / "train/metadata.jsonl").read_text().splitlines()[-1])
    assert (last["hr_file_name"], last["lr_file_name"], last["key"]) == (
        "hr-1/5000.png",
        "lr-1/5000.png",
        "5000",
    )


def test_archives_hold_nothing_of_this_machine(prepared: Path, tmp_path: Path) -> None:
    publish(prepared, out=tmp_path / "out", form="webdataset", jobs=1, shard_bytes=1 << 20)
    paths = sorted((tmp_path / "out/data/bicubic_x4").rglob("*.tar"))
    assert [path.name for path in paths] == ["train-00000.tar", "train-00001.tar", "train-00002.tar"]
    names = []
    for path in paths:
        with tarfile.open(path) as archive:
            members = archive.getmembers()
            assert {(one.mtime, one.uid, one.gid, one.uname) for one in members} == {(0, 0, 0, "")}
            names += [one.name for one in members]
    assert names[:4] == ["astronaut.lr.png", "astronaut.hr.png", "astronaut.json", "chelsea.lr.png"]


@given(st.text(min_size=1, max_size=16))
def test_a_file_name_tells_its_key(key: str) -> None:
    name = file_stem(key)
    assert not set(name) & set("./\\ %~")
    assert name.isascii()
    assert unquote(name.replace("=", "%")) == key


def test_long_keys_keep_names_of_their_own() -> None:
    long = ["ü" * 250, "ü" * 249 + "a"]
    assert len({file_stem(key) for key in long}) == 2
    assert all(len(file_stem(key)) < 240 for key in long)


@given(st.lists(st.integers(0, 30), max_size=60), st.integers(1, 40), st.integers(1, 7))
def test_groups_keep_order_and_limits(sizes: list[int], most_bytes: int, most: int) -> None:
    groups = [list(group) for group in chunked(sizes, int, most_bytes=most_bytes, most=most)]
    assert [size for group in groups for size in group] == sizes
    assert all(len(group) <= most and sum(group[:-1]) < most_bytes for group in groups)
    assert all(len(group) == most or sum(group) >= most_bytes for group in groups[:-1])


@pytest.mark.parametrize("name", ["bicubic", "bsrgan", "swinir-real", "realesrgan-x4", "real-hat-gan", "ipt"])
def test_a_preset_is_known_by_its_name(name: str) -> None:
    chain = load_chain(name).resolved()
    assert chain_name(chain, f"div2k-{name}-x4") in {name, "bicubic"}
    found = chain_name(chain)
    assert found == "bicubic" or load_chain(found).resolved() == chain


def test_other_chains_are_custom() -> None:
    bicubic = load_chain("bicubic").resolved()
    once = {**bicubic, "steps": [{**bicubic["steps"][0], "rounding": "once"}]}
    lanczos = {**bicubic, "steps": [{**bicubic["steps"][0], "kernel": "lanczos3"}]}
    assert (chain_name(once), chain_name(lanczos)) == ("bicubic", "custom")


def test_the_card_says_what_is_inside(prepared: Path, tmp_path: Path) -> None:
    publish(prepared, to="lab/sample", out=tmp_path / "out", form="imagefolder", jobs=1)
    card = DatasetCard.load(tmp_path / "out/README.md")
    data = card.data.to_dict()
    assert data["license"] == "other"
    assert data["license_name"] == "public-domain-and-cc0"
    assert (tmp_path / "out" / data["license_link"]).read_text().count("CC0: coffee by Rachel Michetti") == 1
    assert data["task_categories"] == ["image-to-image"]
    assert data["size_categories"] == ["n<1K"]
    assert [one["config_name"] for one in data["configs"]] == ["bicubic_x3", "bicubic_x4"]
    assert [one["splits"][0]["num_examples"] for one in data["dataset_info"]] == [5, 5]
    pointer = json.loads((tmp_path / "out/srdata.json").read_text())
    for text in (
        'load_dataset("lab/sample", "bicubic_x3", split="train")',
        'PairedDataset("hf://lab/sample", config="bicubic_x3", split="train"',
        "![Some of the pairs](sheet.png)",
        "van der Walt et al.",
        pointer["configs"][0]["splits"]["train"]["pixels"],
        pointer["digest"],
        "opencv-python-headless 5.",
    ):
        assert text in card.text
    assert decode_image((tmp_path / "out/sheet.png").read_bytes(), "sheet").shape[1] > 400
    files = digests(tmp_path / "out")
    del files["srdata.json"]
    assert files == {name: one["sha256"] for name, one in pointer["files"].items()}


def test_pixel_hashes_are_those_of_the_index(prepared: Path, tmp_path: Path) -> None:
    publish(prepared, out=tmp_path / "out", form="parquet", jobs=1)
    index = PreparedImages(prepared).index
    lines = [f"{index.key(i)} {index.pixels(i)['hr']} {index.pixels(i)['x4']}\n" for i in range(5)]
    pointer = json.loads((tmp_path / "out/srdata.json").read_text())
    assert (
        pointer["configs"][1]["splits"]["train"]["pixels"]
        == hashlib.sha256("".join(lines).encode()).hexdigest()
    )


def test_a_recipe_alone_makes_the_set_again(prepared: Path, tmp_path: Path) -> None:
    publish(prepared, out=tmp_path / "out", recipe_only=True)
    assert sorted(digests(tmp_path / "out")) == [
        "LICENSE.md",
        "README.md",
        "hashes.jsonl",
        "recipe.yaml",
        "srdata.json",
    ]
    card = (tmp_path / "out/README.md").read_text()
    assert "srdata prepare recipe.yaml --name sample-x3x4 --root data" in card
    again = prepare(read_set_recipe(tmp_path / "out/recipe.yaml"), root=tmp_path, jobs=1)
    assert again.content.digest == PreparedImages(prepared).content.digest
    lines = map(json.loads, (tmp_path / "out/hashes.jsonl").read_text().splitlines())
    index = PreparedImages(again.path).index
    assert {line["key"]: line["pixels"] for line in lines} == {
        index.key(row): index.pixels(row) for row in range(len(index))
    }
    rows = datasets.load_dataset(str(tmp_path / "out"), split="train", cache_dir=str(tmp_path / "c"))
    assert len(rows) == 5


def of_source(prepared: Path, folder: Path, source: str) -> Path:
    """A copy of a set that says it was made of another data set."""
    shutil.copytree(prepared, folder)
    content = json.loads((folder / "set.json").read_text())
    del content["seal"]
    content["recipe"]["source"] = source
    (folder / "set.json").write_text(json.dumps(content))
    return folder


@pytest.mark.parametrize("name", catalog.names(Shelf.MANIFESTS))
def test_only_what_is_free_to_pass_on_is_published(name: str) -> None:
    manifest = load_manifest(name)
    if manifest.licence.redistributable:
        refuse_unless_allowed(Path("set"), Terms((manifest,)))
        return
    with pytest.raises(LicenceError) as caught:
        refuse_unless_allowed(Path("set"), Terms((manifest,)))
    for text in (manifest.title, manifest.licence.name, "--recipe-only", "--i-have-the-rights"):
        assert text in str(caught.value)


def test_one_closed_member_closes_all(prepared: Path, tmp_path: Path) -> None:
    free, closed = load_manifest("sample"), load_manifest("div2k")
    with pytest.raises(LicenceError, match="DIV2K is not known to be free"):
        refuse_unless_allowed(Path("set"), Terms((free, closed)))
    with pytest.raises(LicenceError, match="nothing is known of the rights"):
        refuse_unless_allowed(Path("set"), Terms(()))


def test_refused_sets_leave_nothing_and_the_terms_are_told_first(prepared: Path, tmp_path: Path) -> None:
    folder = of_source(prepared, tmp_path / "set", "df2k")
    told: list[str] = []
    with pytest.raises(LicenceError):
        publish(folder, out=tmp_path / "out", log=told.append)
    assert not (tmp_path / "out").exists()
    assert [line.partition(":")[0] for line in told] == [
        "licence of DF2K (DIV2K and Flickr2K)",
        "licence of DIV2K",
        "licence of Flickr2K",
    ]
    publish(folder, out=tmp_path / "recipe", recipe_only=True)
    publish(folder, out=tmp_path / "out", form="parquet", i_have_the_rights=True, jobs=1)
    assert "DIV2K for academic research only" in (tmp_path / "out/LICENSE.md").read_text()


def test_what_is_there_is_kept_and_nothing_else_is_overwritten(prepared: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    publish(prepared, out=out, form="parquet", jobs=1)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    publish(prepared, out=out, form="parquet", jobs=1)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before
    with pytest.raises(UsageError, match="out is not empty, and not what is asked for now"):
        publish(prepared, out=out, form="webdataset", jobs=1)


def test_damage_is_found_and_nothing_half_written_stays(in_folders: Path, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    shutil.copytree(in_folders, folder)
    path = folder / "sample_train_HR/rocket.png"
    image = decode_image(path.read_bytes(), "rocket")
    image[0, 0] ^= 1
    write_png(path, image)
    with pytest.raises(CorruptRecordError, match="image 'rocket', layer hr, is not what was stored"):
        publish(folder, out=tmp_path / "out", form="parquet", jobs=1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["set"]


@pytest.mark.parametrize("form", FORMS)
def test_what_is_finished_on_a_full_disk_is_gone_on_with(
    small_device: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: PublishForm
) -> None:
    for number in range(6):
        noise = np.random.default_rng(number).integers(0, 255, (200, 200, 3), np.uint8)
        write_png(tmp_path / f"in/{number}.png", noise)
    made = prepare(tmp_path / "in", scale=2, lmdb=True, windows=(100, 100, 0), root=tmp_path, jobs=1).path
    how = {"form": form, "windows": True, "i_have_the_rights": True, "shard_bytes": 150_000, "jobs": 1}
    monkeypatch.setattr(build_repository, "ROW_GROUP_BYTES", 150_000)  # of image files too
    publish(made, out=tmp_path / "elsewhere", **how)
    filler, add = small_device / "filler", WrittenPieces.add

    def fill(pieces: WrittenPieces, piece: Piece) -> None:
        add(pieces, piece)
        with suppress(OSError), filler.open("ab", buffering=0) as file:
            while len(pieces.of("bicubic_x2", "train")) == 2:
                file.write(bytes(4096))

    monkeypatch.setattr(WrittenPieces, "add", fill)
    with pytest.raises(StorageFullError, match="what is finished is kept"):
        publish(made, out=small_device / "out", **how)
    [part] = small_device.glob("out.part-*")
    kept = [path.stat().st_ino for path in sorted(part.rglob("*.*")) if path.suffix in {".parquet", ".tar"}]
    filler.unlink()
    monkeypatch.setattr(WrittenPieces, "add", add)
    publish(made, out=small_device / "out", **how)
    there = sorted((small_device / "out/data").rglob("*.*"))
    assert [path.stat().st_ino for path in there][:2] == kept[:2] or form == "imagefolder"
    assert content(small_device / "out") == content(tmp_path / "elsewhere")
    assert not [*small_device.glob("out.part-*")]


def test_the_form_follows_the_size_of_the_images(prepared: Path, tmp_path: Path, photographs: Path) -> None:
    assert publish(prepared, out=tmp_path / "small", jobs=1).content.form == "parquet"
    large = np.random.default_rng(0).integers(0, 256, (700, 700, 3), np.uint8)
    write_png(tmp_path / "photos/noise.png", large)
    made = prepare(tmp_path / "photos", scale=2, lmdb=True, root=tmp_path, jobs=1)
    outcome = publish(made, out=tmp_path / "large", i_have_the_rights=True, jobs=1)
    assert outcome.content.form == "imagefolder"
    assert "license" not in DatasetCard.load(tmp_path / "large/README.md").data.to_dict()


def test_the_command_tells_the_terms_and_then_what_was_written(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*unused: object) -> None:
        raise AssertionError("nothing asks the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert run(["publish", str(prepared), "--out", str(tmp_path / "out"), "--jobs", "1"]) == 0
    out, err = capsys.readouterr()
    assert re.fullmatch(rf"{tmp_path}/out: parquet, 7 files, \d\.\d MB\n", out)
    assert err.startswith("licence of Five sample photographs: public domain and CC0: ")
    assert "bicubic_x4 train: 5/5 images" in err


def test_the_command_refuses_in_one_line(
    prepared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = of_source(prepared, tmp_path / "set", "div2k")
    assert run(["publish", str(folder), "--to", "lab/div2k"]) == 2
    terms, refusal = capsys.readouterr().err.splitlines()
    assert terms.startswith("licence of DIV2K: academic research only: ")
    assert refusal == (
        f"srdata: {folder} is not published: DIV2K is not known to be free to pass on (licence: "
        "academic research only). Publish the recipe and the hashes without any pixels by --recipe-only, or "
        "give --i-have-the-rights if you hold them"
    )


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({}, "say where to: --to ORG/NAME"),
        ({"to": "sample"}, "'sample' is no name of a data set"),
        ({"to": "a/b/c"}, "is no name of a data set"),
        ({"to": "lab/x", "windows": True, "recipe_only": True}, "leave one of them out"),
    ],
)
def test_requests_that_cannot_be_met(prepared: Path, options: dict[str, object], text: str) -> None:
    with pytest.raises(UsageError, match=text):
        publish(prepared, **options)  # type: ignore[arg-type]


def test_only_prepared_sets_are_published(tmp_path: Path) -> None:
    with pytest.raises(SetError, match="is no prepared set"):
        publish(tmp_path, out=tmp_path / "out")
