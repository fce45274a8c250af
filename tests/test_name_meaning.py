"""A name means one thing, for every verb and function: or what it could be is said, with what to type."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from srdata import load_recipe, prepare
from srdata.cli import run
from srdata.describe import describe, describe_json
from srdata.errors import UnknownNameError, UsageError
from srdata.metrics.references import find_references
from srdata.preparation import plan
from srdata.recipes import read_recipe
from srdata.recipes.name_meaning import PREPARABLE, Kind, meaning, meanings
from srdata.report import write_preview
from srdata.scale import Scale

pytestmark = pytest.mark.usefixtures("here")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder in which the test runs."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "kind", "called"),
    [
        ("div2k", Kind.RECIPE, "div2k"),
        ("DIV2K", Kind.RECIPE, "div2k"),
        ("recipe:DIV2K", Kind.RECIPE, "div2k"),
        ("hat-x4", Kind.PAPER, "hat-x4"),
        ("HAT", Kind.PAPER, "hat"),
        ("paper:hat-x4", Kind.PAPER, "hat-x4"),
        ("benchmarks", Kind.BENCHMARKS, "benchmarks"),
        ("hf://lab/div2k", Kind.HUB, "hf://lab/div2k"),
        ("mine.yaml", Kind.RECIPE_FILE, "mine.yaml"),
        ("photos", Kind.PATH, "photos"),
        ("./photos", Kind.PATH, "./photos"),
    ],
)
def test_what_a_name_stands_for(here: Path, name: str, kind: Kind, called: str) -> None:
    (here / "photos").mkdir()
    found = meaning(name)
    assert (found.kind, found.name) == (kind, called)


def test_a_file_with_a_recipe_of_a_paper_is_one(here: Path) -> None:
    (here / "mine.yaml").write_text("uses: [basicsr]\n")
    assert meaning("mine.yaml").kind is Kind.PAPER


@pytest.mark.parametrize(
    ("folder", "typed"),
    [
        ("DIV2K", "DIV2K"),
        ("div2k", "div2k"),
        ("div2k", "DIV2K"),
        ("Div2k", "DIV2K"),
        ("hat-x4", "hat-x4"),
        ("benchmarks", "benchmarks"),
    ],
)
def test_a_name_of_the_catalogue_and_of_a_folder_is_never_guessed(
    here: Path, folder: str, typed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """And what is said to type is taken, the catalogue's as the folder's."""
    (here / folder).mkdir()
    for ask in (lambda: plan(typed), lambda: prepare(typed), lambda: load_recipe(typed)):
        with pytest.raises(UsageError, match="could be 2 things: type "):
            ask()
    assert run(["prepare", typed, "--dry-run"]) == 2
    told = capsys.readouterr().err
    remedies = re.findall(r"type (\S+) for the [a-z ]+, or (\S+) for the folder", told)
    catalogue, path = remedies[0]
    assert path == f"./{folder}"
    assert meaning(path).kind is Kind.PATH
    assert meaning(catalogue).kind is not Kind.PATH
    assert meaning(Path(folder)).kind is Kind.PATH


def test_small_letters_mean_the_catalogue_beside_a_folder_in_capitals(here: Path) -> None:
    (here / "DIV2K").mkdir()
    assert meaning("div2k").kind is Kind.RECIPE
    (here / "div2k").mkdir()
    with pytest.raises(UsageError, match="recipe:div2k for the recipe"):
        meaning("DIV2K")


def test_what_srdata_needs_itself_is_of_the_catalogue(here: Path) -> None:
    (here / "set5").mkdir()
    assert read_recipe.known_recipe("set5").source == "set5"
    assert run(["prepare", "benchmarks", "--dry-run", "--scale", "2"]) == 0


def test_score_and_preview_follow_the_same_rule(here: Path) -> None:
    for name in ("set5", "bicubic"):
        (here / name).mkdir()
    with pytest.raises(UsageError, match=r"data-set:set5 for the data set, or \./set5 for the folder"):
        find_references("set5", Scale(2))
    with pytest.raises(UsageError, match=r"degradation:bicubic for the degradation, or \./bicubic"):
        write_preview("bicubic", out=here / "page.png")
    assert len(write_preview("degradation:bicubic", out=here / "page.png", seeds=[1])) == 2


@pytest.mark.parametrize("name", ["/nope", "./nope", "nowhere/nope"])
def test_a_path_that_is_not_there_is_told_so(name: str) -> None:
    with pytest.raises(UsageError, match=f"{name}: there is no such file or folder"):
        prepare(name)


@pytest.mark.parametrize("name", ["my fotos", "./My Photo"])
def test_a_folder_that_is_called_nearly_so_is_named(here: Path, name: str) -> None:
    (here / "My Photos").mkdir()
    with pytest.raises(UsageError, match="did you mean 'My Photos'"):
        meaning(name)


@pytest.mark.parametrize(("name", "near"), [("dvi2k", "div2k"), ("elam-x4", "elan-x4"), ("benchmrks", "ben")])
def test_an_unknown_name_has_a_nearest(name: str, near: str) -> None:
    with pytest.raises(UnknownNameError, match=f"did you mean '{near}"):
        meaning(name)


def test_a_kind_that_is_not_asked_for_is_not_given() -> None:
    assert meanings("degradation:bsrgan", PREPARABLE) == []
    assert meanings("recipe:bsrgan", PREPARABLE) == []


def test_show_names_all_that_a_name_is() -> None:
    text = describe("bsrgan")
    for exact in ("degradation:bsrgan", "paper:bsrgan"):
        assert exact in text
    assert describe("degradation:bsrgan").startswith("# degradation bsrgan\n")
    assert "bsrgan-x4" in describe("paper:bsrgan")
    assert {"degradation", "paper"} <= set(json.loads(describe_json("bsrgan")))


def test_show_tells_what_the_recipes_of_a_paper_have_in_common() -> None:
    text = describe("hat")
    assert text.startswith("# hat stands for hat-x2, hat-x3, hat-x4, which have in common:\n")
    assert "crop: {size: 64, side: lr" in text
    assert "init_from" not in text, "of x4 alone"
    assert text.endswith("what differs: srdata show hat-x2")
    assert list(json.loads(describe_json("hat"))["papers"]) == ["hat-x2", "hat-x3", "hat-x4"]
    assert describe("asconvsr") == describe("asconvsr-x2"), "the only one"
