"""What a person types wrong in the first hour is answered with what to type."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from srdata import prepare
from srdata.cli import cli, run
from srdata.cli.verbs import GROUPS
from srdata.errors import UsageError, nearest
from srdata.images import read_image, write_png
from srdata.preparation import plan

Said = Callable[..., tuple[int, str]]
PHOTO = np.random.default_rng(0).integers(0, 255, (64, 96, 3), np.uint8)


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Said:
    """Run a command beside photos/one.png and the set data/photos-x2; status and all that is printed."""
    monkeypatch.chdir(tmp_path)
    write_png(tmp_path / "photos/one.png", PHOTO)
    prepare("photos", scale=2, lmdb=True, jobs=1)

    def typed(*words: object) -> tuple[int, str]:
        capsys.readouterr()
        status = run([str(word) for word in words])
        out, err = capsys.readouterr()
        return status, out + err

    return typed


def test_srdata_alone_prints_its_help_in_groups(said: Said) -> None:
    status, text = said()
    assert status == 0
    assert "..." not in text.partition("Prepare:")[2], "each verb has a whole sentence"
    for title, verbs in GROUPS.items():
        assert f"\n{title}:\n" in text
        assert all(f"  {verb.name} " in text for verb in verbs)
    assert {verb.name for verbs in GROUPS.values() for verb in verbs} == set(cli.commands)


@pytest.mark.parametrize("verb", ["verify", "report", "classify"])
def test_a_set_is_found_by_its_name(said: Said, verb: str) -> None:
    status, text = said(verb, "photos-x2")
    assert status == 2
    assert "did you mean 'data/photos-x2'?" in text
    assert said(verb, "data/photos-x2")[0] == 0 or verb == "classify"


def test_the_folder_of_sets_is_no_set_and_says_which_it_holds(said: Said) -> None:
    assert (
        "data is no prepared set, but holds some: give one, such as data/photos-x2"
        in said("verify", "data")[1]
    )
    assert "run srdata prepare" in said("verify", "photos")[1]


def test_an_image_alone_is_previewed_by_a_degradation(said: Said) -> None:
    assert "holds no images: give a degradation before it" in said("preview", "photos/one.png")[1]
    assert said("preview", "bsrgan", "photos/one.png", "--out", "page.png")[0] == 0


@pytest.mark.parametrize("verb", ["prepare", "export", "classify", "report"])
def test_no_jobs_are_refused(said: Said, verb: str) -> None:
    status, text = said(verb, "photos" if verb == "prepare" else "data/photos-x2", "--jobs", 0)
    assert status == 2
    assert "0 jobs do nothing: give 1 or more, or -1 for one a core" in text
    with pytest.raises(UsageError, match="0 jobs do nothing"):
        prepare("photos", jobs=0)


def test_one_image_is_a_source(said: Said, tmp_path: Path) -> None:
    status, text = said("prepare", "photos/one.png", "--scale", 2, "--jobs", 1)
    assert status == 0, text
    [hr] = (tmp_path / "data/one-x2-folder").glob("*_HR/one.png")
    assert np.array_equal(read_image(hr), PHOTO)
    assert said("inspect", "photos/one.png")[0] == 0


@pytest.mark.parametrize("name", ["set.zip.001", "set.z01", "set.7z.002", "set.part1.rar", "set.tar.gz.aa"])
def test_a_part_of_an_archive_is_told_to_be_one(said: Said, tmp_path: Path, name: str) -> None:
    (tmp_path / "packed").mkdir()
    (tmp_path / "packed" / name).write_bytes(b"PK\3\4")
    for path in ("packed", f"packed/{name}"):
        status, text = said("prepare", f"./{path}")
        assert status == 2
        assert f"{name} is a part of an archive that was split: put the parts together and unpack it" in text


def test_patches_in_hdf5_are_told_to_be_no_images(said: Said, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "train.h5", "w") as file:
        file["data"], file["label"] = np.zeros((4, 1, 33, 33)), np.zeros((4, 1, 21, 21))
    status, text = said("prepare", "./train.h5", "--scale", 2)
    assert status == 1
    assert "holds 'data', 'label', not the groups lr and hr of images" in text


def test_a_word_of_a_name_finds_it(said: Said, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("steps:\n- {op: noise}\n- {op: jpeg, subsampling: 420}\n")
    _, text = said("degrade", "photos", "out", "--scale", 2, "--degradation", "mine.yaml")
    assert "did you mean 'gaussian_noise', 'poisson_noise'" in text
    assert "not \"420\", did you mean '4:2:0'?" in text
    assert nearest("zzz", ["gaussian_noise"]) == ""


def test_a_key_is_found_without_the_folder_before_it() -> None:
    keys = ["photographs-of-2024/two_dogs", "photographs-of-2024/cat", "others/cat", "a/caf"]
    assert nearest("two_dogs", keys) == ", did you mean 'photographs-of-2024/two_dogs'?"
    assert nearest("Cat", keys) == ", did you mean 'photographs-of-2024/cat' or 'others/cat'?"
    assert nearest("elsewhere/two_dogs", keys) == ", did you mean 'photographs-of-2024/two_dogs'?"
    assert nearest("two_dogs.PNG", keys) == ", did you mean 'photographs-of-2024/two_dogs'?"
    assert nearest("others/cats", keys) == ", did you mean 'others/cat'?"


def test_explain_says_what_keys_are_called(said: Said) -> None:
    assert "; they are called one" in said("explain", "data/photos-x2", "WRONGKEY")[1]
    assert "did you mean 'one'?" in said("explain", "data/photos-x2", "onee")[1]


def test_the_plan_says_what_is_cut_off(tmp_path: Path) -> None:
    """As it is cut: 2040x1356 at 2.37."""
    write_png(tmp_path / "div/one.png", np.zeros((1356, 2040, 3), np.uint8))
    text = plan(tmp_path / "div", scale=2.37, root=tmp_path)
    made = prepare(tmp_path / "div", scale=2.37, root=tmp_path, jobs=1)
    height, width = read_image(next(made.path.glob("*_HR/one.png"))).shape[:2]
    assert f"2040x1356 becomes {width}x{height}" in text
    assert (width, height) == (1896, 1185)
    assert "cut off   1 of 1 HR image, to fit x2.37; at most 2040x1356 becomes 1896x1185, 18.8% less" in text
    assert "cut off" not in plan(tmp_path / "div", scale=4, root=tmp_path)


@pytest.mark.parametrize("values", [("32", "16"), ("32", "16", "8")])
def test_windows_mean_size_and_step_in_every_verb(
    said: Said, tmp_path: Path, values: tuple[str, ...]
) -> None:
    status, text = said("prepare", "photos", "--windows", *values, "--scale", 2, "--name", "w", "--jobs", 1)
    assert status == 0, text
    windows = json.loads((tmp_path / "data/w/set.json").read_text())["recipe"]["windows"]
    assert windows == {"size": 32, "step": 16, "threshold": int(values[2]) if len(values) > 2 else 0}
    assert said("classify", "data/photos-x2", "--windows", *values, "--jobs", 1)[0] == 0


@pytest.mark.parametrize("wrong", [("32",), ("0", "16"), ("32", "0"), ("a", "b")])
def test_windows_that_are_none_are_refused(said: Said, wrong: tuple[str, ...]) -> None:
    assert said("classify", "data/photos-x2", "--windows", *wrong)[0] == 2


def test_the_flag_that_was_called_windows_still_works(said: Said, tmp_path: Path) -> None:
    said("prepare", "photos", "--windows", 32, 16, "--scale", 2, "--name", "w", "--jobs", 1)
    flags = ("--windows", "--sub-images")
    for flag in flags:
        status, text = said("export", "data/w", "--to", "folder", "--out", f"out{flag}", flag, "--jobs", 1)
        assert status == 0, text
        assert ("--windows is called --sub-images here" in text) is (flag == "--windows")
    files = [
        {path.name for path in (tmp_path / f"out{flag}").rglob("*.png")}
        for flag in ("--windows", "--sub-images")
    ]
    assert files[0] == files[1]
    assert len(files[0]) > 2
