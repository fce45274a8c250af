"""Smaller copies of training images: pixels of those who publish them, and a set that knows what they are."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import sys
from argparse import Namespace
from collections import Counter
from pathlib import Path
from types import ModuleType

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from PIL import Image

from srdata.cli import cli
from srdata.data.datasets.paired import PairedDataset
from srdata.duplicates.copies import Gallery
from srdata.errors import RecipeError, UsageError
from srdata.exporting.export_set import export
from srdata.images import list_images, read_image, write_png
from srdata.preparation import Prepared, plan, prepare
from srdata.prepared.set_images import PreparedImages, explain
from srdata.prepared.verification import verify
from srdata.publishing import publish
from srdata.recipes.multiscale_copies import COPIES, Smaller
from srdata.recipes.read_recipe import read_set_recipe
from srdata.recipes.set_recipe import Recipe
from srdata.scale import Scale
from srdata.store.windows import Windows

PAGE = (Path(__file__).parents[1] / "docs" / "format.md").read_text()


# The pixels


def by_pillow(path: Path, size: tuple[int, int]) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB").resize(size, Image.Resampling.LANCZOS))


@pytest.mark.parametrize("name", ["astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg"])
def test_copies_of_real_esrgan_are_pillows(photographs: Path, name: str) -> None:
    image = read_image(photographs / name)
    height, width = image.shape[:2]
    short = {"astronaut.png": (400, 400), "chelsea.png": (601, 400), "coffee.png": (600, 400)}
    sizes = [(int(width * part), int(height * part)) for part in (0.75, 0.5, 1 / 3)]
    sizes.append(short.get(name, (599, 400)))
    for copy, size in zip(COPIES["realesrgan"], sizes, strict=True):
        assert np.array_equal(copy.of(image), by_pillow(photographs / name, size))


# height, width: those of T0 to T3 in SAFMN's meta_info_DF2K_sub_multiscale_GT.txt
LISTED = {
    (1356, 2040): [(1017, 1530), (678, 1020), (452, 680), (400, 601)],
    (2040, 1524): [(1530, 1143), (1020, 762), (680, 508), (535, 400)],
    (1020, 1920): [(765, 1440), (510, 960), (340, 640), (400, 752)],
    (2040, 2040): [(1530, 1530), (1020, 1020), (680, 680), (400, 400)],
}


@pytest.mark.parametrize("size", LISTED)
def test_sizes_are_those_that_were_published(size: tuple[int, int]) -> None:
    assert [copy.size(*size) for copy in COPIES["realesrgan"]] == LISTED[size]


def test_sizes_are_rounded_as_the_script_rounds() -> None:
    """400 * (1887 / 1480) is just below 510 in floats."""
    assert COPIES["realesrgan"][3].size(1480, 1887) == (400, 509)
    assert COPIES["realesrgan"][2].size(2, 900) == (1, 300)


def test_copies_of_classsr_are_matlabs() -> None:
    assert [copy.size(1356, 2041) for copy in COPIES["classsr"]] == [
        (1221, 1837),
        (1085, 1633),
        (950, 1429),
        (814, 1225),
    ]
    ramp = np.repeat(np.arange(0, 250, 5, dtype=np.uint8)[:, None, None], 60, axis=1).repeat(3, axis=2)
    for copy in COPIES["classsr"]:
        made = copy.of(ramp)
        places = (np.arange(len(made)) + 0.5) / float(copy.scale or 1) - 0.5  # pixel centres
        assert np.abs(made[3:-3, 5, 0] - 5 * places[3:-3]).max() <= 0.5 + 1e-9  # cubic: exact on a ramp


def test_copies_of_lapsrn_leave_room_for_a_patch() -> None:
    """The numbers by hand: ceil(side * ratio), ratio = 128 / shorter + 0.001 where it would be less."""
    half = COPIES["lapsrn"][-1]
    assert half.size(321, 481) == (161, 241)
    assert half.size(204, 264) == (129, 166)
    assert half.size(100, 90) == (143, 129)
    assert [copy.scale for copy in COPIES["lapsrn"]] == [0.9, 0.8, 0.7, 0.6, 0.5]


@pytest.mark.parametrize("copy", [one for some in COPIES.values() for one in some])
def test_a_copy_has_the_size_that_was_told(copy: Smaller) -> None:
    for size in ((7, 5), (90, 131), (131, 90), (200, 333)):
        image = np.random.default_rng(1).integers(0, 256, (*size, 3), np.uint8)
        made = copy.of(image)
        assert made.shape == (*copy.size(*size), 3)
        assert made.dtype == np.uint8


def module(path: Path) -> ModuleType:
    if not path.is_file():
        pytest.skip(f"there is no {path}")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


@pytest.mark.peers
def test_a_set_holds_what_the_script_of_real_esrgan_writes(
    peers: Path, photographs: Path, tmp_path: Path
) -> None:
    script = module(peers / "Real-ESRGAN/scripts/generate_multiscale_DF2K.py")
    for path in list_images(photographs):
        write_png(tmp_path / f"photos/{path.stem}.png", read_image(path))
    (tmp_path / "theirs").mkdir()
    script.main(Namespace(input=str(tmp_path / "photos"), output=str(tmp_path / "theirs")))
    built = prepare(tmp_path / "photos", scale=1, copies="realesrgan", lmdb=True, root=tmp_path, jobs=1)
    images = PreparedImages(built)
    theirs = {path.stem: read_image(path) for path in list_images(tmp_path / "theirs")}
    assert {*theirs, *(path.stem for path in list_images(photographs))} == set(images.index.keys.to_pylist())
    assert len(theirs) == 20
    for key, image in theirs.items():
        assert np.array_equal(images.read(images.index.row(key), "hr"), image), key


@pytest.mark.peers
def test_copies_of_classsr_are_those_of_its_resize(peers: Path, photographs: Path) -> None:
    """BasicSR's function is the one that ClassSR has; it works in 32-bit floats."""
    sys.modules.setdefault("basicsr", ModuleType("basicsr"))
    theirs = module(peers / "BasicSR/basicsr/utils/matlab_functions.py").imresize
    image = read_image(photographs / "coffee.png")
    for copy in COPIES["classsr"]:
        wanted = np.rint(np.clip(theirs(image.astype(np.float32), copy.scale), 0, 255))
        off = np.abs(copy.of(image) - wanted)
        assert off.max() <= 1
        assert (off > 0).mean() < 5e-4


# The set


@pytest.fixture(scope="module")
def pictures(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for number, name in enumerate(["astronaut.png", "coffee.png", "chelsea.png"]):
        write_png(folder / f"{number + 1:04d}.png", read_image(photographs / name)[:299, : 301 - number])
    return folder


LIST = (Smaller(scale=0.75, kernel="lanczos"), Smaller(scale=0.6))
KEYS = ["0001", "0001T0", "0001T1", "0002", "0002T0", "0002T1", "0003", "0003T0", "0003T1"]


def recipe_of(pictures: Path, **fields: object) -> Recipe:
    recipe = Recipe(name="pictures", folder=str(pictures), scales=(Scale(4),), copies=LIST)
    return recipe.changed(degradation="bsrgan", **fields)


@pytest.fixture(scope="module")
def built(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return prepare(recipe_of(pictures), lmdb=True, root=tmp_path_factory.mktemp("root"), jobs=1)


def test_copies_are_images_like_any_other(built: Prepared, pictures: Path) -> None:
    images = PreparedImages(built)
    assert images.index.keys.to_pylist() == KEYS
    assert built.content.counts == {"train": 9}
    assert built.path.name == "pictures-copies-bsrgan-x4"
    for row, key in enumerate(KEYS):
        hr = read_image(pictures / f"{key[:4]}.png")
        if key[4:]:
            hr = LIST[int(key[5:])].of(hr)
        height, width = (side // 4 * 4 for side in hr.shape[:2])
        assert np.array_equal(images.read(row, "hr"), hr[:height, :width])
    assert verify(built, replay=9).ok
    drawn = {json.dumps(images.index.params(row)["x4"]) for row in range(9)}
    assert len(drawn) == 9


def test_the_index_says_what_a_copy_is(built: Prepared) -> None:
    index = PreparedImages(built).index
    assert explain(built, "0002T0")["params"]["hr"] == {"scale": 0.75, "kernel": "lanczos"}
    assert explain(built, "0002T1")["params"]["hr"] == {"scale": 0.6, "kernel": "bicubic"}
    assert "hr" not in explain(built, "0002")["params"]
    sources = Counter(index.source_sha256(row) for row in range(9))
    assert set(sources.values()) == {3}


@pytest.mark.parametrize("layout", ["lmdb", "folder", "basicsr"])
def test_the_bytes_do_not_depend_on_workers(pictures: Path, tmp_path: Path, layout: str) -> None:
    recipe = recipe_of(pictures, windows=read_set_recipe("sample").windows)
    one, two = (prepare(recipe, layout=layout, root=tmp_path / str(jobs), jobs=jobs) for jobs in (1, 2))
    assert one.content.files == two.content.files
    log: list[str] = []
    assert prepare(recipe, layout=layout, root=tmp_path / "1", jobs=1, log=log.append).content == one.content
    assert log[-1].endswith("is prepared already")


def test_a_changed_image_is_prepared_again_with_its_copies(pictures: Path, tmp_path: Path) -> None:
    for path in list_images(pictures):
        write_png(tmp_path / "mine" / path.name, read_image(path))
    first = prepare(tmp_path / "mine", copies="classsr", lmdb=True, root=tmp_path, jobs=1)
    write_png(tmp_path / "mine/0002.png", 255 - read_image(pictures / "0002.png"))
    second = prepare(tmp_path / "mine", copies="classsr", lmdb=True, root=tmp_path, jobs=1)
    assert first.path == second.path
    old, new = (one.content.files["index.parquet"] for one in (first, second))
    assert old != new
    images = PreparedImages(second)
    copy = COPIES["classsr"][1].of(read_image(tmp_path / "mine/0002.png"))
    stored = images.read(images.index.row("0002T1"), "hr")
    assert np.array_equal(stored, copy[: len(stored), : stored.shape[1]])


def test_other_copies_are_another_set(pictures: Path, tmp_path: Path) -> None:
    plain = read_set_recipe(pictures)
    names = [plain.changed(copies=copies).set_name for copies in ("classsr", COPIES["classsr"], LIST)]
    assert names == [
        f"{plain.name}-classsr-copies-x4-folder",
        f"{plain.name}-classsr-copies-x4-folder",
        f"{plain.name}-copies-x4-folder",
    ]
    assert "copies" not in plain.resolved()
    assert len({plain.digest, *(plain.changed(copies=name).digest for name in COPIES)}) == 4


def test_validation_images_have_no_copies(pictures: Path, tmp_path: Path) -> None:
    recipe = recipe_of(pictures, splits=("validation",))
    assert prepare(recipe, lmdb=True, root=tmp_path, jobs=1).content.counts == {"validation": 3}


def test_windows_are_cut_of_copies_too(built: Prepared) -> None:
    """HR of 299x301, x0.75 and x0.6, in windows of 96 every 40, by hand: 6x7, 5x5 and 4x4 of them."""
    data = PairedDataset(built.path, windows=Windows(size=96, step=40))
    counts = Counter(key.partition("_s")[0] for key in data.keys)
    assert [counts[key] for key in KEYS[:3]] == [42, 25, 16]
    assert "0001T1_s016" in data.keys


def test_what_leaves_a_set_has_its_copies(built: Prepared, tmp_path: Path) -> None:
    done = export(built.path, to="folder", out=tmp_path / "out", jobs=1)
    assert done.counts == {"train": 9}
    lines = [json.loads(line) for line in (tmp_path / "out/deltas.jsonl").read_text().splitlines()]
    assert [(line["key"], line["scale"]) for line in lines] == [(key, "4") for key in KEYS]


def test_a_published_set_has_copies_and_its_recipe_makes_them_again(tmp_path: Path) -> None:
    first = prepare("sample", scale=4, copies="lapsrn", lmdb=True, root=tmp_path, jobs=1)
    publish(first.path, out=tmp_path / "out", recipe_only=True)
    recipe = read_set_recipe(tmp_path / "out/recipe.yaml")
    assert recipe.copies == COPIES["lapsrn"]
    again = prepare(recipe, root=tmp_path / "again", jobs=1)
    assert again.content.digest == first.content.digest
    assert again.content.files == first.content.files
    publish(first.path, out=tmp_path / "pixels", form="parquet")
    [table] = (tmp_path / "pixels").rglob("*.parquet")
    assert len(pq.read_table(table)) == 30


def test_copies_are_no_duplicates(built: Prepared) -> None:
    gallery = Gallery(built.path)
    assert [gallery.key(number) for number in range(len(gallery))] == ["0001", "0002", "0003"]


def test_the_plan_counts_copies(pictures: Path, tmp_path: Path) -> None:
    text = plan(recipe_of(pictures), root=tmp_path)
    assert "images    9\n" in text
    text = plan("div2k", copies="classsr", scale=4, root=tmp_path)
    assert "copies    4 of each training image\n" in text
    assert "by the size of the archives, and the copies" in text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("classr", "'classr' is no name of copies: take realesrgan, classsr, lapsrn, or list them"),
        ("[{scale: 1.5}]", "copies[0].scale: must be less than 1"),
        ("[{scale: 0.5, shortest: 4}]", "copies[0]: give one of scale (of the sides) and shortest"),
        ("[{kernel: lanczos}]", "copies[0]: give one of scale (of the sides) and shortest"),
        ("[{shortest: 4, at_least: 4}]", "copies[0]: at_least goes with scale"),
        ("[{scale: 0.5, kernel: lanczs}]", "did you mean 'lanczos'"),
        ("[{scales: 0.5}]", "did you mean 'scale'"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "mine.yaml").write_text(f"source: div2k\nscales: [4]\ncopies: {text}\n")
    with pytest.raises(RecipeError) as caught:
        read_set_recipe(tmp_path / "mine.yaml")
    assert words in str(caught.value)
    assert "mine.yaml:3: " in str(caught.value)


def test_published_lr_has_no_copies() -> None:
    with pytest.raises(UsageError, match="copies have no published LR images: take a degr"):
        read_set_recipe("div2k").changed(copies="classsr", degradation="published:unknown")


def test_the_page_shows_what_runs(pictures: Path, tmp_path: Path) -> None:
    [text] = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    shutil.copytree(pictures, tmp_path / "photos")
    (tmp_path / "mine.yaml").write_text(text)
    options = ["--lmdb", "--root", str(tmp_path), "--jobs", "1"]
    done = CliRunner().invoke(cli, ["prepare", str(tmp_path / "mine.yaml"), *options])
    assert f"{tmp_path}/mine-copies-x4: 12 train images" in done.stdout
    part = PAGE.partition("# Copies\n")[2]
    assert set(re.findall(r"^\| `(\w+)` \| [01]\.", part, re.MULTILINE)) == set(COPIES)
    done = CliRunner().invoke(cli, ["prepare", str(pictures), "--copies", "classsr", *options])
    assert "-classsr-copies-x4: 15 train images" in done.stdout
