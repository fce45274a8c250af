"""Every option file of the authors' checkouts, and what a loader of its recipe then gives.

What is expected is worked out here from the options, by PyYAML, json and tomllib.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from option_files import images

from srdata import load_recipe
from srdata.degrade.chain import load_chain
from srdata.errors import SrdataError
from srdata.option_files.reading.from_options import recipe_from
from srdata.papers.paper import Paper

pytestmark = pytest.mark.peers

# By type in small letters: those that train super-resolution of single images, whoever wrote them.
PAIRED = {
    "pairedimagedataset",
    "pairedimagedadataset",
    "realesrganpaireddataset",
    "paired",
    "lqgt",
    "lqgt_rcan",
}
MADE = {"imagenetpaireddataset", "realesrgandataset", "otf", "blindsr", "sr", "srmd", "dpsr", "usrnet"}
STEREO = {"pairedstereoimagedataset", "stereosrimagedataset"}


class OptionFile(NamedTuple):
    path: Path
    options: dict[str, Any]

    @property
    def train(self) -> dict[str, Any]:
        return self.options["datasets"]["train"]  # type: ignore[no-any-return]

    @property
    def kind(self) -> str:
        train = self.train
        return str(train.get("type") or train.get("dataset_type") or train.get("mode")).lower()

    @property
    def trains_sr(self) -> bool:
        noise = str(self.train.get("task", "SR")).lower() != "sr"
        return self.kind in PAIRED | MADE | STEREO and not noise


def option_files(peers: Path) -> Iterator[OptionFile]:
    """Those of a training, as far as readers that are not ours can read them."""
    for path in sorted(peers.rglob("*")):
        if path.suffix in {".yml", ".yaml", ".json", ".toml"} and path.is_file():
            try:
                found = read(path)
            except (ValueError, yaml.YAMLError, RecursionError):
                continue
            sets = found.get("datasets") if isinstance(found, dict) else None
            if (
                isinstance(sets, dict)
                and isinstance(sets.get("train"), dict)
                and path.stat().st_size < 1 << 20
            ):
                yield OptionFile(path, found)


def read(path: Path) -> Any:
    text = path.read_text(errors="replace")
    if path.suffix == ".toml":
        return tomllib.loads(text)
    return json.loads(re.sub("//.*", "", text)) if path.suffix == ".json" else yaml.safe_load(text)


@pytest.fixture(scope="module")
def found(peers: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[Path, tuple[OptionFile, Path | str]]:
    """The recipe of each option file for super-resolution, or why there is none."""
    out = tmp_path_factory.mktemp("recipes")
    recipes: dict[Path, tuple[OptionFile, Path | str]] = {}
    for number, file in enumerate(one for one in option_files(peers) if one.trains_sr):
        try:
            recipe_from(file.path, out / f"{number}.yaml")
            recipes[file.path] = file, out / f"{number}.yaml"
        except SrdataError as error:
            recipes[file.path] = file, str(error)
    if not recipes:
        pytest.skip("the checkouts hold no option files")
    return recipes


def test_nearly_all_option_files_for_super_resolution_are_read(
    found: dict[Path, tuple[OptionFile, Path | str]],
) -> None:
    why = [reason for _, reason in found.values() if isinstance(reason, str)]
    assert len(why) <= 0.05 * len(found), "\n".join(why)


def test_what_is_not_read_is_told_in_lines(peers: Path, tmp_path: Path) -> None:
    """Of every other file too: a line that begins with its name."""
    told: list[tuple[Path, str]] = []
    for path in sorted(peers.rglob("*")):
        if path.suffix in {".yml", ".yaml", ".json", ".toml"} and path.is_file():
            try:
                recipe_from(path, tmp_path / "my.yaml")
            except SrdataError as error:
                told.extend((path, line) for line in str(error).splitlines())
    assert told
    assert not [line for path, line in told if not line.startswith(str(path))]


def test_recipes_say_what_the_options_say(found: dict[Path, tuple[OptionFile, Path | str]]) -> None:
    compared = 0
    for file, recipe in found.values():
        if isinstance(recipe, Path):
            paper = load_recipe(recipe)
            assert isinstance(paper, Paper)
            check_settings(file, paper)
            check_degradation(file, paper)
            compared += 1
    assert compared


def check_settings(file: OptionFile, paper: Paper) -> None:
    stage, train, scale = paper.stages[0], file.train, file.options["scale"]
    told = str(file.path)
    assert int(stage.scale) == scale, told
    assert stage.hr_size == hr_size(file), told
    gpus = file.options.get("num_gpu", 1)
    gpus = 1 if gpus == "auto" else gpus
    each = "batch_size_per_gpu"
    asked = train[each] * gpus if each in train else train.get("dataloader_batch_size") or train["batch_size"]
    assert stage.batch.size == asked, told
    flip = train.get("use_hflip", train.get("use_flip", True))
    law = (
        "dihedral"
        if train.get("use_rot", True)
        else {"augment": "dihedral", "law": "h_only"}
        if flip
        else None
    )
    assert (stage.augment[0] if stage.augment else None) == law, told
    assert (stage.made == "stored") == (file.kind in PAIRED or bool(train.get("dataroot_L"))), told
    roots = train.get("dataroot_gt") or train.get("dataroot_H") or train.get("dataroot_GT")
    assert len(stage.data.sets) == len(roots if isinstance(roots, list) else [roots]), told
    names = [one for one in file.options["datasets"] if one != "train"]
    assert len({name for one in paper.evaluation for name in one.sets}) >= (
        1 if names and has_hr(file) else 0
    ), told


def has_hr(file: OptionFile) -> bool:
    keys = ("dataroot_gt", "dataroot_H", "dataroot_GT")
    tests = [one for name, one in file.options["datasets"].items() if name != "train"]
    return any(one.get(key) for one in tests for key in keys)


def hr_size(file: OptionFile) -> int:
    train, scale = file.train, file.options["scale"]
    if "lq_patchsize" in train:
        return int(train["lq_patchsize"] * scale)
    if file.kind == "realesrgandataset" and "gt_size" in file.options:
        return int(file.options["gt_size"])
    lr = train.get("lq_size") or train.get("patch_size")
    return int(train.get("gt_size") or train.get("H_size") or train.get("GT_size") or lr * scale)


def check_degradation(file: OptionFile, paper: Paper) -> None:
    """Of Real-ESRGAN's chains: each number that the options give is in it."""
    stage = paper.stages[0]
    if file.kind not in {"realesrgandataset", "otf"}:
        return
    said = file.options | file.options.get("degradations", {}) | file.train
    plain = load_chain(stage.degradation).resolved()  # type: ignore[arg-type]
    flat = json.dumps(plain["steps"])
    redux = "high_order_degradation" in said
    names = ["resize_range", "resize_range2", "jpeg_range", "jpeg_range2"]
    if not redux:
        names += ["blur_sigma", "blur_sigma2", "noise_range", "noise_range2"]
        names += ["poisson_scale_range", "poisson_scale_range2"]
    for name in names:
        assert json.dumps([float(end) for end in said[name]]) in json.dumps(floats(plain["steps"])), (
            name,
            file.path,
        )
    up, down, keep = said["resize_prob"]
    assert json.dumps({"up": up, "down": down, "keep": keep}) in flat, file.path
    if not redux:
        sinc = said["sinc_prob"]
        shape = plain["steps"][0]["shape"]
        kernels = dict(zip(said["kernel_list"], said["kernel_prob"], strict=True))
        assert shape == pytest.approx({"sinc": sinc} | {k: (1 - sinc) * p for k, p in kernels.items()}), (
            file.path
        )
    assert stage.crop is not None
    window = 2 * stage.crop.margin + stage.hr_size
    assert window == {"otf": 512, "realesrgandataset": hr_size(file) + 32 if redux else 400}[file.kind], (
        file.path
    )


def floats(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: floats(one) for key, one in value.items()}
    if isinstance(value, list):
        return [floats(one) for one in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def test_loaders_give_what_the_options_say(
    found: dict[Path, tuple[OptionFile, Path | str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One file of each way to train: of each type, scale, crop, turn and name of LR files."""
    ways: dict[Any, OptionFile] = {}
    for file, recipe in found.values():
        if isinstance(recipe, Path):
            names = ("use_rot", "filename_tmpl", "color", "mean", "use_mixup", "dataset_enlarge_ratio")
            way = (
                file.kind,
                file.options["scale"],
                hr_size(file),
                *(str(file.train.get(one)) for one in names),
            )
            ways.setdefault(way, file)
    for number, file in enumerate(ways.values()):
        (tmp_path / str(number)).mkdir()
        monkeypatch.chdir(tmp_path / str(number))
        batch_of(file, tmp_path / str(number))


def batch_of(file: OptionFile, folder: Path) -> None:
    """The images that the options name are made in a folder, and read by the recipe there."""
    options = folder / file.path.name
    options.write_text(
        re.sub(r"(?<=['\" ])/(?=\w)", "root/", file.path.read_text())
    )  # no path of this machine
    moved = load_recipe(folder_recipe(options))
    assert isinstance(moved, Paper)
    stage, scale = moved.stages[0], file.options["scale"]
    assert stage.crop is not None
    side = max(2 * scale * 16, stage.hr_size + 2 * stage.crop.margin)
    entries = [*stage.data.sets, *moved.evaluation[:1]]
    for one in entries:
        together = stage.made == "stored" and not one.lr
        images([(f"{one.hr}/HR" if together else str(one.hr), side)], Path())
        if together:
            images([(f"{one.hr}/LR", side // scale)], Path())
        if one.lr:
            images([(str(one.lr), side // scale)], Path(), one.template)
        if one.listed:
            Path(one.listed).parent.mkdir(parents=True, exist_ok=True)
            Path(one.listed).write_text("im0.png (1,1,3)\nim2.png (1,1,3)\n")
    batch = next(iter(moved.loader(folder, workers=0, batch_size=2)))
    y = 1 if file.train.get("color") == "y" else 3
    assert batch.hr.shape == (2, y, stage.hr_size, stage.hr_size), file.path
    assert batch.lr.shape == (2, y, stage.hr_size // scale, stage.hr_size // scale), file.path
    assert 0 <= float(batch.hr.min()) < 0.1 < 0.9 < float(batch.hr.max()) <= 1, file.path
    assert set(batch.keys) <= {"im0", "im1", "im2"}, file.path
    assert ("hr_plain" in batch.tensors) == (
        file.options.get("gan_gt_usm") is False and stage.made == "online"
    )
    for one in moved.evaluation[:1]:
        test = next(iter(moved.test_loader(folder, one.sets[0], workers=0)))
        assert test.hr.shape[-1] == side, file.path


def folder_recipe(options: Path) -> Path:
    recipe_from(options, options.parent / "my.yaml")
    return options.parent / "my.yaml"
