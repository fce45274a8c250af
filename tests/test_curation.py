"""Choosing images before preparation: what is kept of it, in whatever way it is asked for."""

from __future__ import annotations

import json
import os
import shutil
import socket
from collections import Counter
from pathlib import Path

import fsspec
import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from PIL import Image

from srdata.cli import cli, run
from srdata.curation import scored_files
from srdata.curation.best_tiles import judge_tiles
from srdata.curation.no_network import NetworkRefusedError, without_network
from srdata.curation.score_store import SCORES_HOME, How
from srdata.curation.scored_files import score_files
from srdata.curation.wanted_scores import find_scores
from srdata.duplicates.known_images import read_known, shipped
from srdata.errors import ImageError, MissingExtraError, StoreError, UsageError
from srdata.images import read_image
from srdata.niqe import load_natural, naturalness
from srdata.preparation import finish_plan, make_part, plan, prepare, write_plan
from srdata.prepared.set_images import PreparedImages, explain
from srdata.prepared.verification import verify
from srdata.recipes.image_choice import ImageChoice, Likeness, Tile, Tiles
from srdata.recipes.read_recipe import read_set_recipe
from srdata.recipes.set_recipe import Recipe
from srdata.resize import imresize
from srdata.set_repair import repair
from srdata.store.tables.choice_table import CHOICE_FILE, not_taken

HERE = "tests.test_curation:"


def bright(image: np.ndarray) -> float:
    return float(image.mean())


def vector(image: np.ndarray) -> list[float]:
    return [1.0, -3 * float(image.mean() > 100)]


def no_number(image: np.ndarray) -> str:
    return "bright"


def endless(image: np.ndarray) -> float:
    return float("inf")


def failing(image: np.ndarray) -> float:
    raise RuntimeError("no\nsuch luck")


@pytest.fixture(scope="module")
def drawn(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five photographs, a small copy of one, and one that was saved with a low quality."""
    folder = tmp_path_factory.mktemp("drawn")
    for path in photographs.iterdir():
        if path.suffix in (".png", ".jpg"):
            Image.open(path).crop((40, 40, 296, 296)).save(folder / f"{path.stem}.png")
    coffee = Image.open(folder / "coffee.png")
    coffee.resize((96, 96)).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(folder / "small.png")
    Image.open(folder / "chelsea.png").rotate(40).crop((60, 60, 200, 200)).save(
        folder / "low.jpg", quality=20
    )
    return folder


@pytest.fixture
def pictures(drawn: Path, tmp_path: Path) -> Path:
    """The same, to be changed."""
    return shutil.copytree(drawn, tmp_path / "pictures")


def made(pictures: Path, where: str | None, **settings: object) -> tuple[list[str], Path]:
    built = prepare(pictures, scale=4, lmdb=True, root=pictures.parent, jobs=1, where=where, **settings)
    return sorted(PreparedImages(built).index.keys.to_pylist()), built.path


def scored(pictures: Path, names: list[str], jobs: int = 1, **how: object) -> dict[str, dict[str, object]]:
    files = {path.stem: path for path in sorted(pictures.iterdir()) if path.is_file()}
    wanted = How(find_scores(names), **how)
    found = score_files(files, wanted, pictures / SCORES_HOME, jobs=jobs)
    columns = ["key", "bytes", "mtime_ns", "sha256", *wanted.columns]
    return {row["key"]: row for row in found.each(columns)}


def test_what_is_left_out_is_listed_with_its_score(pictures: Path) -> None:
    keys, path = made(pictures, "blockiness<30 and not duplicate")
    assert keys == ["astronaut", "chelsea", "coffee", "hubble_deep_field", "rocket"]
    assert path.name == "pictures-chosen-x4"
    assert verify(path).ok
    told = {key: explain(path, key)["choice"][0] for key in ("low", "small", "coffee")}
    assert told["low"]["why"].startswith("blockiness ")
    assert told["low"]["why"].endswith(", wanted blockiness < 30")
    assert told["small"]["why"] == "duplicate of coffee"
    assert told["coffee"]["kept"]
    output = CliRunner().invoke(cli, ["explain", str(path), "small"]).output
    assert output.startswith("small: left out: duplicate of coffee (blockiness ")
    recipe = json.loads((path / "set.json").read_text())["recipe"]
    assert recipe["where"] == "blockiness < 30 and not duplicate"
    assert recipe["scores"] == {
        **dict.fromkeys(("blockiness", "pixels", "jpeg_quality", "laplacian"), "1"),
        "duplicate": "1",
    }


def test_explain_tells_why_a_damaged_image_is_left_out(pictures: Path) -> None:
    (pictures / "cut.png").write_bytes((pictures / "coffee.png").read_bytes()[:5000])
    for where in (None, "pixels > 10"):
        _, path = made(pictures, where, skip_bad=True)
        output = CliRunner().invoke(cli, ["explain", str(path), "cut"]).output
        assert output.startswith("cut: left out: ")
        assert "damaged image" in output


def test_one_choice_has_one_digest_and_another_threshold_reads_no_image(
    pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = made(pictures, "laplacian > 80 and entropy > 1")[1]
    digest = json.loads((first / "set.json").read_text())["digest"]
    again = prepare(
        pictures,
        scale=4,
        lmdb=True,
        root=pictures.parent / "b",
        jobs=2,
        where=" laplacian>80.0 and (entropy > 1)",
    )
    assert again.content.digest == digest
    assert (again.path / "index.parquet").read_bytes() == (first / "index.parquet").read_bytes()
    assert (again.path / "choice.parquet").read_bytes() == (first / "choice.parquet").read_bytes()
    monkeypatch.setattr(scored_files, "score_some", None)
    keys, path = made(pictures, "laplacian > 800 and entropy > 1", name="stricter")
    assert json.loads((path / "set.json").read_text())["digest"] != digest
    table = pq.read_table(path / CHOICE_FILE)
    assert keys == sorted(
        row["key"] for row in table.to_pylist() if row["laplacian"] > 800 and row["entropy"] > 1
    )


def test_a_recipe_without_a_choice_keeps_its_digest(pictures: Path) -> None:
    recipe = Recipe(name="x", folder=str(pictures), scales=read_set_recipe(pictures).scales)
    assert (
        recipe.digest == "bc0a786f0ebea601651a3c9cb10aedeeda6a231c03fe0a177f47d5be200718ad"
    )  # of version 0.1
    assert not {"where", "tiles", "scores", "likeness"} & recipe.resolved().keys()


def test_scores_are_kept_by_version_and_hash(pictures: Path) -> None:
    first = scored(pictures, ["entropy"])
    table = pictures / SCORES_HOME / "images.parquet"
    assert "entropy@1" in pq.read_schema(table).names
    more = scored(pictures, ["laplacian", "entropy"], jobs=2)
    assert {key: row["entropy@1"] for key, row in more.items()} == {
        key: row["entropy@1"] for key, row in first.items()
    }
    shutil.copy(pictures / "coffee.png", pictures / "rocket.png")
    changed = scored(pictures, ["laplacian"])
    assert changed["rocket"]["laplacian@1"] == more["coffee"]["laplacian@1"]
    assert changed["rocket"]["sha256"] == more["coffee"]["sha256"] != more["rocket"]["sha256"]
    table.write_bytes(table.read_bytes()[:100])  # a damaged table counts for nothing
    assert scored(pictures, ["laplacian"]) == changed


def test_touching_a_file_scores_nothing_again(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = scored(pictures, ["entropy"])
    os.utime(pictures / "coffee.png", (1, 1))
    monkeypatch.setattr(scored_files, "decode_image", None)
    assert scored(pictures, ["entropy"])["coffee"] == first["coffee"] | {"mtime_ns": 10**9}


def test_a_run_that_was_ended_goes_on_where_it_stopped(
    pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scored_files, "_TASK", 1)
    monkeypatch.setattr("srdata.curation.score_store._PART", 2)
    work, calls = scored_files.score_some, list[str]()

    def ended(task: scored_files.ScoreTask) -> object:
        calls.append(task.files[0][0])
        if len(calls) == 6:
            raise KeyboardInterrupt
        return work(task)

    monkeypatch.setattr(scored_files, "score_some", ended)
    with pytest.raises(KeyboardInterrupt):
        scored(pictures, ["entropy"])
    assert [path.suffix for path in (pictures / SCORES_HOME).iterdir()] == [".part", ".part"]
    whole = scored(pictures, ["entropy"])
    assert len(whole) == 7
    assert calls[6:] == calls[4:6] + calls[6:][2:]  # four were kept
    assert len(calls) == 6 + 3
    assert [path.name for path in (pictures / SCORES_HOME).iterdir()] == ["images.parquet"]


def test_a_file_that_changes_while_it_is_scored(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = Path.read_bytes

    def written_meanwhile(path: Path) -> bytes:
        data = read(path)
        if path.name == "coffee.png":
            path.write_bytes(data + b"more")
        return data

    monkeypatch.setattr(Path, "read_bytes", written_meanwhile)
    with pytest.raises(ImageError, match=r"coffee\.png changed while it was scored: run the same"):
        scored(pictures, ["entropy"])


def test_an_image_that_cannot_be_read_is_said_by_preparing_it(pictures: Path) -> None:
    (pictures / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\nno more")
    with pytest.raises(ImageError, match=r"bad\.png"):
        made(pictures, "entropy > 1")
    keys, _ = made(pictures, "entropy > 1", skip_bad=True)
    assert "coffee" in keys
    assert "bad" not in keys


def test_an_image_that_cannot_be_read_is_not_read_again(
    pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, where = pictures / "bad.png", "entropy > 1"
    bad.write_bytes(b"\x89PNG\r\n\x1a\nno more")

    def found() -> dict[str, str]:
        return dict(score_files({"bad": bad}, How(find_scores(["entropy"])), pictures / SCORES_HOME).bad)

    told = found()
    made(pictures, where, skip_bad=True)
    with monkeypatch.context() as patched:
        patched.setattr(scored_files, "score_some", None)
        assert found() == told
        assert "chosen    not known" not in plan(pictures, scale=4, where=where, root=pictures.parent / "new")
    monkeypatch.setattr(How, "unreadable", "unreadable@of another version")
    assert found() == told
    shutil.copy(pictures / "coffee.png", bad)
    assert found() == {}


def test_own_functions_are_scores(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys, path = made(pictures, "bright > 100", scores={"bright": f"{HERE}bright"})
    mean = {one.stem: read_image(one).mean() for one in pictures.glob("*.*g")}
    assert keys == sorted(key for key, value in mean.items() if value > 100)
    recipe = json.loads((path / "set.json").read_text())["recipe"]
    assert recipe["scores"]["bright"].startswith(f"{HERE}bright#")
    changed = {"bright": f"{HERE}bright#000000000000"}
    with pytest.raises(UsageError, match=r"scores: bright was tests\.test_curation:bright#0{12} and is"):
        made(pictures, "bright > 100", scores=changed, name="other")
    with pytest.raises(UsageError, match="gave 'bright', not a number: let it return a float"):
        made(pictures, "bright > 100", scores={"bright": f"{HERE}no_number"}, name="other")
    with pytest.raises(UsageError, match="gave inf, not a number: let it return a float"):
        made(pictures, "bright > 100", scores={"bright": f"{HERE}endless"}, name="other")
    failed = r"failing fails on an image of 256x256 pixels \(RuntimeError: no such luck\): mend it, or let it"
    with pytest.raises(UsageError, match=failed):
        made(pictures, "bright > 100", scores={"bright": f"{HERE}failing"}, name="other")


def test_a_dry_run_writes_nothing(pictures: Path) -> None:
    settings = {"scale": 4, "lmdb": True, "root": pictures.parent / "none"}
    told = plan(pictures, where="blockiness < 30 and not duplicate", **settings)
    assert "chosen    not known: " in told
    assert " has no scores yet of 7 of 7 images: " in told
    assert sorted(path.name for path in pictures.parent.iterdir()) == ["pictures"]
    assert not (pictures / SCORES_HOME).exists()
    made(pictures, "blockiness < 30 and not duplicate")
    kept = {path: path.stat().st_mtime_ns for path in (pictures / SCORES_HOME).iterdir()}
    told = plan(pictures, where="blockiness < 30 and not duplicate", **settings)
    assert "chosen    5 of 7 images; 1 out: blockiness < 30; 1 out: duplicate\n" in told
    assert "images    5\n" in told
    assert {path: path.stat().st_mtime_ns for path in (pictures / SCORES_HOME).iterdir()} == kept


def test_embeddings_say_what_is_alike(pictures: Path) -> None:
    recipe = read_set_recipe(pictures).changed(
        where="not duplicate", likeness=Likeness(by=f"{HERE}vector", prefer=("width",))
    )
    built = prepare(recipe, scale=4, lmdb=True, root=pictures.parent, jobs=1)
    means = {one.stem: bool(read_image(one).mean() > 100) for one in sorted(pictures.glob("*.*g"))}
    widest = {bright: next(key for key, one in means.items() if one is bright) for bright in (True, False)}
    assert sorted(PreparedImages(built).index.keys.to_pylist()) == sorted(widest.values())


def test_images_of_test_sets_are_known_without_having_them(pictures: Path) -> None:
    known = read_known(shipped())
    sets = Counter(name.partition("/")[0] for name in known.names)
    expected = {"set5": 5, "set14": 14, "b100": 100, "urban100": 100, "manga109": 109, "sunhays80": 80}
    assert sets == expected
    keys, _ = made(pictures, "not leaked")
    assert len(keys) == 7
    table = pictures.parent / "mine.csv"
    tests = pictures.parent / "my tests"
    tests.mkdir()
    Image.open(pictures / "coffee.png").rotate(90).resize((120, 120)).save(tests / "cup.jpg", quality=50)
    done = CliRunner().invoke(cli, ["hashes", str(tests), "--out", str(table)])
    assert done.output.splitlines()[-1] == f"{table}: 1 image"
    assert read_known(shipped(), table).names == (*known.names, "my tests/cup.jpg")
    keys, path = made(pictures, "not leaked", test_images=str(table), name="others")
    assert keys == ["astronaut", "chelsea", "hubble_deep_field", "low", "rocket"]
    assert explain(path, "small")["choice"][0]["why"] == "leaked: it shows my tests/cup.jpg"


def test_tiles_are_cut_where_it_is_worth_it(pictures: Path) -> None:
    tiles = Tiles(
        size=64, step=32, scales=(1.0, 0.5), by="laplacian", best=2, overlap=0.3, where="entropy > 2"
    )
    recipe = read_set_recipe(pictures).changed(tiles=tiles)
    built = prepare(recipe, scale=4, lmdb=True, root=pictures.parent, jobs=1)
    assert built.path.name == "pictures-tiles64-x4"
    images = PreparedImages(built)
    keys = images.index.keys.to_pylist()
    assert sum(key.startswith("coffee_") for key in keys) == 2
    whole = read_image(pictures / "coffee.png")
    for key in (key for key in keys if key.startswith("coffee_")):
        _, scale, top, left = key.rsplit("_", 3)
        copy = whole if scale == "100" else imresize(whole, scale=0.5, rounding="once")
        expected = copy[int(top) : int(top) + 64, int(left) : int(left) + 64]
        assert np.array_equal(images.read(images.index.row(key), "hr"), expected)
    table = pq.read_table(built.path / CHOICE_FILE)
    rows = [row for row in table.to_pylist() if row["image"] == "coffee"]
    assert len(rows) == 7 * 7 + 3 * 3
    best = max(rows, key=lambda row: row["laplacian"])
    assert best["kept"]
    assert {row["why"] for row in rows} <= {None, "", "not among the best 2", "overlaps a better tile"}
    assert verify(built, replay=2).ok
    assert explain(built, keys[0])["choice"][0]["kept"]


def test_tiles_overlap_no_more_than_they_may() -> None:
    settings = Tiles(size=10, step=5, by="-noise", overlap=0.25)
    tiles = list(settings.of(10, 40))
    choice = ImageChoice(None, {}, settings, Likeness())
    noise = np.array([3.0, 1, 1, 2, 5, 0, float("nan")])
    why = judge_tiles(tiles, {"noise": noise}, choice, settings)
    taken = [tile.left for tile, reason in zip(tiles, why, strict=True) if not reason]
    assert taken == [5, 15, 25]
    assert why[-1] == "noise cannot be told"
    assert settings.shared(Tile(1, 0, 0, 10), Tile(1, 5, 5, 10)) == 0.25


def test_parts_of_a_plan_make_the_same_set(pictures: Path) -> None:
    recipe = read_set_recipe(pictures).changed(
        where="not duplicate", tiles=Tiles(size=96, by="laplacian", best=1), store={"layout": "lmdb"}
    )
    whole = prepare(recipe, scale=4, root=pictures.parent / "whole", jobs=1)
    file = pictures.parent / "set.plan"
    write_plan(recipe, file, scale=4, root=pictures.parent / "parts", jobs=1)
    for number in (2, 1):
        make_part(file, (number, 2), jobs=1)
    parts = finish_plan(file)
    for name in ("index.parquet", "choice.parquet", "shards.parquet"):
        assert (parts.path / name).read_bytes() == (whole.path / name).read_bytes()
    assert verify(parts).ok


@pytest.mark.parametrize(
    ("where", "settings", "told"),
    [
        ("laplacian > 1e9", {}, "where leaves 0 of 7 images: 7 by laplacian > 1000000000"),
        ("blokiness < 3", {}, "where, column 1: unknown score 'blokiness', did you mean 'blockiness'?"),
        ("niqe < 4", {}, "niqe needs a model that you have: give --weights niqe=FILE"),
        ("niqe < 4", {"weights": {"niqe": "nothing.npz"}}, "weights of niqe: there is no file nothing.npz"),
        ("mine < 4", {"scores": {"mine": "no.such:thing"}}, "cannot find the function no.such:thing"),
        ("not leaked", {"test_images": __file__}, "is no table of hashes: make one by `srdata hashes"),
        ("bhi", {}, "bhi needs ic9600, the complexity by ICNet"),
        ("blockiness < 3", {"scores": {"blockiness": "7"}}, "blockiness is version 1 in this srdata, not 7"),
    ],
)
def test_what_cannot_be_chosen_by_is_said_in_a_line(
    pictures: Path, where: str, settings: dict[str, object], told: str
) -> None:
    with pytest.raises(UsageError) as refused:
        made(pictures, where, **settings)
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not (pictures.parent / "pictures-chosen-x4").exists()


def test_scores_are_kept_where_they_can_be(pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"cannot hold scores \(.*\): give another folder by --scores"):
        made(pictures, "entropy > 1", scores_folder=str(tmp_path / "file" / "scores"))
    command = ["prepare", str(pictures), "--scale", "4", "--where", "entropy > 1", "--root", str(tmp_path)]
    done = CliRunner().invoke(cli, [*command, "--jobs", "1", "--scores", str(tmp_path / "scores")])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "scores" / "images.parquet").is_file()
    assert not (pictures / SCORES_HOME).exists()


def test_scores_do_not_turn_images_into_a_table(pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder with Parquet files is a table, whoever wrote them."""
    command = ["prepare", str(pictures), "--scale", "4", "--where", "entropy > 1"]
    places = ["--scores", str(pictures / "scores"), "--root", str(pictures.parent / "data")]
    assert run([*command, *places]) == 2
    assert (
        "lies among the images: give another folder as --scores, or leave it out" in capsys.readouterr().err
    )
    assert not (pictures / "scores").exists()


def test_niqe_is_a_score_with_a_model(pictures: Path, tmp_path: Path) -> None:
    model = tmp_path / "model.npz"
    np.savez(model, mu_pris_param=np.full((1, 36), 0.5), cov_pris_param=np.eye(36))
    command = ["prepare", str(pictures), "--scale", "4", "--where", "niqe < 1000", "--root", str(tmp_path)]
    done = CliRunner().invoke(cli, [*command, "--jobs", "1", "--weights", f"niqe={model}"])
    assert done.exit_code == 0, done.output
    rows = pq.read_table(tmp_path / "pictures-chosen-x4-folder" / CHOICE_FILE).to_pylist()
    value = naturalness(read_image(pictures / "coffee.png"), load_natural(model))
    assert {row["key"]: row["niqe"] for row in rows}["coffee"] == round(value, 4)
    assert {row["key"]: row["why"] for row in rows}["small"] == "niqe cannot be told"


def test_nothing_in_it_reaches_the_network() -> None:
    with without_network(), pytest.raises(NetworkRefusedError, match="nothing is downloaded here"):
        socket.create_connection(("127.0.0.1", 9), timeout=1)
    with pytest.raises(OSError, match="refused") as refused:  # outside nothing is changed
        socket.create_connection(("127.0.0.1", 9), timeout=1)
    assert not isinstance(refused.value, NetworkRefusedError)


def test_a_chosen_set_is_mended_and_compared(pictures: Path, tmp_path: Path) -> None:
    _, path = made(pictures, "not duplicate")
    before = (path / "choice.parquet").read_bytes()
    (path / "choice.parquet").unlink()
    assert not verify(path).ok
    repair(path, from_dir=pictures, jobs=1)
    assert (path / "choice.parquet").read_bytes() == before
    assert verify(path).ok
    assert not_taken(path) == {"small"}


def test_a_chosen_set_may_stand_at_an_address(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SRDATA_CACHE", str(pictures.parent / "cache"))
    _, path = made(pictures, "not duplicate")
    recipe = read_set_recipe(pictures).changed(where="not duplicate")
    plan_file = pictures.parent / "set.plan"
    write_plan(recipe, plan_file, scale=4, lmdb=True, root="memory://chosen", jobs=1)
    make_part(plan_file, (1, 1), jobs=1)
    shutil.rmtree(pictures.parent / "cache")  # another machine declares it finished
    there = finish_plan(plan_file)
    assert there.content.digest == json.loads((path / "set.json").read_text())["digest"]
    choice = fsspec.filesystem("memory").cat_file(f"{str(there.path).partition(':/')[2]}/choice.parquet")
    assert choice == (path / CHOICE_FILE).read_bytes()
    assert explain(there.path, "small")["choice"][0]["why"] == "duplicate of coffee"


def test_images_at_an_address_are_scored_once(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = fsspec.filesystem("memory")
    for path in pictures.iterdir():
        store.pipe_file(f"/looked-at/{path.name}", path.read_bytes())
    settings = {"scale": 4, "lmdb": True, "root": pictures.parent, "jobs": 1}
    prepare("memory://looked-at", where="not duplicate", **settings)
    assert (pictures.parent / SCORES_HOME / "looked-at" / "images.parquet").is_file()
    monkeypatch.setattr(scored_files, "score_some", None)
    built = prepare("memory://looked-at", where="not duplicate and pixels > 20000", name="b", **settings)
    assert "low" not in PreparedImages(built).index.keys.to_pylist()


def test_metrics_of_pyiqa_ask_for_it(pictures: Path) -> None:
    with pytest.raises((MissingExtraError, UsageError), match=r"needs pyiqa|needs weights that you have"):
        made(pictures, "musiq > 3", scores={"musiq": "pyiqa:musiq"})


def test_those_that_are_tested_on_stay(pictures: Path) -> None:
    for split in ("train", "valid"):
        (pictures / f"my_{split}_HR").mkdir()
    for path in list(pictures.glob("*.*g")):
        split = "valid" if path.stem in ("low", "rocket") else "train"
        shutil.move(path, pictures / f"my_{split}_HR" / path.name)
    built = prepare(pictures, scale=4, lmdb=True, root=pictures.parent, jobs=1, where="laplacian > 1200")
    assert built.content.counts["validation"] == 2
    assert 0 < built.content.counts["train"] < 5
