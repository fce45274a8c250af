"""The licence of images of one's own: asked for, checked without any network, in the card and LICENSE.md."""

from __future__ import annotations

from pathlib import Path

import datasets
import numpy as np
import pytest
import yaml

from srdata import prepare, publish
from srdata.cli import run
from srdata.errors import LicenceError, UnknownNameError, UsageError
from srdata.images import write_png
from srdata.prepared.licence_names import own_licence


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared set of a photograph of one's own."""
    root = tmp_path_factory.mktemp("mine")
    write_png(root / "photos/one.png", np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))
    return prepare(root / "photos", scale=2, lmdb=True, root=root, jobs=1).path


def card(folder: Path) -> dict[str, object]:
    return dict(yaml.safe_load((folder / "README.md").read_text().split("---\n")[1]))


def test_a_licence_is_asked_for(mine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(LicenceError, match="Say under which licence others may use them, as --licence"):
        publish(mine, out=tmp_path / "out")
    assert run(["publish", str(mine), "--out", str(tmp_path / "out"), "--licence", "cc-by-4.0"]) == 0
    assert "licence: CC-BY-4.0, given by the owner" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "hub", "name"),
    [
        ("cc0-1.0", {"license": "cc0-1.0"}, "CC0-1.0"),
        ("CC-BY-NC-SA-4.0", {"license": "cc-by-nc-sa-4.0"}, "CC-BY-NC-SA-4.0"),
        ("ODbL-1.0", {"license": "odbl"}, "ODbL-1.0"),
        ("pddl", {"license": "pddl"}, "pddl"),
        (
            "CC-BY-3.0-AT",
            {"license": "other", "license_name": "cc-by-3.0-at", "license_link": "LICENSE.md"},
            "CC-BY-3.0-AT",
        ),
    ],
)
def test_card_and_licence_say_it(
    mine: Path, tmp_path: Path, given: str, hub: dict[str, str], name: str
) -> None:
    publish(mine, out=tmp_path / "out", licence=given, jobs=1)
    assert {key: value for key, value in card(tmp_path / "out").items() if key.startswith("license")} == hub
    text = (tmp_path / "out/LICENSE.md").read_text()
    assert f"the licence {name}.\n" in text
    assert (f"<https://spdx.org/licenses/{name}.html>" in text) is (given != "pddl")
    assert f"licence: {name}, given by the owner" in (tmp_path / "out/README.md").read_text()


@pytest.mark.parametrize("wrong", ["cc-by-5.0", "free", "mine", "", "../../etc", "mit AND"])
def test_what_is_no_licence_is_refused(mine: Path, tmp_path: Path, wrong: str) -> None:
    with pytest.raises(UnknownNameError, match="unknown licence"):
        publish(mine, out=tmp_path / "out", licence=wrong)
    assert not (tmp_path / "out").exists()


def test_the_nearest_licence_is_named() -> None:
    with pytest.raises(UnknownNameError, match=r"did you mean 'cc-by-4\.0'\?"):
        own_licence("cc-by-4")


def test_another_licence_is_another_request(mine: Path, tmp_path: Path) -> None:
    publish(mine, out=tmp_path / "out", licence="cc0-1.0", jobs=1)
    with pytest.raises(UsageError, match="not what is asked for now"):
        publish(mine, out=tmp_path / "out", licence="cc-by-4.0", jobs=1)


def test_images_of_others_keep_their_licence(tmp_path: Path) -> None:
    made = prepare("sample", scale=4, lmdb=True, root=tmp_path, jobs=1)
    with pytest.raises(UsageError, match="have a licence, which stays theirs: leave --licence out"):
        publish(made.path, out=tmp_path / "out", licence="mit")


@pytest.mark.parametrize("form", ["parquet", "imagefolder", "webdataset"])
def test_datasets_loads_the_folder_itself(
    mine: Path, tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its path; of "." `datasets` finds no name, so the docs say to give the path."""
    publish(mine, out=tmp_path / "out", licence="cc0-1.0", form=form, jobs=1)  # type: ignore[arg-type]
    monkeypatch.chdir(tmp_path / "out")
    for name in (str(tmp_path / "out"), str(Path.cwd()), "../out"):
        found = datasets.load_dataset(name, split="train", cache_dir=str(tmp_path / "cache"))
        assert len(found) == 1
