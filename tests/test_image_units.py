"""Within a machine images are the unit of work: a set of one shard takes all workers, and loses no image."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import pytest

from srdata.common.processes.engines import workers
from srdata.errors import ImageError
from srdata.images import read_image
from srdata.preparation import layout_lmdb, prepare
from srdata.preparation.make_layers import Made, Source, make_layers
from srdata.preparation.spread_shards import images_in_piece
from srdata.recipes.set_recipe import Recipe, Store
from srdata.scale import Scale
from srdata.store.records import Record
from srdata.store.resume import Salvage
from srdata.store.shards import ShardWriter
from srdata.vocabulary import Backend


@pytest.fixture(scope="module")
def pictures(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    image = read_image(photographs / "chelsea.png")[..., ::-1]
    for number in range(24):
        cv2.imwrite(str(folder / f"{number:04d}.png"), image[number : number + 96, number : number + 96])
    return folder


def one_shard(folder: Path, layout: str = "lmdb", degradation: str = "bicubic") -> Recipe:
    store = Store(layout=layout)
    return Recipe(
        name="set", folder=str(folder), scales=(Scale(4),), degradation=degradation, seed=3, store=store
    )


NOTING = """
import os, sys, time
from pathlib import Path
from srdata.common.processes import engines
from srdata.preparation import layout_folder, layout_lmdb, prepare
from srdata.recipes.set_recipe import Recipe, Store
from srdata.scale import Scale

folder, root, layout, jobs, pause, together, backend = sys.argv[1:]
notes = Path(root) / "made"
made = layout_lmdb.make_layers

def arrived():
    "How many processes have begun to make images."
    return len({line.split()[0] for line in notes.read_text().splitlines()})

def noted(source, recipe):
    "Where each image was made; no process is done with one before `together` of them are there."
    with notes.open("a") as file:
        file.write(f"{os.getpid()} {source.item.key}\\n")
    time.sleep(float(pause))
    end = time.monotonic() + 60
    while arrived() < int(together) and time.monotonic() < end:
        time.sleep(0.01)
    return made(source, recipe)

def noting(*_):
    "Begins each worker."
    layout_lmdb.make_layers = layout_folder.make_layers = noted

if __name__ == "__main__":
    engines.end_with_parent = noting
    noting()
    recipe = Recipe(
        name="set",
        folder=folder,
        scales=(Scale(4),),
        degradation="bsrgan",
        seed=3,
        store=Store(layout=layout),
    )
    prepare(recipe, root=root, jobs=int(jobs), backend=backend)
"""


def started(
    folder: Path,
    root: Path,
    layout: str,
    jobs: int = 2,
    pause_s: float = 0,
    together: int = 1,
    backend: str = "loky",
) -> subprocess.Popen[bytes]:
    """A run that notes in `root`/made which process makes which image, and waits before it does.

    However late a process starts, `together` of them get an image each: the first ones wait for it.
    """
    arguments = map(str, (folder, root, layout, jobs, pause_s, together, backend))
    command = [sys.executable, "-W", "ignore", "-c", NOTING, *arguments]
    return subprocess.Popen(command, start_new_session=True)


def made(root: Path) -> list[list[str]]:
    file = root / "made"
    return [line.split() for line in file.read_text().splitlines()] if file.exists() else []


@pytest.mark.linux
@pytest.mark.parametrize("layout", ["lmdb", "folder"])
def test_a_set_of_one_shard_is_made_by_all_processes_to_the_same_bytes(
    pictures: Path, tmp_path: Path, layout: str
) -> None:
    recipe = one_shard(pictures, layout, "bsrgan")
    whole = prepare(recipe, root=tmp_path / "one", jobs=1)
    (tmp_path / "two").mkdir()
    assert started(pictures, tmp_path / "two", layout, together=2).wait() == 0
    by = made(tmp_path / "two")
    assert len(by) == 24, "every image once"
    assert len({process for process, _ in by}) == 2
    again = prepare(recipe, root=tmp_path / "two", jobs=1)
    assert again.content.files == whole.content.files
    assert len([name for name in whole.content.files if name.endswith(".lmdb")]) == (layout == "lmdb")


@pytest.mark.linux
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
@pytest.mark.parametrize(
    ("layout", "backend", "most"),
    [
        pytest.param("lmdb", "loky", 2, id="those of two processes"),
        pytest.param("lmdb", "threading", 4, id="those that threads make ahead of what is written"),
        pytest.param("folder", "loky", 4, id="those of two processes, and what they had not told"),
    ],
)
def test_a_run_that_is_ended_loses_the_images_in_flight_at_most(
    pictures: Path, tmp_path: Path, layout: str, backend: str, most: int, end: signal.Signals
) -> None:
    run = started(pictures, tmp_path, layout, pause_s=0.3, backend=backend)
    while len(made(tmp_path)) < 6:
        assert run.poll() is None
        time.sleep(0.005)
    os.killpg(run.pid, end)
    run.wait()
    begun = len(made(tmp_path))
    assert begun < 24, "it was to be ended in the middle"
    assert started(pictures, tmp_path, layout, jobs=1).wait() == 0
    assert len(made(tmp_path)) - 24 <= most


def test_threads_write_every_image_once(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They hand over what they make, with no file between them."""
    added: list[str] = []
    add = ShardWriter.add

    def noted(shard: ShardWriter, record: Record) -> None:
        added.append(record.row.key)
        add(shard, record)

    monkeypatch.setattr(ShardWriter, "add", noted)
    prepare(one_shard(pictures), root=tmp_path, jobs=3, backend="threading")
    assert added == [f"{number:04d}" for number in range(24)]


def test_the_bar_moves_image_by_image(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[int] = []
    for jobs in (1, 2):
        steps.clear()
        monkeypatch.setattr("srdata.common.progress._Lines.advance", lambda _, amount: steps.append(amount))
        prepare(one_shard(pictures), root=tmp_path / str(jobs), jobs=jobs, backend="threading")
        assert sum(steps) == 24
        assert max(steps) <= (1 if jobs == 1 else 12), "an image at a time, so far as it is looked"


def test_pieces_are_small_for_large_images_and_no_more_than_needed_for_small_ones() -> None:
    with workers(2, "threading") as pool:
        assert images_in_piece(group=8, total=800, pool=pool) == 1
        assert images_in_piece(group=1 << 16, total=1_000_000, pool=pool) == 4096
        assert images_in_piece(group=1 << 16, total=24, pool=pool) == 1


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_images_that_are_there_are_taken_over_from_the_parts_of_all_workers(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, backend: Backend
) -> None:
    """With a bad image the shard stays open: what is good is kept in the parts, and not made again."""
    folder = shutil.copytree(pictures, tmp_path / "photos")
    good = (folder / "0003.png").read_bytes()
    (folder / "0003.png").write_bytes(good[:500])
    recipe = one_shard(folder)
    with pytest.raises(ImageError, match=r"1 of 24 images"):
        prepare(recipe, root=tmp_path, jobs=2, backend=backend)
    shard = tmp_path / "set-x4/shards/00000.lmdb"
    assert not shard.exists()
    with Salvage(shard, layout_lmdb.plan_of(recipe)) as left:
        assert len(left) == 23
    (folder / "0003.png").write_bytes(good)
    keys: list[str] = []

    def noted(source: Source, recipe: Recipe) -> Made:
        keys.append(source.item.key)
        return make_layers(source, recipe)

    monkeypatch.setattr(layout_lmdb, "make_layers", noted)
    built = prepare(recipe, root=tmp_path, jobs=2, backend="threading")
    assert keys == ["0003"]
    whole = prepare(recipe, root=tmp_path / "whole", jobs=1)
    assert built.content.files == whole.content.files
    assert not list(built.path.rglob("*.part-*"))
