"""`recipe from`: what an option file says becomes a recipe, whose loader does that."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from option_files import KAIR, NEOSR, PAIRED, REDUX, images, real_esrgan

from srdata import load_recipe
from srdata.cli import run
from srdata.degrade.chain import load_chain
from srdata.errors import RecipeError, SrdataError, UsageError
from srdata.images import read_image
from srdata.option_files.reading.from_options import recipe_from
from srdata.papers.paper import Paper


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def converted(text: str, name: str = "options.yml", **more: Any) -> Paper:
    Path(name).write_text(text)
    recipe_from(name, "my.yaml", **more)
    found = load_recipe("my.yaml")
    assert isinstance(found, Paper)
    return found


def comments() -> dict[str, str]:
    """What the recipe says where each value came from, by its key."""
    found = re.findall(r"^ *(?:- )?(\w+):.*? # (.*)$", Path("my.yaml").read_text(), re.M)
    return dict(reversed(found))


def test_pairs_of_basicsr_are_read_as_its_options_say(tmp_path: Path) -> None:
    images([("data/gt", 64)], tmp_path)
    images([("data/lq", 16)], tmp_path, "{key}x4")
    images([("data/set5/gt", 64), ("data/set5/lq", 16)], tmp_path)
    Path("data/list.txt").write_text("im0.png (64,64,3)\nim2.png (64,64,3)\n")
    paper = converted(PAIRED)
    stage = paper.stages[0]
    assert (stage.iterations, stage.batch.size, stage.batch.gpus, stage.batch.repeat) == (1000, 4, 2, 3)
    batch = next(iter(paper.loader("data", workers=0)))
    assert batch.hr.shape == (4, 3, 32, 32)
    assert batch.lr.shape == (4, 3, 8, 8)
    assert set(batch.keys) == {"im0", "im2"}, "those of the list alone"
    assert np.isclose(float(batch.hr.min()), -1, atol=0.05), "mean 0.5 and deviation 0.5"
    test = next(iter(paper.test_loader("data", "Set5", workers=0)))
    whole = (test.hr[0].permute(1, 2, 0).numpy() * 0.5 + [0.5, 0.4, 0.3]) * 255
    assert np.abs(whole - read_image(Path("data/set5/gt") / f"{test.keys[0]}.png")).max() < 0.01
    assert paper.evaluation[0].protocol == "basicsr_y"
    said = comments()
    assert said["hr"] == "datasets.train.dataroot_gt"
    assert said["size"] == "datasets.train.gt_size"
    assert said["template"] == "datasets.train.filename_tmpl"
    assert said["iterations"] == "train.total_iter"


def test_what_has_no_counterpart_is_in_the_recipe_and_on_the_screen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images([("data/gt", 64)], tmp_path)
    Path("options.yml").write_text(PAIRED)
    assert run(["recipe", "from", "options.yml", "--out", "my.yaml"]) == 0
    out, err = capsys.readouterr()
    assert out == "my.yaml: 1 set, crops of 32 HR pixels, 4 in a batch\n"
    assert "datasets.train.odd_one: has no counterpart\n" in err
    assert "datasets.train.num_worker_per_gpu: say workers= to the loader\n" in err
    assert "path: not on data\n" in err
    missing = next(line for line in err.splitlines() if line.startswith("not there: "))
    assert "data/lq (datasets.train.dataroot_lq)" in missing
    assert "data/gt (" not in missing, "it is there"
    kept = re.findall(r"^# - (.*)$", Path("my.yaml").read_text(), re.M)
    assert kept == err.splitlines()


def test_a_recipe_elsewhere_finds_the_same_folders(tmp_path: Path) -> None:
    images([("data/gt", 64)], tmp_path)
    images([("data/lq", 16)], tmp_path, "{key}x4")
    Path("data/list.txt").write_text("im0\nim1\n")
    Path("options.yml").write_text(PAIRED)
    recipe_from("options.yml", "deep/er/my.yaml")
    batch = next(iter(load_recipe(tmp_path / "deep/er/my.yaml").loader("data", workers=0)))  # type: ignore[union-attr]
    assert set(batch.keys) == {"im0", "im1"}
    Path("data/list.txt").write_text("im0\nim7\nim8\n")
    with pytest.raises(UsageError, match="lists 2 images that are not there, such as im7"):
        load_recipe(tmp_path / "deep/er/my.yaml").loader("data")  # type: ignore[union-attr]


def test_real_esrgans_degradations_are_those_of_its_options(tmp_path: Path) -> None:
    images([("data/gt", 300)], tmp_path)
    Path("data/list.txt").write_text("im0.png\nim1.png\n")
    paper = converted(json.dumps(real_esrgan()))
    stage = paper.stages[0]
    assert isinstance(stage.degradation, dict)
    blur, resize, noise, jpeg = load_chain(stage.degradation).steps[:4]
    odds = {"sinc": 0.2, "iso": 0.6, "aniso": 0.2}
    assert blur.shape == pytest.approx(odds)  # type: ignore[attr-defined]
    assert (resize.factor, resize.odds["down"]) == ((0.15, 1.5), 0.7)  # type: ignore[attr-defined]
    assert [branch.weight for branch in noise.branches] == [0.6, 0.4]  # type: ignore[attr-defined]
    assert jpeg.quality == (30, 95)  # type: ignore[attr-defined]
    assert stage.crop is not None
    assert (stage.crop.margin, stage.crop.anywhere, stage.crop.pad) == (72, True, "reflect")
    batch = next(iter(paper.loader("data", workers=0)))
    assert (batch.lr.shape[-1], batch.hr.shape[-1], len(batch)) == (64, 256, 2)
    assert batch.tensors["hr_plain"].shape == batch.hr.shape
    assert [one["law"] for one in stage.augment if isinstance(one, dict)] == ["h_only"]


def test_the_options_of_real_esrgan_x4plus_are_the_preset(tmp_path: Path) -> None:
    """The preset was written by hand, after the same options."""
    options = real_esrgan()
    shapes = ["iso", "aniso", "generalized_iso", "generalized_aniso", "plateau_iso", "plateau_aniso"]
    for second, sigma in (("", 3), ("2", 1.5)):
        options["datasets"]["train"] |= {
            f"kernel_list{second}": shapes,
            f"kernel_prob{second}": [0.45, 0.25, 0.12, 0.03, 0.12, 0.03],
            f"sinc_prob{second}": 0.1,
            f"blur_sigma{second}": [0.2, sigma],
        }
    options |= {"gaussian_noise_prob": 0.5, "gaussian_noise_prob2": 0.5, "noise_range2": [1, 25]}
    options |= {
        "poisson_scale_range2": [0.05, 2.5],
        "resize_prob2": [0.3, 0.4, 0.3],
        "resize_range2": [0.3, 1.2],
    }
    found = load_chain(converted(json.dumps(options)).stages[0].degradation).resolved()  # type: ignore[arg-type]
    preset = load_chain("realesrgan-x4-authors").resolved()
    assert found["hr"] == preset["hr"]
    assert found["steps"] == preset["steps"]


def test_reduxs_defaults_are_the_preset() -> None:
    """The preset was written by hand too; it gives each way to resize the weight 1."""
    Path("options.yml").write_text(re.sub("^(jpeg_prob|resize_mode).*\n", "", REDUX, flags=re.M))
    recipe_from("options.yml", "my.yaml")
    text = Path("my.yaml").read_text().replace(": 0.25", ": 1.0")
    Path("weighted.yaml").write_text(text)
    found = load_chain(load_recipe("weighted.yaml").stages[0].degradation)  # type: ignore[union-attr,arg-type]
    assert found.resolved()["steps"] == load_chain("redux-otf-authors").resolved()["steps"]


def test_neosrs_options_are_read_from_toml(tmp_path: Path) -> None:
    images([("data/gt", 300)], tmp_path)
    paper = converted(NEOSR, "options.toml")
    stage = paper.stages[0]
    assert (stage.iterations, stage.crop and stage.crop.side) == (500, "lr")
    [_, mixture] = stage.augment
    assert mixture == {
        "augment": "mixture",
        "p": 0.3,
        "of": ["mixup", "cutmix", "resizemix"],
        "weights": [0.1] * 3,
    }
    assert next(iter(paper.loader("data", workers=0))).lr.shape == (2, 3, 16, 16)
    assert "cutblur" in Path("my.yaml").read_text()


def test_reduxs_defaults_hold_where_its_options_say_nothing(tmp_path: Path) -> None:
    images([("data/gt", 96), ("data/more", 40)], tmp_path)
    paper = converted(REDUX)
    stage = paper.stages[0]
    steps = load_chain(stage.degradation).resolved()["steps"]  # type: ignore[arg-type]
    assert [step["op"] for step in steps] == ["resize", "maybe", "one_of", "shuffled"], "no blur and no noise"
    assert steps[0]["method"] == {"bilinear": 0.75, "pixel_area": 0.25}
    assert steps[1]["p"] == 0.5
    assert [corpus.set for corpus in stage.data.sets] == ["Train", "Train 2"]
    batches = list(paper.loader("data", workers=0))
    assert {batch.lr.shape for batch in batches} == {(2, 3, 24, 24)}
    assert len({key for batch in batches for key in batch.keys}) == 3
    text = Path("my.yaml").read_text()
    assert "datasets.val: has no HR images" in text
    assert "num_gpu: the batch is that of one GPU" in text


def test_kairs_json_with_comments_makes_lr_of_whole_images(tmp_path: Path) -> None:
    from srdata.resize import imresize

    images([("data/gt", 32), ("data/set5/gt", 32)], tmp_path)
    paper = converted(KAIR, "options.json")
    batch = next(iter(paper.loader("data", workers=0)))
    assert batch.hr.shape == (2, 3, 32, 32), "whole images, so"
    made = imresize(batch.hr, 0.5)
    assert math.isclose(float((made - batch.lr).abs().max()), 0, abs_tol=2e-3)
    assert next(iter(paper.test_loader("data", "Set5", workers=0))).lr.shape == (1, 3, 16, 16)


def test_kairs_pairs_by_order_are_found_by_their_names(tmp_path: Path) -> None:
    images([("data/gt", 64)], tmp_path)
    images([("data/lq", 32)], tmp_path, "{key}x2")
    paper = converted(KAIR.replace('"dataroot_L": null\n', '"dataroot_L": "data/lq"\n'), "options.json")
    assert comments()["template"] == "the names of the images"
    assert next(iter(paper.loader("data", workers=0))).lr.shape == (2, 3, 16, 16)
    assert "datasets.test: has no LR images" in Path("my.yaml").read_text()


def test_prepared_sets_stand_for_folders(tmp_path: Path) -> None:
    paper = converted(PAIRED.replace("filename_tmpl: '{}x4'", ""), sets=["div2k"])
    assert [(one.set, one.hr) for one in paper.stages[0].data.sets] == [("div2k", None)]
    assert "meta_info_file: prepared sets stand for it" in Path("my.yaml").read_text()


DATA = "scale: 4\nmodel_type: M\ndatasets:\n  train:\n    type: PairedImageDataset\n    name: x\n"
FULL = DATA + (
    "    dataroot_gt: a\n    dataroot_lq: b\n    gt_size: 32\n    use_hflip: true\n    use_rot: true\n"
    "    batch_size_per_gpu: 4\n"
)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("- 1\n", "holds no options"),
        ("a: 1\n", "has no datasets: it is no option file of a training"),
        ("datasets: {val: {name: x}}\n", "has no datasets.train: it is for tests or inference"),
        (FULL.replace("scale: 4\n", ""), "scale: is missing: HR size over LR size, such as scale: 4"),
        (FULL.replace("gt_size: 32", "gt_size: big"), ":9: datasets.train.gt_size: must be a whole number"),
        (FULL.replace("gt_size: 32", "gt_size: -3"), "datasets.train.gt_size: must be a whole number from 1"),
        (FULL.replace("    gt_size: 32\n", ""), "datasets.train.gt_size: is missing: the side of a crop"),
        (FULL.replace("use_hflip: true", "use_hflip: false"), "has no counterpart: set both true"),
        (FULL.replace("    use_rot: true\n", ""), "use_rot: is missing, without which BasicSR does not run"),
        (FULL.replace("PairedImageDataset", "REDSDataset"), "REDSDataset is of video"),
        (FULL.replace("PairedImageDataset", "GaussianNoiseImageDataset"), "is of denoising"),
        (FULL.replace("PairedImageDataset", "PairedStereoImageDataset"), "is of stereo pairs"),
        (
            FULL.replace("PairedImageDataset", "FFHQDataset"),
            "is no data set of super-resolution that is known",
        ),
        (FULL.replace("    name: x\n", "    name: x\n    task: CAR\n"), "CAR is no super-resolution"),
        (FULL.replace("gt_size: 32", "gt_size: 32\n    gt_size: 64"), "gt_size: stands here twice"),
        (FULL.replace("type: P", "type: &kind P"), "anchors and aliases (kind) are refused"),
        (FULL + "  val: *kind\n", "kind"),
        (FULL + "x: !!python/object/apply:os.system [ls]\n", "the tag tag:yaml.org,2002:python"),
        (
            FULL + "x: !!python/object/apply:collections.OrderedDict [[]]\n",
            "is refused; write the plain value",
        ),
        (FULL + "x: !!float abc\n", "'abc' is no float"),
        (FULL.replace("dataroot_lq: b", "dataroot_lq: [b, c]"), "has 2 folders, and dataroot_gt 1"),
        (FULL.replace("name: x", 'name: "a\\nb: 1"'), "datasets.train.name: must be a line of text"),
        (FULL.replace("a\n", "a\n    filename_tmpl: '{}{}'\n", 1), "filename_tmpl: must hold {} once"),
        (FULL.replace("a\n", "a\n    filename_tmpl: '{0.x}'\n", 1), "filename_tmpl: must hold {} once"),
        ("x: " + "[" * 5000, "nested deeper"),
        ("x: %{y}\n\t", "is no YAML"),
        (FULL.replace("scale: 4", "scale: .nan"), "scale: must be a number"),
        (FULL.replace("scale: 4", "scale: 0.1"), ":1: scale: "),
        (FULL.replace("scale: 4", "scale: 3"), "gt_size: 32 is no multiple of what scale 3 needs"),
        (FULL.replace("    dataroot_lq: b\n", ""), "dataroot_lq: is missing: the folder of LR images"),
        (FULL + "    mean: [0.5, 0.5]\n    std: [1, 1]\n", "mean: must be 3 numbers"),
        (FULL + "    mean: [0, 0, 0]\n    std: [1, 0, 1]\n", "std: must be 3 numbers above 0"),
        (FULL + "    mean: [0, 0, 0]\n", "std: must be 3 numbers above 0, as mean and std are both"),
        ("<<: {a: 1}\n" + FULL, "merge keys are refused"),
    ],
)
def test_what_is_wrong_is_told_in_a_line(text: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("options.yml").write_text(text)
    assert run(["recipe", "from", "options.yml", "--out", "my.yaml"]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if told in line]
    assert lines, f"nothing says {told}"
    assert lines[0].startswith(("srdata: options.yml", "options.yml", "srdata:"))
    assert not Path("my.yaml").exists()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"noise_range": [30, 1]}, "noise_range: the range [30, 1] is empty"),
        ({"noise_range": [1, 300]}, "its options give a recipe that cannot be"),
        ({"resize_prob": [0, 0, 0]}, "resize_prob: needs a probability above 0"),
        ({"resize_prob": [1, 1]}, "resize_prob: must be a list of 3 numbers"),
        ({"gt_size": 512}, "gt_size: 512 leaves no place in the 400 pixels that BasicSR degrades"),
        ({"jpeg_range": None}, "jpeg_range: is missing"),
        ({"gray_noise_prob": 2}, "gray_noise_prob: must be a number from 0 to 1"),
    ],
)
def test_wrong_degradations_are_told(change: dict[str, Any], told: str) -> None:
    with pytest.raises(RecipeError, match=re.escape(told)):
        converted(json.dumps(real_esrgan() | change))


def test_hostile_files_end_in_a_line(tmp_path: Path) -> None:
    nested = "[" * 100_000
    files = {
        "a.json": nested,
        "b.toml": f"x = {nested}",
        "c.yml": "a: " + "x" * (1 << 21),
        "d.json": '{"a": 1, "a": 2}',
        "e.txt": "x",
        "f.json": "{" + '"' * 9999,
        "g.toml": "a = 1979-05-27",
        "h.yml": "\0",
        "i.yml": "a: " + "1:" * 300_000 + "1",  # these four would take minutes
        "j.json": '"\\' * 400_000,
        "k.toml": "a" + ".a" * 300_000 + " = 1",
        "l.toml": "[" + ".".join("a" * 20_000) + "]\nx = 1\n",
    }
    for name, text in files.items():
        Path(name).write_text(text)
        with pytest.raises(SrdataError) as error:
            recipe_from(name, "my.yaml")
        assert name in str(error.value)


def test_paths_that_cannot_be_are_not_there() -> None:
    paper = converted(FULL.replace("dataroot_gt: a", f"dataroot_gt: {'a' * 5000}"))
    assert paper.stages[0].data.sets[0].hr == "a" * 5000
    assert "not there: aaa" in Path("my.yaml").read_text()


def test_names_from_the_options_cannot_write_into_the_recipe(tmp_path: Path) -> None:
    options = json.loads(json.dumps(yaml.safe_load(FULL)))
    options["datasets"]["val\nseed: 3"] = {"name": "v", "dataroot_gt": "a", "dataroot_lq": "b"}
    options["datasets"]["train"] |= {"bad\n#x: y": 1, "dataroot_gt": "a'b\": {c} #d"}
    paper = converted(json.dumps(options), "options.yaml")
    assert paper.stages[0].data.sets[0].hr == "a'b\": {c} #d"
    assert len(paper.evaluation) == 1


def test_only_what_srdata_wrote_is_written_over(tmp_path: Path) -> None:
    Path("options.yml").write_text(FULL)
    recipe_from("options.yml", "my.yaml")
    recipe_from("options.yml", "my.yaml")
    Path("mine.yaml").write_text("title: mine\n")
    with pytest.raises(UsageError, match="this command did not write it"):
        recipe_from("options.yml", "mine.yaml")
    with pytest.raises(UsageError, match="is read, and would be written over"):
        recipe_from("options.yml", "options.yml")
    with pytest.raises(UsageError, match=r"give one that ends in \.yaml"):
        recipe_from("options.yml", "my.json")
