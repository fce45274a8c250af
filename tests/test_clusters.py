"""One digest everywhere: on processes, threads, dask, Ray, and in parts that nobody holds together."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import cv2
import pyarrow.parquet as pq
import pytest
from pairs import position_pairs, write_lmdbs
from tables import noise_pairs, table

from srdata.cli import run
from srdata.common.processes.run_claims import Claim
from srdata.errors import SrdataError, StoreError, UsageError
from srdata.images import read_image, write_png
from srdata.preparation import finish_plan, make_part, prepare, write_plan
from srdata.preparation.planned.plan_file import PlanFile
from srdata.prepared.verification import verify
from srdata.recipes.set_recipe import Recipe, Store
from srdata.scale import Scale
from tests.storing import wait_until

RECIPE = """
scales: [4]
folder: {folder}
degradation: bsrgan
seed: 7
store: {{layout: lmdb, shard_bytes: 150000}}
"""


@pytest.fixture(scope="module")
def pictures(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    image = read_image(photographs / "chelsea.png")[..., ::-1]
    for number in range(24):
        cv2.imwrite(str(folder / f"{number:04d}.png"), image[number : number + 120, number : number + 130])
    return folder


@pytest.fixture(scope="module")
def recipe(pictures: Path) -> Recipe:
    """A set of many shards, whose LR images are drawn at random."""
    store = Store(layout="lmdb", shard_bytes=150_000)
    return Recipe(
        name="set", folder=str(pictures), scales=(Scale(4),), degradation="bsrgan", seed=7, store=store
    )


@pytest.fixture(scope="module")
def laptop(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The set as one process makes it."""
    return prepare(recipe, root=tmp_path_factory.mktemp("laptop"), name="set", jobs=1).path


def same(one: Path, other: Path) -> bool:
    """Whether two folders hold the same files with the same bytes."""
    files = [
        {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}
        for root in (one, other)
    ]
    return files[0] == files[1]


def command(folder: Path, *words: object, **environment: str) -> subprocess.Popen[str]:
    """The command line, with `folder` as its working folder."""
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    found = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": found, **environment}
    line = [sys.executable, "-m", "srdata", *map(str, words)]
    return subprocess.Popen(line, cwd=folder, env=environment, start_new_session=True, **pipes)


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_workers_of_this_machine(recipe: Recipe, laptop: Path, tmp_path: Path, backend: Any) -> None:
    built = prepare(recipe, root=tmp_path, name="set", jobs=2, backend=backend)
    assert same(built.path, laptop)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A scheduler and two workers, in processes of their own."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster:
        yield cluster


def recipe_file(pictures: Path, folder: Path) -> Path:
    path = folder / "set.yaml"
    path.write_text(RECIPE.format(folder=pictures))
    return path


def on_dask(cluster: Any, recipe: Path) -> subprocess.Popen[str]:
    """The command that makes out/set, run beside the recipe."""
    words = ("prepare", recipe, "--backend", "dask", "--root", "out", "--name", "set")
    return command(recipe.parent, *words, DASK_SCHEDULER_ADDRESS=cluster.scheduler_address)


@pytest.mark.linux
def test_dask_by_its_own_configuration_with_a_root_that_is_relative(
    cluster: Any, pictures: Path, laptop: Path, tmp_path: Path
) -> None:
    """The workers have another working folder than the command."""
    run = on_dask(cluster, recipe_file(pictures, tmp_path))
    said = run.communicate(timeout=120)
    assert run.returncode == 0, said
    assert same(tmp_path / "out/set", laptop)


@pytest.mark.parametrize("spelled", ["scheduler-address", "scheduler_address"])
def test_the_address_of_dask_is_spelled_either_way(
    cluster: Any, recipe: Recipe, laptop: Path, tmp_path: Path, spelled: str
) -> None:
    import dask

    with dask.config.set({spelled: cluster.scheduler_address}):
        built = prepare(recipe, root=tmp_path, name="set", backend="dask")
    assert same(built.path, laptop)


def test_a_client_of_dask_is_used_without_its_address(
    cluster: Any, recipe: Recipe, laptop: Path, tmp_path: Path
) -> None:
    with cluster.get_client():
        built = prepare(recipe, root=tmp_path, name="set", backend="dask")
    assert same(built.path, laptop)


@pytest.mark.linux
def test_a_dask_worker_that_is_killed_in_the_middle_changes_nothing(
    cluster: Any, pictures: Path, laptop: Path, tmp_path: Path
) -> None:
    run = on_dask(cluster, recipe_file(pictures, tmp_path))
    wait_until(lambda: len(list(tmp_path.glob("out/set/shards/*.lmdb"))) >= 2 or run.poll() is not None)
    os.kill(next(iter(cluster.workers.values())).pid, signal.SIGKILL)
    said = run.communicate(timeout=120)
    assert run.returncode == 0, said
    assert same(tmp_path / "out/set", laptop)


@pytest.mark.linux
def test_a_scheduler_that_does_not_answer_is_one_clear_line(pictures: Path, tmp_path: Path) -> None:
    words = ("prepare", recipe_file(pictures, tmp_path), "--backend", "dask", "--root", "out")
    here = {"DASK_SCHEDULER_ADDRESS": "tcp://127.0.0.1:9", "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "1s"}
    run = command(tmp_path, *words, **here)
    said = run.communicate(timeout=120)[1].splitlines()
    assert run.returncode == 2
    assert "Traceback" not in "".join(said)
    assert "no dask scheduler answers at tcp://127.0.0.1:9: start it, or correct" in said[-1]


def ray_workers(folder: Path) -> Iterator[int]:
    """The processes that work for a run in this folder."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            working = (process / "cmdline").read_bytes().startswith(b"ray::_alone")
            if working and (process / "cwd").resolve() == folder:
                yield int(process.name)


@pytest.fixture
def beside_a_cluster() -> Iterator[str]:
    """A folder of Ray, with a short path for its sockets, that says that a cluster was started here."""
    with tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as folder:
        Path(folder, "ray").mkdir()
        Path(folder, "ray/ray_current_cluster").write_text("127.0.0.1:9")
        yield folder


@pytest.mark.linux
def test_ray_whose_worker_is_killed_in_the_middle(
    beside_a_cluster: str, pictures: Path, laptop: Path, tmp_path: Path
) -> None:
    pytest.importorskip("ray")
    words = ("prepare", recipe_file(pictures, tmp_path), "--backend", "ray", "--jobs", 2)
    run = command(tmp_path, *words, "--root", "out", "--name", "set", RAY_TMPDIR=beside_a_cluster)
    wait_until(lambda: len(list(tmp_path.glob("out/set/shards/*.lmdb"))) >= 2 or run.poll() is not None)
    killed = next(iter(ray_workers(tmp_path)))
    os.kill(killed, signal.SIGKILL)
    said = run.communicate(timeout=180)
    assert run.returncode == 0, said
    assert same(tmp_path / "out/set", laptop)


@pytest.mark.linux
def test_a_ray_cluster_that_does_not_answer_is_one_clear_line(pictures: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    words = ("prepare", recipe_file(pictures, tmp_path), "--backend", "ray", "--root", "out")
    for address in ("127.0.0.1:9", "nowhere"):
        run = command(tmp_path, *words, RAY_ADDRESS=address)
        said = run.communicate(timeout=60)[1].splitlines()
        assert run.returncode == 2
        assert "Traceback" not in "".join(said)
        assert f"no Ray cluster answers at {address}: start it, correct RAY_ADDRESS" in said[-1]


def planned(recipe: Recipe, root: Path, **options: Any) -> Path:
    write_plan(recipe, root / "plan.parquet", root=root, name="set", jobs=1, **options)
    return root / "plan.parquet"


@pytest.mark.linux
def test_parts_in_processes_of_their_own_that_die_and_are_run_again(
    recipe: Recipe, laptop: Path, tmp_path: Path
) -> None:
    plan = planned(recipe, tmp_path)
    words = ("prepare", "--plan", plan, "--jobs", 1, "--part")
    first, second = (command(tmp_path, *words, part) for part in ("1/2", "2/2"))
    wait_until(lambda: list(tmp_path.glob("set/shards/*")))
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    assert second.wait(timeout=120) == 0, second.communicate()
    second.communicate()
    with pytest.raises(UsageError, match=r"still lacks .* shards \(.*--part 1/1`"):
        finish_plan(plan)
    both = [command(tmp_path, *words, part) for part in ("1/2", "2/3")]  # the second again, otherwise cut
    for one in both:
        said = one.communicate(timeout=120)
        assert one.returncode == 0, said
    finished = command(tmp_path, "prepare", "--plan", plan, "--finish")
    said = finished.communicate(timeout=120)
    assert finished.returncode == 0, said
    assert same(tmp_path / "set", laptop)
    assert verify(tmp_path / "set").ok
    make_part(plan, (1, 2), jobs=1)
    assert finish_plan(plan).path == tmp_path / "set"
    assert same(tmp_path / "set", laptop), "what is finished is left alone"


def in_lmdbs(pictures: Path, folder: Path) -> dict[str, Any]:
    """Pairs in BasicSR's LMDBs, which are no files of their own."""
    write_lmdbs(folder, position_pairs(Scale(4), [(48, 40)] * 5))
    return {"splits": ["train"]}


def in_folders(pictures: Path, folder: Path) -> dict[str, Any]:
    for name in sorted(path.name for path in pictures.glob("000[1-5].png")):
        image = read_image(pictures / name)[:120, :128]
        for side, some in (("HR", image), ("LR", image[::4, ::4])):
            write_png(folder / side / name, some)
    return {}


def with_copies(pictures: Path, folder: Path) -> dict[str, Any]:
    for name in ("0001.png", "0002.png"):
        shutil.copy(pictures / name, folder / name)
    return {"copies": "classsr"}


@pytest.mark.parametrize("source", [in_lmdbs, in_folders, with_copies])
def test_what_a_source_holds_besides_images_is_in_the_plan(
    source: Callable[[Path, Path], dict[str, Any]], pictures: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "source"
    folder.mkdir()
    settings = {"scale": 4, "lmdb": True, "name": "set", **source(pictures, folder)}
    alone = prepare(folder, root=tmp_path / "alone", jobs=1, **settings)
    write_plan(folder, tmp_path / "plan.parquet", root=tmp_path, jobs=1, **settings)
    make_part(tmp_path / "plan.parquet", (1, 1), jobs=1)
    finish_plan(tmp_path / "plan.parquet")
    assert same(tmp_path / "set", alone.path)


def test_a_plan_lists_the_files_of_a_folder_by_their_keys_and_sizes(pictures: Path, tmp_path: Path) -> None:
    places = ["2/9.png", "2/10.PNG", "10/é.png", "b.png", "left.png"]
    for number, place in enumerate(places):
        (tmp_path / "here" / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(pictures / f"{number:04d}.png", tmp_path / "here" / place)
    write_plan(
        tmp_path / "here", tmp_path / "plan.parquet", scale=4, lmdb=True, root=tmp_path, exclude=["left"]
    )
    rows = pq.read_table(tmp_path / "plan.parquet").to_pylist()
    assert [row["key"] for row in rows] == ["2/9", "2/10", "10/é", "b"]
    assert [row["hr"] for row in rows] == [f"{tmp_path}/here/{place}" for place in places[:-1]]
    rest = ("shard", "split", "source", "lr", "copy", "tile", "height", "width")
    assert {tuple(row[name] for name in rest) for row in rows} == {(0, "train", "here", "", -1, "", 120, 130)}


def test_no_file_is_overwritten_by_a_plan(recipe: Recipe, tmp_path: Path) -> None:
    (tmp_path / "plan.parquet").write_bytes(b"mine")
    with pytest.raises(UsageError, match=r"plan\.parquet is no plan"):
        planned(recipe, tmp_path)
    (tmp_path / "plan.parquet").unlink()
    planned(recipe, tmp_path)
    with pytest.raises(UsageError, match="is another plan already: give another name"):
        write_plan(recipe.changed(seed=8), tmp_path / "plan.parquet", root=tmp_path, name="two", jobs=1)
    assert not (tmp_path / "two/.unfinished").exists()


def test_the_last_of_all_opens_no_shard(recipe: Recipe, laptop: Path, tmp_path: Path) -> None:
    plan = planned(recipe, tmp_path)
    make_part(plan, (1, 1), jobs=1)
    for path in tmp_path.glob("set/shards/*.lmdb"):
        path.write_bytes(bytes(path.stat().st_size))
    finish_plan(plan)
    assert (tmp_path / "set/set.json").read_bytes() == (laptop / "set.json").read_bytes()
    assert not verify(tmp_path / "set").ok


def test_clocks_decide_nothing(recipe: Recipe, laptop: Path, tmp_path: Path) -> None:
    """Files that are a year older or younger than they are."""
    plan = planned(recipe, tmp_path)
    make_part(plan, (2, 3), jobs=1)
    for place, path in enumerate(sorted(tmp_path.rglob("*"))):
        moment = time.time() + (place % 2 * 2 - 1) * 31e6
        os.utime(path, (moment, moment))
    make_part(plan, (1, 3), jobs=1)
    make_part(plan, (3, 3), jobs=1)
    finish_plan(plan)
    assert same(tmp_path / "set", laptop)


def test_what_is_not_the_plan_of_a_folder_is_refused_and_loses_nothing(
    recipe: Recipe, laptop: Path, tmp_path: Path
) -> None:
    plan = planned(recipe, tmp_path)
    make_part(plan, (1, 2), jobs=1)
    other = recipe.changed(seed=8)
    for another in (
        lambda: write_plan(other, tmp_path / "other.parquet", root=tmp_path, name="set", jobs=1),
        lambda: prepare(other, root=tmp_path, name="set", jobs=1),
        lambda: prepare(recipe, root=tmp_path, name="set", jobs=1),
    ):
        with pytest.raises(UsageError, match=r"is being made by parts of another plan: --finish that one"):
            another()
    again = PlanFile.read(planned(recipe, tmp_path))
    assert again.header == PlanFile.read(plan).header, "the same plan once more is the same plan"
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(tmp_path / "set", elsewhere / "set")
    stray = planned(other, elsewhere / "stray")
    (elsewhere / "stray/set/.unfinished").write_text("plan-of another")
    for act in (lambda: make_part(stray, (1, 2), jobs=1), lambda: finish_plan(stray)):
        with pytest.raises(UsageError, match="is being made by another plan or run than"):
            act()
    shutil.rmtree(elsewhere / "stray/set")
    with pytest.raises(UsageError, match="parts run where that folder is mounted"):
        make_part(stray, (1, 2), jobs=1)
    make_part(plan, (2, 2), jobs=1)
    finish_plan(plan)
    assert same(tmp_path / "set", laptop)


def test_a_plan_that_was_taken_over_ends_its_parts(recipe: Recipe, tmp_path: Path) -> None:
    plan = planned(recipe, tmp_path)
    (tmp_path / "set/.unfinished").unlink()
    write_plan(recipe.changed(seed=8), tmp_path / "new.parquet", root=tmp_path, name="new", jobs=1)
    with pytest.raises(UsageError, match="parts run where that folder is mounted"):
        make_part(plan, (1, 1), jobs=1)


def test_a_machine_without_the_images_says_so_and_leaves_none_out(
    recipe: Recipe, pictures: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(pictures, tmp_path / "photos")
    plan = planned(recipe.changed(folder=str(folder)), tmp_path, skip_bad=True)
    folder.rename(tmp_path / "not mounted")
    with pytest.raises(
        StoreError, match=r"photos, which holds images of this set, is not on .*: bring it back"
    ):
        make_part(plan, (1, 1), jobs=1)
    (tmp_path / "not mounted").rename(folder)
    (folder / "0003.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    make_part(plan, (1, 1), jobs=1)
    assert [bad.key for bad in finish_plan(plan).content.quarantine] == ["0003"]


@pytest.mark.parametrize("damage", [b"", b"no plan", None])
def test_what_is_no_plan_is_refused(tmp_path: Path, laptop: Path, damage: bytes | None) -> None:
    file = tmp_path / "plan.parquet"
    if damage is None:
        shutil.copy(laptop / "index.parquet", file)
    else:
        file.write_bytes(damage)
    for act in (lambda: make_part(file, (1, 2), jobs=1), lambda: finish_plan(file)):
        with pytest.raises(SrdataError, match="no plan"):
            act()


@pytest.mark.linux
def test_the_script_for_slurm_makes_the_parts(recipe: Recipe, laptop: Path, tmp_path: Path) -> None:
    """The line of docs/clusters.md, with the variables that Slurm gives the jobs of an array."""
    planned(recipe, tmp_path)
    page = (Path(__file__).parents[1] / "docs/clusters.md").read_text()
    script = page.partition("```bash\n")[2].partition("```")[0].strip().splitlines()
    assert len(script) <= 10
    line = script[-1].replace("srdata ", f"{sys.executable} -m srdata ", 1)
    path = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    jobs = [
        subprocess.Popen(
            ["bash", "-c", line],
            cwd=tmp_path,
            env={
                **os.environ,
                "PYTHONPATH": path,
                "SLURM_ARRAY_TASK_ID": str(number),
                "SLURM_ARRAY_TASK_COUNT": "2",
            },
        )
        for number in (1, 2)
    ]
    assert [job.wait(timeout=120) for job in jobs] == [0, 0]
    finish_plan(tmp_path / "plan.parquet")
    assert same(tmp_path / "set", laptop)


def test_the_commands_that_errors_about_plans_name_work(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each is typed after its error; the next error comes of what that left."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(pictures, "photos")

    def said(words: str) -> str:
        status = run([*words.split(), "--jobs", "1"] if "--finish" not in words else words.split())
        return capsys.readouterr().err if status else ""

    assert "there is no plan p: srdata prepare RECIPE --plan p makes it" in said(
        "prepare --plan p --part 1/1"
    )
    assert "a plan is for shards, not for the layout folder: add --lmdb" in said("prepare photos --plan p")
    assert not said("prepare photos --plan p --lmdb")
    unmade = said("prepare --plan p --finish")
    assert "still lacks" in unmade
    assert "`srdata prepare --plan p --part 1/1`" in unmade.replace(str(tmp_path) + "/", "")
    other = "prepare photos --lmdb --seed 8 --plan other"
    assert "is being made by parts of another plan: --finish that one, give another --name" in said(other)
    assert not said(f"{other} --name other")
    stray = Path("data/other/.unfinished")
    was = stray.read_bytes()
    stray.write_text("plan-of another")
    assert "is being made by another plan or run than other: go on with that one" in said(
        "prepare --plan other --part 1/1"
    )
    assert not said("prepare photos --lmdb --seed 8 --plan once-more --name once-more")
    stray.write_bytes(was)
    for words in ("--part 1/1", "--finish"):
        assert not said(f"prepare --plan p {words}")
    table({"a": next(iter(noise_pairs(1).values()))}).to_parquet("rows.parquet")
    assert "is in a table, where parts of a plan do not find it: prepare without --plan" in said(
        "prepare rows.parquet --lmdb --scale 4 --plan rows"
    )
    assert not said("prepare rows.parquet --lmdb --scale 4")


def test_a_machine_that_does_not_see_the_root_says_to_share_it(tmp_path: Path) -> None:
    claim = Claim.take(tmp_path / "claimed")
    claim.check_here()
    with pytest.raises(StoreError, match="if it was deleted; if machines do not share it, give a --root on"):
        Claim(tmp_path / "only here" / "claimed", claim.token).check_here()
