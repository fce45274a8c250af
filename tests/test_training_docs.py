"""docs/training.md: its code runs, and it names every setting of the loader."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from srdata import Loader, prepare

PAGE = (Path(__file__).parents[1] / "docs" / "training.md").read_text()
SHOWN_IN_CODE = {"data", "device", "seed", "shuffle", "drop_last", "rank", "world_size", "scale", "ahead"}


def test_the_code_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare("sample", scale=4, lmdb=True, root=tmp_path / "data", jobs=1)
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE):
        exec(block, names)  # our own page
    for name in ("tasks", "easy_first", "both", "unpaired", "validation"):
        batch = next(iter(names[name]))  # type: ignore[call-overload]  # all are loaders
        assert batch.keys


def test_the_page_names_every_setting() -> None:
    settings = set(inspect.signature(Loader).parameters)
    assert [
        name for name in settings - SHOWN_IN_CODE if f"`{name}" not in PAGE and name + "=" not in PAGE
    ] == []
