"""`SrdataPairedDataset`: as option files ask for it, and in the train loops of three trainers."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from string import Template
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import run_data_set
import run_trainer
import torch
import yaml
from conftest import checkout
from numpy.lib.stride_tricks import sliding_window_view
from pairs import write_shards
from tables import noise_pairs
from torch.utils.data import DataLoader, Sampler

from srdata import PairedDataset, prepare
from srdata.data import SrdataPairedDataset
from srdata.errors import UsageError
from srdata.exporting.export_set import export
from srdata.images import write_png
from srdata.option_files.writing.to_options import options_for
from srdata.scale import Scale

PAGE = Path(__file__).parents[1] / "docs" / "trainers.md"
COUNT = 6


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    splits = {"004": "validation", "005": "validation"}
    pairs = noise_pairs(COUNT, 48, 64)
    return write_shards(tmp_path_factory.mktemp("set") / "noise-x4", pairs, Scale(4), splits=splits)


def training(place: Path, **more: Any) -> dict[str, Any]:
    """The options of a data set as BasicSR hands them over."""
    asked = {"name": "noise", "phase": "train", "scale": 4, "gt_size": 16, "io_backend": {"type": "disk"}}
    return asked | {"path": str(place), "use_hflip": True, "use_rot": True} | more


class Enlarged(Sampler[int]):
    """Every item twice, as the trainers' samplers do with a ratio of 2."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __iter__(self) -> Any:
        return iter([number % self.count for number in range(2 * self.count)])


def test_items_are_crops_of_the_pairs(prepared: Path) -> None:
    data = SrdataPairedDataset(training(prepared))
    pairs = noise_pairs(COUNT, 48, 64)
    assert len(data) == COUNT - 2
    for number, key in enumerate(sorted(pairs)[:4]):
        item = data[number]
        assert item["lq_path"] == item["gt_path"] == f"{key}.png"
        assert is_part(item["lq"], pairs[key][0], 4)
        assert is_part(item["gt"], pairs[key][1], 16)


def is_part(found: torch.Tensor, image: np.ndarray[Any, Any], side: int) -> bool:
    """Whether a tensor is some square of an image, turned in one of eight ways."""
    assert found.shape == (3, side, side)
    levels = (found * 255).round().byte().numpy().transpose(1, 2, 0)
    squares = sliding_window_view(image, (side, side), axis=(0, 1)).transpose(0, 1, 3, 4, 2)
    turned = [np.rot90(way, quarter) for way in (levels, levels[::-1]) for quarter in range(4)]
    return any((squares == way).all((2, 3, 4)).any() for way in turned)


@pytest.mark.parametrize("workers", [0, 2])
def test_each_time_that_an_item_is_asked_for_it_has_another_crop(prepared: Path, workers: int) -> None:
    data = SrdataPairedDataset(training(prepared))
    loader = DataLoader(data, 4, sampler=Enlarged(len(data)), num_workers=workers, drop_last=True)
    crops = [image.numpy().tobytes() for _ in range(2) for batch in loader for image in batch["lq"]]
    assert len(crops) == 4 * len(data)
    assert len(set(crops)) > 0.9 * len(crops)


def test_the_trainers_names_of_a_crop_and_of_a_place_are_one(prepared: Path) -> None:
    struct = SimpleNamespace(
        phase="train", scale=4, gt_size=16, lq_size=4, dataroot_gt=[str(prepared)], use_rot=True
    )
    first = SrdataPairedDataset(training(prepared))[0]
    neosr = training(prepared, gt_size=None, patch_size=4)
    for options in (struct, neosr, training(prepared, path=None, dataroot_gt=str(prepared))):
        for name, value in SrdataPairedDataset(options)[0].items():
            assert value == first[name] if isinstance(value, str) else torch.equal(value, first[name])  # type: ignore[literal-required]


def test_validation_is_of_whole_images_of_its_split(prepared: Path) -> None:
    data = SrdataPairedDataset(training(prepared, phase="val"))
    whole = PairedDataset(prepared, split="validation")
    assert [item["lq_path"] for item in data] == ["004.png", "005.png"]
    for item, pair in zip(data, whole, strict=True):
        assert torch.equal(item["lq"], pair["lr"])
        assert torch.equal(item["gt"], pair["hr"])
    assert len(SrdataPairedDataset(training(prepared, phase="val", split="train"))) == 4


def test_colours_means_and_deviations_are_theirs(prepared: Path) -> None:
    plain = SrdataPairedDataset(training(prepared, phase="val"))[0]["gt"].double()
    mean, std = [0.4, 0.5, 0.6], [0.5, 0.25, 0.125]
    shifted = SrdataPairedDataset(training(prepared, phase="val", mean=mean, std=std))[0]["gt"]
    column = torch.tensor([mean, std]).reshape(2, 3, 1, 1)
    assert torch.allclose(shifted.double(), (plain - column[0]) / column[1], atol=1e-6)
    y = SrdataPairedDataset(training(prepared, phase="val", color="y"))[0]["gt"]
    weights = torch.tensor([65.481, 128.553, 24.966], dtype=torch.float64).reshape(3, 1, 1)
    assert torch.allclose(y.double(), ((plain * weights).sum(0, keepdim=True) + 16) / 255, atol=1e-6)


@pytest.mark.parametrize(
    ("flip", "rot", "ways"), [(True, True, 8), (True, False, 2), (False, False, 1), (None, None, 8)]
)
def test_flips_and_turns(tmp_path: Path, flip: bool | None, rot: bool | None, ways: int) -> None:
    """Of an image that is no larger than a crop, there are as many as ways to turn it."""
    path = write_shards(tmp_path / "one", noise_pairs(1, 16, 16), Scale(4))
    data = SrdataPairedDataset(training(path, use_hflip=flip, use_rot=rot))
    assert len({data[0]["lq"].numpy().tobytes() for _ in range(80)}) == ways


def test_two_folders_are_paired_by_the_template(tmp_path: Path) -> None:
    for key, (lr, hr) in noise_pairs(2).items():
        write_png(tmp_path / "gt" / f"{key}.png", hr)
        write_png(tmp_path / "lq" / f"{key}x4.png", lr)
    folders = {"dataroot_gt": str(tmp_path / "gt"), "dataroot_lq": [str(tmp_path / "lq")]}
    options = training(tmp_path, path=None, filename_tmpl="{}x4", phase="val", **folders)
    lr = noise_pairs(2)["001"][0]
    found = SrdataPairedDataset(options)[1]["lq"] * 255
    assert np.array_equal(found.round().numpy().transpose(1, 2, 0), lr)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"use_hflip": False}, "set both true, or use_rot: false"),
        ({"gt_size": None}, "give gt_size, the side of a crop in HR pixels"),
        ({"path": None}, "give path, or dataroot_gt alone"),
        ({"dataroot_lq": "x"}, "give path, or dataroot_gt alone"),
        ({"path": ["a", "b"]}, "path: SrdataPairedDataset opens one set; name one, not 2"),
        ({"meta_info_file": "x.txt"}, "leave meta_info_file out"),
        ({"split": "tset"}, "has no split 'tset', it has train, validation"),
        ({"gt_size": 18}, "no multiple of 4"),
        ({"scale": 3}, "has no scale '3', it has 4"),
        ({"path": "nowhere"}, "nowhere"),
    ],
)
def test_what_cannot_be_is_told(prepared: Path, more: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=re.escape(told)):
        SrdataPairedDataset(training(prepared, **more))


def test_the_default_device_of_a_trainer_does_not_matter(prepared: Path) -> None:
    """neosr sets it to cuda; meta stands for any other than the CPU."""
    with torch.device("meta"):
        item = SrdataPairedDataset(training(prepared, mean=[0.5] * 3))[0]
    assert item["lq"].device == item["gt"].device == torch.device("cpu")


# The trainers themselves


PACKAGES = {"BasicSR": "basicsr", "traiNNer-redux": "traiNNer", "neosr": "neosr"}
SCRIPTS = {"BasicSR": "basicsr/train.py", "traiNNer-redux": "train.py", "neosr": "train.py"}
# BasicSR's setup.py writes this module.
VERSION = '__version__ = "0"\n__gitsha__ = "unknown"\n'
# Without a GPU: neosr, which refuses to run so and under other Pythons than 3.12, computes on the CPU.
ON_CPU = {'"cuda"': '"cpu"', ".cuda()": ".cpu()", "minor != 12": "minor < 11"}
EITHER = re.compile("|".join(map(re.escape, ON_CPU)))


def copied(checkout: Path, name: str, folder: Path) -> Path:
    """A copy of a checkout, with the file that docs/trainers.md has for it."""
    shutil.copytree(checkout, folder / name, ignore=shutil.ignore_patterns(".git", "*.png", "*.pth"))
    package = folder / name / PACKAGES[name]
    [code] = re.findall(
        rf"`{package.name}/data/srdata_dataset.py`.*?^```py\n(.*?)^```", PAGE.read_text(), re.M | re.S
    )
    (package / "data" / "srdata_dataset.py").write_text(code)
    if name == "BasicSR":
        (package / "version.py").write_text(VERSION)
    if name == "neosr" and not torch.cuda.is_available():
        for path in (folder / name).rglob("*.py"):
            path.write_text(EITHER.sub(lambda found: ON_CPU[found[0]], path.read_text()))
    return folder / name


@pytest.mark.peers
@pytest.mark.parametrize("name", sorted(PACKAGES))
def test_their_own_train_loop_trains_on_it(tmp_path: Path, name: str) -> None:
    """And validates to the same PSNR as on the files of the same pairs, which its own data set reads."""
    theirs = checkout(name)
    ours = prepare("sample", scale=4, lmdb=True, root=tmp_path, jobs=1).path
    export(ours, "kair", tmp_path / "files", windows=False, jobs=1)
    said = trained(copied(theirs, name, tmp_path), ours, tmp_path / "files" / "trainsets")
    assert re.search(r"iter: +8\b", said), "it logs after four steps and after eight"
    found = re.findall(r"Validation (ours|theirs).*?psnr.*?([\d.]+)", said, re.S)
    assert dict(found).keys() == {"ours", "theirs"}
    assert len({psnr for _, psnr in found}) == 1, found


def template_of(checkout: Path) -> Path:
    """The option file of a tiny training."""
    [found] = (Path(__file__).parent / "data" / "trainers").glob(f"{checkout.name}.*")
    return found


def trained(checkout: Path, ours: Path, files: Path, section: str | None = None) -> str:
    """What the trainer logs; with the training data of a section of `recipe to`, where one is given."""
    template = template_of(checkout)
    places = {"OURS": ours, "GT": files / "trainH", "LQ": files / "trainL"}
    options = checkout.parent / template.name
    text = Template(template.read_text()).substitute(places)
    options.write_text(text if section is None else with_section(text, section, template.suffix))
    command = [run_trainer.__file__, checkout, SCRIPTS[checkout.name], checkout.parent / "out"]
    return run_there(checkout, *command, "-opt", options)


def run_there(checkout: Path, *command: Any) -> str:
    """What a script of Python says, run in a checkout; skips where packages are missing."""
    paths = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, *command],
        env={**os.environ, "PYTHONPATH": paths},
        cwd=checkout,
        capture_output=True,
        text=True,
        timeout=500,
    )
    if done.returncode == run_trainer.LACKING:
        pytest.skip(f"{checkout.name} needs more than is installed: {done.stderr.splitlines()[-1]}")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    return re.sub(r"\x1b\[[\d;]*m", "", done.stdout + done.stderr)


def with_section(text: str, section: str, suffix: str) -> str:
    """An option file whose training data are those of a section."""
    if suffix == ".toml":
        outside, inside = section.split("[datasets.train]\n")
        assert outside.splitlines()[-2:] == ["scale = 4", ""]
        own, rest = re.split(r"\n(?=\[)", inside, maxsplit=1) if "\n[" in inside else (inside, "")
        assert not rest, "a set without validation images has no other"
        merged = re.sub(
            r"(?<=\[datasets\.train\]\n).*?(?=\n\[|\n\n)", lambda _: own.rstrip(), text, flags=re.S
        )
        assert tomllib.loads(merged)["datasets"]["train"] == tomllib.loads(section)["datasets"]["train"]
        return merged
    options, written = yaml.safe_load(text), yaml.safe_load(section)
    options["datasets"]["train"] = written.pop("datasets")["train"]
    return yaml.safe_dump(options | written, sort_keys=False)


@pytest.mark.peers
@pytest.mark.parametrize("name", sorted(PACKAGES))
def test_their_own_data_sets_read_what_recipe_to_writes(tmp_path: Path, name: str) -> None:
    """Their parsers, data sets and train loops: they train and validate."""
    theirs = checkout(name)
    ours = prepare("sample", scale=4, lmdb=True, root=tmp_path, jobs=1).path
    export(ours, "kair", tmp_path / "files", windows=False, jobs=1)
    export(ours, "basicsr", tmp_path / "lmdbs", jobs=1)
    like = tmp_path / "like.yaml"
    like.write_text(
        "title: tiny\nstatus: unverified\nscale: 4\ndata: {sets: [{set: sample}]}\n"
        "crop: {size: 16, side: lr}\naugment: [basicsr]\nbatch: {size: 4, repeat: 4}\n"
    )
    form = {"BasicSR": "basicsr", "traiNNer-redux": "redux", "neosr": "neosr"}[name]
    source = tmp_path / ("lmdbs" if name == "BasicSR" else "files")
    section = options_for(form, source, like=str(like))  # type: ignore[arg-type]
    assert section.told == []
    said = trained(copied(theirs, name, tmp_path), ours, tmp_path / "files" / "trainsets", section.text)
    assert re.search(r"iter: +8\b", said), "it logs after four steps and after eight"


ONLINE = {
    "BasicSR": ("basicsr", "real-esrgan-x4", {"gt": [3, 400, 400], "kernel1": [21, 21]}),
    "traiNNer-redux": ("redux", "redux-default-otf", {"gt": [3, 288, 288], "kernel1": [21, 21]}),
    "neosr": ("neosr", "neosr-default-otf", {"gt": [3, 512, 512], "kernel1": [21, 21]}),
    "KAIR": ("kair", "swinir-x4", {"H": [3, 192, 192], "L": [3, 48, 48]}),
}


@pytest.mark.peers
@pytest.mark.parametrize("name", sorted(ONLINE))
def test_their_parsers_and_data_sets_take_degradations_too(tmp_path: Path, name: str) -> None:
    """An item of the data set that their own code builds."""
    theirs = checkout(name)
    ours = prepare("sample", scale=4, lmdb=True, root=tmp_path, jobs=1).path
    form, like, shapes = ONLINE[name]
    export(ours, "basicsr" if form == "basicsr" else "kair", tmp_path / "files", jobs=1)
    section = options_for(form, tmp_path / "files", like=like).text  # type: ignore[arg-type]
    there = theirs if name == "KAIR" else copied(theirs, name, tmp_path)
    options = tmp_path / f"options{'.json' if name == 'KAIR' else template_of(there).suffix}"
    options.write_text(whole_file(there, section))
    said = run_there(there, run_data_set.__file__, there, options)
    [line] = (line for line in said.splitlines() if line.startswith("{"))
    assert json.loads(line).items() >= shapes.items()


def whole_file(checkout: Path, section: str) -> str:
    """A section with all else that a trainer's parser asks for."""
    if checkout.name == "KAIR":
        given = re.sub("//.*", "", (checkout / "options" / "train_msrresnet_psnr.json").read_text())
        return json.dumps(json.loads(given) | json.loads(re.sub("^//.*\n", "", section)))
    template = template_of(checkout)
    if template.suffix == ".toml":
        return 'name = "tiny"\nmodel_type = "otf"\n' + section + '\n[network_g]\ntype = "compact"\n[path]\n'
    rest = yaml.safe_load(template.read_text()) | yaml.safe_load(section) | {"num_gpu": 0}
    return yaml.safe_dump(rest, sort_keys=False)
