"""`verify`: what a set says of itself against what it holds, where every file has the hash that is stated."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from srdata.images import read_image, write_png
from srdata.preparation import prepare
from srdata.prepared.verification import verify
from srdata.store.set_json import read_set, write_set
from srdata.store.tables.parquet_file import write_tables
from srdata.store.tables.set_files import INDEX_FILE, file_entry
from tests.storing import PHOTOGRAPHS


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two images that are the same but for their names, as a set of each layout."""
    root = tmp_path_factory.mktemp("verify")
    image = read_image(PHOTOGRAPHS / "coffee.png")[:64, :80]
    for key in ("one", "two"):
        write_png(root / f"images/{key}.png", image)
    for layout in ("lmdb", "folder"):
        prepare(root / "images", scale=4, layout=layout, root=root, name=layout, jobs=1)
    return root


@pytest.fixture(params=["lmdb", "folder"])
def folder(request: pytest.FixtureRequest, sets: Path, tmp_path: Path) -> Path:
    shutil.copytree(sets / request.param, tmp_path / request.param)
    return tmp_path / request.param


def change_index(folder: Path, column: str, values: list[str]) -> None:
    table = pq.read_table(folder / INDEX_FILE)
    changed = table.set_column(table.column_names.index(column), column, [values])
    write_tables(folder / INDEX_FILE, [changed], table.schema)
    declare(folder)


def declare(folder: Path, **changes: Any) -> None:
    """Let set.json say something else, of files as they are now."""
    content = read_set(folder)
    files = {name: file_entry(folder / name) for name in content.files}
    write_set(folder, content.model_copy(update={"files": files, **changes}))


def test_a_right_set_is_right(folder: Path) -> None:
    declare(folder)
    assert verify(folder, replay=2).problems == []


def test_counts_that_are_not_those_of_the_index_are_a_problem(folder: Path) -> None:
    declare(folder, counts={"train": 3})
    assert verify(folder).problems == ["the index has {'train': 2}, set.json says {'train': 3}"]


def test_pixels_that_are_not_those_of_the_index_are_a_problem(sets: Path, tmp_path: Path) -> None:
    """A file of another run, whose hash set.json has."""
    folder = shutil.copytree(sets / "folder", tmp_path / "set")
    [path] = folder.rglob("twox4.png")
    write_png(path, np.flip(read_image(path), 0).copy())
    declare(folder)
    assert verify(folder).problems == ["image 'two', layer x4: the pixels are not those that were stored"]


def test_an_image_of_another_name_is_a_problem(sets: Path, tmp_path: Path) -> None:
    """In an index whose hashes are all right."""
    folder = shutil.copytree(sets / "lmdb", tmp_path / "set")
    change_index(folder, "key", ["two", "one"])
    assert verify(folder).problems == [
        f"{folder}: the shard holds image '{one}' where the index has '{other}'"
        for one, other in (("one", "two"), ("two", "one"))
    ]


def test_parameters_that_do_not_give_the_stored_lr_are_a_problem(sets: Path, tmp_path: Path) -> None:
    chain = tmp_path / "noisy.yaml"
    chain.write_text("steps: [{op: imresize}, {op: gaussian_noise, sigma: [5, 10]}]")
    folder = prepare(
        sets / "images", scale=4, root=tmp_path, degradation=str(chain), name="noisy", jobs=1
    ).path
    assert verify(folder, replay=2).problems == []
    drawn = pq.read_table(folder / INDEX_FILE)["params"].to_pylist()
    change_index(folder, "params", [drawn[0], drawn[0]])
    assert verify(folder).problems == []
    assert verify(folder, replay=2).problems == ["image 'two', x4: its δ does not give the stored LR"]
