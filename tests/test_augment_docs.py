"""The page of augmentations names every one of them, and its examples work."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from srdata.augment import AUGMENTATIONS, PRESETS, Sides, load_augment

PAGE = (Path(__file__).parents[1] / "docs" / "augmentations.md").read_text()
ROWS = {row.split("`")[1]: row for row in PAGE.splitlines() if row.startswith("| `")}


def test_every_augmentation_and_preset_has_a_row_and_nothing_else_has() -> None:
    assert set(ROWS) == set(AUGMENTATIONS) | set(PRESETS)


@pytest.mark.parametrize("name", list(PRESETS))
def test_a_row_links_to_what_the_preset_reproduces(name: str) -> None:
    preset = PRESETS[name]
    assert f"https://github.com/{preset.repository}/tree/{preset.commit})" in ROWS[name]
    assert re.fullmatch("[0-9a-f]{40}", preset.commit)


@pytest.mark.parametrize("name", list(PRESETS))
def test_steps_that_are_shown_are_those_of_the_preset(name: str) -> None:
    shown = [yaml.safe_load(step) for step in re.findall(r"`([^`]+)`", ROWS[name].split(" | ")[2])]
    assert load_augment(shown) == load_augment(name)


@pytest.mark.parametrize("name", list(AUGMENTATIONS))
def test_a_row_shows_every_setting(name: str) -> None:
    shown = re.findall(r"`(\w+)(?:: [^`]*)?`", ROWS[name].split(" | ")[2])
    assert {"augment", *shown} == set(AUGMENTATIONS[name].model_fields)


def test_examples_of_the_page_work() -> None:
    [python] = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    scope: dict[str, object] = {}
    exec(compile(python, "augmentations.md", "exec"), scope)  # our own page
    assert isinstance(scope["augmented"], Sides)
    [text] = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    assert [one.name for one in load_augment(yaml.safe_load(text)).augmentations] == ["mixture"]
