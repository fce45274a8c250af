"""The documentation of degradations: it covers every op and preset, is current, and its examples work."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from srdata import catalog
from srdata.catalog import Shelf
from srdata.degrade.chain import load_chain
from srdata.degrade.model.op import name_of
from srdata.degrade.ops import OPS
from srdata.images import read_image

REPOSITORY = Path(__file__).parents[1]
PAGE = (REPOSITORY / "docs" / "degradations.md").read_text()
PARTS = dict(re.findall(r"^#### `(\w+)`\n(.*?)(?=^#{2,4} |^<!--|\Z)", PAGE, re.DOTALL | re.MULTILINE))
LEARNED = {name for name, kind in OPS.items() if "weights" in kind.model_fields}


def blocks(kind: str, text: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def test_generated_parts_are_current() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "docs.make", "--check"], cwd=REPOSITORY, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_op_has_a_part_and_no_part_is_of_something_else() -> None:
    assert set(PARTS) == set(OPS)


@pytest.mark.parametrize("name", sorted(OPS))
def test_a_part_shows_all_settings_of_its_op(name: str) -> None:
    [text] = blocks("yaml", PARTS[name])
    assert set(yaml.safe_load(text)) == set(OPS[name].model_fields)


@pytest.mark.parametrize("name", sorted(set(OPS) - LEARNED))
def test_settings_that_are_shown_are_those_of_the_op(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("kernels.npy", np.ones((2, 5, 5)))
    [text] = blocks("yaml", PARTS[name])
    [op] = load_chain([yaml.safe_load(text)]).steps
    assert name_of(type(op)) == name
    for field, info in type(op).model_fields.items():
        if not info.is_required() and (name, field) != ("resize", "to"):
            assert getattr(op, field) == info.default, field


@pytest.mark.parametrize("name", sorted(set(OPS) - LEARNED))
def test_a_part_has_its_picture(name: str) -> None:
    [file] = re.findall(r"!\[.+\]\((.+)\)", PARTS[name])
    assert read_image(REPOSITORY / "docs" / file).shape[1] > 400


def test_pictures_are_small_and_all_used() -> None:
    files = list((REPOSITORY / "docs" / "images" / "ops").iterdir())
    assert {file.stem for file in files} == set(OPS) - LEARNED
    assert sum(file.stat().st_size for file in files) < 2_500_000


@pytest.mark.parametrize("name", catalog.names(Shelf.DEGRADATIONS))
def test_the_table_names_what_each_preset_reproduces(name: str) -> None:
    [row] = [line for line in PAGE.splitlines() if line.startswith(f"| [`{name}`]")]
    chain = load_chain(name)
    assert chain.title in row
    assert f"({chain.source.repository}" in row
    assert chain.source.commit in row


def test_chains_of_the_page_load_and_make_lr(tmp_path: Path) -> None:
    chains = blocks("yaml", PAGE.partition("## Presets")[0])
    assert len(chains) >= 3
    for text in chains:
        path = tmp_path / "chain.yaml"
        path.write_text(text)
        chain = load_chain(path)
        image = np.full((48, 64, 3), 128, np.uint8)
        assert chain.apply_image(image, chain.sample(1), 4).shape == (12, 16, 3)


def test_python_of_the_page_runs() -> None:
    scope: dict[str, object] = {}
    for text in blocks("python", PAGE):
        exec(compile(text, "degradations.md", "exec"), scope)  # our own page
    assert np.shape(scope["pair"].lr) == (4, 3, 64, 64)
    assert scope["made"].lr.shape == (24, 24, 3)


@pytest.mark.parametrize("page", sorted((REPOSITORY / "docs").glob("*.md")), ids=lambda page: page.name)
def test_links_lead_to_files_and_headings(page: Path) -> None:
    text = page.read_text()
    headings = re.findall(
        r"^#+ (.*)$", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE), re.M
    )
    anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if link.startswith("#"):
            assert link[1:] in anchors, link
        elif not link.startswith("https://"):
            assert (page.parent / link.partition("#")[0]).exists(), link
