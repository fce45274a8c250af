"""The notebooks: they run, and show what is kept in them."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest

from docs.notebooks import NOTEBOOKS, Notebook, as_page, ran


def told(notebook: Notebook) -> list[str]:
    """What the outputs say in words."""
    outputs = [one for cell in notebook["cells"] for one in cell.get("outputs", [])]
    return ["".join(one["text"] if "text" in one else one["data"]["text/plain"]) for one in outputs]


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_shows_what_is_kept_in_it(path: Path) -> None:
    kept = json.loads(path.read_text())
    assert len(told(kept)) >= 3
    assert told(ran(copy.deepcopy(kept))) == told(kept)


def test_there_are_notebooks_and_each_is_small() -> None:
    assert len(NOTEBOOKS) == 2
    assert all(path.stat().st_size < 400_000 for path in NOTEBOOKS)


def test_a_page_has_the_text_code_and_outputs_of_a_notebook(tmp_path: Path) -> None:
    cells = [{"cell_type": "markdown", "source": ["# A title"]}]
    cells += [{"cell_type": "code", "source": ["one = 1\n", "print(one)\n", "one + 1"], "outputs": []}]
    page = as_page(ran({"cells": cells}), tmp_path / "page")
    code = "```python\none = 1\nprint(one)\none + 1\n```"
    assert page == f"# A title\n\n{code}\n\n```text\n1\n```\n\n```text\n2\n```\n"


def test_a_notebook_that_fails_is_no_notebook() -> None:
    with pytest.raises(ZeroDivisionError):
        ran({"cells": [{"cell_type": "code", "source": ["1 / 0"], "outputs": []}]})
