"""Names of what comes with srdata."""

from __future__ import annotations

import pytest

from srdata import catalog
from srdata.catalog import Shelf
from srdata.errors import UnknownNameError


def test_the_data_sets_are_there():
    training = {"div2k", "flickr2k", "df2k", "ost", "lsdir", "realsr", "div8k", "wed", "general100", "sample"}
    benchmarks = {"set5", "set14", "b100", "urban100", "manga109", "bsds500", "bsd68"}
    assert set(catalog.names(Shelf.MANIFESTS)) == training | benchmarks


def test_a_name_is_found_in_any_case_of_letters():
    assert catalog.find(Shelf.MANIFESTS, "DIV2K").name == "div2k.yaml"


@pytest.mark.parametrize(
    "name", ["../recipes/div2k", "sample/../div2k", "/etc/passwd", "", ".", "div2k.yaml", "a\0b"]
)
def test_no_name_leads_anywhere_else(name):
    with pytest.raises(UnknownNameError, match="unknown data set"):
        catalog.find(Shelf.MANIFESTS, name)


def test_a_typo_is_met_with_the_nearest_name():
    with pytest.raises(UnknownNameError, match="unknown data set 'dv2k', did you mean 'div2k'"):
        catalog.find(Shelf.MANIFESTS, "dv2k")


def test_in_a_wheel_the_files_lie_inside_the_package(tmp_path, monkeypatch):
    inside, beside = tmp_path / "srdata" / "shipped" / "recipes", tmp_path / "recipes"
    for folder in (inside, beside):
        folder.mkdir(parents=True)
        (folder / "x.yaml").touch()
    monkeypatch.setattr(catalog, "_PACKAGED", tmp_path / "srdata" / "shipped")
    monkeypatch.setattr(catalog, "_CHECKOUT", tmp_path)
    assert catalog.find(Shelf.RECIPES, "x") == inside / "x.yaml"
    (inside / "x.yaml").unlink()
    inside.rmdir()
    assert catalog.find(Shelf.RECIPES, "x") == beside / "x.yaml"


def test_shelves_are_called_what_users_call_them():
    assert [shelf.label for shelf in Shelf] == [
        "data set",
        "recipe",
        "degradation",
        "recipe of a paper",
        "fragment",
        "data set that is brought",
        "choice of images",
    ]
