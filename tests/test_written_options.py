"""`recipe to`: the section on data of an option file, and back again to the same recipe."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from option_files import KAIR, NEOSR, PAIRED, REDUX, real_esrgan
from pairs import write_folders
from tables import noise_pairs

from srdata import prepare
from srdata.cli import run
from srdata.common.strict_yaml import read_yaml
from srdata.errors import UsageError
from srdata.exporting.export_set import export
from srdata.option_files.reading.from_options import recipe_from
from srdata.option_files.writing.to_options import Form, options_for, write_options
from srdata.scale import Scale

KINDS: dict[Form, str] = {"basicsr": ".yml", "redux": ".yml", "neosr": ".toml", "kair": ".json"}


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set of shards, as folders, and its exports."""
    root = tmp_path_factory.mktemp("sets")
    shards = prepare("sample", scale=4, lmdb=True, root=root, jobs=1).path
    prepare("sample", scales=[2, 4], root=root, jobs=1)
    for form in ("kair", "basicsr"):
        export(shards, form, root / form, jobs=1)
    return root


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def values(form: Form, text: str) -> dict[str, Any]:
    """What a reader that is not ours finds in an option file."""
    if form == "neosr":
        return tomllib.loads(text)
    if form == "kair":
        return json.loads(re.sub(r"^//.*\n", "", text, flags=re.M))  # type: ignore[no-any-return]
    return yaml.safe_load(text)  # type: ignore[no-any-return]


@pytest.mark.parametrize("form", KINDS)
def test_the_section_of_a_set_names_its_folders(form: Form, sets: Path) -> None:
    found = values(form, options_for(form, sets / "kair", like="swinir-x4").text)
    train = found["datasets"]["train"]
    names = ("dataroot_H", "dataroot_L") if form == "kair" else ("dataroot_gt", "dataroot_lq")
    gt, lq = (train[name] if form != "redux" else train[name][0] for name in names)
    assert Path(gt).is_absolute()
    assert sorted(path.name for path in Path(gt).iterdir()) == sorted(
        path.name for path in Path(lq).iterdir()
    )
    sizes = {
        "basicsr": ("gt_size", 192),
        "redux": ("lq_size", 48),
        "neosr": ("patch_size", 48),
        "kair": ("H_size", 192),
    }
    name, size = sizes[form]
    assert train[name] == size
    batch = {"basicsr": 4, "redux": 4, "neosr": 4, "kair": 32}[form]
    assert train[next(name for name in train if "batch_size" in name)] == batch, "32 on 8 GPUs"
    assert found["scale"] == 4
    assert found.get("num_gpu", 8) == 8


def test_of_several_tracks_one_is_chosen(tmp_path: Path) -> None:
    for track in ("bicubic", "unknown"):
        write_folders(tmp_path, noise_pairs(3, 64, 64), Scale(4), track=track)
    with pytest.raises(UsageError, match="has bicubic x4, unknown x4: choose one by --scale and --track"):
        options_for("basicsr", tmp_path, scale="4")
    found = values("basicsr", options_for("basicsr", tmp_path, track="unknown").text)
    assert found["datasets"]["train"]["dataroot_lq"] == str(tmp_path / "LR_unknown/X4")


def test_of_several_scales_one_is_chosen(sets: Path) -> None:
    with pytest.raises(UsageError, match="bicubic x2, bicubic x4: choose one by --scale and --track"):
        options_for("basicsr", sets / "sample-x2x4-folder")
    with pytest.raises(UsageError, match="bicubic x4, and not x3: choose one"):
        options_for("basicsr", sets / "kair", like="hat-x3")
    with pytest.raises(UsageError, match="nowhere is no folder of pairs, and no recipe that reads folders"):
        options_for("basicsr", "nowhere")
    found = values(
        "basicsr", options_for("basicsr", sets / "sample-x2x4-folder", scale="2", track="bicubic").text
    )
    train = found["datasets"]["train"]
    assert (found["scale"], train["gt_size"], train["filename_tmpl"]) == (2, 128, "{}x2")


def test_shards_are_exported_first(
    sets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the commands that are told."""
    monkeypatch.chdir(sets)
    assert run(["recipe", "to", "neosr", "sample-x4"]) == 2
    told = re.findall("`srdata (.*?)`", capsys.readouterr().err)
    for command in told:
        assert run([*command.split(), *(["--jobs", "1"] if command.startswith("export") else [])]) == 0
    assert "dataroot_lq" in capsys.readouterr().out


def test_what_a_trainer_cannot_read_is_told(sets: Path) -> None:
    for form, source, told in (
        ("redux", "basicsr", "traiNNer-redux reads no LMDB: `srdata export SET --to kair --out FOLDER`"),
        ("kair", "basicsr", "KAIR reads no LMDB"),
        ("neosr", "sample-x2x4-folder", "neosr takes LR images of the names of HR, and here is {key}x4"),
    ):
        with pytest.raises(UsageError, match=re.escape(told)):
            options_for(form, sets / source, scale="4")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="hat-x4 reads the prepared set df2k: give the folder of an export"):
        options_for("basicsr", "hat-x4")
    with pytest.raises(UsageError, match="is none that basicsr has options for"):
        options_for("basicsr", sets / "kair", like="bsrgan-x4")
    Path("my.yml").write_text(PAIRED.replace("data/lq", "data/gt"))
    recipe_from("my.yml", "together.yaml")
    with pytest.raises(UsageError, match="two folders: give data/gt instead of this recipe"):
        options_for("basicsr", "together.yaml")
    with pytest.raises(UsageError, match="holds no pairs"):
        options_for("basicsr", sets / "kair" / "trainsets" / "trainH")


def test_degradations_while_training(sets: Path) -> None:
    """BasicSR reads the images for them from an LMDB or by a list, and computes them its own way."""
    with pytest.raises(UsageError, match="BasicSR degrades images of an LMDB, or of a list"):
        options_for("basicsr", sets / "kair", like="real-esrgan-x4")
    written = options_for("basicsr", sets / "basicsr", like="real-esrgan-x4")
    found = values("basicsr", written.text)
    assert (found["resize_range2"], found["gan_gt_usm"], written.told) == ([0.3, 1.2], False, [])
    corrected = Path("mine.yaml")
    corrected.write_text(
        "title: mine\nstatus: unverified\nscale: 4\ndata: {sets: [{set: a}]}\nbatch: {size: 4}\n"
        "made: online\ndegradation: realesrgan-x4\ncrop: {size: 256, side: hr, margin: 72, anywhere: true}\n"
    )
    assert options_for("basicsr", sets / "basicsr", like=str(corrected)).told == [
        "degradation: JPEG, areas, places and clipping are the trainer's own"
    ]


def settings(path: str) -> dict[str, Any]:
    """What a recipe says, but for what no section on data can say."""
    data: Any = read_yaml(Path(path)).data
    return {name: value for name, value in data.items() if name not in ("title", "evidence", "iterations")}


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("basicsr", PAIRED),
        ("basicsr", json.dumps(real_esrgan())),
        ("neosr", NEOSR),
        ("redux", REDUX),
        ("kair", KAIR),
        ("kair", KAIR.replace('"dataroot_L": null\n', '"dataroot_L": "data/lq"\n')),
        ("kair", KAIR.replace('"sr"\n', '"blindsr", "lq_patchsize": 12\n').replace('"sr"', '"blindsr"', 1)),
    ],
)
def test_from_and_to_and_from_again_keep_all_values(form: Form, text: str) -> None:
    first = Path(f"first{KINDS[form]}")
    first.write_text(text)
    recipe_from(first, "one.yaml")
    there = options_for(form, "one.yaml")
    again = Path(f"again{KINDS[form]}")
    model = "model_type: SRModel\n" if form == "basicsr" else ""
    again.write_text(there.text + model)
    recipe_from(again, "two.yaml")
    assert settings("two.yaml") == settings("one.yaml")


def test_what_has_no_option_is_told(capsys: pytest.CaptureFixture[str], sets: Path) -> None:
    assert run(["recipe", "to", "basicsr", str(sets / "kair"), "--like", "swinfir-x4", "--out", "o.yml"]) == 0
    out, err = capsys.readouterr()
    assert out == "o.yml: written\n"
    assert err.splitlines() == ["augment: rgb_permute has no option", "augment: mixup has no option"]
    assert "# augment: mixup has no option\n" in Path("o.yml").read_text()


def test_only_what_srdata_wrote_is_written_over(sets: Path) -> None:
    options = options_for("basicsr", sets / "kair")
    write_options(Path("o.yml"), options)
    write_options(Path("o.yml"), options)
    Path("mine.yml").write_text("name: mine\n")
    with pytest.raises(UsageError, match="this command did not write it"):
        write_options(Path("mine.yml"), options)
