"""Test images among training images: found as the copies that they are, never where there are none."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from PIL import Image

from srdata import catalog, preparation
from srdata.catalog import Shelf
from srdata.cli import cli, run
from srdata.duplicates.leakage import METHOD, absent, benchmarks, pools, prepared_below
from srdata.report.page import report_page
from srdata.store.set_json import read_set, write_set
from tests.reporting import parsed

TESTED = ("chelsea.png", "coffee.png")


def spoil(image: Image.Image, path: Path) -> None:
    """A copy as they stand in data sets: smaller, compressed, mirrored."""
    small = image.convert("RGB").resize((image.width // 2, image.height // 2))
    small.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(path, quality=30)


def declare(path: Path, source: str) -> None:
    """Let a set be one of a data set of the catalogue."""
    content = read_set(path)
    write_set(path, content.model_copy(update={"recipe": {**content.recipe, "source": source}}))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, photographs: Path) -> Path:
    """A clean training set, one with a test image in it, and their test set, in two layouts."""
    base = tmp_path_factory.mktemp("leakage")
    for folder in ("clean", "leaky", "tested"):
        (base / folder).mkdir()
    for path in photographs.glob("*.[pj][np]g"):
        shutil.copy(path, base / ("tested" if path.name in TESTED else "clean"))
    shutil.copytree(base / "clean", base / "leaky", dirs_exist_ok=True)
    spoil(Image.open(photographs / "coffee.png"), base / "leaky" / "cup.jpg")
    data = base / "data"
    for folder, split in (("clean", "train"), ("leaky", "train"), ("tested", "test")):
        for lmdb in (True, False):
            built = preparation.prepare(
                base / folder, scale=4, lmdb=lmdb, root=data, splits=[split], seed=1, jobs=1
            )
            if folder == "tested":
                declare(built.path, "set5")
    return data


def told(root: Path, *arguments: object, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str], str]:
    status = run(["doctor", "--leakage", "--root", str(root), "--jobs", "1", *map(str, arguments)])
    captured = capsys.readouterr()
    return status, captured.out.replace(str(root), "data").splitlines(), captured.err


def test_a_copy_is_named_and_a_clean_set_is_not(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, lines, err = told(root, capsys=capsys)
    assert status == 1
    tested = "data/tested-x4 test, data/tested-x4-folder test"
    assert (
        lines[0]
        == f"ok       data/clean-x4 train, data/clean-x4-folder train none of 3 images in {tested} (2)"
    )
    leaky = "data/leaky-x4 train, data/leaky-x4-folder train"
    assert lines[1] == f"problem  {leaky} 1 of 4 images is in {tested}, 1 of its 2"
    assert re.fullmatch(r"problem  cup = coffee +difference: flipped left to right, \d of 64 bits", lines[2])
    assert lines[3] == (
        "note     what to do               in place of data/leaky-x4, data/leaky-x4-folder, "
        "the other options as before: srdata prepare PATH … --exclude cup"
    )
    assert lines[4].startswith("note     not prepared             b100 bsd68 bsds500 manga109 ")
    assert "set5" not in lines[4]
    assert lines[4].endswith(": compared only if prepared below data, or given as folders by --test")
    assert lines[5] == f"note     method                   {METHOD}"
    assert len(lines) == 6
    assert "perceptual hashes of" in err, "how far it is"


def advice(lines: list[str]) -> list[str]:
    return [line.split(maxsplit=4)[4] for line in lines if line.startswith("note     what to do")]


def test_the_command_that_is_told_leaves_the_copies_out(
    root: Path, tmp_path: Path, photographs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each once, whichever test sets it is in, and all of them, however few are named above."""
    preparation.prepare("sample", scale=4, lmdb=True, root=tmp_path / "sample", jobs=1)
    leaky = tmp_path / "sample/sample-x4"
    (tmp_path / "more").mkdir()
    for name in ("coffee.png", "rocket.jpg"):
        shutil.copy(photographs / name, tmp_path / "more" / name)
    given = "--test", root.parent / "tested", "--test", tmp_path / "more"
    status, lines, _ = told(root, "--train", leaky, *given, "--pairs", 1, capsys=capsys)
    assert status == 1
    command = "srdata prepare sample … --exclude chelsea --exclude coffee --exclude rocket"
    assert advice(lines)[-1] == f"in place of {leaky}, the other options as before: {command}"
    options = f"--scale 4 --lmdb --root {tmp_path} --jobs 1"
    assert run(command.replace("…", options).split()[1:]) == 0
    assert f"{tmp_path}/sample-without-3-x4: 2 train images, 3 left out" in capsys.readouterr().out
    status, lines, _ = told(tmp_path, *given, capsys=capsys)
    assert status == 0
    assert not advice(lines)


def test_what_to_do_about_folders_and_sets_of_the_hub(
    root: Path, tmp_path: Path, photographs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(root.parent / "tested", tmp_path / "mine")
    (tmp_path / "mine/coffee.png").rename(tmp_path / "mine/a cup.png")
    given = "--train", tmp_path / "mine", "--test", photographs
    _, lines, _ = told(tmp_path, *given, capsys=capsys)
    assert advice(lines) == ["take these files out of data/mine: 'a cup.png' chelsea.png"]
    shutil.copytree(root / "leaky-x4", tmp_path / "set")
    content = read_set(tmp_path / "set")
    hub = {"repository": "my-lab/photos", "revision": "0" * 40}
    write_set(tmp_path / "set", content.model_copy(update={"recipe": {**content.recipe, "hub": hub}}))
    _, lines, _ = told(tmp_path, "--test", root.parent / "tested", capsys=capsys)
    assert advice(lines)[0].endswith(f" srdata prepare hf://my-lab/photos@{'0' * 40} … --exclude cup")


def test_without_a_copy_the_exit_status_is_zero(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("clean-x4", "tested-x4"):
        shutil.copytree(root / name, tmp_path / name)
    status, lines, _ = told(tmp_path, capsys=capsys)
    assert status == 0
    assert [line[:8].rstrip() for line in lines] == ["ok", "note", "note"]


def test_folders_and_sets_that_are_named(
    root: Path, tmp_path: Path, photographs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All images of a set that is named are taken, and for what it is named for alone."""
    given = "--train", photographs, "--test", root / "leaky-x4", "--test", root.parent / "tested"
    status, lines, _ = told(tmp_path, *given, capsys=capsys)
    assert status == 1
    assert lines[0] == f"problem  {photographs} 4 of 5 images are in {root}/leaky-x4, 4 of its 4"
    assert lines[5] == f"problem  {photographs} 2 of 5 images are in {root.parent}/tested, 2 of its 2"
    assert {line.split("=")[0].strip() for line in lines[6:8]} == {f"problem  {name}" for name in TESTED}
    given = "--test", root / "leaky-x4", "--test", root / "leaky-x4-folder"
    status, lines, _ = told(root, *given, capsys=capsys)
    clean = "problem  data/clean-x4 train, data/clean-x4-folder train"
    assert lines[1] == f"{clean} 3 of 3 images are in data/leaky-x4, data/leaky-x4-folder, 3 of its 4"
    assert sum(bool(re.match(r"(ok|problem) .* images ", line)) for line in lines) == 2


def test_no_more_pairs_are_named_than_asked_for(
    root: Path, tmp_path: Path, photographs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = "--train", photographs, "--test", photographs
    status, lines, _ = told(tmp_path, *given, "--pairs", 2, capsys=capsys)
    assert status == 1
    assert "5 of 5 images are in" in lines[0]
    assert [line.partition(": ")[2] for line in lines[1:3]] == ["0 of 64 bits"] * 2
    assert lines[3] == "problem  3 more pairs             --pairs 5 names all"
    _, lines, _ = told(tmp_path, *given, "--pairs", 5, capsys=capsys)
    assert "more pairs" not in "\n".join(lines)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            "--leakage",
            "no set below {root} has training images: prepare one, or name a SET or DIR by --train",
        ),
        ("--leakage --train {sample}", "no set below {root} has test images: name a SET or DIR by --test"),
        ("--leakage --train {root} --test {sample}", "{root} is no prepared set and holds no images"),
        ("--train {sample}", "--train and --test say what to compare: give --leakage too"),
    ],
)
def test_where_there_is_nothing_to_compare(
    arguments: str, text: str, tmp_path: Path, photographs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = {"root": tmp_path, "sample": photographs}
    given = arguments.format(**names).split()
    assert run(["doctor", "--root", str(tmp_path), "--jobs", "1", *given]) == 2
    assert text.format(**names) in capsys.readouterr().err


def test_sets_that_cannot_be_compared_are_named(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("clean-x4", "tested-x4"):
        shutil.copytree(root / name, tmp_path / name)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "set.json").write_text("{")
    shutil.copytree(root / "clean-x4", tmp_path / "cut")
    (tmp_path / "cut" / "index.parquet").write_bytes(b"PAR1")
    preparation.prepare("sample", scale=4, layout="basicsr", root=tmp_path, jobs=1)
    status, lines, _ = told(tmp_path, capsys=capsys)
    assert status == 0
    warnings = [line for line in lines if line.startswith("warning")]
    assert re.fullmatch(
        r"warning  data/broken +not compared: data/broken/set.json is damaged .*", warnings[0]
    )
    cut = r"warning  data/cut +not compared: data/cut/index.parquet has 4 bytes, not .*"
    assert re.fullmatch(cut, warnings[1])
    assert re.fullmatch(r"warning  data/sample-x4-basicsr +not compared: .* layout basicsr, .*", warnings[2])
    assert len(warnings) == 3
    assert all(line.endswith(" name the images that it is made of by --train or --test") for line in warnings)


def test_a_copy_of_a_validation_image_is_one_as_well(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder, split in (("leaky", "train"), ("tested", "validation")):
        preparation.prepare(root.parent / folder, scale=4, lmdb=True, root=tmp_path, splits=[split], jobs=1)
    status, lines, _ = told(tmp_path, capsys=capsys)
    assert status == 1
    assert lines[0] == (
        "problem  data/leaky-x4 train 1 of 4 images is in data/tested-x4 validation, 1 of its 2"
    )


def test_the_report_says_the_same(root: Path, tmp_path: Path) -> None:
    leaky = parsed(report_page(root / "leaky-x4", images=0, jobs=1)).one("section", id="copies")
    [title] = leaky.all("h4")
    assert title.one("bdi").text == f"{root}/tested-x4 test, {root}/tested-x4-folder test"
    [row] = leaky.one("tbody").all("tr")
    assert [one.text for one in row.all("bdi")] == ["cup", "coffee"]
    assert "flipped left to right, " in row.all("td")[-1].text
    assert METHOD in leaky.text
    clean = parsed(report_page(root / "clean-x4", images=0, jobs=1)).one("section", id="copies")
    assert "Nothing in common." in clean.text
    assert not clean.all("table")


def test_the_report_compares_what_is_trained_on(root: Path, tmp_path: Path, photographs: Path) -> None:
    """Test images of the set itself are no leak, and a test set has nothing that could be one."""
    tested = parsed(report_page(root / "tested-x4", images=0, jobs=1)).one("section", id="copies")
    assert not tested.all("h4")
    shown = report_page(root / "tested-x4", images=0, against=[photographs], jobs=1)
    assert len(parsed(shown).one("section", id="copies").one("tbody").all("tr")) == 2


def test_benchmarks_are_the_manifests_with_a_test_split() -> None:
    folder = catalog.folder(Shelf.MANIFESTS)
    texts = {path.stem: yaml.safe_load(path.read_text()) for path in folder.glob("*.yaml")}
    wanted = {
        name
        for name, manifest in texts.items()
        if any((one["split"], one["track"]) == ("test", "HR") for one in manifest.get("sets", []))
    }
    assert {one.name for one in benchmarks()} == wanted > {"set5", "set14", "b100", "urban100"}


def test_sets_of_the_same_images_are_looked_at_once(root: Path) -> None:
    found = pools(prepared_below(root, ["train", "test"]))
    assert [len(one.galleries) for one in found] == [2, 2, 2]
    assert {one.name for one in absent(found)} == {one.name for one in benchmarks()} - {"set5"}


def test_the_help_says_what_it_does() -> None:
    text = " ".join(CliRunner().invoke(cli, ["doctor", "--help"]).output.split())
    for part in ("--leakage", "resized, compressed, mirrored or turned", "Exit status 1", "SET|DIR"):
        assert part in text


def test_a_copy_is_found_however_it_lies(
    golden: Path, tmp_path: Path, photographs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every benchmark image, cut for all scales, in each way to mirror and turn it, and nothing else."""
    train, test = tmp_path / "train", golden / "set5" / "HR"
    train.mkdir()
    for turn in Image.Transpose:
        for path in test.glob("*.png"):
            image = Image.open(path).convert("RGB")
            small = image.crop((0, 0, image.width // 12 * 12, image.height // 12 * 12)).transpose(turn)
            small.resize((small.width // 3, small.height // 3)).save(
                train / f"{path.stem}_{turn}.jpg", quality=30
            )
    status, lines, _ = told(tmp_path, "--train", train, "--test", test, "--pairs", 99, capsys=capsys)
    assert status == 1
    assert lines[0].endswith(f"35 of 35 images are in {test}, 5 of its 5")
    named = [line for line in lines if re.match(r"problem  (\w+?)_\d\.jpg = \1\.png ", line)]
    assert len(named) == 35
    status, lines, _ = told(tmp_path, "--train", photographs, "--test", test, capsys=capsys)
    assert status == 0
    assert lines[0] == f"ok       {photographs} none of 5 images in {test} (5)"
