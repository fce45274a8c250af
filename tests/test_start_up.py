"""Starting up: what the first commands do not import, and processes that little work does not start."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from srdata.common.processes import engines
from srdata.images import read_image, write_png
from srdata.preparation import prepare

FIRST_COMMANDS = """
import json, sys
from srdata.cli import run
assert run(["--help"]) == 0
loaded = [sorted(sys.modules)]
assert run(["prepare", "sample", "--scale", "4", "--lmdb"]) == 0
assert run(["prepare", "sample", "--scale", "4", "--lmdb", "--name", "parts", "--plan", "plan.parquet"]) == 0
assert run(["prepare", "--plan", "plan.parquet", "--part", "1/1", "--jobs", "1"]) == 0
assert run(["prepare", "--plan", "plan.parquet", "--finish"]) == 0
with open("shards.yaml", "w") as file:
    file.write("{source: sample, scales: [4], store: {layout: lmdb, shard_bytes: 1000000}}")
assert run(["prepare", "shards.yaml"]) == 0
loaded.append(sorted(sys.modules))
print("\\n" + json.dumps(loaded))
"""
FIRST_BATCH = """
import json, sys
from srdata import Loader, PairedDataset
data = PairedDataset("data/sample-x4", patch_size=96)
loader = Loader(data, batch_size=80, augment=["dihedral"], repeat=80)
assert len(set(next(iter(loader)).keys)) == 5
print("\\n" + json.dumps([sorted(sys.modules)]))
"""


def loaded_by(code: str, folder: Path) -> list[set[str]]:
    """The modules that there are at some points of a script."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stderr
    return [set(names) for names in json.loads(done.stdout.splitlines()[-1])]


def test_what_the_first_commands_need_not_is_not_imported(tmp_path: Path) -> None:
    """Each takes a good part of what the first commands take; a batch needs torch, and few of them."""
    helped, prepared = loaded_by(FIRST_COMMANDS, tmp_path)
    (trained,) = loaded_by(FIRST_BATCH, tmp_path)
    slow = {"torch", "pandas", "datasets", "pyarrow.dataset", "huggingface_hub", "scipy", "fsspec"}
    slow |= {"pyarrow.compute", "asyncio", "http", "httpx2", "joblib", "tqdm", "filelock"}
    of_others = ("curation.", "discovery.known", "exporting.export", "prepared.set_images", "set_changes.")
    assert not helped & (slow | {"numpy", "pydantic", "pyarrow"})
    assert not prepared & slow
    assert not [name for name in prepared if name.removeprefix("srdata.").startswith(of_others)]
    ops = {name.removeprefix("srdata.degrade.ops.") for name in prepared if ".degrade.ops." in name}
    assert ops == {"imresize", "pillow_resize"}, "that of bicubic, and that of smaller copies"
    with_torch = {"torch", "asyncio", "http", "tqdm"}
    assert trained & {*slow, "yaml", "PIL"} <= with_torch
    assert {"numpy", "pyarrow.parquet"} <= prepared


BY_THREADS = """
import json, sys
from srdata import prepare
prepare("photos", scale=4, lmdb=True, jobs=2, backend="threading")
print(json.dumps([sorted(sys.modules)]))
"""


def test_threads_are_counted_and_plain_png_files_read_without_large_libraries(
    tmp_path: Path, photographs: Path
) -> None:
    for name in "ab":
        write_png(tmp_path / f"photos/{name}.png", read_image(photographs / "astronaut.png"))
    (loaded,) = loaded_by(BY_THREADS, tmp_path)
    assert not loaded & {"joblib", "multiprocessing", "PIL", "pyarrow.compute", "torch"}


COLLECTIONS = """
import gc
import srdata
gc.{state}()
count = 0
def counted(phase, info):
    global count
    count += phase == "start"
gc.callbacks.append(counted)
srdata.{name}
print(count, gc.isenabled())
"""


@pytest.mark.parametrize("name", ["prepare", "imresize"])
@pytest.mark.parametrize("state", ["enable", "disable"])
def test_no_garbage_is_collected_while_modules_load(name: str, state: str) -> None:
    code = COLLECTIONS.format(state=state, name=name)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0", str(state == "enable")]


THREADS = """
import os, sys
sys.argv = ["srdata", "list"]
from srdata.cli import main
assert "numpy" not in sys.modules
try:
    main()
finally:
    print("\\n" + os.environ["OPENBLAS_THREAD_TIMEOUT"])
"""


@pytest.mark.parametrize(("given", "taken"), [(None, "4"), ("20", "20")])
def test_commands_let_the_threads_of_numpy_sleep_before_they_are_started(
    given: str | None, taken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else each of them runs at full speed for some time, in every command; what a user says stands."""
    monkeypatch.delenv("OPENBLAS_THREAD_TIMEOUT", raising=False)
    if given is not None:
        monkeypatch.setenv("OPENBLAS_THREAD_TIMEOUT", given)
    done = subprocess.run([sys.executable, "-c", THREADS], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == taken


LOOKS = """
import gc, sys
sys.argv = ["srdata", "prepare", "sample", "--scale", "4", "--lmdb"]
from srdata.cli import main
looks = []
gc.callbacks.append(lambda phase, info: looks.append(phase))
try:
    main()
finally:
    print("\\n" + str(looks.count("start")))
"""


def test_a_command_looks_for_garbage_a_few_times_at_most(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOOKS], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert int(done.stdout.splitlines()[-1]) < 20


YOUNG = """
import gc
import srdata
gc.collect()
if {frozen}:
    gc.freeze()
frozen = gc.get_freeze_count()
srdata.prepare
print(len(gc.get_objects(generation=0)), gc.get_freeze_count() - frozen, frozen > 0)
"""


@pytest.mark.parametrize("frozen", [False, True])
def test_the_first_collection_looks_at_nothing_that_was_imported(frozen: bool) -> None:
    """Of what a user froze, so that forked processes share it, nothing thaws."""
    code = YOUNG.format(frozen=frozen)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    young, thawed, was_frozen = done.stdout.split()
    assert (abs(int(thawed)) < 100, was_frozen) == (True, str(frozen))  # but for what nobody needs any more
    assert (int(young) < 2000) == (not frozen)


@pytest.mark.parametrize(
    ("jobs", "side", "degradation", "engines_started"),
    [
        (-1, 128, "bicubic", []),
        (2, 128, "bicubic", ["_processes 2"]),
        (-1, 1448, "bicubic", ["_threads 2"]),
        (-1, 1448, "bsrgan", ["_processes 2"]),
    ],
    ids=str,
)
def test_threads_and_processes_are_started_where_there_is_work_for_them(
    jobs: int,
    side: int,
    degradation: str,
    engines_started: list[str],
    tmp_path: Path,
    photographs: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started: list[str] = []
    for name in ("_threads", "_processes"):
        real = getattr(engines, name)
        monkeypatch.setattr(
            engines, name, lambda many, name=name, real=real: started.append(f"{name} {many}") or real(many)
        )
    monkeypatch.setattr(engines, "cores", lambda: 2)
    monkeypatch.setattr(engines, "_many_processes", lambda asked: 2 if asked == -1 else asked)
    tile = read_image(photographs / "astronaut.png")[:128, :128]
    for name in "ab":
        image = tile.repeat(-(-side // 128), 0).repeat(-(-side // 128), 1)[:side, :side]
        write_png(tmp_path / f"photos/{name}.png", image)
    settings = {"scale": 4, "lmdb": True, "degradation": degradation}
    prepare(tmp_path / "photos", root=tmp_path / "data", jobs=jobs, **settings)
    assert started == engines_started
